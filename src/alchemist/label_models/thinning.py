"""Thinning: fewer patterns for the fit when nearly every row is one of its own.

Parameters need thousands of patterns, not millions. Patterns that stand for many rows are
always kept; of the others those with the lowest hash, each counting for those left out. The
hash of a pattern depends on which programs vote alike, by name, so neither the order of rows
or programs nor the numbering of classes decides what is kept.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from alchemist.core.votes import MISSING

Hashes = NDArray[np.uint64]

# Classes and programs multiply what has to be estimated, hence the second term.
_FEWEST_KEPT = 8_000
_KEPT_PER_CELL = 20


def most_patterns(n_programs: int, n_classes: int) -> int:
    """The cap: patterns a fit looks at, at most about this many."""
    return _FEWEST_KEPT + _KEPT_PER_CELL * n_programs * n_classes


@dataclass(frozen=True, slots=True, eq=False)
class Thinned:
    """(u,) which patterns are kept, and (u,) how many times the rows each stands for."""

    keep: NDArray[np.bool_]
    factor: NDArray[np.int64]


def thin(hashes: Hashes, counts: NDArray[np.int64], cap: int) -> Thinned:
    """Keep about `cap` of the patterns at most; factors are powers of two."""
    factor = np.ones(len(counts), dtype=np.int64)
    if len(counts) <= cap:
        return Thinned(np.ones(len(counts), dtype=bool), factor)
    heavy = counts * cap >= 2 * counts.sum()
    places = max(1, cap - int(heavy.sum()))
    halvings = 0
    low = ~heavy
    while np.count_nonzero(low) > places:
        halvings += 1
        low &= hashes < np.uint64(1 << (64 - halvings))
    factor[~heavy] = 1 << halvings
    return Thinned(heavy | low, factor)


def pattern_hashes(
    patterns: NDArray[np.int16], programs: tuple[str, ...], n_classes: int
) -> Hashes:
    """(u,) hash of each pattern, the same under any order of programs or classes."""
    names = np.array([_of_name(name) for name in programs], dtype=np.uint64)
    u, slots = len(patterns), n_classes + 1
    row, program = np.nonzero(patterns != -1)
    vote = patterns[row, program].astype(np.intp)
    vote[vote == MISSING] = n_classes
    flat = np.zeros(u * slots, dtype=np.uint64)
    np.add.at(flat, row * slots + vote, names[program])
    groups = flat.reshape(u, slots)
    groups[:, n_classes] *= np.uint64(0x9E3779B97F4A7C15)
    mixed = _mix(groups)
    mixed[groups == 0] = 0
    return _mix(mixed.sum(axis=1, dtype=np.uint64))


def _of_name(name: str) -> int:
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _mix(values: Hashes) -> Hashes:
    """Scramble 64 bits; wraps around on purpose. Source: Steele et al., SplitMix64 (2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def row_identities(matrix: NDArray[np.integer]) -> Hashes:
    """(n,) hash that is equal for equal rows, and for practical purposes only for those."""
    n, m = matrix.shape
    narrow = np.zeros((n, -(-m // 4) * 4), dtype=np.int16)
    narrow[:, :m] = matrix
    total = np.zeros(n, dtype=np.uint64)
    for place, word in enumerate(np.ascontiguousarray(narrow.view(np.uint64).T)):
        total = _mix(total ^ (word + np.uint64(0x9E3779B97F4A7C15 * (place + 1) % 2**64)))
    return total
