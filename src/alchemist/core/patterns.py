"""PatternCounts: the distinct vote vectors and how often each occurs.

Everything a label model learns from votes it can learn from these; on real vote matrices
they are 5 to 100 times fewer than rows. Counts of two parts add up to the counts of both,
so this is also the incremental and the distributed form.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alchemist.core.errors import BadVotes
from alchemist.core.votes import Votes


@dataclass(frozen=True, slots=True, eq=False)
class PatternCounts:
    """u distinct vote vectors of m programs with their counts, over k classes.

    Attributes:
        patterns: (u, m) int16 as in Votes, rows distinct and sorted. Read-only.
        counts: (u,) int64, all above 0. Read-only.
        programs: m program names.
        n_classes: k.
    """

    patterns: NDArray[np.int16]
    counts: NDArray[np.int64]
    programs: tuple[str, ...]
    n_classes: int

    def __post_init__(self) -> None:
        self.patterns.flags.writeable = False
        self.counts.flags.writeable = False

    @classmethod
    def of(cls, votes: Votes) -> "PatternCounts":
        """Count the distinct rows of a vote matrix."""
        found = find_patterns(votes.matrix)
        return cls(found.patterns, found.counts, votes.programs, votes.n_classes)

    @property
    def n_rows(self) -> int:
        """How many rows were counted."""
        return int(self.counts.sum())

    def __add__(self, other: "PatternCounts") -> "PatternCounts":
        if (self.programs, self.n_classes) != (other.programs, other.n_classes):
            raise BadVotes(
                "Counts can only be added when they are of the same programs and classes: "
                f"{list(self.programs)} and {list(other.programs)}."
            )
        both = find_patterns(np.concatenate([self.patterns, other.patterns]))
        counts = np.bincount(
            both.inverse,
            weights=np.concatenate([self.counts, other.counts]),
            minlength=len(both.patterns),
        ).astype(np.int64)
        return PatternCounts(both.patterns, counts, self.programs, self.n_classes)


@dataclass(frozen=True, slots=True, eq=False)
class FoundPatterns:
    """Distinct rows of a matrix: patterns (u, m), counts (u,), inverse (n,) into patterns."""

    patterns: NDArray[np.int16]
    counts: NDArray[np.int64]
    inverse: NDArray[np.int64]


def find_patterns(matrix: NDArray[np.int16]) -> FoundPatterns:
    """Find the distinct rows of an (n, m) matrix, in sorted order.

    As many votes as fit are written as the digits of one whole number: sorting numbers is
    several times faster than np.unique over an axis, and exact, unlike a hash.
    """
    n, m = matrix.shape
    if n == 0 or m == 0:
        patterns = np.zeros((min(n, 1), m), dtype=np.int16)
        return FoundPatterns(patterns, np.full(len(patterns), n), np.zeros(n, dtype=np.int64))
    words = _words(matrix)
    # Equal rows are the same in any order, so no slower stable sort is needed.
    order = np.argsort(words[0]) if len(words) == 1 else np.lexsort(words[::-1])
    new = np.zeros(n, dtype=bool)
    new[0] = True
    for word in words:
        ordered = word[order]
        new[1:] |= ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(new)
    inverse = np.empty(n, dtype=np.int64)
    inverse[order] = np.cumsum(new) - 1
    counts = np.diff(np.append(starts, n)).astype(np.int64)
    return FoundPatterns(matrix[order[starts]], counts, inverse)


def _words(matrix: NDArray[np.int16]) -> list[NDArray[np.float64]]:
    """The rows of an (n, m) matrix as one or more (n,) whole numbers that sort alike."""
    # 0 is always between, so that no digit is as large as the base.
    low, high = min(int(matrix.min()), 0), max(int(matrix.max()), 0)
    width = max(2, high - low + 1)
    # Whole numbers below 2 ** 53 are exact in a float, and its products are BLAS.
    per_word = int(53 / np.log2(width))
    words = []
    for start in range(0, matrix.shape[1], per_word):
        digits = matrix[:, start : start + per_word].astype(np.float64)
        words.append(digits @ float(width) ** np.arange(digits.shape[1] - 1, -1, -1))
    return words
