"""Terms: words and pairs of words that tell some rows from others.

A term is quoted only when several rows hold it, so that none gives a single row away.

Source: Dunning, Accurate Methods for the Statistics of Surprise and Coincidence,
Computational Linguistics 19(1), 1993 (the likelihood ratio used for ranking).
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Floats

FEWEST_ROWS = 5
_FEWEST_SHARE = 0.001
# What one term in ten thousand reaches by chance.
_LEAST = 15.0
_LONGEST = 30
_WORD = re.compile(r"[^\W\d_](?:[\w'’-]*\w)?")


@dataclass(frozen=True, slots=True, eq=False)
class TermTable:
    """Which rows hold which terms.

    Attributes:
        names: t terms, each in at least FEWEST_ROWS rows and one row in a thousand.
        row: Row of each occurrence; a term counts once a row.
        term: Term of each occurrence.
        n_rows: How many rows there are.
    """

    names: tuple[str, ...]
    row: NDArray[np.intp]
    term: NDArray[np.intp]
    n_rows: int

    @classmethod
    def of(cls, texts: Sequence[str]) -> "TermTable":
        """Find the terms of n texts."""
        found = [_terms(text) for text in texts]
        rows_with = Counter(term for terms in found for term in terms)
        fewest = max(FEWEST_ROWS, _FEWEST_SHARE * len(texts))
        names = tuple(sorted(t for t, count in rows_with.items() if count >= fewest))
        number = {name: i for i, name in enumerate(names)}
        pairs = [(i, number[t]) for i, terms in enumerate(found) for t in terms if t in number]
        places = np.array(pairs, dtype=np.intp).reshape(-1, 2)
        return cls(names, places[:, 0], places[:, 1], len(texts))

    def telling(self, groups: Floats, most: int) -> tuple[tuple[str, ...], ...]:
        """The terms on which groups of rows differ most, by the group that holds them most.

        Args:
            groups: (n, g) how far each row belongs to each group.
            most: How many terms, all groups together.

        Returns:
            g tuples of terms, most telling first.
        """
        chosen: list[list[str]] = [[] for _ in range(groups.shape[1])]
        if not len(self.names):
            return tuple(map(tuple, chosen))
        held: Floats = np.stack(
            [
                np.bincount(self.term, group[self.row], len(self.names)).astype(np.float64)
                for group in groups.T
            ],
            axis=1,
        )
        size = groups.sum(axis=0)
        score, most_held = _likelihood_ratio(held, size), (held / np.maximum(size, 1e-12)).argmax(1)
        words_told: set[str] = set()
        for i in np.argsort(-score, kind="stable"):
            if sum(map(len, chosen)) == most or score[i] < _LEAST:
                break
            words = self.names[i].split()
            # A pair says little beside a word of it that is listed already.
            if len(words) > 1 and words_told & set(words):
                continue
            words_told |= set(words) if len(words) == 1 else set()
            chosen[most_held[i]].append(self.names[i])
        return tuple(map(tuple, chosen))


def _terms(text: str) -> set[str]:
    words = [word.replace("’", "'") for word in _WORD.findall(text.casefold())]
    words = [word for word in words if len(word) <= _LONGEST]
    return {word for word in words if len(word) > 1} | {
        f"{one} {two}" for one, two in pairwise(words)
    }


def _likelihood_ratio(held: Floats, size: Floats) -> Floats:
    """(t,) G² of each term's (t, g) row counts against group sizes (g,)."""
    total = max(float(size.sum()), 1e-12)
    with_it = held.sum(axis=1, keepdims=True)
    expected = with_it * size / total
    absent, expected_absent = size - held, size - expected
    return np.asarray(2 * (_part(held, expected) + _part(absent, expected_absent)).sum(axis=1))


def _part(seen: Floats, expected: Floats) -> Floats:
    ratio = np.divide(seen, expected, out=np.ones_like(seen), where=(expected > 0) & (seen > 0))
    return np.asarray(seen * np.log(ratio))
