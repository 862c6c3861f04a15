"""Where items lie: a table with a column of them, a folder of files, or arrays in an npz.

Folders and npz files are read as tables too. A folder has the columns `path`, `folder` and
`top_folder`, all relative to itself; an npz has one column per array.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alchemist.core.errors import BadRows, nearest_hint
from alchemist.modalities.tables import (
    Records,
    column_names,
    find_files,
    is_parquet,
    parquet_schema,
    read_parquet_range,
    read_records,
)

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER_COLUMNS = PATH, FOLDER, TOP_FOLDER = "path", "folder", "top_folder"
# Items are large: few of them are held at once.
BATCH_ITEMS = 128


def find_sources(path: str, base: Path, suffixes: Sequence[str]) -> tuple[Path, ...]:
    """A folder that holds files with these suffixes, an npz file, or tables.

    Raises:
        BadRows: Nothing is there, or nothing in a format we read.
    """
    full = Path(path) if Path(path).is_absolute() else base / path
    if full.suffix.lower() == ".npz" and full.is_file():
        return (full,)
    if full.is_dir() and next(files_in(full, suffixes), None) is not None:
        return (full,)
    return find_files(path, base)


def files_in(folder: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """The files of a folder with these suffixes, sorted by path."""
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in suffixes and file.is_file():
            yield file


@dataclass(frozen=True, slots=True)
class Source:
    """One table, folder or npz.

    Attributes:
        path: Where it is.
        suffixes: Of the files that count, in a folder.
    """

    path: Path
    suffixes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names."""
        if self.path.is_dir():
            return FOLDER_COLUMNS
        if self.path.suffix.lower() == ".npz":
            return tuple(_arrays(self.path))
        return column_names(self.path)

    @property
    def plain_columns(self) -> tuple[str, ...]:
        """Columns that hold no bytes: what a person's table can show."""
        if not is_parquet(self.path):
            return self.columns
        import pyarrow as pa

        fields = parquet_schema(self.path)
        large = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_struct)
        return tuple(one.name for one in fields if not any(test(one.type) for test in large))

    def records(self, columns: Sequence[str]) -> Iterator[Records]:
        """Some columns of every row, in small batches."""
        if self.path.is_dir():
            table = self._folder()
        elif self.path.suffix.lower() == ".npz":
            table = _as_batch(self.path)
        else:
            yield from read_records(self.path, columns, BATCH_ITEMS)
            return
        for name in columns:
            if name not in table.schema.names:
                hint = nearest_hint(name, table.schema.names)
                raise BadRows(f"{self.path} has no column {name!r}. {hint}")
        for low in range(0, table.num_rows, BATCH_ITEMS):
            yield Records(table.slice(low, BATCH_ITEMS).select(list(columns)), low)

    def part(self, columns: Sequence[str], first: int, rows: int) -> Iterator["pa.RecordBatch"]:
        """Rows first … first + rows - 1, bad ones not counted."""
        if is_parquet(self.path):
            yield from read_parquet_range(self.path, first, rows, columns, BATCH_ITEMS)
            return
        for records in self.records(columns):
            low = max(first - records.first, 0)
            high = min(first + rows - records.first, records.batch.num_rows)
            if low < high:
                yield records.batch.slice(low, high - low)
            if records.first + records.batch.num_rows >= first + rows:
                return

    def _folder(self) -> "pa.RecordBatch":
        import pyarrow as pa

        names = [file.relative_to(self.path) for file in files_in(self.path, self.suffixes)]
        cells = {
            PATH: [one.as_posix() for one in names],
            FOLDER: [one.parent.name or None for one in names],
            TOP_FOLDER: [one.parts[0] if len(one.parts) > 1 else None for one in names],
        }
        schema = pa.schema([(name, pa.string()) for name in cells])
        return pa.RecordBatch.from_pydict(cells, schema=schema)


def _arrays(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BadRows(f"{file} cannot be read as an npz of plain arrays: {error}.") from None


def _as_batch(file: Path) -> "pa.RecordBatch":
    """One row per entry of the arrays' first axis; a two-dimensional array is a list column."""
    import pyarrow as pa

    arrays = _arrays(file)
    sizes = {len(one) if one.ndim else -1 for one in arrays.values()}
    if len(sizes) != 1 or -1 in sizes or any(one.ndim > 2 for one in arrays.values()):
        shapes = ", ".join(f"{name} {one.shape}" for name, one in arrays.items())
        raise BadRows(
            f"{file} must hold arrays of one or two dimensions with one entry per row each, and "
            f"holds {shapes or 'none'}."
        )
    columns = {name: pa.array(list(one) if one.ndim == 2 else one) for name, one in arrays.items()}
    return pa.RecordBatch.from_pydict(columns)
