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

from alchemist.core.contracts import Floats
from alchemist.core.votes import ABSTAIN, MISSING

Hashes = NDArray[np.uint64]

# Classes and programs multiply what has to be estimated, hence the second term.
_FEWEST_KEPT = 8_000
_KEPT_PER_CELL = 20
_BLOCK = 20_000
_FEW_CLASSES = 16


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


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """(u,) first-come rows, one of each kind and ascending, and (u,) how often each occurs."""

    rows: NDArray[np.intp]
    times: NDArray[np.int64]


def find_repeats(identity: Hashes) -> Repeats:
    """Which of n rows are equal, told by their identities."""
    order = np.argsort(identity)
    ordered = identity[order]
    starts = np.flatnonzero(np.concatenate([[len(order) > 0], ordered[1:] != ordered[:-1]]))
    times = np.zeros(len(order), dtype=np.int64)
    times[order[starts]] = np.diff(np.append(starts, len(order)))
    rows = np.flatnonzero(times)
    return Repeats(rows, times[rows])


def identify_rows(matrix: NDArray[np.int16], n_classes: int) -> Hashes:
    """(n,) hashes that are equal for equal rows, and for practical purposes only for those."""
    width, found = n_classes + 2, np.zeros(len(matrix), dtype=np.uint64)
    # As many votes as a float holds exactly are one number, and one product.
    per_word = int(53 / np.log2(width))
    digits = matrix.astype(np.float64)
    for start in range(0, matrix.shape[1], per_word):
        part = digits[:, start : start + per_word]
        powers = float(width) ** np.arange(part.shape[1])
        found = _mix(found + (part @ powers + 2 * powers.sum()).astype(np.uint64))
    return found


def hash_rows(matrix: NDArray[np.int16], programs: tuple[str, ...]) -> Hashes:
    """(n,) hashes that stay the same under any order of programs or classes."""
    names = np.array([_of_name(name) for name in programs], dtype=np.float64).reshape(-1, 3)
    found = np.zeros(len(matrix), dtype=np.uint64)
    # A class is known by the sum of the names of the programs that vote for it; "no answer"
    # is one more class, marked so that no renaming can turn it into another.
    for start in range(0, len(matrix), _BLOCK):
        block = matrix[start : start + _BLOCK]
        for v in _said_in(block):
            voters = _voters(block, v, names)
            alike = _mix(voters + np.uint64(1)) if v == MISSING else _mix(voters)
            alike[voters == 0] = 0
            found[start : start + _BLOCK] += alike
    return _mix(found)


def _said_in(block: NDArray[np.int16]) -> list[int]:
    """Every class that may have been voted for, and MISSING if an answer is."""
    low, high = int(block.min(initial=ABSTAIN)), int(block.max(initial=ABSTAIN))
    said = list(range(high + 1))
    if high > _FEW_CLASSES:
        said = np.flatnonzero(np.bincount(block[block >= 0])).tolist()
    return [*said, MISSING] if low == MISSING else said


def _voters(block: NDArray[np.int16], v: int, names: Floats) -> Hashes:
    """(n,) sum of the names of the programs that vote v, 0 without any."""
    # Names are three whole numbers of 20 bits: sums of millions of them are exact floats.
    parts = (block == v) @ names
    words = parts.astype(np.uint64)
    return words[:, 0] ^ (words[:, 1] << np.uint64(21)) ^ (words[:, 2] << np.uint64(42))


def _of_name(name: str) -> list[int]:
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=9).digest()
    return [(int.from_bytes(digest[at : at + 3]) >> 4) + 1 for at in (0, 3, 6)]


def _mix(values: Hashes) -> Hashes:
    """Scramble 64 bits; wraps around on purpose. Source: Steele et al., SplitMix64 (2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
