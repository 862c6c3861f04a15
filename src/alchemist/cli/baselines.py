"""alchemist baselines: what the extractor says of the classes without any program."""

from dataclasses import asdict
from typing import Annotated

import typer

from alchemist.cli.options import Folder, Json, Quiet, console, open_task


def baselines_command(
    folder: Folder,
    groups: Annotated[
        str | None,
        typer.Option("--groups", help="For group prompting, such as: on water,on land."),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score zero-shot and group prompting by a task's extractor, beside the programs."""
    from alchemist.flow.baselines import baselines

    workspace, task = open_task(folder)
    out = console(quiet=quiet, as_json=as_json)
    named = tuple(one.strip() for one in (groups or "").split(",") if one.strip())
    with workspace.writing("alchemist baselines", wait_s=10):
        report = baselines(workspace, task, out, named)
    out.table(
        ("scored on", "what", "accuracy", "worst group", "gap"),
        [
            (
                f"{one.split}, n = {one.n:,}",
                one.what,
                f"{one.accuracy:.3f}",
                *("–" if v is None else f"{v:.3f}" for v in (one.worst_group, one.gap)),
            )
            for one in report.scores
        ],
    )
    out.tell(f"What was scored stands in {report.path}; edit it as you see fit.")
    out.document({"scores": [asdict(one) for one in report.scores]})
