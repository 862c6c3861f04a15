"""programs/: one .py per program, which people may edit, add and delete.

Every source ever seen is kept in .alchemist/history under its id, so an edit loses nothing.
"""

from collections.abc import Iterable
from pathlib import Path

from alchemist.core.errors import BadProgram
from alchemist.core.files import write_atomically
from alchemist.core.program import Program, parse_program, render_program
from alchemist.store.workspace import Workspace


def load_programs(workspace: Workspace) -> tuple[Program, ...]:
    """Read every program, ordered by name.

    Raises:
        BadProgram: A file cannot be read as text.
    """
    found = []
    for path in sorted(workspace.programs.glob("*.py")):
        program = parse_program(path.stem, _text(path))
        keep = workspace.inner / "history" / f"{program.id}.py"
        if not keep.exists():
            write_atomically(keep, render_program(program).encode("utf-8", "surrogatepass"))
        found.append(program)
    return tuple(found)


def save_programs(workspace: Workspace, programs: Iterable[Program]) -> tuple[Path, ...]:
    """Write programs as files; a source that is there already is not written twice.

    A name that is taken by another source gets a number behind it.
    """
    there = {program.id: program.name for program in load_programs(workspace)}
    taken = {name.casefold() for name in there.values()}
    written = []
    for program in programs:
        if program.id in there:
            continue
        name = _free(program.name, taken)
        taken.add(name.casefold())
        there[program.id] = name
        path = workspace.programs / f"{name}.py"
        write_atomically(path, render_program(program).encode("utf-8", "surrogatepass"))
        written.append(path)
    return tuple(written)


def _free(name: str, taken: set[str]) -> str:
    if name.casefold() not in taken:
        return name
    number = 2
    while f"{name}_{number}".casefold() in taken:
        number += 1
    return f"{name}_{number}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadProgram(
            f"Program {path.name!r} is not UTF-8 (byte {error.start}); save it as UTF-8."
        ) from None
    except OSError as error:
        raise BadProgram(f"Program {path.name!r} cannot be read: {error.strerror}.") from None
