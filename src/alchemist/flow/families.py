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
