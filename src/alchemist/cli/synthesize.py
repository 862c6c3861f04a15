"""alchemist synthesize: ask for programs."""

from typing import TYPE_CHECKING, Annotated

import typer

from alchemist.cli.console import Console
from alchemist.cli.money import confirm_spending, dollars
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

if TYPE_CHECKING:
    from alchemist.flow.synthesize import SynthesisReport


def synthesize_command(
    folder: Folder,
    provider: ProviderName = None,
    model: ModelName = None,
    max_cost: MaxCost = None,
    mend: Mend = None,
    yes: Yes = False,
    as_batch: Annotated[
        bool, typer.Option("--submit", help="Send a batch; a later synthesize collects it.")
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Ask a language model for programs and keep them in DIR/programs."""
    from alchemist.flow.synthesize import submit, synthesize

    workspace, task = open_task(folder, asking(provider, model, max_cost, mend))
    out = console(quiet=quiet, as_json=as_json, verbose=verbose)
    with workspace.writing("alchemist synthesize", wait_s=10):
        confirm_spending(out, workspace, task, yes=yes)
        if as_batch:
            sentence = submit(workspace, task, out)
            out.tell(sentence)
            out.document({"submitted": sentence})
            return
        report = synthesize(workspace, task, out)
    tell_synthesis(out, report)
    out.document(report)


def tell_synthesis(out: Console, report: "SynthesisReport") -> None:
    """Say what came of asking."""
    paid = "at no cost" if report.cost_usd == 0 else f"for {dollars(report.cost_usd)}"
    out.tell(
        f"{len(report.written)} new programs from {report.calls} answers"
        f" ({report.cached} from the cache) {paid}."
    )
    for sentence in (*report.rejected, *report.failures):
        out.tell(f"  not used: {sentence}")
    if report.mended:
        out.tell(f"{len(report.mended)} programs were mended: {', '.join(report.mended)}.")
    for name, why in report.broken.items():
        out.tell(f"  still broken: {name}. {why}")
    for note in report.notes:
        out.tell(note)
