"""alchemist predict: label another file."""

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from alchemist.cli.options import Folder, Json, Quiet, Verbose, console, open_task


def predict_command(
    folder: Folder,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Rows to label.")],
    out_file: Annotated[Path, typer.Option("--out", help="Where to: .csv or .parquet.")],
    by: Annotated[str, typer.Option("--by", help="programs, student, or blend (both).")] = "blend",
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Label new rows with the programs and the student of DIR."""
    from alchemist.flow.predict import predict

    workspace, task = open_task(folder)
    out = console(quiet=quiet, as_json=as_json, verbose=verbose)
    way = cast("Literal['programs', 'student', 'blend']", by)
    report = predict(workspace, task, file, out_file, out, way)
    out.tell(f"{report.labeled:,} of {report.n_rows:,} rows labeled; wrote {report.out}.")
    out.document(report)
