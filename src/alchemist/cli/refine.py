"""alchemist refine: ask for what the votes show to be missing."""

from typing import TYPE_CHECKING, Annotated

import typer

from alchemist.cli.console import Console
from alchemist.cli.money import confirm_plan, dollars
from alchemist.cli.options import (
    Folder,
    Json,
    MaxCost,
    ModelName,
    ProviderName,
    Quiet,
    Verbose,
    Yes,
    asking,
    console,
    open_task,
)

if TYPE_CHECKING:
    from alchemist.flow.refine import RefineReport


def refine_command(
    folder: Folder,
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", min=1, help="Ask at most so many times.")
    ] = 1,
    provider: ProviderName = None,
    model: ModelName = None,
    max_cost: MaxCost = None,
    yes: Yes = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Find what the votes leave open, ask for programs that close it, keep those that help.

    No gold is read: programs stay when votes on held-out rows speak for them. The others go to
    DIR/programs/off with a reason. Terms of the rows are sent only with privacy.send_terms.
    """
    from alchemist.flow.refine import plan_refining, refine

    workspace, task = open_task(folder, asking(provider, model, max_cost))
    out = console(quiet=quiet, as_json=as_json, verbose=verbose)
    with workspace.writing("alchemist refine", wait_s=10):
        confirm_plan(out, task, plan_refining(workspace, task, rounds, out), yes=yes)
        report = refine(workspace, task, rounds, out)
    tell_refining(out, report)
    if any(one.paid for one in report.rounds):
        out.tell(f"Now: alchemist run {folder}")
    out.document(report)


def tell_refining(out: Console, report: "RefineReport") -> None:
    """Say what each round bought for how much."""
    for one in report.rounds:
        asked = len(one.kept) + len(one.off)
        out.tell(
            f"Round {one.number}: {len(one.kept)} of {asked} new programs stay, for "
            f"{dollars(one.cost_usd)}. Rows with a vote {one.before.covered:.1%} to "
            f"{one.after.covered:.1%}; worth on held-out rows {one.before.value:.3f} to "
            f"{one.after.value:.3f}."
        )
        for name, why in one.off.items():
            out.tell(f"  off: {name}, {why}.")
        for sentence in one.unused:
            out.tell(f"  not used: {sentence}")
    if report.stopped:
        out.tell(report.stopped)
