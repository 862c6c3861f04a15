"""A record batch as the shared buffers that children read: distinct rows only.

Arrow's own buffers are copied as they are; no row becomes a Python object on this side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Bundle
from alchemist.core.errors import BadRows, nearest_hint

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Rows ready for the worker.

    Attributes:
        buffers: Pieces of the chunk, to be laid end to end.
        size: Their length in bytes.
        columns: Where each column lies; see confined.rows.
        rows: How many distinct rows.
        original: (n,) for each row of the batch, the distinct row that stands for it.
    """

    buffers: list[NDArray[np.uint8]]
    size: int
    columns: list[dict[str, Any]]
    rows: int
    original: NDArray[np.int64]


class _Layout:
    def __init__(self) -> None:
        self.buffers: list[NDArray[np.uint8]] = []
        self.size = 0

    def add(self, array: NDArray[Any]) -> int:
        """Append one buffer at the next multiple of 8; returns where it starts."""
        piece = np.ascontiguousarray(array).view(np.uint8).reshape(-1)
        start = self.size
        padding = -len(piece) % 8
        self.buffers += [piece, np.zeros(padding, np.uint8)]
        self.size += len(piece) + padding
        return start


def encode(batch: pa.RecordBatch, bundle: Bundle) -> Chunk:
    """Lay out the input columns of one batch.

    Raises:
        BadRows: An input column is missing, or holds values no program can take.
    """
    import pyarrow as pa

    columns = [_typed(batch, name, bundle.as_mapping) for name in bundle.inputs]
    first, original = _distinct(columns, batch.num_rows)
    if len(first) < batch.num_rows:
        keep = pa.array(first)
        columns = [column.take(keep) for column in columns]
    layout = _Layout()
    described = [_lay_out(column, layout) for column in columns]
    return Chunk(layout.buffers, layout.size, described, len(first), original)


def call_style(bundle: Bundle) -> str:
    """How programs are called: with "one" value, with "keywords", or with a "mapping"."""
    if bundle.as_mapping:
        return "mapping"
    return "one" if len(bundle.inputs) == 1 else "keywords"


def row_ids(batch: pa.RecordBatch) -> Any:
    """The id column, as strings.

    Raises:
        BadRows: There is none.
    """
    import pyarrow as pa

    if "id" not in batch.schema.names:
        raise BadRows("A batch of rows needs an 'id' column; faults name their rows by it.")
    return batch.column("id").cast(pa.string())


def _typed(batch: pa.RecordBatch, name: str, as_mapping: bool) -> Any:
    """One column as large_string, int64, uint64, float64, bool or null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if name not in batch.schema.names:
        hint = nearest_hint(name, batch.schema.names)
        raise BadRows(f"The rows have no column {name!r}, which the programs take. {hint}")
    column = batch.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        if not as_mapping:
            return pc.fill_null(column.cast(pa.large_string()), "")
        return column.cast(_program_type(column.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadRows(
            f"Column {name!r} holds {column.type}, which programs cannot take; give them text, "
            "numbers or true/false."
        ) from error


def _program_type(kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return kind
    if pa.types.is_integer(kind):
        return pa.uint64() if kind == pa.uint64() else pa.int64()
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pa.float64()
    return pa.large_string()


def _distinct(columns: Sequence[Any], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First appearance of each distinct row, in order, and the distinct row of every row."""
    codes = np.zeros(n, np.int64)
    for column in columns:
        mine = _codes(column)
        span = int(mine.max(initial=0)) + 1
        if int(codes.max(initial=0)) >= (1 << 62) // span:
            codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
        codes = codes * span + mine
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order].astype(np.int64), rank[inverse].astype(np.int64)


def _codes(column: Any) -> NDArray[np.int64]:
    """(n,) numbers that are equal where the values are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_null(column.type):
        return np.zeros(len(column), np.int64)
    if pa.types.is_floating(column.type):
        # By bits: 0.0 and -0.0 are different rows to a program, and NaN equals itself here.
        bits = np.where(column.is_valid(), column.fill_null(0.0).to_numpy(), 0.0).view(np.int64)
        column = pc.if_else(column.is_valid(), pa.array(bits), None)
    codes = column.dictionary_encode(null_encoding="encode").indices
    return np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int64)


def _lay_out(column: Any, layout: _Layout) -> dict[str, Any]:
    import pyarrow as pa

    if pa.types.is_null(column.type):
        return {"kind": "null"}
    described: dict[str, Any] = {}
    if column.null_count:
        valid = column.is_valid().to_numpy(zero_copy_only=False)
        described["valid"] = layout.add(valid.astype(np.uint8))
    if pa.types.is_large_string(column.type):
        ends = np.frombuffer(column.buffers()[1], np.int64)
        ends = ends[column.offset : column.offset + len(column) + 1]
        raw = column.buffers()[2]
        blob = np.frombuffer(raw, np.uint8) if raw is not None else np.zeros(0, np.uint8)
        described["kind"] = "text"
        described["values"] = layout.add(blob[ends[0] : ends[-1]])
        described["ends"] = layout.add(ends - ends[0])
    elif pa.types.is_boolean(column.type):
        values = column.fill_null(False).to_numpy(zero_copy_only=False)
        described |= {"kind": "bool", "values": layout.add(values.astype(np.uint8))}
    else:
        kind = {pa.int64(): "int", pa.uint64(): "uint", pa.float64(): "float"}[column.type]
        values = column.fill_null(0).to_numpy(zero_copy_only=False)
        described |= {"kind": kind, "values": layout.add(values)}
    return described
