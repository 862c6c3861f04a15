"""Parts cut into units of work, and the results put together again.

A part is cut by its own size alone, never by the number of workers, so that where a program
runs out of its limits does not depend on the machine. Splitting the programs of a slice over
workers changes nothing, since programs never meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from alchemist.core.contracts import BatchVotes, Bundle
from alchemist.core.faults import Faults
from alchemist.core.votes import MISSING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True, eq=False)
class Part:
    """One part on its way: its slices, and what has come back.

    Attributes:
        rows: Rows of the part.
        waiting: Units not yet answered.
        answers: (first row, program indices, votes) of each unit that was.
    """

    rows: int
    waiting: int = 0
    answers: list[tuple[int, tuple[int, ...], BatchVotes]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Consecutive rows of a part."""

    part: Part
    first: int
    batch: pa.RecordBatch


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A slice and the programs one worker is to run over it."""

    slice: Slice
    programs: tuple[int, ...]
    bundle: Bundle


def cut(batch: pa.RecordBatch, inputs: Sequence[str], rows: int, size: int) -> Iterator[Slice]:
    """Slices of a part: at most `rows` rows and about `size` bytes of input each, evenly."""
    held = sum(batch.column(name).nbytes for name in inputs if name in batch.schema.names)
    pieces = max(1, -(-batch.num_rows // rows), -(-held // size))
    pieces = min(pieces, max(1, batch.num_rows))
    part = Part(batch.num_rows)
    borders = [batch.num_rows * i // pieces for i in range(pieces + 1)]
    for start, end in pairwise(borders):
        yield Slice(part, start, batch.slice(start, end - start))


def units(one: Slice, bundle: Bundle, groups: int) -> list[Unit]:
    """One unit per group of programs; the part waits for all of them."""
    m = len(bundle.programs)
    groups = max(1, min(groups, m))
    made = []
    for group in range(groups):
        # Every groups-th: neighbours come from one prompt and tend to cost alike.
        chosen = tuple(range(group, m, groups))
        smaller = replace(bundle, programs=tuple(bundle.programs[k] for k in chosen))
        made.append(Unit(one, chosen, smaller))
    return made


def put_together(part: Part, programs: int) -> BatchVotes:
    """The votes of a part whose units have all been answered."""
    matrix = np.full((part.rows, programs), MISSING, np.int16)
    faults = Faults()
    for first, chosen, votes in sorted(part.answers, key=lambda answer: answer[:2]):
        matrix[first : first + len(votes.matrix), list(chosen)] = votes.matrix
        faults += votes.faults
    return BatchVotes(matrix, faults)
