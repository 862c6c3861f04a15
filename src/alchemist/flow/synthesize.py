"""Synthesize: ask a language model for programs, or read the answers a person brings."""

import time
from dataclasses import dataclass
from pathlib import Path

from alchemist.core.errors import InputError, NoWayOn
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.flow.rows import Rows, take_in
from alchemist.modalities import MODALITIES
from alchemist.providers.calls import CallStore, Stored
from alchemist.providers.opening import open_runner, ready_to_ask
from alchemist.providers.plan import Plan, plan_calls
from alchemist.providers.prices import PriceTable
from alchemist.store.program_files import load_programs, save_programs
from alchemist.store.run_records import digest, recording
from alchemist.store.workspace import Workspace
from alchemist.synthesis.annotate import per_row_expected
from alchemist.synthesis.answers import read_answers
from alchemist.synthesis.export import Exported, export_prompts
from alchemist.synthesis.harvest import Answered, Harvest, harvest, harvest_loose
from alchemist.synthesis.strategies import Ask, Brief, Step, expected_calls, next_asks
from alchemist.synthesis.templates import load_templates


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
        cost_usd: Spent now; None when a price is unknown.
        notes: What else a person should know, such as a second round to paste.
    """

    written: tuple[str, ...]
    known: int
    rejected: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    calls: int = 0
    cached: int = 0
    cost_usd: float | None = 0.0
    notes: tuple[str, ...] = ()


def plan(workspace: Workspace, task: Task, progress: Progress) -> Plan:
    """Say what synthesis would cost, and what labeling row by row would, before anything is sent.

    Raises:
        BadRows: The rows cannot be read.
    """
    return plan_for(workspace, task, take_in(workspace, task, progress))


def plan_for(workspace: Workspace, task: Task, rows: Rows) -> Plan:
    """The plan for rows that have been read."""
    brief = _brief(workspace, task)
    calls = CallStore(workspace.calls)
    step = _step(workspace, task)
    expected = expected_calls(brief) if step.ready or step.waiting else ()
    to_send = [one for one in expected if calls.find(one.request) is None]
    n_bytes = sum(rows.part(part).nbytes for part in rows.manifest.parts)
    return plan_calls(
        to_send,
        settings=task.synthesis,
        prices=PriceTable.read(workspace.root / "prices.toml"),
        free=_free(workspace, task),
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
    """Ask for programs and keep them; answers already paid for come from the cache.

    Raises:
        NoWayOn: There is nobody to ask; the message names the ways on.
    """
    check_ways_on(workspace, task)
    brief = _brief(workspace, task)
    runner = open_runner(
        task.synthesis,
        base=workspace.root,
        inner=workspace.inner,
        max_cost_usd=task.synthesis.max_cost_usd,
        prices=PriceTable.read(workspace.root / "prices.toml"),
        progress=progress,
    )
    inputs = {"prompts": digest([a.request.hash for a in next_asks(brief, {}).ready])}
    with recording(workspace, "synthesize", inputs) as run:
        answered: dict[str, Answered] = {}
        errors: dict[str, Exception] = {}
        cached, cost = 0, 0.0
        priced = True
        while asks := next_asks(brief, _texts(answered), given_up=frozenset(errors)).ready:
            with progress.bar("asking for programs", len(asks)):
                calls = runner.ask_blocking([ask.request for ask in asks])
            for ask, call in zip(asks, calls, strict=True):
                if call.reply is None:
                    errors[ask.custom_id] = call.error or InputError("No answer came.")
                    continue
                cached += call.cached
                priced = priced and call.price_usd is not None
                cost += call.price_usd or 0.0
                answered[ask.custom_id] = Answered.of(
                    ask,
                    call.reply,
                    provider=runner.name,
                    cost_usd=call.price_usd,
                    created=_now(),
                )
        if errors and not answered:
            raise next(iter(errors.values()))
        found = harvest(brief, answered.values())
        report = _keep(
            workspace,
            found,
            failures=tuple(f"{name}: {error}" for name, error in errors.items()),
            calls=len(answered),
            cached=cached,
            cost_usd=cost if priced else None,
        )
        run.facts.update(
            settings={"provider": task.synthesis.provider, "model": task.synthesis.model},
            cost={"usd": report.cost_usd, "calls": report.calls, "cached": report.cached},
            outputs={"programs": list(report.written), "rejected": list(report.rejected)},
        )
    return report


def export(workspace: Workspace, task: Task, folder: Path) -> Exported:
    """Write the prompts that wait for an answer as batch lines and as .md to paste.

    A strategy of two rounds has its second prompts only once the first are imported.
    """
    return export_prompts(_step(workspace, task), folder, workspace.root)


def import_answers(workspace: Workspace, task: Task, path: Path) -> SynthesisReport:
    """Turn an answers file, or a folder of pasted answers, into programs.

    Answers to prompts of ours are kept like any call, so nothing is asked, or paid, again;
    importing twice changes nothing.

    Raises:
        BadAnswers: The file holds no answer at all.
    """
    brief = _brief(workspace, task)
    calls = CallStore(workspace.calls)
    step = _step(workspace, task)
    asked = [ask.custom_id for ask in (*step.ready, *step.done)]
    found = read_answers(path, known=asked)
    by_id = {ask.custom_id: ask for ask in (*step.ready, *step.done)}
    for custom_id, reply in found.replies.items():
        request = by_id[custom_id].request
        if calls.find(request) is None:
            calls.keep(Stored(request, reply, provider="import", time=_now()))
    after = _step(workspace, task)
    own = [_imported(ask, calls) for ask in after.done if ask.custom_id in found.replies]
    harvested = harvest(brief, own)
    loose = harvest_loose(
        brief,
        {custom_id: reply.text for custom_id, reply in found.unknown.items()},
        provider="import",
        model=task.synthesis.model,
        created=_now(),
    )
    both = Harvest(
        programs=(*harvested.programs, *loose.programs),
        rejected=(*harvested.rejected, *loose.rejected),
    )
    notes = list(found.sentences())
    if after.ready:
        notes.append(
            f"{len(after.ready)} prompts of the next round wait for an answer. "
            f"Run: alchemist prompts export {workspace.root}"
        )
    return _keep(workspace, both, calls=len(own) + len(found.unknown), notes=tuple(notes))


def _brief(workspace: Workspace, task: Task) -> Brief:
    modality = MODALITIES.load(task.modality)()
    return Brief(
        task=task,
        description=modality.describe(task),
        templates=load_templates(workspace.prompts),
    )


def _free(workspace: Workspace, task: Task) -> bool:
    """Whether the provider bills nothing; one that cannot be opened yet is taken to bill."""
    try:
        runner = open_runner(task.synthesis, base=workspace.root, inner=workspace.inner)
    except NoWayOn:
        return False
    return bool(getattr(runner.provider, "free", False))


def _step(workspace: Workspace, task: Task) -> Step:
    """How far the answers at hand lead."""
    brief = _brief(workspace, task)
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
    return Answered.of(ask, stored.reply, provider="import", cost_usd=None, created=_now())


def _texts(answered: dict[str, Answered]) -> dict[str, str]:
    return {custom_id: one.text for custom_id, one in answered.items()}


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
    before = {program.id for program in load_programs(workspace)}
    written = save_programs(workspace, found.programs)
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


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
