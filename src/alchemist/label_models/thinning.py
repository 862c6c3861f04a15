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
_ODD = 0x9E3779B97F4A7C15


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
class Sampled:
    """(r,) indices of rows that stand for all, and (r,) how many rows each stands for."""

    rows: NDArray[np.intp]
    times: NDArray[np.int64]


def sample_rows(hashes: "RowHashes", cap: int) -> Sampled:
    """The same for (n,) rows that have not been counted yet; a pattern may come up again."""
    n = len(hashes.identity)
    ordered = np.sort(hashes.identity)
    starts = _starts(ordered)
    if len(starts) <= cap:
        return Sampled(np.arange(n), np.ones(n, dtype=np.int64))
    lengths = np.diff(np.append(starts, n))
    often = lengths * cap >= 2 * n
    common, lengths = ordered[starts[often]], lengths[often]
    place = np.searchsorted(common, hashes.identity)
    heavy = place < len(common)
    heavy[heavy] = common[place[heavy]] == hashes.identity[heavy]
    first = np.zeros(len(common), dtype=np.intp)
    where = np.flatnonzero(heavy)[::-1]
    first[place[where]] = where
    kinds, halvings = np.sort(hashes.shape[~heavy]), 0
    kinds = kinds[_starts(kinds)]
    while len(kinds) > max(1, cap - len(common)):
        halvings += 1
        kinds = kinds[kinds < np.uint64(1 << (64 - halvings))]
    low = ~heavy
    if halvings:
        low &= hashes.shape < np.uint64(1 << (64 - halvings))
    rest = np.flatnonzero(low)
    times = np.concatenate([lengths, np.full(len(rest), 1 << halvings)])
    return Sampled(np.concatenate([first, rest]), times)


def _starts(ordered: Hashes) -> NDArray[np.intp]:
    """Where each run of equal values begins; sorting is far faster than np.unique's hashing."""
    return np.flatnonzero(np.concatenate([[len(ordered) > 0], ordered[1:] != ordered[:-1]]))


@dataclass(frozen=True, slots=True, eq=False)
class RowHashes:
    """(n,) two hashes of each row.

    Attributes:
        shape: The same under any order of programs or classes.
        identity: Equal for equal rows, and for practical purposes only for those.
    """

    shape: Hashes
    identity: Hashes


def hash_rows(matrix: NDArray[np.int16], programs: tuple[str, ...]) -> RowHashes:
    """Hash the rows of an (n, m) matrix, block by block."""
    names = np.array([_of_name(name) for name in programs], dtype=np.float64).reshape(-1, 3)
    shape = np.zeros(len(matrix), dtype=np.uint64)
    identity = np.zeros(len(matrix), dtype=np.uint64)
    # A class is known by the sum of the names of the programs that vote for it; "no answer"
    # is one more class, marked so that no renaming can turn it into another.
    for start in range(0, len(matrix), _BLOCK):
        block = matrix[start : start + _BLOCK]
        rows = slice(start, start + _BLOCK)
        for v in _said_in(block):
            voters = _voters(block, v, names)
            alike = _mix(voters + np.uint64(1)) if v == MISSING else _mix(voters)
            alike[voters == 0] = 0
            shape[rows] += alike
            marked = _mix(voters ^ np.uint64((v + 3) * _ODD % 2**64))
            marked[voters == 0] = 0
            identity[rows] += marked
    return RowHashes(_mix(shape), _mix(identity))


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
