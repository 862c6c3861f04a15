"""Mend: programs that do not work go back to a model with their faults, a few times at most."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from alchemist.core.clock import utc_now
from alchemist.core.errors import AlchemistError
from alchemist.core.faults import Fault
from alchemist.core.files import write_atomically
from alchemist.core.program import Program, parse_program, render_program
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.flow.pending import Pending, drop_pending, load_pending
from alchemist.flow.rows import take_in
from alchemist.flow.trial import gravity, try_programs
from alchemist.providers.calls import CallStore
from alchemist.providers.runner import Call, Runner
from alchemist.store.program_files import load_programs
from alchemist.store.workspace import Workspace
from alchemist.synthesis.harvest import Answered, Unused, program_name
from alchemist.synthesis.mending import MOST_TOGETHER, Broken, mend_ask, mended
from alchemist.synthesis.strategies import Ask, Brief

# Pieces of answers that hold code, and lack something.
_CODE = ("syntax", "truncated", "no_function", "parameters", "no_body")


@dataclass(slots=True)
class MendReport:
    """What came of mending.

    Attributes:
        mended: Names of programs that work now.
        broken: Programs that still do not, with the reason, one sentence each.
        calls: Answers used, of which
        cached: came from the cache.
        cost_usd: Spent now; None when a price is unknown.
    """

    mended: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    calls: int = 0
    cached: int = 0
    cost_usd: float | None = 0.0


def mend(
    workspace: Workspace,
    brief: Brief,
    runner: Runner,
    programs: Sequence[Program],
    attempts: int,
    progress: Progress,
) -> MendReport:
    """Try programs, and send those that do not work back, each at most `attempts` times.

    Programs are files of the workspace, or pieces of answers that are none yet. A revision takes
    its program's place when it fails less; the old source stays in .alchemist/history.
    """
    report = MendReport()
    if attempts < 1 or not programs:
        return report
    rows = take_in(workspace, brief.task, progress)
    left = _broken(programs, try_programs(rows, brief.task, programs))
    for attempt in range(1, attempts + 1):
        if not left:
            break
        progress.say(
            f"{len(left)} programs do not work and go back to the model: "
            f"{', '.join(one.program.name for one in left)}."
        )
        asks = _asks(brief, left, attempt)
        calls = runner.ask_blocking([ask.request for ask, _ in asks])
        revisions: dict[str, Program] = {}
        for (ask, group), call in zip(asks, calls, strict=True):
            if call.reply is None:
                report.broken |= {one.program.name: _unasked(call.error) for one in group}
                continue
            _count(report, call)
            answered = Answered.of(
                ask, call.reply, provider=runner.name, cost_usd=call.paid_usd, created=utc_now()
            )
            revisions |= _revisions(brief, group, answered, report)
        left = _adopt(workspace, brief.task, left, revisions, report, progress)
    return report


def broken_programs(
    workspace: Workspace, task: Task, progress: Progress, attempts: int
) -> tuple[Broken, ...]:
    """Programs a model wrote that do not work and may still go back."""
    written = [one for one in load_programs(workspace) if ":" in one.origin.origin]
    mendable = [one for one in written if len(_line(workspace, one)) < attempts]
    if not mendable:
        return ()
    return _broken(mendable, try_programs(take_in(workspace, task, progress), task, mendable))


def mend_asks(brief: Brief, broken: Sequence[Broken]) -> tuple[Pending, ...]:
    """The prompts that ask to mend programs, with the programs each is about."""
    return tuple(
        Pending(ask, tuple(one.program.id for one in group))
        for ask, group in _asks(brief, broken, 1)
    )


def take_mended(
    workspace: Workspace, brief: Brief, provider: str, progress: Progress
) -> MendReport:
    """Put answers that were imported to mending prompts to use."""
    report, calls = MendReport(), CallStore(workspace.calls)
    there = {one.id: one for one in load_programs(workspace)}
    rows = None
    for pending in load_pending(workspace, "mend"):
        stored = calls.find(pending.ask.request)
        if stored is None:
            continue
        rows = rows or take_in(workspace, brief.task, progress)
        programs = [there[i] for i in pending.programs if i in there]
        if programs:
            group = _broken(programs, try_programs(rows, brief.task, programs))
            answered = Answered.of(
                pending.ask, stored.reply, provider=provider, cost_usd=None, created=utc_now()
            )
            report.calls += 1
            revisions = _revisions(brief, group, answered, report)
            _adopt(workspace, brief.task, group, revisions, report, progress)
        drop_pending(workspace, [pending])
    return report


def unparsed(workspace: Workspace, rejected: Iterable[Unused]) -> tuple[Program, ...]:
    """Pieces of answers that hold code, as programs that do not work yet, by names still free."""
    found: list[Program] = []
    taken = {one.name for one in load_programs(workspace)}
    gone = overtaken(workspace)
    for one in rejected:
        if one.rejected.kind in _CODE and one.rejected.code:
            idea = one.rejected.code.partition('"""')[2].partition("\n")[0]
            name = program_name(idea, taken, fallback=one.origin.strategy or "program")
            piece = Program(name, one.rejected.code, one.origin)
            if piece.id not in gone:
                taken.add(name)
                found.append(piece)
    return tuple(found)


def overtaken(workspace: Workspace) -> frozenset[str]:
    """Ids of programs that a revision has taken the place of."""
    return frozenset(parent for one in load_programs(workspace) for parent in _line(workspace, one))


def _line(workspace: Workspace, program: Program) -> list[str]:
    """Ids of a program's parents, the nearest first."""
    line: list[str] = []
    parent = program.origin.parent
    while parent and parent not in line:
        line.append(parent)
        path = workspace.inner / "history" / f"{parent}.py"
        if not path.exists():
            break
        parent = parse_program("", path.read_text(encoding="utf-8", errors="replace")).origin.parent
    return line


def _broken(
    programs: Sequence[Program], faults: dict[str, tuple[Fault, ...]]
) -> tuple[Broken, ...]:
    return tuple(Broken(one, faults[one.name]) for one in programs if faults[one.name])


def _asks(
    brief: Brief, broken: Sequence[Broken], attempt: int
) -> list[tuple[Ask, Sequence[Broken]]]:
    groups = [broken[i : i + MOST_TOGETHER] for i in range(0, len(broken), MOST_TOGETHER)]
    return [(mend_ask(brief, group, attempt), group) for group in groups]


def _revisions(
    brief: Brief, group: Sequence[Broken], answered: Answered, report: MendReport
) -> dict[str, Program]:
    found = mended(brief, [one.program for one in group], answered)
    for one in group:
        if one.program.id in found.rejected:
            report.broken[one.program.name] = found.rejected[one.program.id].reason
    return found.revisions


def _adopt(
    workspace: Workspace,
    task: Task,
    left: Sequence[Broken],
    revisions: dict[str, Program],
    report: MendReport,
    progress: Progress,
) -> tuple[Broken, ...]:
    """Put revisions that fail less in their programs' place; what is still broken."""
    rows = take_in(workspace, task, progress)
    faults = try_programs(rows, task, list(revisions.values())) if revisions else {}
    still: list[Broken] = []
    for one in left:
        revision = revisions.get(one.program.id)
        if revision is None or gravity(faults[revision.name]) >= gravity(one.faults):
            still.append(one)
            if revision is not None:
                report.broken[one.program.name] = f"The revision fails too: {_why(faults, one)}"
            continue
        _replace(workspace, one.program, revision)
        if faults[revision.name]:
            still.append(Broken(revision, faults[revision.name]))
            report.broken[revision.name] = f"The revision fails too: {_why(faults, one)}"
        else:
            report.mended.append(revision.name)
            report.broken.pop(revision.name, None)
    return tuple(still)


def _why(faults: dict[str, tuple[Fault, ...]], one: Broken) -> str:
    first = faults[one.program.name][0]
    return f"{first.kind}, {first.message}"


def _replace(workspace: Workspace, old: Program, revision: Program) -> None:
    """Write a revision over its program; both stay in history."""
    for one in (old, revision):
        keep = workspace.inner / "history" / f"{one.id}.py"
        if not keep.exists():
            write_atomically(keep, render_program(one).encode("utf-8", "surrogatepass"))
    path = workspace.programs / f"{revision.name}.py"
    write_atomically(path, render_program(revision).encode("utf-8", "surrogatepass"))


def _count(report: MendReport, call: Call) -> None:
    report.calls += 1
    report.cached += call.cached
    known = report.cost_usd is not None and call.price_usd is not None
    report.cost_usd = report.cost_usd + call.price_usd if known else None  # type: ignore[operator]


def _unasked(error: AlchemistError | None) -> str:
    return f"It was not mended: {error}" if error else "It was not mended: no answer came."
