"""alchemist stress: which programs noise throws off."""

from typing import Annotated

import typer

from alchemist.cli.options import Folder, Json, Quiet, console, open_task


def stress_command(
    folder: Folder,
    sample: Annotated[int, typer.Option("--sample", min=1, help="Rows to try.")] = 2000,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Vote on the same rows with typos, other case, lost marks and scanner errors."""
    from alchemist.flow.stress import stress

    workspace, task = open_task(folder)
    out = console(quiet=quiet, as_json=as_json)
    with workspace.writing("alchemist stress", wait_s=10):
        report = stress(workspace, task, sample, out)
    kinds = list(report.altered)
    out.tell(f"Share of votes that flip, on {report.n_rows:,} rows, the most fragile first:")
    out.table(
        ("program", *kinds),
        [(one.name, *(f"{one.flips[kind]:.1%}" for kind in kinds)) for one in report.stressed],
    )
    out.document(report)
