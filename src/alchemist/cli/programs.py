"""alchemist programs: list them, and bring answers of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from alchemist.cli.options import Folder, Json, Quiet, console, open_task
from alchemist.cli.synthesize import tell_synthesis

programs_app = typer.Typer(help="List programs, or import answers.", no_args_is_help=True)


@programs_app.command("list")
def list_command(folder: Folder, as_json: Json = False) -> None:
    """List the programs of DIR with where they come from."""
    from alchemist.store.program_files import load_programs

    workspace, _ = open_task(folder)
    out = console(as_json=as_json)
    programs = load_programs(workspace)
    out.table(
        ("program", "id", "origin", "strategy", "idea"),
        [(p.name, p.id, p.origin.origin, p.origin.strategy, p.description) for p in programs],
    )
    if not programs:
        out.tell(f"No programs yet. Run: alchemist synthesize {folder}")
    out.document(
        [
            {"name": p.name, "id": p.id, "origin": p.origin, "description": p.description}
            for p in programs
        ]
    )


@programs_app.command("import")
def import_command(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Batch lines, or a folder of .md and .py answers."),
    ],
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The task's folder.")] = Path(),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Turn answers into programs: an answers file, or a folder pasted from a chat window."""
    from alchemist.flow.synthesize import import_answers

    workspace, task = open_task(folder)
    out = console(quiet=quiet, as_json=as_json)
    with workspace.writing("alchemist programs import", wait_s=10):
        report = import_answers(workspace, task, file)
    tell_synthesis(out, report)
    out.document(report)
