"""What a program left in its slot, read as votes and faults.

A child may have written anything there: numbers are checked against the classes, records
against the bounds of their header, and text is decoded with replacement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Bundle
from alchemist.core.faults import EXAMPLES_KEPT, Fault, Faults
from alchemist.core.votes import MISSING
from alchemist.sandbox.confined import wire

_MISSED = re.compile(r"KeyError: '(.*)'")
_GENERIC = {
    "exception": "the program raised an exception",
    "timeout": "the row took too long",
    "memory": "the row needed too much memory",
    "invalid_return": "label() returned something that is no vote",
    "security": "the program tried something no labeling program may",
    "crash": "the program crashed its process",
}


@dataclass(slots=True, eq=False)
class Outcome:
    """One program over the distinct rows of a chunk.

    Attributes:
        cells: (distinct rows,) int16 as in confined.wire.
        records: (row, line, cell, message) of failures, row -1 for the whole program.
    """

    cells: NDArray[np.int16]
    records: list[tuple[int, int, int, str]] = field(default_factory=list)


def read_slot(slot: memoryview, rows: int, n_classes: int) -> Outcome:
    """Copy one slot out of shared memory and distrust it.

    Returns:
        Cells outside the codes and classes count as invalid returns.
    """
    cells = np.frombuffer(slot, np.int16, rows, wire.HEADER).copy()
    known = (cells >= wire.CRASH) & (cells < wire.FIRST_CLASS + n_classes)
    cells[~known] = wire.INVALID_RETURN
    return Outcome(cells, list(_records(bytes(slot[: wire.HEADER]), rows)))


def _records(header: bytes, rows: int) -> Iterator[tuple[int, int, int, str]]:
    words = np.frombuffer(header, np.int64, wire.WORDS)
    at, end = wire.LOG_START, min(int(words[wire.LOG_END]), wire.HEADER)
    while at + wire.RECORD.size <= end:
        row, line, cell, length = wire.RECORD.unpack_from(header, at)
        at += wire.RECORD.size
        if at + length > end or not wire.WHOLE_PROGRAM <= row < rows or cell not in wire.KINDS:
            return
        text = header[at : at + length].decode("utf-8", "replace")
        yield row, max(line, 0), cell, "".join(c if c.isprintable() else "�" for c in text)
        at += length


def votes(outcome: Outcome, original: NDArray[np.int64]) -> NDArray[np.int16]:
    """(n,) votes of the batch's rows, MISSING where there is no answer."""
    answered = outcome.cells >= wire.ABSTAINED
    column = np.where(answered, outcome.cells - wire.FIRST_CLASS, MISSING).astype(np.int16)
    return column[original]


def faults(
    name: str,
    outcome: Outcome,
    original: NDArray[np.int64],
    ids: Any,
    bundle: Bundle,
) -> Faults:
    """The program's failures, counted over the batch's rows, with the first examples of each.

    Args:
        name: The program's name.
        outcome: What it left.
        original: (n,) the distinct row behind each row.
        ids: Arrow array of n row ids.
        bundle: What was run; a name that its rows do not know is told with a near one.
    """
    keys = bundle.inputs if bundle.as_mapping else ()
    counts: dict[tuple[str, str], int] = {}
    examples: list[Fault] = []
    for row, line, cell, message in outcome.records:
        if row == wire.WHOLE_PROGRAM:
            kind = wire.KINDS[cell]
            counts[name, kind] = counts.get((name, kind), 0) + 1
            examples.append(Fault(name, kind, message, line=line or None))
    if outcome.cells.min(initial=0) < wire.NOT_RUN:
        cells = outcome.cells[original]
        said = {row: (line, message) for row, line, _, message in outcome.records}
        for cell, kind in wire.KINDS.items():
            failed = np.flatnonzero(cells == cell)
            if not len(failed):
                continue
            counts[name, kind] = counts.get((name, kind), 0) + len(failed)
            for row in failed[:EXAMPLES_KEPT].tolist():
                line, message = said.get(int(original[row]), (0, _GENERIC[kind]))
                message = _with_near_name(message, keys)
                examples.append(Fault(name, kind, message, ids[row].as_py(), line or None))
    return Faults.of(examples, counts)


def _with_near_name(message: str, keys: Sequence[str]) -> str:
    """`KeyError: 'object_aspct'` alone does not tell the model that mends it what to write."""
    missed = _MISSED.fullmatch(message)
    if missed is None or missed[1] in keys:
        return message
    near = get_close_matches(missed[1], keys, n=1)
    return f"{message}. Did you mean {near[0]!r}?" if near else message
