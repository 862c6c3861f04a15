"""Texts to TF-IDF rows over hashed word and character n-grams, in bounded memory.

Words give one- and two-grams, and marks such as ? count as words of their own; characters give
three- to five-grams that stay between two blanks (these included). Every n-gram is hashed to
one of 2²¹ buckets per block by arithmetic over the code points of a whole chunk of texts, so no
n-gram ever becomes a Python string: several times faster than a dictionary, and a saved model
holds numbers only. A fit keeps the buckets found in most texts; two n-grams that share a bucket
share a weight.

Source:
    Weinberger et al., 2009, Feature Hashing for Large Scale Multitask Learning.
    doi:10.1145/1553374.1553516
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BUCKET_BITS = 21
BLOCKS = 2  # words, characters
N_BUCKETS = BLOCKS << BUCKET_BITS

_CHUNK_CHARS = 400_000
_MOST_CHARS = 20_000  # of one text; the rest of a longer one is not read
_BASE = np.uint64(0x9E3779B97F4A7C15)
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_BLANK = np.uint64(32)
_FIRST_IDEOGRAPH = 0x2E80

Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]
Buckets = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Gram:
    """The n-grams of one chunk of texts: rows (g,) of the chunk, buckets (g,)."""

    rows: NDArray[np.int32]
    buckets: Buckets


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The buckets a model knows, and how telling each is.

    Attributes:
        buckets: (v,) int32, sorted; those below 2²¹ are words.
        idf: (v,) float32, inverse document frequencies.
    """

    buckets: Buckets
    idf: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.buckets)

    @property
    def n_words(self) -> int:
        """How many of the buckets, the first ones, hold words."""
        return int(np.searchsorted(self.buckets, 1 << BUCKET_BITS))


def learn_vocabulary(texts: Sequence[str], *, max_features: int, min_rows: int) -> Vocabulary:
    """Keep, of words and of characters, the buckets that occur in most texts.

    Args:
        texts: n texts.
        max_features: Most buckets to keep per block.
        min_rows: Texts a bucket must occur in.
    """
    rows_with = np.zeros(N_BUCKETS, dtype=np.int64)
    for _, size, gram in _chunks(texts):
        # Sorting is several times faster here than np.unique, which hashes.
        seen = np.sort(gram.buckets.astype(np.int64) * size + gram.rows)
        first = np.flatnonzero(np.diff(seen, prepend=-1))
        np.add.at(rows_with, seen[first] // size, 1)
    buckets = np.concatenate(
        [_most_frequent(rows_with, block, max_features, min_rows) for block in range(BLOCKS)]
    )
    idf = np.log((1 + len(texts)) / (1 + rows_with[buckets])) + 1
    return Vocabulary(buckets.astype(np.int32), idf.astype(np.float32))


def _most_frequent(rows_with: Ints, block: int, most: int, min_rows: int) -> Ints:
    start = block << BUCKET_BITS
    counts = rows_with[start : start + (1 << BUCKET_BITS)]
    found = np.flatnonzero(counts >= min_rows)
    if len(found) > most:
        # Stable, so that ties fall the same way everywhere.
        found = np.sort(found[np.argsort(-counts[found], kind="stable")[:most]])
    return found + start


def weigher(vocabulary: Vocabulary) -> Callable[[Sequence[str]], Iterator[tuple[int, csr_matrix]]]:
    """Prepare a vocabulary for use.

    Returns:
        A function from texts to (first row, TF-IDF rows of one chunk), float32: 1 + log of
        the count times idf, each block of a row scaled to length 1.
    """
    column = np.full(N_BUCKETS, -1, dtype=np.int32)
    column[vocabulary.buckets] = np.arange(len(vocabulary), dtype=np.int32)

    def weigh(texts: Sequence[str]) -> Iterator[tuple[int, csr_matrix]]:
        for first, size, gram in _chunks(texts):
            columns = column[gram.buckets]
            known = np.flatnonzero(columns >= 0)
            yield first, _tfidf(vocabulary, size, gram.rows[known], columns[known])

    return weigh


def _tfidf(vocabulary: Vocabulary, size: int, rows: Buckets, columns: Buckets) -> csr_matrix:
    from scipy.sparse import csr_matrix

    width = max(1, len(vocabulary))
    cells, counts = np.unique(rows.astype(np.int64) * width + columns, return_counts=True)
    row, column = np.divmod(cells, width)
    values = (1 + np.log(counts)) * vocabulary.idf[column]
    half = row * BLOCKS + (column >= vocabulary.n_words)
    length = np.sqrt(np.bincount(half, weights=values**2, minlength=size * BLOCKS))
    values = (values / length[half]).astype(np.float32)
    starts = np.searchsorted(row, np.arange(size + 1)).astype(np.int32)
    return csr_matrix((values, column.astype(np.int32), starts), shape=(size, len(vocabulary)))


def _chunks(texts: Sequence[str]) -> Iterator[tuple[int, int, Gram]]:
    """Cut texts into chunks of bounded size: (first row, rows, their n-grams)."""
    padded: list[str] = []
    first, chars = 0, 0
    for index, text in enumerate(texts):
        one = f" {' '.join(text[:_MOST_CHARS].lower().split())} "
        if padded and chars + len(one) > _CHUNK_CHARS:
            yield first, len(padded), _grams(padded)
            padded, first, chars = [], index, 0
        padded.append(one)
        chars += len(one)
    if padded:
        yield first, len(padded), _grams(padded)


def _grams(padded: list[str]) -> Gram:
    joined = "".join(padded).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(joined, dtype="<u4").astype(np.uint64)
    row_of = np.repeat(
        np.arange(len(padded), dtype=np.int32), np.fromiter(map(len, padded), np.int64, len(padded))
    )
    word_hashes, word_rows = _words(codes, row_of)
    char_hashes, char_starts = _characters(codes)
    return Gram(
        np.concatenate([*word_rows, row_of[char_starts]]),
        np.concatenate([_buckets(word_hashes, 0), _buckets(char_hashes, 1)]),
    )


def _buckets(hashes: Hashes, block: int) -> Buckets:
    mixed = (hashes ^ (hashes >> np.uint64(32))) * _MIX
    return (mixed >> np.uint64(64 - BUCKET_BITS)).astype(np.int32) + (block << BUCKET_BITS)


def _words(codes: Hashes, row_of: NDArray[np.int32]) -> tuple[Hashes, list[NDArray[np.int32]]]:
    """Hashes of words, of neighbouring words and of single marks, and the rows of each."""
    inside = _is_word(codes)
    marks = np.flatnonzero(~inside & (codes != _BLANK))
    mark_hashes, mark_rows = codes[marks] * _PAIR, row_of[marks]
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return mark_hashes, [mark_rows]
    lengths = ends - starts
    letters = np.flatnonzero(inside)
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    place = np.arange(len(letters)) - np.repeat(first, lengths)
    powers = np.cumprod(np.full(int(lengths.max()), _BASE))
    words = np.add.reduceat(codes[letters] * powers[place], first)
    rows = row_of[starts]
    together = np.flatnonzero(rows[1:] == rows[:-1])
    pairs = words[together] * _PAIR + words[together + 1]
    return np.concatenate([words, pairs, mark_hashes]), [rows, rows[together], mark_rows]


def _characters(codes: Hashes) -> tuple[Hashes, Ints]:
    """Hashes and first positions of the 3- to 5-grams with no blank inside."""
    blank = codes == _BLANK
    hashes, starts = [], []
    rolling = codes[:-1] * _BASE + codes[1:]
    whole = ~blank[1:]  # no blank strictly inside the gram that starts here
    for n in (3, 4, 5):
        rolling = rolling[: len(codes) - n + 1] * _BASE + codes[n - 1 :]
        whole = whole[: len(rolling)]
        if n > 3:
            whole = whole & ~blank[n - 2 : len(codes) - 1]
        at = np.flatnonzero(whole)
        hashes.append(rolling[at] + np.uint64(n))
        starts.append(at)
    return np.concatenate(hashes), np.concatenate(starts)


def _is_word(codes: Hashes) -> NDArray[np.bool_]:
    return _word_table()[np.minimum(codes, np.uint64(_FIRST_IDEOGRAPH)).astype(np.int64)]


@lru_cache(maxsize=1)
def _word_table() -> NDArray[np.bool_]:
    # Beyond the alphabets everything counts as a word: ideographs, and emoji, which say much.
    table = [chr(code).isalnum() for code in range(_FIRST_IDEOGRAPH)]
    return np.array([*table, True])
