"""alchemist run: all stages in order."""

from typing import TYPE_CHECKING, Annotated

import typer

from alchemist.cli.aggregate import tell_aggregate
from alchemist.cli.console import Console
from alchemist.cli.distill import tell_distill
from alchemist.cli.evaluate import tell_evaluation
from alchemist.cli.money import confirm_plan, confirm_spending
from alchemist.cli.options import (
    Folder,
    Json,
    MaxCost,
    Mend,
    ModelName,
    ProviderName,
    Quiet,
    Verbose,
    Yes,
    asking,
    console,
    open_task,
)
from alchemist.cli.refine import tell_refining
from alchemist.cli.synthesize import tell_synthesis
from alchemist.cli.vote import tell_votes
from alchemist.core.task import Task
from alchemist.store.workspace import Workspace

if TYPE_CHECKING:
    from alchemist.flow.run import RunReport, StageOutcome


def run_command(
    folder: Folder,
    provider: ProviderName = None,
    model: ModelName = None,
    max_cost: MaxCost = None,
    mend: Mend = None,
    refine: Annotated[
        int,
        typer.Option(
            "--refine", metavar="N", min=0, help="Ask N times for what the votes leave open."
        ),
    ] = 0,
    yes: Yes = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what would be done and why; do nothing.")
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Take the rows to labels, a small model and an account of quality and cost."""
    workspace, task = open_task(folder, asking(provider, model, max_cost, mend))
    out = console(quiet=quiet, as_json=as_json, verbose=verbose)
    with workspace.writing("alchemist run", wait_s=10):
        if explain:
            tell_outlook(out, workspace, task)
            return
        report = run_and_tell(out, workspace, task, ask=True, yes=yes, rounds=refine)
    out.document({one.stage: one.report or {"skipped": one.skipped} for one in report.stages})


def tell_outlook(out: Console, workspace: Workspace, task: Task) -> None:
    """Say for each stage whether it would run, and why."""
    from alchemist.flow.outlook import outlook

    found = outlook(workspace, task, out)
    for one in found:
        out.tell(f"{one.stage}: {'would run' if one.runs else 'skipped'}, {one.why}.")
    out.document(found)


def run_and_tell(
    out: Console,
    workspace: Workspace,
    task: Task,
    *,
    ask: bool = False,
    yes: bool = False,
    rounds: int = 0,
) -> "RunReport":
    """Run all stages, each told as it ends; asks before spending when told to."""
    from alchemist.flow.refine import plan_refining
    from alchemist.flow.run import run
    from alchemist.flow.synthesize import check_ways_on
    from alchemist.store.program_files import load_programs

    if ask and not load_programs(workspace):
        check_ways_on(workspace, task)
        confirm_spending(out, workspace, task, yes=yes)
    elif ask and rounds:
        confirm_plan(out, task, plan_refining(workspace, task, rounds, out), yes=yes)
    report = run(workspace, task, out, on_stage=lambda one: _tell(out, one), rounds=rounds)
    out.tell(f"Labels: {workspace.results / 'labels.csv'}")
    return report


def _tell(out: Console, one: "StageOutcome") -> None:
    from alchemist.flow.aggregate import AggregateReport
    from alchemist.flow.distill import DistillReport
    from alchemist.flow.evaluate import EvaluateReport
    from alchemist.flow.refine import RefineReport
    from alchemist.flow.synthesize import SynthesisReport
    from alchemist.flow.vote import VoteReport

    match one.report:
        case None:
            out.tell(f"{one.stage}: skipped, {one.skipped}.")
        case SynthesisReport() as report:
            tell_synthesis(out, report)
        case RefineReport() as report:
            tell_refining(out, report)
        case VoteReport() as report:
            tell_votes(out, report)
        case AggregateReport() as report:
            tell_aggregate(out, report)
        case DistillReport() as report:
            tell_distill(out, report)
        case EvaluateReport() as report:
            tell_evaluation(out, report)
