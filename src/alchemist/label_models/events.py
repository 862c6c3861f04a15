"""Events: a program that cast one particular vote, and which events each pattern holds.

An event e is a pair (program j, class v) that was seen at least once, so a program that
only ever votes one class is one event, and the silent ones are none. Every model here
estimates one row of numbers per event; scoring rows is one sparse matrix product.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Floats
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import MISSING

Index = NDArray[np.intp]

# Below this many cells a dense indicator matrix and BLAS beat a sparse one.
_DENSE_CELLS = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """The E events of m programs over k classes.

    Attributes:
        program: (E,) program of each event, ascending.
        vote: (E,) class it votes for.
        lookup: (m, k) event of a program's vote, E where it was never seen.
    """

    program: Index
    vote: Index
    lookup: Index

    def __len__(self) -> int:
        return len(self.program)

    @classmethod
    def of(cls, program: Index, vote: Index, shape: tuple[int, int]) -> "Events":
        """Number the given pairs, sorted by program; shape is (m, k)."""
        lookup = np.full(shape, len(program), dtype=np.intp)
        lookup[program, vote] = np.arange(len(program))
        return cls(program, vote, lookup)

    @classmethod
    def seen_in(cls, patterns: NDArray[np.int16], n_classes: int) -> "Events":
        """Every (program, vote) that occurs in a (u, m) pattern matrix."""
        m = patterns.shape[1]
        seen = np.zeros((m, n_classes), dtype=bool)
        for j in range(m):
            column = patterns[:, j]
            seen[j, column[column >= 0]] = True
        program, vote = np.nonzero(seen)
        return cls.of(program, vote, seen.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Which events, and which missing answers, each of u patterns holds.

    Attributes:
        spoke: (u, E) 0/1 indicator, dense float64 or scipy CSR.
        missing: (u, m) 0/1 indicator of missing answers, or None when nothing is missing.
    """

    spoke: Any
    missing: Floats | None

    def scores(self, weights: Floats, silence: Floats, prior: Floats) -> Floats:
        """(u, k) sum of evidence.

        Args:
            weights: (E, k) what an event adds beyond its program's silence.
            silence: (m, k) what a program's abstaining adds.
            prior: (k,) log prior.
        """
        total = np.asarray(self.spoke @ weights) + (prior + silence.sum(axis=0))
        if self.missing is not None:
            total -= self.missing @ silence
        return total

    def sums(self, mass: Floats) -> Floats:
        """(E, k) sum of the (u, k) masses of the patterns in which each event occurs."""
        return np.asarray(self.spoke.T @ mass)


def encode(patterns: NDArray[np.int16], events: Events) -> Encoded:
    """Look up the events of each pattern; a vote never seen before is no event."""
    u, m = patterns.shape
    absent = (patterns == MISSING).astype(np.float64) if _any_missing(patterns) else None
    if u * len(events) <= _DENSE_CELLS:
        dense = np.empty((u, len(events)))
        for e, (j, v) in enumerate(zip(events.program, events.vote, strict=True)):
            np.equal(patterns[:, j], v, out=dense[:, e])
        return Encoded(dense, absent)
    return Encoded(_sparse(patterns, events, (u, m)), absent)


def _any_missing(patterns: NDArray[np.int16]) -> bool:
    return bool(patterns.size) and int(patterns.min()) == MISSING


def _sparse(patterns: NDArray[np.int16], events: Events, shape: tuple[int, int]) -> Any:
    from scipy.sparse import csr_array

    row, program = np.nonzero(patterns >= 0)
    event = events.lookup[program, patterns[row, program]]
    known = event < len(events)
    row, event = row[known], event[known]
    starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=shape[0]))])
    return csr_array(
        (np.ones(len(event)), event.astype(np.int32), starts), shape=(shape[0], len(events))
    )


def spoken(matrix: NDArray[np.int16]) -> NDArray[np.bool_]:
    """(n,) whether any program voted."""
    covered: NDArray[np.bool_] = (matrix >= 0).any(axis=1)
    return covered


def softmax(scores: Floats) -> Floats:
    """Rows of probabilities from rows of log-evidence."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


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
    """

    patterns: NDArray[np.int16]
    counts: Floats
    events: Events
    encoded: Encoded
    times: Floats
    answered: Floats
    n_classes: int

    @property
    def n_rows(self) -> float:
        """Rows with at least one vote."""
        return float(self.counts.sum())

    @classmethod
    def of(cls, counts: PatternCounts) -> "Tally":
        """Keep the patterns with a vote, and encode them."""
        covered = spoken(counts.patterns)
        patterns = counts.patterns[covered]
        weights = counts.counts[covered].astype(np.float64)
        events = Events.seen_in(patterns, counts.n_classes)
        encoded = encode(patterns, events)
        missing = 0.0 if encoded.missing is None else weights @ encoded.missing
        return cls(
            patterns,
            weights,
            events,
            encoded,
            encoded.sums(weights[:, None])[:, 0],
            np.full(patterns.shape[1], weights.sum()) - missing,
            counts.n_classes,
        )
