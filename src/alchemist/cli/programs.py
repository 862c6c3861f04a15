"""alchemist programs: list them, and bring answers of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alchemist.cli.options import Folder, Json, Quiet, console, open_task
from alchemist.cli.synthesize import tell_synthesis

if TYPE_CHECKING:
    from alchemist.flow.inspect import ProgramFigures
    from alchemist.label_models.report import Estimate

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


@programs_app.command("report")
def report_command(
    folder: Folder,
    gold: Annotated[
        bool, typer.Option("--gold", help="Put the precision measured on gold rows beside.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what each program does: coverage, conflicts, precision, weight, copies, faults.

    `alchemist programs DIR` is short for this.
    """
    from alchemist.flow.inspect import inspect_programs

    workspace, task = open_task(folder)
    out = console(as_json=as_json)
    with workspace.writing("alchemist programs", wait_s=10):
        found = inspect_programs(workspace, task, out, with_gold=gold)
    headers = ("program", "coverage", "conflict", "precision", "weight", "changes", "remarks")
    out.table(
        headers if not gold else (*headers[:4], "measured", *headers[4:]),
        [
            (
                one.report.name,
                f"{one.report.coverage:.1%}",
                f"{one.report.conflict:.1%}",
                _share(one.report.precision),
                *([_share(one.report.measured)] if gold else []),
                f"{one.report.weight:.1%}",
                f"{one.report.changed:.1%}",
                _remarks(one),
            )
            for one in found
        ],
    )
    out.document(found)


def _share(found: "Estimate | None") -> str:
    return "–" if found is None else f"{found.value:.2f} [{found.low:.2f}–{found.high:.2f}]"


def _remarks(one: "ProgramFigures") -> str:
    told = []
    if one.report.below_chance:
        told.append("below chance")
    if not one.report.identifiable:
        told.append("not identifiable")
    if one.report.copies:
        told.append(f"nearly the same as {', '.join(one.report.copies)}")
    if not one.report.coverage:
        told.append("never votes")
    told += [f"{count:,} {kind}" for kind, count in one.faults.items()]
    return "; ".join(told)


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
