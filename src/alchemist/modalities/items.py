"""Items out of cells: the bytes a column holds, the file a path names, or numbers as bytes.

A series is kept as its float64 values, little-endian, NaN where one is missing.
"""

import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.errors import BadRows, nearest_hint

if TYPE_CHECKING:
    import pyarrow as pa

MOST_BYTES = 1 << 30
_SERIES = np.dtype("<f8")


def item_columns(inputs: Sequence[str], columns: Sequence[str], file: Path) -> list[str]:
    """The columns an item is made of; an input may be a pattern such as `t*`.

    Raises:
        BadRows: The file has no such column.
    """
    found: list[str] = []
    for name in inputs:
        if name in columns:
            found.append(name)
            continue
        like = [column for column in columns if fnmatchcase(column, name)]
        if not like:
            raise BadRows(f"{file} has no column {name!r}. {nearest_hint(name, columns)}")
        found += like
    return list(dict.fromkeys(found))


def as_items(batch: "pa.RecordBatch", names: Sequence[str], source: Path) -> "pa.Array":
    """The items of a batch as a binary array, null where there is none.

    Raises:
        BadRows: A column holds what no item can be made of, or a path leaves its folder.
    """
    import pyarrow as pa

    if len(names) > 1:
        return pa.array(_side_by_side(batch, names, source), pa.binary())
    column = batch.column(names[0])
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pa.types.is_struct(kind) and "bytes" in [field.name for field in kind]:
        column, kind = column.field("bytes"), pa.binary()
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return column.cast(pa.binary())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.array(_lists(column, names[0], source), pa.binary())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.array(list(_from_text(column.to_pylist(), source)), pa.binary())
    if pa.types.is_null(kind):
        return pa.nulls(len(column), pa.binary())
    raise BadRows(
        f"{source}: column {names[0]!r} holds {kind}; an item is bytes, a path, or a list of "
        "numbers."
    )


def numbers_of(item: bytes) -> NDArray[np.float64]:
    """The values of a series."""
    return np.frombuffer(item, dtype=_SERIES)


def file_of(name: str, source: Path) -> Path:
    """The file a cell names, inside the folder of the file that names it.

    Raises:
        BadRows: It lies elsewhere.
    """
    home = source if source.is_dir() else source.parent
    full = home / name
    if not full.resolve().is_relative_to(home.resolve()):
        raise BadRows(
            f"{source} names {name!r}, which lies outside {home}; a row may only name files in "
            "the folder of its table. Copy them there, or point rows.path at the folder above."
        )
    return full


def is_path(cell: object) -> bool:
    """Whether a cell names a file; a list of numbers may be spelled as text too."""
    return isinstance(cell, str) and bool(cell.strip()) and not cell.lstrip().startswith("[")


def _from_text(cells: Sequence[Any], source: Path) -> Iterator[bytes | None]:
    for cell in cells:
        if is_path(cell):
            yield _load(file_of(cell, source))
        else:
            yield _spelled_series(cell)


def _load(file: Path) -> bytes | None:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise BadRows(f"{file} is larger than 1 GB; an item is held in memory, so cut it.")
        return file.read_bytes()
    except OSError:
        return None  # an item that is not there is a problem of its own row


def _spelled_series(cell: str | None) -> bytes | None:
    if cell is None or not cell.strip():
        return None
    try:
        values = [np.nan if one is None else float(one) for one in json.loads(cell)]
    except (ValueError, TypeError):
        return b""  # no series: the extractor names the problem
    return np.array(values, dtype=_SERIES).tobytes()


def _lists(column: Any, name: str, source: Path) -> list[bytes | None]:
    import pyarrow as pa

    items: list[bytes | None] = []
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    try:
        flat = column.flatten().cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise BadRows(f"{source}: column {name!r} holds {column.type}, no numbers.") from None
    values = flat.to_numpy(zero_copy_only=False).astype(_SERIES)
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    there = column.is_valid().to_numpy(zero_copy_only=False)
    for (low, high), known in zip(pairwise(ends.tolist()), there, strict=True):
        items.append(values[low:high].tobytes() if known else None)
    return items


def _side_by_side(batch: "pa.RecordBatch", names: Sequence[str], source: Path) -> list[bytes]:
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = []
    for name in names:
        column = batch.column(name)
        if pa.types.is_string(column.type):
            text = pc.utf8_trim_whitespace(column)
            column = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
        try:
            numbers = column.cast(pa.float64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise BadRows(f"{source}: column {name!r} must hold numbers ({error}).") from None
        columns.append(numbers.to_numpy(zero_copy_only=False).astype(_SERIES))
    return [row.tobytes() for row in np.stack(columns, axis=1)]
