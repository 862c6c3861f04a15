"""alchemist init: look at a file, write task.toml."""

from pathlib import Path
from typing import Annotated

import typer

from alchemist.cli.options import Quiet, console
from alchemist.core.errors import InputError


def init_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    data: Annotated[
        Path,
        typer.Option("--data", help="csv, tsv, jsonl or parquet; for media a folder or npz too."),
    ],
    classes: Annotated[str, typer.Option("--classes", help="Class names: a,b,c.")] = "",
    instruction: Annotated[
        str, typer.Option("--instruction", help="One sentence: what is to be decided.")
    ] = "",
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="Column programs may read; repeatable.")
    ] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="Column with row ids.")] = None,
    gold: Annotated[
        str | None, typer.Option("--gold", help="Column with known classes, for scoring only.")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Column saying train, valid or test.")
    ] = None,
    modality: Annotated[
        str,
        typer.Option(
            "--modality", help="What rows hold: text, tabular, image, audio, video, series."
        ),
    ] = "text",
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            help="paper: ten programs, one per call, Snorkel's label model, a linear student. "
            "waterbirds: --data is its published folder, and nothing else is needed.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make a task for a file of rows."""
    from alchemist.flow.init import init, init_waterbirds

    if preset == "waterbirds":
        report = init_waterbirds(folder, data=data)
    else:
        _check_given(classes, instruction)
        report = init(
            folder,
            data=data,
            inputs=tuple(inputs or ()),
            classes=tuple(one.strip() for one in classes.split(",") if one.strip()),
            instruction=instruction,
            gold=gold,
            id_column=id_column,
            split=split,
            modality=modality,
            preset=preset,
        )
    out = console(quiet=quiet)
    out.tell(f"Wrote {report.task_path}. The data has the columns {', '.join(report.columns)}.")
    if report.to_fill:
        out.tell("Worth filling in there:")
        for one in report.to_fill:
            out.tell(f"  - {one}")
    out.tell(f"Then: alchemist plan {folder}   and   alchemist run {folder}")


def _check_given(classes: str, instruction: str) -> None:
    """Only a preset knows these by itself."""
    for option, value, what in (
        ("--classes", classes, "the class names, such as a,b,c"),
        ("--instruction", instruction, "in one sentence what is to be decided"),
    ):
        if not value.strip():
            raise InputError(f"{option} is missing; say {what}.")
