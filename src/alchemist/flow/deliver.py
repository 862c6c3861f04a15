"""Deliver: results/labels.parquet for programs, results/labels.csv for people."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from alchemist.core.labels import Labels
from alchemist.flow.rows import Rows
from alchemist.store.row_parts import Part
from alchemist.store.run_records import publish

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]

# Two classes nearer than this are a close call, worth a person's look.
CLOSE = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class LabeledPart:
    """Final labels of one part.

    Attributes:
        part: Its rows.
        labels: Probabilities and coverage by programs.
        source: n of "label_model", "student", "blend".
        known: (n,) bool: whether the row gets a label at all.
        look: n reasons for a person to look, empty where there is none.
    """

    part: Part
    labels: Labels
    source: NDArray[np.str_]
    known: NDArray[np.bool_]
    look: NDArray[np.str_]

    @classmethod
    def by_label_model(cls, part: Part, labels: Labels) -> "LabeledPart":
        """Labels of the label model alone: rows no program spoke for stay without one."""
        look = np.where(labels.covered, _close(labels.proba), "no program spoke")
        return cls(part, labels, np.full(len(labels), "label_model"), labels.covered, look)

    @classmethod
    def blended(cls, part: Part, labels: Labels, student: Floats) -> "LabeledPart":
        """The mean of label model and student; the student alone where no program spoke."""
        mixed = Labels(blend(labels, student), labels.covered)
        disagree = labels.covered & (labels.best != student.argmax(axis=1))
        look = np.where(disagree, "student disagrees", _close(mixed.proba))
        look = np.where(labels.covered, look, "no program spoke")
        source = np.where(labels.covered, "blend", "student")
        return cls(part, mixed, source, np.ones(len(labels), dtype=bool), look)

    def of_readable(self, there: NDArray[np.bool_]) -> "LabeledPart":
        """The same with no label, and the reason, for rows whose item could not be read."""
        if there.all():
            return self
        look = np.where(there, self.look, "cannot be read")
        return replace(self, known=self.known & there, look=look)


def blend(labels: Labels, student: Floats) -> Floats:
    """Mean of both where programs spoke, the student's view where none did: (n, k)."""
    return np.where(labels.covered[:, None], (labels.proba + student) / 2, student)


def deliver(rows: Rows, labeled: Iterable[LabeledPart], folder: Path) -> None:
    """Write labels.parquet and labels.csv into a run's folder and publish them."""
    import pyarrow.parquet as pq

    schema = label_schema(rows.task.class_names)
    originals = _Originals(rows)
    with (
        pq.ParquetWriter(folder / "labels.parquet", schema, compression="zstd") as writer,
        TableWriter(folder / "labels.csv") as table,
    ):
        for one in labeled:
            ids = rows.ids(one.part)
            writer.write_table(label_table(rows.task.class_names, ids, one, schema))
            for batch, low in originals.next(ids):
                table.write(beside(batch, one, low, rows.task.class_names))
    for name in ("labels.parquet", "labels.csv"):
        publish(rows.workspace, folder / name, name)


def label_table(
    classes: tuple[str, ...], ids: "pa.Array", one: LabeledPart, schema: "pa.Schema"
) -> "pa.Table":
    """The pinned columns: id, label, proba, covered, confidence, source."""
    import pyarrow as pa

    proba = one.labels.proba.astype(np.float32)
    offsets = np.arange(0, proba.size + 1, len(classes), dtype=np.int32)
    return pa.Table.from_arrays(
        [
            ids,
            _names(one, classes),
            pa.ListArray.from_arrays(offsets, pa.array(proba.reshape(-1))),
            pa.array(one.labels.covered),
            pa.array(one.labels.confidence.astype(np.float32)),
            pa.array(one.source.astype(object), pa.string()),
        ],
        schema=schema,
    )


def beside(
    batch: "pa.RecordBatch", one: LabeledPart, low: int, classes: tuple[str, ...]
) -> "pa.RecordBatch":
    """The user's own columns of some rows, with label, confidence and look behind them."""
    import pyarrow as pa

    rows = slice(low, low + batch.num_rows)
    added: dict[str, Any] = {
        "label": _names(one, classes)[rows],
        "confidence": pa.array(np.round(one.labels.confidence[rows], 4)),
        "look": pa.array(one.look[rows].astype(object), pa.string()),
    }
    taken = set(batch.schema.names)
    names = [*batch.schema.names, *(_free(name, taken) for name in added)]
    return pa.RecordBatch.from_arrays([*batch.columns, *added.values()], names=names)


class TableWriter:
    """Writes record batches as csv, or as parquet when the name says so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None
        self._schema: pa.Schema | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, batch: "pa.RecordBatch") -> None:
        """Append; the first batch sets the columns."""
        if self._path.suffix != ".parquet":
            batch = _flat(batch)
        if self._writer is None:
            self._schema = batch.schema
            self._writer = _open_writer(self._path, batch.schema)
        self._writer.write_batch(batch.cast(self._schema))

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


def _open_writer(path: Path, schema: "pa.Schema") -> Any:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return pq.ParquetWriter(path, schema, compression="zstd")
    from pyarrow import csv

    return csv.CSVWriter(path, schema, write_options=csv.WriteOptions(quoting_style="needed"))


class _Originals:
    """The user's own rows, walked through in step with ours."""

    def __init__(self, rows: Rows) -> None:
        self._batches = self._aligned(rows)
        self._rest: pa.RecordBatch | None = None

    def _aligned(self, rows: Rows) -> Iterator["pa.RecordBatch"]:
        batches = rows.modality.originals(rows.task, rows.workspace.root)
        column = rows.task.rows.id
        if column is None or not rows.manifest.bad_rows:
            yield from batches
            return
        import pyarrow as pa

        # Rows may have been left out for an id an earlier row has: the first one stands.
        seen: set[object] = set()
        for batch in batches:
            keep = []
            for one in batch.column(column).to_pylist():
                keep.append(one not in seen)
                seen.add(one)
            yield batch.filter(pa.array(keep, pa.bool_()))

    def next(self, ids: "pa.Array") -> Iterator[tuple["pa.RecordBatch", int]]:
        """The originals of the next rows, in pieces, each with its offset among them."""
        low = 0
        while low < len(ids):
            batch = self._rest if self._rest is not None else next(self._batches)
            size = min(batch.num_rows, len(ids) - low)
            piece, self._rest = batch.slice(0, size), batch.slice(size)
            if self._rest.num_rows == 0:
                self._rest = None
            if size:
                yield piece, low
            low += size


def label_schema(classes: tuple[str, ...]) -> "pa.Schema":
    """Columns of labels.parquet; the class order stands in the metadata."""
    import json

    import pyarrow as pa

    return pa.schema(
        [
            ("id", pa.string()),
            ("label", pa.string()),
            ("proba", pa.list_(pa.float32())),
            ("covered", pa.bool_()),
            ("confidence", pa.float32()),
            ("source", pa.string()),
        ],
        metadata={"classes": json.dumps(list(classes), ensure_ascii=False)},
    )


def _names(one: LabeledPart, classes: tuple[str, ...]) -> "pa.Array":
    import pyarrow as pa

    best = pa.array(one.labels.best.astype(np.int32), mask=~one.known)
    return pa.DictionaryArray.from_arrays(best, pa.array(classes)).dictionary_decode()


def _close(proba: Floats) -> NDArray[np.str_]:
    top = np.sort(proba, axis=1)[:, -2:]
    return np.where(top[:, 1] - top[:, 0] < CLOSE, "close call", "")


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"alchemist_{name}"
    return name


def _flat(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """What a csv can hold: lists and structs as JSON, bytes left out."""
    import pyarrow as pa

    kept = {
        name: _as_json(column) if pa.types.is_nested(column.type) else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type))
    }
    return pa.RecordBatch.from_arrays(list(kept.values()), names=list(kept))


def _as_json(column: "pa.Array") -> "pa.Array":
    import json

    import pyarrow as pa

    values = column.to_pylist()
    return pa.array([None if v is None else json.dumps(v, default=str) for v in values])
