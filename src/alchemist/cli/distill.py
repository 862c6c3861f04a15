"""alchemist distill: a small model from the soft labels."""

from typing import TYPE_CHECKING

from alchemist.cli.console import Console
from alchemist.cli.options import Folder, Json, Quiet, Verbose, console, open_task

if TYPE_CHECKING:
    from alchemist.flow.distill import DistillReport


def distill_command(
    folder: Folder, quiet: Quiet = False, verbose: Verbose = False, as_json: Json = False
) -> None:
    """Train the student and write the final labels; the model goes to results/model."""
    from alchemist.flow.distill import distill

    workspace, task = open_task(folder)
    out = console(quiet=quiet, as_json=as_json, verbose=verbose)
    with workspace.writing("alchemist distill", wait_s=10):
        report = distill(workspace, task, out)
    tell_distill(out, report)
    out.document(report)


def tell_distill(out: Console, report: "DistillReport") -> None:
    """Say what the student learned from."""
    if report.skipped:
        out.tell(f"distill: skipped, {report.skipped}.")
        return
    kept = "" if report.moved is None else f" (kept: its labels moved by {report.moved:.1%})"
    out.tell(
        f"distill: {report.end_model} learned from {report.trained_on:,} rows{kept}; "
        f"{report.n_rows:,} rows labeled by programs and student together."
    )
