"""alchemist prompts: take the questions elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from alchemist.cli.options import Folder, Quiet, console, open_task

prompts_app = typer.Typer(help="Write the prompts out.", no_args_is_help=True)


@prompts_app.callback()
def _prompts() -> None:
    """Write the prompts out, to ask elsewhere."""


@prompts_app.command("export")
def export_command(
    folder: Folder,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Folder to write to; DIR/prompts-to-ask if left out."),
    ] = None,
    mend: Annotated[
        bool, typer.Option("--mend", help="Ask to mend the programs that do not work.")
    ] = False,
    refine: Annotated[
        bool, typer.Option("--refine", help="Ask for what the votes leave open.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Write the prompts as batch lines and as .md to paste; then: alchemist programs import."""
    from alchemist.flow.synthesize import export, export_mending

    workspace, task = open_task(folder)
    out = console(quiet=quiet)
    place = to or workspace.root / "prompts-to-ask"
    if mend:
        with workspace.writing("alchemist prompts export", wait_s=10):
            broken = export_mending(workspace, task, place, out)
        if broken is None:
            out.tell("Every program works on the rows it was tried on; there is nothing to mend.")
            return
        found = broken
    elif refine:
        from alchemist.flow.refine import export_refining

        with workspace.writing("alchemist prompts export", wait_s=10):
            found = export_refining(workspace, task, place, out)
    else:
        found = export(workspace, task, place)
    out.tell(found.sentence)
    for path in found.paths:
        out.tell(f"  {path}")
