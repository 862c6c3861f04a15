"""Options that several commands share, and what they do."""

import logging
from pathlib import Path
from typing import Annotated, Any

import typer

from alchemist.cli.console import Console
from alchemist.core.task import Task
from alchemist.store.workspace import Workspace, open_workspace

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The task's folder.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No remarks and no progress.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say what goes on inside.")]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", metavar="DOLLARS", help="Never spend more than this in all."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Spend without asking first.")]

ModelName = Annotated[str | None, typer.Option("--model", help="The model to ask.")]
ProviderName = Annotated[str | None, typer.Option("--provider", help="Who answers.")]

Mend = Annotated[
    int | None,
    typer.Option(
        "--mend",
        metavar="N",
        min=0,
        help="Programs that do not work go back at most N times (1; synthesis.mend).",
        show_default=False,
    ),
]


def asking(
    provider: str | None, model: str | None, max_cost: float | None, mend: int | None = None
) -> dict[str, Any]:
    """Options of commands that ask a model, as settings that win over task.toml."""
    return {
        "synthesis.mend": mend,
        "synthesis.provider": provider,
        "synthesis.model": model,
        "synthesis.max_cost_usd": max_cost,
    }


def open_task(folder: Path, overrides: dict[str, Any] | None = None) -> tuple[Workspace, Task]:
    """The workspace in a folder and its task; options left out (None) override nothing."""
    workspace = open_workspace(folder)
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    return workspace, workspace.task(given)


def console(*, quiet: bool = False, as_json: bool = False, verbose: bool = False) -> Console:
    """The console a command writes to; -v shows our log on stderr."""
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    return Console(quiet=quiet or as_json, as_json=as_json, verbose=verbose)
