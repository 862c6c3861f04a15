"""Run: all stages in order, each skipped when nothing it reads has changed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.flow.aggregate import AggregateReport, aggregate
from alchemist.flow.distill import DistillReport, distill
from alchemist.flow.evaluate import EvaluateReport, evaluate
from alchemist.flow.refine import RefineReport, refine
from alchemist.flow.synthesize import SynthesisReport, synthesize
from alchemist.flow.vote import VoteReport, vote
from alchemist.store.program_files import load_programs
from alchemist.store.workspace import Workspace

Report = (
    SynthesisReport | RefineReport | VoteReport | AggregateReport | DistillReport | EvaluateReport
)


@dataclass(frozen=True, slots=True)
class StageOutcome:
    """One stage of a run: its report, or None with the reason it was skipped."""

    stage: str
    report: Report | None
    skipped: str = ""


@dataclass(slots=True)
class RunReport:
    """All stages, in order; told one by one through `on_stage` as they end."""

    stages: list[StageOutcome] = field(default_factory=list)

    def of(self, stage: str) -> Report | None:
        """The report of one stage."""
        return next((one.report for one in self.stages if one.stage == stage), None)


def run(
    workspace: Workspace,
    task: Task,
    progress: Progress,
    on_stage: Callable[[StageOutcome], None] = lambda _: None,
    *,
    rounds: int = 0,
) -> RunReport:
    """Take rows to labels, a student and an account of both.

    Programs are asked for only when there are none: a person's own, or edited ones, are never
    overruled, and nothing is paid for twice. `alchemist synthesize` asks for more, and so do
    so many `rounds` of refining.

    Raises:
        NoWayOn: There are no programs and nobody to ask; the message names the ways on.
    """
    report = RunReport()

    def done(stage: str, outcome: Report | None, skipped: str = "") -> None:
        one = StageOutcome(stage, outcome, skipped)
        report.stages.append(one)
        on_stage(one)

    programs = load_programs(workspace)
    if programs:
        done("synthesize", None, f"{len(programs)} programs are there")
    else:
        done("synthesize", synthesize(workspace, task, progress))
    if rounds:
        done("refine", refine(workspace, task, rounds, progress))
    for stage, function in (
        ("vote", vote),
        ("aggregate", partial(aggregate, final=False)),
        ("distill", distill),
        ("evaluate", evaluate),
    ):
        outcome = function(workspace, task, progress)
        done(stage, outcome, outcome.skipped)
    return report
