"""What was read: rows in parts of bounded size, each named by the hash of its content.

A part of a csv or jsonl file is kept as parquet; a part of a parquet file is a reference to
its rows, not a copy. Votes hang on a part's name, so rows that did not change are not voted
on again. Gold and other answers lie in files of their own: no path leads from a row part to
them.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alchemist.core.errors import StoreError
from alchemist.core.files import write_atomically
from alchemist.core.rows import BadRow, RowBatch
from alchemist.store.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

PART_ROWS = 50_000
PART_BYTES = 64 << 20
BAD_ROWS_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive rows.

    Attributes:
        name: Hash of ids and inputs.
        rows: How many.
        number: 1-based number of the first row among all.
        source: The file they come from.
        first: 0-based number of the first row among the good rows of that file.
        copied: Whether our own parquet file holds them.
        answers: Whether a file of answers lies beside.
    """

    name: str
    rows: int
    number: int
    source: str
    first: int
    copied: bool
    answers: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """All parts in order, and what they were read from.

    Attributes:
        parts: In row order.
        fingerprint: Of the files and of the settings that say how to read them.
        bad_rows: How many rows were left out.
    """

    parts: tuple[Part, ...]
    fingerprint: str
    bad_rows: int

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return sum(part.rows for part in self.parts)

    @property
    def digest(self) -> str:
        """One hash over the content of every part, in order."""
        joined = "\n".join(f"{part.name} {part.rows}" for part in self.parts)
        return hashlib.sha256(joined.encode("ascii")).hexdigest()[:16]


def load_manifest(workspace: Workspace) -> Manifest | None:
    """What was read last time, if anything."""
    try:
        raw = json.loads((workspace.rows / "manifest.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    parts = tuple(Part(**part) for part in raw["parts"])
    return Manifest(parts, raw["fingerprint"], raw["bad_rows"])


def list_bad_rows(workspace: Workspace) -> tuple[BadRow, ...]:
    """The first of the rows that were left out."""
    try:
        raw = json.loads((workspace.rows / "bad_rows.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return ()
    return tuple(BadRow(**row) for row in raw)


def store_rows(
    workspace: Workspace,
    batches: Iterable[RowBatch],
    *,
    fingerprint: str,
    referable: Mapping[Path, bool],
) -> Manifest:
    """Cut batches into parts and keep them.

    Where the parts of last time still match what is read, they are cut alike: rows added at
    the end become parts of their own and the votes on all others stay valid.
    """
    old = load_manifest(workspace)
    cutter = _Cutter(workspace, referable, tuple(old.parts) if old else ())
    for batch in batches:
        cutter.take(batch)
    cutter.finish()
    manifest = Manifest(tuple(cutter.parts), fingerprint, cutter.n_bad)
    raw = {
        "fingerprint": fingerprint,
        "bad_rows": cutter.n_bad,
        "parts": [asdict(part) for part in manifest.parts],
    }
    listed = [asdict(row) for row in cutter.bad]
    write_atomically(workspace.rows / "bad_rows.json", json.dumps(listed, indent=1).encode())
    write_atomically(workspace.rows / "manifest.json", json.dumps(raw, indent=1).encode())
    _remove_unused(workspace, manifest)
    return manifest


def read_copied(
    workspace: Workspace, part: Part, columns: list[str] | None = None
) -> "pa.RecordBatch":
    """The rows of a copied part, as one batch; all columns unless some are named."""
    return _read_parquet(workspace.rows / f"{part.name}.parquet", columns)


def read_answers(workspace: Workspace, part: Part) -> "pa.RecordBatch | None":
    """Gold, split and evaluation-only columns of a part, for scoring alone."""
    if not part.answers:
        return None
    return _read_parquet(workspace.rows / f"{part.name}.answers.parquet")


class _Cutter:
    """Collects batches until a part is full."""

    def __init__(
        self, workspace: Workspace, referable: Mapping[Path, bool], old: tuple[Part, ...]
    ) -> None:
        self.workspace = workspace
        self.referable = referable
        self.old = old
        self.parts: list[Part] = []
        self.bad: list[BadRow] = []
        self.n_bad = 0
        self._rows: list[pa.RecordBatch] = []
        self._answers: list[pa.RecordBatch] = []
        self._size = self._bytes = self._first = 0
        self._number = 1
        self._source: Path | None = None

    def take(self, batch: RowBatch) -> None:
        if batch.source != self._source:
            self.finish()
            self._source, self._first = batch.source, batch.first
        self.n_bad += len(batch.bad)
        self.bad.extend(batch.bad[: BAD_ROWS_LISTED - len(self.bad)])
        rows, answers = batch.rows, batch.answers
        while rows.num_rows:
            room = self._limit() - self._size
            self._keep(rows.slice(0, room), answers.slice(0, room))
            rows, answers = rows.slice(room), answers.slice(room)
            if self._size >= self._limit() or self._bytes >= PART_BYTES:
                self.finish()

    def _keep(self, rows: "pa.RecordBatch", answers: "pa.RecordBatch") -> None:
        self._rows.append(rows)
        self._answers.append(answers)
        self._size += rows.num_rows
        self._bytes += rows.nbytes

    def _limit(self) -> int:
        """Where the part being filled is cut: as last time, as long as all before it match."""
        here = len(self.parts)
        if here < len(self.old) and all(
            now.name == then.name for now, then in zip(self.parts, self.old, strict=False)
        ):
            return self.old[here].rows
        return PART_ROWS

    def finish(self) -> None:
        if not self._size or self._source is None:
            return
        rows, answers = _one(self._rows), _one(self._answers)
        has_answers = answers.num_columns > 0
        name = _hash(rows)
        copied = not self.referable[self._source]
        folder = self.workspace.rows
        if copied:
            _write_parquet(folder / f"{name}.parquet", rows)
        if has_answers:
            # Answers may change while the rows stay: written anew each time.
            _write_parquet(folder / f"{name}.answers.parquet", answers, fresh=True)
        self.parts.append(
            Part(
                name,
                self._size,
                self._number,
                str(self._source),
                self._first,
                copied,
                has_answers,
            )
        )
        self._number += self._size
        self._first += self._size
        self._rows, self._answers = [], []
        self._size = self._bytes = 0


def _one(batches: list["pa.RecordBatch"]) -> "pa.RecordBatch":
    import pyarrow as pa

    table = pa.Table.from_batches(batches).combine_chunks()
    found = table.to_batches()
    if found:
        return found[0]
    arrays = [pa.array([], field.type) for field in table.schema]
    return pa.RecordBatch.from_arrays(arrays, schema=table.schema)


def _hash(rows: "pa.RecordBatch") -> str:
    # Over values, not buffers: a slice of a longer batch holds the same rows in other buffers.
    sink = hashlib.blake2b(digest_size=8)
    for field, column in zip(rows.schema, rows.columns, strict=True):
        sink.update(f"{field.name} {field.type} {len(column)} ".encode())
        sink.update(np.packbits(column.is_null().to_numpy(zero_copy_only=False)).tobytes())
        for piece in _values(column):
            sink.update(piece)
    return sink.hexdigest()


def _values(column: "pa.Array") -> Iterator[bytes | memoryview]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        yield pc.fill_null(pc.binary_length(column), 0).to_numpy().tobytes()
        _, offsets, content = column.buffers()
        if content is not None:
            at = np.frombuffer(offsets, np.int32, len(column) + 1, 4 * column.offset)
            yield memoryview(content)[at[0] : at[-1]]
    elif pa.types.is_primitive(column.type) and not pa.types.is_temporal(column.type):
        yield column.drop_null().to_numpy(zero_copy_only=False).tobytes()
    else:
        yield repr(column.to_pylist()).encode("utf-8", "surrogatepass")


def _write_parquet(path: Path, batch: "pa.RecordBatch", *, fresh: bool = False) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.exists() and not fresh:
        return
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_batches([batch]), sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())


def _read_parquet(path: Path, columns: list[str] | None = None) -> "pa.RecordBatch":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=columns, memory_map=False)
    except (OSError, pa.ArrowInvalid):
        raise StoreError(
            f"{path} is missing or damaged; delete the folder {path.parent} and run again."
        ) from None
    return _one(table.to_batches()) if table.num_rows else _one([_empty(table)])


def _empty(table: "pa.Table") -> "pa.RecordBatch":
    import pyarrow as pa

    arrays = [pa.array([], field.type) for field in table.schema]
    return pa.RecordBatch.from_arrays(arrays, schema=table.schema)


def _remove_unused(workspace: Workspace, manifest: Manifest) -> None:
    used = {part.name for part in manifest.parts}
    for path in _stored(workspace):
        if path.name.partition(".")[0] not in used:
            path.unlink(missing_ok=True)


def _stored(workspace: Workspace) -> Iterator[Path]:
    yield from workspace.rows.glob("*.parquet")
