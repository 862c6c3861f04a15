"""Items to raw vectors: one row each, whatever comes before or after it, nothing computed twice.

A source knows how to read some items at once. Around it stand the cache, the missing and the
repeated items, and a bound on how many are held in memory.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts.cache import Cache, Entry
from alchemist.core.concepts import Extracted

CHUNK = 512
KEY_BYTES = 16
MISSING = "missing"

Floats = NDArray[np.float32]


class Unreadable(ValueError):
    """An item that gives nothing; the message is the reason, in a few words."""


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """What a source found in one item: a vector, and a note for a person if there is one."""

    vector: Floats
    note: str = ""


class Source(Protocol):
    """Reads items into vectors of one width; a string instead of a vector says why not."""

    fingerprint: str
    width: int

    def read(self, items: Sequence[bytes]) -> Sequence[Raw | str]:
        """Read some items, one answer each, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Consecutive items, read: (n, width) values, NaN rows for problems; indices are global."""

    start: int
    values: Floats
    problems: dict[int, str] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)


def read_items(
    source: Source, items: Sequence[bytes | None], cache: Cache | None
) -> Iterator[Chunk]:
    """Read items in bounded chunks, through the cache where there is one."""
    for start in range(0, len(items), CHUNK):
        yield _read_chunk(source, items[start : start + CHUNK], start, cache)


def extract_all(
    source: Source,
    items: Sequence[bytes | None],
    cache: Cache | None,
    width: int,
    columns: Callable[[Floats], Floats],
) -> Extracted:
    """Read every item and turn raw vectors into columns, chunk by chunk.

    Args:
        source: What reads items.
        items: Bytes; None is a missing item.
        cache: Where vectors are kept, if anywhere.
        width: How many columns `columns` gives.
        columns: (n, source.width) to (n, width); NaN rows stay NaN.
    """
    values = np.full((len(items), width), np.nan, dtype=np.float32)
    problems: dict[int, str] = {}
    notes: dict[int, str] = {}
    for chunk in read_items(source, items, cache):
        values[chunk.start : chunk.start + len(chunk.values)] = columns(chunk.values)
        problems |= chunk.problems
        notes |= chunk.notes
    return Extracted(values, problems, notes)


def _read_chunk(
    source: Source, items: Sequence[bytes | None], start: int, cache: Cache | None
) -> Chunk:
    chunk = Chunk(start, np.full((len(items), source.width), np.nan, dtype=np.float32))
    salt = sha256(source.fingerprint.encode())
    places: dict[bytes, list[int]] = {}
    for i, item in enumerate(items):
        if item is None:
            chunk.problems[start + i] = MISSING
        else:
            digest = salt.copy()  # of sha256, twice as fast as blake2b where it is in hardware
            digest.update(item)
            places.setdefault(digest.digest()[:KEY_BYTES], []).append(i)
    known = cache.get(places) if cache else {}
    todo = [key for key in places if key not in known]
    if todo:
        found = source.read([items[places[key][0]] or b"" for key in todo])
        fresh = {key: _entry(raw) for key, raw in zip(todo, found, strict=True)}
        if cache:
            cache.put(fresh)
        known |= fresh
    _fill(chunk, places, known)
    return chunk


def _entry(raw: Raw | str) -> Entry:
    if isinstance(raw, str):
        return Entry(None, raw)
    return Entry(np.ascontiguousarray(raw.vector, dtype="<f4").tobytes(), raw.note)


def _fill(chunk: Chunk, places: dict[bytes, list[int]], known: dict[bytes, Entry]) -> None:
    good = [key for key in places if known[key].vector is not None]
    if good:
        blob = b"".join(known[key].vector or b"" for key in good)
        table = np.frombuffer(blob, dtype="<f4").reshape(len(good), -1)
        at = [i for key in good for i in places[key]]
        times = [len(places[key]) for key in good]
        chunk.values[at] = table if len(at) == len(good) else np.repeat(table, times, axis=0)
    for key, entry in known.items():
        if entry.text:
            told = chunk.problems if entry.vector is None else chunk.notes
            told.update({chunk.start + i: entry.text for i in places[key]})
