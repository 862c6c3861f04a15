"""Events: a program that cast one particular vote, and which events each pattern holds.

An event e is a pair (program j, class v) that was seen at least once, so a program that
only ever votes one class is one event, and the silent ones are none. Every model here
estimates one row of numbers per event; scoring rows is one matrix product.

Inside this room per-pattern numbers are (k, u), classes first: numpy reduces along long
rows many times faster than along k columns.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Floats
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import MISSING
from alchemist.label_models.thinning import hash_rows, most_patterns, thin

Index = NDArray[np.intp]

# Up to this many cells a dense indicator matrix and BLAS beat a sparse one.
_DENSE_CELLS = 4_000_000
_DENSE_EVENTS = 600


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """The E events of m programs over k classes.

    Attributes:
        program: (E,) program of each event, ascending.
        vote: (E,) class it votes for.
        lookup: (m, k) event of a program's vote, E where it was never seen.
        voices: (a,) programs that vote, and (a,) the first event of each.
    """

    program: Index
    vote: Index
    lookup: Index
    voices: tuple[Index, Index]

    def __len__(self) -> int:
        return len(self.program)

    @property
    def n_programs(self) -> int:
        """m, silent programs included."""
        return len(self.lookup)

    @property
    def n_classes(self) -> int:
        """How many classes, k."""
        return self.lookup.shape[1]

    def per_program(self, values: Floats) -> Floats:
        """(m, …) sums of (E, …) values."""
        voices, starts = self.voices
        if 0 < len(voices) == self.n_programs:
            return np.add.reduceat(values, starts, axis=0)
        total = np.zeros((self.n_programs, *values.shape[1:]))
        if len(voices):
            total[voices] = np.add.reduceat(values, starts, axis=0)
        return total

    @classmethod
    def of(cls, program: Index, vote: Index, shape: tuple[int, int]) -> "Events":
        """Number the given pairs, sorted by program; shape is (m, k)."""
        lookup = np.full(shape, len(program), dtype=np.intp)
        lookup[program, vote] = np.arange(len(program))
        return cls(program, vote, lookup, np.unique(program, return_index=True))


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Which events, and which missing answers, each of u patterns holds.

    Attributes:
        spoke: (E, u) 0/1 indicator, dense float64 or scipy CSR.
        missing: (m, u) 0/1 indicator of missing answers, or None when nothing is missing.
        heard: How many votes in the patterns are events.
    """

    spoke: Any
    missing: Floats | None
    heard: int

    def scores(self, weights: Floats, silence: Floats, tilt: Floats) -> Floats:
        """(k, u) sum of evidence.

        Args:
            weights: (E, k) what an event adds beyond its program's silence.
            silence: (m, k) what a program's abstaining adds.
            tilt: (k,) where every row starts.
        """
        if isinstance(self.spoke, np.ndarray):
            total = weights.T @ self.spoke
        else:
            total = np.ascontiguousarray((self.spoke.T @ weights).T)
        total += (tilt + silence.sum(axis=0))[:, None]
        if self.missing is not None:
            total -= silence.T @ self.missing
        return total

    def sums(self, mass: Floats) -> Floats:
        """(E, k) sum of the (k, u) masses of the patterns in which each event occurs."""
        return np.asarray(self.spoke @ mass.T)


def by_program(patterns: NDArray[np.int16]) -> NDArray[np.int16]:
    """(m, u), one contiguous row per program: comparing strided columns is far slower."""
    return np.ascontiguousarray(patterns.T)


def encode(columns: NDArray[np.int16], events: Events) -> Encoded:
    """Look up the events of (m, u) patterns; a vote never seen before is no event."""
    u = columns.shape[1]
    absent = None
    if columns.size and int(columns.min()) == MISSING:
        absent = (columns == MISSING).astype(np.float64)
    if u * len(events) <= _DENSE_CELLS and len(events) <= _DENSE_EVENTS:
        # Compared as a whole in the votes' own type, then widened: one pass each.
        cast = columns[events.program] == events.vote.astype(np.int16)[:, None]
        return Encoded(cast.astype(np.float64), absent, int(np.count_nonzero(cast)))
    spoke = _sparse(columns, events)
    return Encoded(spoke, absent, spoke.nnz)


def _sparse(columns: NDArray[np.int16], events: Events) -> Any:
    from scipy.sparse import csr_array

    rows = [
        np.flatnonzero(columns[j] == v) for j, v in zip(events.program, events.vote, strict=True)
    ]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    where = np.concatenate(rows) if rows else np.zeros(0, dtype=np.intp)
    return csr_array(
        (np.ones(len(where)), where.astype(np.int32), starts),
        shape=(len(events), columns.shape[1]),
    )


def total_by(place: Index, values: Floats, size: int) -> Floats:
    """(size,) sum of the values at each place."""
    total: Floats = np.bincount(place, weights=values, minlength=size).astype(np.float64)
    return total


def softmax(scores: Floats, mass: Floats | None = None) -> Floats:
    """(k, u) columns of probabilities, times a mass per column, from log-evidence."""
    shifted = scores - scores.max(axis=0)
    np.exp(shifted, out=shifted)
    total = shifted.sum(axis=0)
    shifted *= 1 / total if mass is None else mass / total
    return shifted


def spoken(columns: NDArray[np.int16]) -> NDArray[np.bool_]:
    """(u,) whether any program voted, of (m, u) patterns."""
    return np.asarray((columns >= 0).any(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """What a fit looks at: the patterns in which somebody spoke.

    Attributes:
        patterns: (u, m) int16.
        counts: (u,) float64, how many rows each stands for.
        events: The events in them.
        encoded: Where those events are.
        times: (E,) rows in which each event occurs.
        answered: (m,) rows on which each program gave an answer, silence included.
        row: (nnz,) pattern of every vote cast.
        event: (nnz,) event of every vote cast.
    """

    patterns: NDArray[np.int16]
    counts: Floats
    events: Events
    encoded: Encoded
    times: Floats
    answered: Floats
    row: Index
    event: Index

    @property
    def n_rows(self) -> float:
        """Rows with at least one vote."""
        return float(self.counts.sum())

    @property
    def n_classes(self) -> int:
        """How many classes, k."""
        return self.events.n_classes

    @classmethod
    def of(cls, counts: PatternCounts) -> "Tally":
        """Keep the patterns with a vote, thinned when there are very many, and encode them."""
        patterns, rows = counts.patterns, counts.counts
        covered = spoken(by_program(patterns))
        if not covered.all():
            patterns, rows = patterns[covered], rows[covered]
        cap = most_patterns(patterns.shape[1], counts.n_classes)
        if len(patterns) > cap:
            few = thin(hash_rows(patterns, counts.programs), rows, cap)
            patterns, rows = patterns[few.keep], (rows * few.factor)[few.keep]
        weights, columns = rows.astype(np.float64), by_program(patterns)
        events, event, row = _cast(columns, counts.n_classes)
        encoded = encode(columns, events)
        answered = np.full(len(columns), weights.sum())
        if encoded.missing is not None:
            answered -= encoded.missing @ weights
        times = np.asarray(encoded.spoke @ weights)
        return cls(patterns, weights, events, encoded, times, answered, row, event)


def _cast(columns: NDArray[np.int16], n_classes: int) -> tuple[Events, Index, Index]:
    """The events in (m, u) patterns, and of every vote cast its event and its pattern."""
    m, u = columns.shape
    # Numbered as one long row: numpy finds places in two dimensions many times slower.
    place = np.flatnonzero(columns.ravel() >= 0)
    program = np.repeat(np.arange(m), np.count_nonzero(columns >= 0, axis=1))
    cell = program * n_classes + columns.ravel()[place]
    seen = np.bincount(cell, minlength=m * n_classes).reshape(m, n_classes) > 0
    voiced, vote = np.nonzero(seen)
    events = Events.of(voiced, vote, (m, n_classes))
    return events, events.lookup.ravel()[cell], place - program * u
