"""Text: rows of one or more text columns.

Programs get every input as str, whatever the file holds, so that a csv, a parquet folder and
a data frame of the same rows give the same labels: numbers are spelled as JSON spells them
(a whole float as an integer), booleans true and false, a missing value as the empty string.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alchemist.core.errors import BadRows
from alchemist.core.rows import ID, BadRow, RowBatch
from alchemist.core.task import Task
from alchemist.modalities.tables import (
    column_names,
    find_files,
    is_parquet,
    read_parquet_range,
    read_records,
)

if TYPE_CHECKING:
    import pyarrow as pa

# Between columns, for the student: a break no n-gram of words spans.
SEPARATOR = "\n\n"


class Text:
    """Rows of text columns; see the module for how values are spelled."""

    def columns(self, path: str, base: Path) -> tuple[str, ...]:
        """Column names of the data at a path."""
        return column_names(find_files(path, base)[0])

    def sources(self, task: Task, base: Path) -> tuple[Path, ...]:
        """The files a task reads, in order."""
        return find_files(task.rows.path, base)

    def read(self, task: Task, base: Path) -> Iterator[RowBatch]:
        """Read ids, inputs and answers in bounded batches."""
        wanted = list(dict.fromkeys([*_row_columns(task), *_answer_columns(task)]))
        number = 1
        for source in self.sources(task, base):
            first = 0
            for records in read_records(source, wanted):
                rows = _rows(task, records.batch, number)
                answers = records.batch.select(_answer_columns(task))
                bad = [*records.bad, *_without_id(task, source, records.first, rows)]
                if bad and task.rows.on_bad_row == "stop":
                    raise BadRows(
                        f"{bad[0].where} {bad[0].problem}. Mend the row, or set "
                        'rows.on_bad_row = "skip" to leave such rows out.'
                    )
                good = rows.column(0).is_valid()
                rows, answers = rows.filter(good), answers.filter(good)
                yield RowBatch(rows, answers, source, first, tuple(bad))
                number += rows.num_rows
                first += rows.num_rows

    def referable(self, source: Path) -> bool:
        """Parquet can be read from the middle."""
        return is_parquet(source)

    def reread(
        self, task: Task, source: Path, first: int, rows: int, number: int
    ) -> Iterator["pa.RecordBatch"]:
        """Read a range of rows again."""
        for batch in read_parquet_range(source, first, rows, _row_columns(task)):
            yield _rows(task, batch, number)
            number += batch.num_rows

    def originals(self, task: Task, base: Path) -> Iterator["pa.RecordBatch"]:
        """Every column of every good row."""
        for source in self.sources(task, base):
            for records in read_records(source):
                batch = records.batch
                if task.rows.id is not None:
                    ids = _as_text(batch.column(task.rows.id), missing=None)
                    batch = batch.filter(ids.is_valid())
                yield batch

    def describe(self, task: Task) -> str:
        """Name the inputs; for text there is nothing more to say without quoting rows."""
        return "\n".join(f"- {name} (str)" for name in task.rows.inputs)

    def features(self, batch: "pa.RecordBatch", inputs: Sequence[str]) -> list[str]:
        """One string per row: the inputs, joined."""
        columns = [batch.column(name).to_pylist() for name in inputs]
        if len(columns) == 1:
            return columns[0]
        return [SEPARATOR.join(values) for values in zip(*columns, strict=True)]


def _row_columns(task: Task) -> list[str]:
    ids = [] if task.rows.id is None else [task.rows.id]
    return list(dict.fromkeys([*ids, *task.rows.inputs]))


def _answer_columns(task: Task) -> list[str]:
    rows = task.rows
    named = [rows.gold, rows.split, *rows.evaluation_only]
    return list(dict.fromkeys(name for name in named if name is not None))


def _rows(task: Task, batch: "pa.RecordBatch", number: int) -> "pa.RecordBatch":
    """Column `id` and the inputs as text; a missing id stays null."""
    import pyarrow as pa

    if task.rows.id is None:
        ids = pa.array([str(i) for i in range(number, number + batch.num_rows)], pa.string())
    else:
        ids = _as_text(batch.column(task.rows.id), missing=None)
    inputs = [_as_text(batch.column(name), missing="") for name in task.rows.inputs]
    return pa.RecordBatch.from_arrays([ids, *inputs], names=[ID, *task.rows.inputs])


def _without_id(task: Task, source: Path, first: int, rows: "pa.RecordBatch") -> Iterator[BadRow]:
    if task.rows.id is None or rows.column(0).null_count == 0:
        return
    for position, there in enumerate(rows.column(0).is_valid().to_pylist()):
        if not there:
            where = f"{source}, row {first + position + 1}"
            yield BadRow(where, f"has no id in column {task.rows.id!r}")


def _as_text(column: "pa.Array", *, missing: str | None) -> "pa.Array":
    """Spell any column as strings; an empty id counts as missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        column = column.cast(pa.string())
    elif pa.types.is_floating(kind):
        spelled = [_spell(value) for value in column.to_pylist()]
        column = pa.array(spelled, type=pa.string())
    elif not pa.types.is_string(kind):
        try:
            column = column.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise BadRows(
                f"A column of type {kind} cannot be read as text; name columns that hold text, "
                "numbers, booleans or dates."
            ) from None
    if missing is None:
        empty = pc.equal(column, "")
        return pc.if_else(pc.fill_null(empty, True), pa.scalar(None, pa.string()), column)
    return column.fill_null(missing)


def _spell(value: float | None) -> str | None:
    if value is None or value != value:  # NaN: how frames write "missing"
        return None
    return str(int(value)) if value.is_integer() else repr(value)
