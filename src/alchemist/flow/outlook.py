"""Outlook: what a run would do and why, without doing it."""

from dataclasses import dataclass

from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.flow.aggregate import Voted, aggregate_inputs
from alchemist.flow.distill import distill_inputs
from alchemist.flow.evaluate import evaluate_inputs
from alchemist.flow.rows import take_in
from alchemist.flow.vote import missing_columns, vote_inputs
from alchemist.store.program_files import load_programs
from alchemist.store.run_records import changed_inputs, latest_run
from alchemist.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Outlook:
    """One stage: whether it would run, and why or why not."""

    stage: str
    runs: bool
    why: str


def outlook(workspace: Workspace, task: Task, progress: Progress) -> tuple[Outlook, ...]:
    """Say for each stage whether `run` would do it now, and why.

    Reads the rows if they changed, and nothing else; no program runs and nothing is sent.
    """
    programs = load_programs(workspace)
    if not programs:
        later = tuple(
            Outlook(stage, runs=True, why="there are no programs yet")
            for stage in ("vote", "aggregate", "distill", "evaluate")
        )
        return (Outlook("synthesize", runs=True, why="there are no programs yet"), *later)
    first = Outlook("synthesize", runs=False, why=f"{len(programs)} programs are there")
    rows = take_in(workspace, task, progress)
    voted = Voted(rows, programs)
    missing = missing_columns(rows, programs)
    total = len(programs) * len(rows.manifest.parts)
    n_missing = sum(map(len, missing.values()))
    vote_changed = changed_inputs(latest_run(workspace, "vote"), vote_inputs(rows, programs))
    if n_missing:
        names = sorted({one.name for absent in missing.values() for one in absent})
        why = (
            f"{n_missing} of {total} columns are missing: {_listed(names)} on "
            f"{sum(part.rows for part in missing):,} rows"
        )
        vote = Outlook("vote", runs=True, why=why)
    else:
        vote = _stage("vote", vote_changed, "rows and programs are unchanged")
    return (first, vote, *_after_votes(workspace, voted, votes_change=bool(n_missing)))


def _after_votes(workspace: Workspace, voted: Voted, *, votes_change: bool) -> tuple[Outlook, ...]:
    aggregated = latest_run(workspace, "aggregate")
    distilled = latest_run(workspace, "distill")
    changed = changed_inputs(aggregated, aggregate_inputs(voted))
    if votes_change:
        changed = ("votes", *(one for one in changed if one != "votes"))
    aggregate = _stage("aggregate", changed, "votes and settings are unchanged")
    if aggregated is None or aggregate.runs:
        distill = Outlook("distill", runs=True, why="changed: labels")
    else:
        inputs = distill_inputs(voted.rows.task, aggregated)
        distill = _stage("distill", changed_inputs(distilled, inputs), "labels are unchanged")
    if aggregated is None or distill.runs:
        evaluate = Outlook("evaluate", runs=True, why="changed: labels, student")
    else:
        inputs = evaluate_inputs(voted, aggregated, distilled)
        last = latest_run(workspace, "evaluate")
        evaluate = _stage("evaluate", changed_inputs(last, inputs), "labels and gold are unchanged")
    return aggregate, distill, evaluate


def _stage(name: str, changed: tuple[str, ...], unchanged: str) -> Outlook:
    if changed:
        return Outlook(name, runs=True, why=f"changed: {', '.join(changed)}")
    return Outlook(name, runs=False, why=unchanged)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
