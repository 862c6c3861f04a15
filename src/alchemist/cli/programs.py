"""alchemist programs: list them, and bring answers of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alchemist.cli.options import Folder, Json, Quiet, console, open_task
from alchemist.cli.synthesize import tell_synthesis

if TYPE_CHECKING:
    from alchemist.cli.console import Console
    from alchemist.flow.diversity import DiversityReport
    from alchemist.flow.inspect import ProgramFigures
    from alchemist.label_models.report import Estimate
    from alchemist.measures.diversity import Diversity

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
    diversity: Annotated[
        bool,
        typer.Option(
            "--diversity", help="Compare the programs, and say what a new one would have to add."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what each program does: coverage, conflicts, precision, weight, copies, faults.

    `alchemist programs DIR` is short for this.
    """
    from alchemist.flow.inspect import inspect_programs

    workspace, task = open_task(folder)
    out = console(as_json=as_json)
    if diversity:
        from alchemist.flow.diversity import compare_programs

        with workspace.writing("alchemist programs", wait_s=10):
            compared = compare_programs(workspace, task, out)
        tell_diversity(out, compared)
        out.document(compared.to_dict())
        return
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


_MOST_IN_MAP = 40


def tell_diversity(out: "Console", found: "DiversityReport") -> None:
    """Families, what each program adds, who agrees with whom, and what is missing."""
    m = len(found.programs.programs)
    out.tell(f"{m} programs, as varied as {found.programs.voices:.1f} that share no vote.")
    _tell_families(out, found.programs)
    if m <= _MOST_IN_MAP:
        _tell_map(out, found.programs)
    out.tell("A new program earns its place where these leave off:")
    for sentence in found.to_add:
        out.tell(f"  - {sentence}")


def _tell_families(out: "Console", found: "Diversity") -> None:
    family = {name: i for i, one in enumerate(found.families) for name in one.members}
    number = {name: j + 1 for j, name in enumerate(found.programs)}
    out.table(
        ("program", "no.", "family", "nearest", "alike", "votes alone", "votes of its own"),
        [
            (
                one.name,
                str(number[one.name]),
                str(family[one.name] + 1),
                "–" if one.nearest is None else f"no. {number[one.nearest]}",
                f"{one.alike:.0%}",
                f"{one.alone:.0%}",
                f"{one.unseconded:.0%}",
            )
            for one in sorted(found.own, key=lambda one: family[one.name])
        ],
    )
    for group in (group for one in found.families for group in one.same):
        out.tell(
            f"Nearly the same votes: {', '.join(group)}. The label model counts them as one; "
            "all but one could go."
        )


def _tell_map(out: "Console", found: "Diversity") -> None:
    order = [found.programs.index(name) for one in found.families for name in one.members]
    out.tell("Agreement in percent of the rows that both vote on; ·· where they never meet:")
    out.tell("    " + " ".join(f"{j + 1:>3}" for j in order))
    for i in order:
        cells = (" ··" if x != x else f"{x * 100:>3.0f}" for x in found.agree[i, order].tolist())
        out.tell(f"{i + 1:>3} " + " ".join(cells))


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
