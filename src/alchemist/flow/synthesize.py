"""Synthesize: ask a language model for programs, or read the answers a person brings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from alchemist.core.clock import utc_now
from alchemist.core.errors import InputError, NoWayOn
from alchemist.core.progress import Progress, Silent
from alchemist.core.rows import ID
from alchemist.core.task import Task
from alchemist.flow.describe import describe_task
from alchemist.flow.mend import (
    broken_programs,
    mend,
    mend_asks,
    overtaken,
    take_mended,
    unparsed,
)
from alchemist.flow.off import turned_off
from alchemist.flow.pending import keep_pending, load_pending
from alchemist.flow.rows import Rows, sample_rows, take_in
from alchemist.providers.batches import Batches, Collection
from alchemist.providers.calls import CallStore, Stored
from alchemist.providers.opening import open_runner, ready_to_ask
from alchemist.providers.plan import Plan, plan_calls
from alchemist.providers.prices import PriceTable
from alchemist.providers.runner import Call, Runner
from alchemist.store.program_files import load_programs, save_programs
from alchemist.store.run_records import digest, recording
from alchemist.store.workspace import Workspace
from alchemist.synthesis.annotate import per_row_expected
from alchemist.synthesis.answers import read_answers
from alchemist.synthesis.documents import find_passages
from alchemist.synthesis.export import Exported, export_prompts
from alchemist.synthesis.harvest import Answered, Harvest, harvest, harvest_loose
from alchemist.synthesis.strategies import (
    Ask,
    Brief,
    Passage,
    Step,
    expected_calls,
    next_asks,
)
from alchemist.synthesis.templates import load_templates

_QUOTED_ROWS = 20


@dataclass(frozen=True, slots=True)
class SynthesisReport:
    """The outcome of asking, or of reading answers.

    Attributes:
        written: Names of new program files.
        known: Usable programs that were there already.
        rejected: Why pieces of answers could not be used, one sentence each.
        failures: Why calls went unanswered, one sentence each.
        calls: Answers used, of which
        cached: came from the cache at no cost.
        cost_usd: Spent now, mending included; None when a price is unknown.
        notes: What else a person should know, such as a second round to paste.
        mended: Names of programs that were broken and work now.
        broken: Programs that still do not work, with the reason.
    """

    written: tuple[str, ...]
    known: int
    rejected: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    calls: int = 0
    cached: int = 0
    cost_usd: float | None = 0.0
    notes: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)


def plan(workspace: Workspace, task: Task, progress: Progress) -> Plan:
    """Say what synthesis would cost, and what labeling row by row would, before anything is sent.

    Raises:
        BadRows: The rows cannot be read.
    """
    return plan_for(workspace, task, take_in(workspace, task, progress))


def plan_for(workspace: Workspace, task: Task, rows: Rows) -> Plan:
    """The plan for rows that have been read."""
    brief = make_brief(workspace, task, Silent())
    calls = CallStore(workspace.calls)
    step = _step(workspace, brief)
    expected = expected_calls(brief) if step.ready or step.waiting else ()
    to_send = [one for one in expected if calls.find(one.request) is None]
    n_bytes = sum(rows.part(part).nbytes for part in rows.manifest.parts)
    return plan_calls(
        to_send,
        settings=task.synthesis,
        prices=PriceTable.read(workspace.root / "prices.toml"),
        free=is_free(workspace, task),
        cached=len(step.done),
        per_row=per_row_expected(brief),
        n_rows=rows.manifest.n_rows,
        row_bytes=n_bytes / rows.manifest.n_rows,
    )


def check_ways_on(workspace: Workspace, task: Task) -> None:
    """See whether there is somebody to ask, before anything else is done.

    Raises:
        NoWayOn: There is nobody; the message names the ways on.
    """
    problem = ready_to_ask(task.synthesis, base=workspace.root)
    if problem is not None:
        raise problem


def synthesize(workspace: Workspace, task: Task, progress: Progress) -> SynthesisReport:
    """Ask for programs, keep them, and send those that do not work back to be mended.

    Answers already paid for come from the cache; mending stays under the same cost limit.
    Batches sent earlier are collected first; while one is still at work nothing is asked.

    Raises:
        NoWayOn: There is nobody to ask; the message names the ways on.
    """
    check_ways_on(workspace, task)
    brief = make_brief(workspace, task, progress)
    runner = task_runner(workspace, task, progress)
    collected = _collect(workspace, runner)
    if collected.waiting:
        waiting = ", ".join(f"{name} ({status})" for name, status in collected.waiting)
        note = f"Still waiting for batch {waiting}; run this again later to collect it."
        return SynthesisReport((), 0, notes=(note,))
    inputs = {"prompts": digest([a.request.hash for a in next_asks(brief, {}).ready])}
    with recording(workspace, "synthesize", inputs) as run:
        asking = _Asking(brief, runner)
        asking.ask_all()
        if asking.errors and not asking.answered:
            raise next(iter(asking.errors.values()))
        harvested = harvest(brief, asking.answered.values())
        report = _keep(
            workspace,
            harvested,
            failures=tuple(f"{name}: {error}" for name, error in asking.errors.items()),
            calls=len(asking.answered),
            cached=asking.cached,
            cost_usd=asking.cost_usd,
        )
        report = _mend(workspace, brief, runner, harvested, report, progress)
        run.facts.update(
            settings={"provider": task.synthesis.provider, "model": task.synthesis.model},
            cost={"usd": report.cost_usd, "calls": report.calls, "cached": report.cached},
            outputs={
                "programs": list(report.written),
                "rejected": list(report.rejected),
                "mended": list(report.mended),
                "broken": dict(report.broken),
            },
        )
    return report


def _mend(
    workspace: Workspace,
    brief: Brief,
    runner: Runner,
    harvested: Harvest,
    report: SynthesisReport,
    progress: Progress,
) -> SynthesisReport:
    """Send what does not work of a harvest back, and tell of it in the report."""
    attempts = brief.task.synthesis.mend
    if attempts < 1:
        return report
    ids = {program.id for program in harvested.programs}
    programs = [one for one in load_programs(workspace) if one.id in ids]
    programs += unparsed(workspace, harvested.rejected)
    found = mend(workspace, brief, runner, programs, attempts, progress)
    known = report.cost_usd is not None and found.cost_usd is not None
    return replace(
        report,
        calls=report.calls + found.calls,
        cached=report.cached + found.cached,
        cost_usd=report.cost_usd + found.cost_usd if known else None,  # type: ignore[operator]
        mended=tuple(found.mended),
        broken=found.broken,
    )


def submit(workspace: Workspace, task: Task, progress: Progress) -> str:
    """Hand the prompts that are ready to the provider as a batch; a later synthesize collects it.

    Returns:
        What was sent, in a sentence.

    Raises:
        NoWayOn: There is nobody to ask.
        ProviderError: The provider takes no batches.
    """
    check_ways_on(workspace, task)
    step = _step(workspace, make_brief(workspace, task, progress))
    batches = Batches(task_runner(workspace, task, progress), workspace.inner / "batches")
    batch = batches.submit({ask.custom_id: ask.request for ask in step.ready})
    if batch is None:
        return "Every prompt is answered or on its way; nothing was sent."
    later = f" {step.waiting} more follow once these are answered." if step.waiting else ""
    return (
        f"Sent {len(batch.requests)} prompts as batch {batch.id}.{later} "
        f"Collect with: alchemist synthesize {workspace.root}"
    )


class _Asking:
    """Walks the rounds of a synthesis and keeps count."""

    def __init__(self, brief: Brief, runner: Runner) -> None:
        self._brief = brief
        self._runner = runner
        self.answered: dict[str, Answered] = {}
        self.errors: dict[str, Exception] = {}
        self.cached = 0
        self.cost_usd: float | None = 0.0

    def ask_all(self) -> None:
        while asks := self._ready():
            calls = self._runner.ask_blocking([ask.request for ask in asks])
            for ask, call in zip(asks, calls, strict=True):
                self._take(ask, call)

    def _ready(self) -> tuple[Ask, ...]:
        texts = {name: one.text for name, one in self.answered.items()}
        return next_asks(self._brief, texts, given_up=frozenset(self.errors)).ready

    def _take(self, ask: Ask, call: Call) -> None:
        if call.reply is None:
            self.errors[ask.custom_id] = call.error or InputError("No answer came.")
            return
        self.cached += call.cached
        known = self.cost_usd is not None and call.price_usd is not None
        self.cost_usd = self.cost_usd + call.price_usd if known else None  # type: ignore[operator]
        # A cached answer costs nothing now; its programs still cost what was paid then.
        self.answered[ask.custom_id] = Answered.of(
            ask,
            call.reply,
            provider=self._runner.name,
            cost_usd=call.paid_usd,
            created=utc_now(),
        )


def _collect(workspace: Workspace, runner: Runner) -> Collection:
    folder = workspace.inner / "batches"
    if not folder.is_dir() or not any(folder.iterdir()):
        return Collection()
    return Batches(runner, folder).collect()


def export(workspace: Workspace, task: Task, folder: Path) -> Exported:
    """Write the prompts that wait for an answer as batch lines and as .md to paste.

    A strategy of two rounds has its second prompts only once the first are imported.
    """
    brief = make_brief(workspace, task, Silent())
    return export_prompts(_step(workspace, brief), folder, workspace.root)


def export_mending(
    workspace: Workspace, task: Task, folder: Path, progress: Progress
) -> Exported | None:
    """Write prompts for the programs that do not work; None when every one works.

    Raises:
        BadRows: The rows cannot be read.
    """
    broken = broken_programs(workspace, task, progress, task.synthesis.mend)
    if not broken:
        return None
    pending = mend_asks(make_brief(workspace, task, Silent()), broken)
    keep_pending(workspace, pending)
    step = Step(tuple(one.ask for one in pending), 0, 1, ())
    return export_prompts(step, folder, workspace.root)


def import_answers(workspace: Workspace, task: Task, path: Path) -> SynthesisReport:
    """Turn an answers file, or a folder of pasted answers, into programs.

    Answers to prompts of ours are kept like any call, so nothing is asked, or paid, again;
    importing twice changes nothing.

    Raises:
        BadAnswers: The file holds no answer at all.
    """
    brief = make_brief(workspace, task, Silent())
    calls = CallStore(workspace.calls)
    step = _step(workspace, brief)
    later = {one.ask.custom_id: one.ask for one in load_pending(workspace)}
    by_id = {ask.custom_id: ask for ask in (*step.ready, *step.done)} | later
    found = read_answers(path, known=list(by_id))
    fresh = {by_id[custom_id].request: reply for custom_id, reply in found.replies.items()}
    calls.keep_all(
        Stored(request, reply, provider="import", time=utc_now())
        for request, reply in fresh.items()
        if calls.find(request) is None
    )
    after = _step(workspace, brief)
    own = [_imported(ask, calls) for ask in after.done if ask.custom_id in found.replies]
    harvested = harvest(brief, own)
    loose = harvest_loose(
        brief,
        {custom_id: reply.text for custom_id, reply in found.unknown.items()},
        provider="import",
        model=task.synthesis.model,
        created=utc_now(),
    )
    both = Harvest(
        programs=(*harvested.programs, *loose.programs),
        rejected=(*harvested.rejected, *loose.rejected),
    )
    # What was answered in an earlier import is not amiss in this one.
    amiss = tuple(i for i in found.missing if i not in later or not calls.find(later[i].request))
    notes = list(replace(found, missing=amiss).sentences())
    if after.ready:
        notes.append(
            f"{len(after.ready)} prompts of the next round wait for an answer. "
            f"Run: alchemist prompts export {workspace.root}"
        )
    if any(i in later and later[i].request.purpose == "refine" for i in found.replies):
        notes.append(
            f"Answers to refining are kept; try their programs with: "
            f"alchemist refine {workspace.root}"
        )
    report = _keep(workspace, both, calls=len(own) + len(found.unknown), notes=tuple(notes))
    fixed = take_mended(workspace, brief, "import", Silent())
    return replace(
        report,
        calls=report.calls + fixed.calls,
        mended=tuple(fixed.mended),
        broken=fixed.broken,
    )


def make_brief(workspace: Workspace, task: Task, progress: Progress) -> Brief:
    """Everything prompts are made from: the task, templates, and what strategies quote.

    Raises:
        BadTask: A strategy quotes rows and privacy.send_rows is false.
    """
    parts = {part for name in task.synthesis.strategies for part in name.split("+")}
    passages: tuple[Passage, ...] = ()
    rows: tuple[dict[str, str], ...] = ()
    if "documents" in parts:
        found = find_passages(workspace.root / "documents", task)
        passages = found.passages
        progress.say(f"Passages of these files go into the prompts: {', '.join(found.files)}.")
    if "rows" in parts and task.privacy.send_rows:
        read = take_in(workspace, task, progress)
        batch = sample_rows(read, _QUOTED_ROWS).drop_columns([ID])
        rows = tuple(batch.to_pylist())
        progress.say(f"{len(rows)} rows of the data go into the prompts.")
    return Brief(
        task=task,
        description=describe_task(workspace, task, progress),
        templates=load_templates(workspace.prompts),
        passages=passages,
        rows=rows,
    )


def task_runner(workspace: Workspace, task: Task, progress: Progress) -> Runner:
    """The runner a task asks with, behind its wall and ledger."""
    return open_runner(
        task.synthesis,
        base=workspace.root,
        inner=workspace.inner,
        max_cost_usd=task.synthesis.max_cost_usd,
        prices=PriceTable.read(workspace.root / "prices.toml"),
        progress=progress,
    )


def is_free(workspace: Workspace, task: Task) -> bool:
    """Whether the provider bills nothing; one that cannot be opened yet is taken to bill."""
    try:
        runner = open_runner(task.synthesis, base=workspace.root, inner=workspace.inner)
    except NoWayOn:
        return False
    return bool(getattr(runner.provider, "free", False))


def _step(workspace: Workspace, brief: Brief) -> Step:
    """How far the answers at hand lead."""
    calls = CallStore(workspace.calls)
    texts: dict[str, str] = {}
    while True:
        step = next_asks(brief, texts)
        fresh = {
            ask.custom_id: stored.reply.text
            for ask in step.ready
            if (stored := calls.find(ask.request)) is not None
        }
        if not fresh:
            return step
        texts |= fresh


def _imported(ask: Ask, calls: CallStore) -> Answered:
    stored = calls.find(ask.request)
    if stored is None:
        raise InputError(f"The answer to {ask.custom_id!r} was not kept; import it again.")
    return Answered.of(ask, stored.reply, provider="import", cost_usd=None, created=utc_now())


def _keep(
    workspace: Workspace,
    found: Harvest,
    *,
    failures: tuple[str, ...] = (),
    calls: int = 0,
    cached: int = 0,
    cost_usd: float | None = 0.0,
    notes: tuple[str, ...] = (),
) -> SynthesisReport:
    before = {program.id for program in (*load_programs(workspace), *turned_off(workspace))}
    before |= overtaken(workspace)
    written = save_programs(workspace, [one for one in found.programs if one.id not in before])
    return SynthesisReport(
        written=tuple(path.stem for path in written),
        known=sum(program.id in before for program in found.programs),
        rejected=tuple(f"{one.custom_id}: {one.rejected.reason}" for one in found.rejected),
        failures=failures,
        calls=calls,
        cached=cached,
        cost_usd=cost_usd,
        notes=notes,
    )
