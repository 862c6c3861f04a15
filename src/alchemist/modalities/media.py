"""Pictures, sound, film and series: one item per row, as bytes.

An item comes out of a column of bytes, of paths (relative to the file that names them, which
none may leave), of lists of numbers, or of several number columns side by side; see sources
for folders and npz files. What a subfolder means is for the task to say. Programs never see
an item: an extractor makes named numbers of it first.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alchemist.core.errors import BadRows
from alchemist.core.rows import ID, ITEM, RowBatch
from alchemist.core.task import Task
from alchemist.modalities.columns import answer_columns, row_ids, without_id
from alchemist.modalities.items import as_items, file_of, is_path, item_columns
from alchemist.modalities.sources import Source, files_in, find_sources

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_BYTES = 16 << 20


class Media:
    """What pictures, sound, film and series have in common.

    Attributes:
        suffixes: Of the files a folder is searched for.
        extractor: What finds numbers in an item unless the task names another.
    """

    suffixes: tuple[str, ...] = ()
    extractor = ""

    def columns(self, path: str, base: Path) -> tuple[str, ...]:
        """Column names of the data at a path."""
        return self._tables(path, base)[0].columns

    def sources(self, task: Task, base: Path) -> tuple[Path, ...]:
        """The tables, or the folder, a task reads; then the files they name."""
        tables = self._tables(task.rows.path, base)
        named = (file for table in tables for file in _named(task, table))
        return tuple(dict.fromkeys([*(table.path for table in tables), *named]))

    def read(self, task: Task, base: Path) -> Iterator[RowBatch]:
        """Read ids, items and answers in bounded batches."""
        number = 1
        for source in self._tables(task.rows.path, base):
            first, names = 0, _item_names(task, source)
            for records in source.records(_wanted(task, names)):
                bad = (
                    *records.bad,
                    *without_id(task, source.path, records.first, _ids(task, records.batch)),
                )
                if bad and task.rows.on_bad_row == "stop":
                    raise BadRows(
                        f"{bad[0].where} {bad[0].problem}. Mend the row, or set "
                        'rows.on_bad_row = "skip" to leave such rows out.'
                    )
                for piece in _pieces(task, source, names, records.batch):
                    rows = _rows(task, source, names, piece, number)
                    answers = piece.select(answer_columns(task))
                    yield RowBatch(rows, answers, source.path, first, bad)
                    number, first, bad = number + rows.num_rows, first + rows.num_rows, ()

    def referable(self, source: Path) -> bool:
        """Items are large and stay where they are."""
        return True

    def reread(
        self, task: Task, source: Path, first: int, rows: int, number: int
    ) -> Iterator["pa.RecordBatch"]:
        """Read a range of rows again."""
        table = Source(source, self.suffixes)
        names = _item_names(task, table)
        low, size = _with_id(task, table, first, rows)
        for batch in table.part(_wanted(task, names), low, size):
            for piece in _pieces(task, table, names, batch):
                yield _rows(task, table, names, piece, number)
                number += piece.num_rows

    def originals(self, task: Task, base: Path) -> Iterator["pa.RecordBatch"]:
        """The user's own columns, bytes left out."""
        for source in self._tables(task.rows.path, base):
            for records in source.records(source.plain_columns):
                yield _with_ids(task, records.batch)

    def item_columns(self, task: Task, base: Path) -> tuple[str, ...]:
        """The columns an item is made of, in order; patterns are spelled out."""
        return tuple(_item_names(task, self._tables(task.rows.path, base)[0]))

    def describe(self, task: Task) -> str:
        """Nothing: programs receive what an extractor finds, and it says what that is."""
        return ""

    def features(self, batch: "pa.RecordBatch", inputs: Sequence[str]) -> Any:
        """(n, d) float64, NaN where a number is missing."""
        columns = [batch.column(name).to_numpy(zero_copy_only=False) for name in inputs]
        return np.stack(columns, axis=1).astype(np.float64)

    def _tables(self, path: str, base: Path) -> tuple[Source, ...]:
        return tuple(Source(one, self.suffixes) for one in find_sources(path, base, self.suffixes))


class Image(Media):
    """Pictures."""

    suffixes = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm")
    extractor = "local_image"


class Audio(Media):
    """Recordings."""

    suffixes = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
    extractor = "local_audio"


class Video(Media):
    """Films."""

    suffixes = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg")
    extractor = "local_video"


class Series(Media):
    """Numbers over time: a list per row, or one column per point in time (`inputs = ["t*"]`)."""

    extractor = "local_series"


def _item_names(task: Task, source: Source) -> list[str]:
    taken = {task.rows.id, *answer_columns(task)}
    columns = [name for name in source.columns if name not in taken or name in task.rows.inputs]
    return item_columns(task.rows.inputs, columns, source.path)


def _wanted(task: Task, names: Sequence[str]) -> list[str]:
    ids = [] if task.rows.id is None else [task.rows.id]
    return list(dict.fromkeys([*ids, *names, *answer_columns(task)]))


def _named(task: Task, source: Source) -> Iterator[Path]:
    """The files that the items of a table are read from."""
    if source.path.is_dir():
        yield from files_in(source.path, source.suffixes)
        return
    names = _item_names(task, source)
    if len(names) > 1 or names[0] not in source.plain_columns:
        return
    for records in source.records(names):
        for cell in records.batch.column(0).to_pylist():
            if is_path(cell) and (file := file_of(cell, source.path)).is_file():
                yield file


def _pieces(
    task: Task, source: Source, names: Sequence[str], batch: "pa.RecordBatch"
) -> Iterator["pa.RecordBatch"]:
    """Rows with an id, cut so that the files they name are not too much at once."""
    import pyarrow as pa

    good = _with_ids(task, batch)
    low = held = 0
    if len(names) == 1 and pa.types.is_string(good.schema.field(names[0]).type):
        for at, cell in enumerate(good.column(names[0]).to_pylist(), start=1):
            held += _size(cell, source)
            if held >= BATCH_BYTES:
                yield good.slice(low, at - low)
                low, held = at, 0
    yield good.slice(low)


def _with_ids(task: Task, batch: "pa.RecordBatch") -> "pa.RecordBatch":
    return batch if task.rows.id is None else batch.filter(row_ids(task, batch, 1).is_valid())


def _with_id(task: Task, source: Source, first: int, rows: int) -> tuple[int, int]:
    """Where good rows `first` … lie among all rows of a source: first one, and how many."""
    if task.rows.id is None:
        return first, rows
    there = [row_ids(task, one.batch, 1).is_valid() for one in source.records([task.rows.id])]
    good = np.flatnonzero(np.concatenate([one.to_numpy(zero_copy_only=False) for one in there]))
    low, high = int(good[first]), int(good[first + rows - 1])
    return low, high - low + 1


def _ids(task: Task, batch: "pa.RecordBatch") -> "pa.RecordBatch":
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([row_ids(task, batch, 1)], names=[ID])


def _rows(
    task: Task, source: Source, names: Sequence[str], batch: "pa.RecordBatch", number: int
) -> "pa.RecordBatch":
    import pyarrow as pa

    items = as_items(batch, names, source.path)
    return pa.RecordBatch.from_arrays([row_ids(task, batch, number), items], names=[ID, ITEM])


def _size(cell: object, source: Source) -> int:
    try:
        return file_of(str(cell), source.path).stat().st_size if is_path(cell) else 0
    except OSError:
        return 0
