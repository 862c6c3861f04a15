"""Vectors kept by content, so that a new concept, run or split costs no second look at an item.

One sqlite file. A row is found by a 64-bit integer, the fastest key sqlite has, and believed
only if its full 128-bit key fits; two keys that share the integer only cost each other a miss.
"""

import sqlite3
import weakref
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_MOST_PARAMETERS = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """A vector as little-endian float32 with a note, or no vector and the reason."""

    vector: bytes | None
    text: str = ""


class Cache:
    """A file of vectors; losing it loses time only, so a damaged one is begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = self._open()
        except sqlite3.DatabaseError:
            for end in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    path.with_name(path.name + end).unlink()
            self._database = self._open()
        # An extractor has no end of its own; the file is let go of with the last user.
        self._end = weakref.finalize(self, self._database.close)

    def _open(self) -> sqlite3.Connection:
        # Readers in other threads are fine: each call below is one statement.
        database = sqlite3.connect(self._path, timeout=60, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=OFF")
            database.execute(
                "CREATE TABLE IF NOT EXISTS vectors "
                "(id INTEGER PRIMARY KEY, key BLOB NOT NULL, vector BLOB, text TEXT NOT NULL)"
            )
            database.execute("SELECT id FROM vectors LIMIT 1").fetchall()
        except sqlite3.DatabaseError:
            database.close()
            raise
        return database

    def get(self, keys: Iterable[bytes]) -> dict[bytes, Entry]:
        """What is kept under these 16-byte keys."""
        wanted = {_number(key): key for key in keys}
        numbers = list(wanted)
        found: dict[bytes, Entry] = {}
        for start in range(0, len(numbers), _MOST_PARAMETERS):
            some = numbers[start : start + _MOST_PARAMETERS]
            marks = ",".join("?" * len(some))
            sql = f"SELECT key, vector, text FROM vectors WHERE id IN ({marks})"  # noqa: S608  # marks only
            for key, vector, text in self._database.execute(sql, some):
                found[key] = Entry(vector, text)
        return {key: found[key] for key in wanted.values() if key in found}

    def put(self, entries: Mapping[bytes, Entry]) -> None:
        """Keep these under their keys, in one transaction."""
        rows = [(_number(key), key, entry.vector, entry.text) for key, entry in entries.items()]
        with self._database:
            self._database.executemany("INSERT OR REPLACE INTO vectors VALUES (?,?,?,?)", rows)

    def close(self) -> None:
        """Let go of the file."""
        self._end()


def _number(key: bytes) -> int:
    return int.from_bytes(key[:8], "little", signed=True)
