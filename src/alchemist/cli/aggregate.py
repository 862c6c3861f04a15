"""alchemist aggregate: votes to soft labels."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alchemist.cli.console import Console
from alchemist.cli.options import Json, Quiet, Verbose, console, open_task
from alchemist.core.errors import InputError

if TYPE_CHECKING:
    from alchemist.flow.aggregate import AggregateReport


def aggregate_command(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="The task's folder; or use --votes.")
    ] = None,
    label_model: Annotated[
        str | None, typer.Option("--label-model", metavar="NAME", help="default, majority_vote …")
    ] = None,
    votes: Annotated[
        Path | None, typer.Option("--votes", help="A vote matrix: .npz, .npy, .parquet or .csv.")
    ] = None,
    n_classes: Annotated[int | None, typer.Option("--n-classes", help="With --votes.")] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="With --votes: .npz, .parquet or .csv.")
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Turn votes into one soft label per row."""
    out = console(quiet=quiet, as_json=as_json, verbose=verbose)
    if votes is not None:
        if folder is not None or out_file is None:
            raise InputError("With --votes FILE say --out FILE too, and no DIR.")
        from alchemist.flow.matrix import aggregate_file

        found = aggregate_file(votes, out_file, n_classes, label_model or "default")
        out.tell(
            f"{found.covered:,} of {found.n_rows:,} rows labeled by {found.label_model} "
            f"from {found.n_programs} programs; wrote {out_file}."
        )
        out.document(found)
        return
    if folder is None:
        raise InputError("Say which folder: alchemist aggregate DIR; or --votes FILE --out FILE.")
    from alchemist.flow.aggregate import aggregate

    workspace, task = open_task(folder, {"aggregate.label_model": label_model})
    with workspace.writing("alchemist aggregate", wait_s=10):
        report = aggregate(workspace, task, out)
    tell_aggregate(out, report)
    out.document(report)


def tell_aggregate(out: Console, report: "AggregateReport") -> None:
    """Say what the label model did."""
    if report.skipped:
        out.tell(f"aggregate: skipped, {report.skipped}.")
        return
    shares = ", ".join(f"{name} {share:.0%}" for name, share in report.balance.items())
    out.tell(
        f"aggregate: {report.covered:,} of {report.n_rows:,} rows labeled by "
        f"{report.label_model} from {report.patterns:,} vote patterns ({shares})."
    )
