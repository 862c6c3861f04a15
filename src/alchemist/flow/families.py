"""Families: which programs read one and the same concept, by the names in their text.

Local features are grouped for prompts only: two of them in one group, such as an object's
height and its colour, still say different things.
"""

import ast
from collections.abc import Sequence

from alchemist.core.program import Program
from alchemist.core.syntax import parse
from alchemist.flow.rows import Rows


def families_of(rows: Rows, programs: Sequence[Program]) -> dict[str, str]:
    """Concept by program name, for concepts that more than one program reads alone."""
    if rows.view is None:
        return {}
    concepts = {one.name for one in rows.view.look.concepts}
    family = {f.name: f.family for f in rows.view.features if f.family in concepts}
    alone: dict[str, str] = {}
    for program in programs:
        read = {family.get(name, name) for name in features_read(program, rows.inputs)}
        if len(read) == 1 and read <= concepts:
            alone[program.name] = read.pop()
    shared = list(alone.values())
    # A concept and a program may share a name; a merged column must not.
    return {name: f"concept {one}" for name, one in alone.items() if shared.count(one) > 1}


def features_read(program: Program, names: Sequence[str]) -> tuple[str, ...]:
    """The features whose names stand in a program's text, in the order of `names`."""
    try:
        tree = parse(program.source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return tuple(name for name in names if name in said)


def columns_needed(programs: Sequence[Program], names: Sequence[str]) -> tuple[str, ...]:
    """The columns a mapping must hold for these programs, in the order of `names`.

    All of them, unless every program reads its row by plain names alone: `row["…"]` or
    `row.get("…")`. A hundred columns of which ten are read cost ten times as much to hand over.
    All of them, too, where a name is none: its fault tells the name that comes nearest.
    """
    needed: set[str] = set()
    for program in programs:
        read = _plainly_read(program)
        if read is None or not read <= set(names):
            return tuple(names)
        needed |= read
    # A mapping of nothing would make all rows alike, so there is always one.
    return tuple(name for name in names if name in needed) or tuple(names[:1])


def _plainly_read(program: Program) -> set[str] | None:
    """The names a program reads of its row, or None where its text does not say."""
    try:
        nodes = list(ast.walk(parse(program.source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    read: set[str] = set()
    plain: set[int] = set()
    for node in nodes:
        match node:
            case ast.Subscript(value=ast.Name(id="row") as row, slice=ast.Constant(str() as name)):
                pass
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="row") as row, attr="get"),
                args=[ast.Constant(str() as name), *_],
            ):
                pass
            case _:
                continue
        read.add(name)
        plain.add(id(row))
    for node in nodes:
        hidden = isinstance(node, ast.Name) and node.id in ("locals", "vars", "globals", "eval")
        other = isinstance(node, ast.Name) and node.id == "row" and id(node) not in plain
        if hidden or other:
            return None
    return read
