"""Rows as they come from a file, before they are cut into parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

ID = "id"
ITEM = "item"  # the bytes of a picture, a sound, a film or a series


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used: where it is, and what is wrong as the start of a sentence."""

    where: str
    problem: str


@dataclass(frozen=True, slots=True, eq=False)
class RowBatch:
    """Some consecutive good rows of one file.

    Attributes:
        rows: Column `id`, then the inputs; all that programs, prompts and students may see.
        answers: Gold, split and evaluation-only columns of the same rows; for scoring alone.
        source: The file they come from.
        first: 0-based number of the first one among the good rows of that file.
        bad: Rows left out on the way.
    """

    rows: pa.RecordBatch
    answers: pa.RecordBatch
    source: Path
    first: int
    bad: tuple[BadRow, ...] = ()
