"""Text: rows of one or more text columns.

Programs get every input as str, whatever the file holds, so that a csv, a parquet folder and
a data frame of the same rows give the same labels: numbers are spelled as JSON spells them
(a whole float as an integer), booleans true and false, a missing value as the empty string.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alchemist.core.errors import BadRows
from alchemist.core.rows import ID, RowBatch
from alchemist.core.task import Task
from alchemist.modalities.columns import (
    answer_columns,
    as_text,
    row_columns,
    row_ids,
    without_id,
)
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
        wanted = list(dict.fromkeys([*row_columns(task), *answer_columns(task)]))
        number = 1
        for source in self.sources(task, base):
            first = 0
            for records in read_records(source, wanted):
                rows = _rows(task, records.batch, number)
                answers = records.batch.select(answer_columns(task))
                bad = [*records.bad, *without_id(task, source, records.first, rows)]
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
        for batch in read_parquet_range(source, first, rows, row_columns(task)):
            yield _rows(task, batch, number)
            number += batch.num_rows

    def originals(self, task: Task, base: Path) -> Iterator["pa.RecordBatch"]:
        """Every column of every good row."""
        for source in self.sources(task, base):
            for records in read_records(source):
                batch = records.batch
                if task.rows.id is not None:
                    ids = as_text(batch.column(task.rows.id), missing=None)
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


def _rows(task: Task, batch: "pa.RecordBatch", number: int) -> "pa.RecordBatch":
    """Column `id` and the inputs as text; a missing id stays null."""
    import pyarrow as pa

    ids = row_ids(task, batch, number)
    inputs = [as_text(batch.column(name), missing="") for name in task.rows.inputs]
    return pa.RecordBatch.from_arrays([ids, *inputs], names=[ID, *task.rows.inputs])
