"""Rows that are records of a csv, jsonl or parquet file: what text and tables have in common."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alchemist.core.errors import BadRows
from alchemist.core.rows import ID, RowBatch
from alchemist.core.task import Task
from alchemist.modalities.columns import answer_columns, as_text, row_columns, row_ids, without_id
from alchemist.modalities.tables import (
    Records,
    column_names,
    find_files,
    is_parquet,
    read_parquet_range,
    read_records,
)

if TYPE_CHECKING:
    import pyarrow as pa

# A file and some of its records in, one array per input out.
Show = Callable[[Path, Records], "list[pa.Array]"]


class RecordRows:
    """Reads ids, inputs and answers; a modality says what becomes of the inputs."""

    def shown(self, task: Task, sources: Sequence[Path]) -> Show:
        """What makes the inputs that programs see of records of these files. Raises BadRows."""
        raise NotImplementedError

    def columns(self, path: str, base: Path) -> tuple[str, ...]:
        """Column names of the data at a path."""
        return column_names(find_files(path, base)[0])

    def sources(self, task: Task, base: Path) -> tuple[Path, ...]:
        """The files a task reads, in order."""
        return find_files(task.rows.path, base)

    def read(self, task: Task, base: Path) -> Iterator[RowBatch]:
        """Read ids, inputs and answers in bounded batches."""
        wanted = list(dict.fromkeys([*row_columns(task), *answer_columns(task)]))
        sources = self.sources(task, base)
        show = self.shown(task, sources)
        number = 1
        for source in sources:
            first = 0
            for records in read_records(source, wanted):
                rows = _rows(task, show, source, records, number)
                bad = [*records.bad, *without_id(task, source, records.first, rows)]
                if bad and task.rows.on_bad_row == "stop":
                    raise BadRows(
                        f"{bad[0].where} {bad[0].problem}. Mend the row, or set "
                        'rows.on_bad_row = "skip" to leave such rows out.'
                    )
                good = rows.column(0).is_valid()
                rows = rows.filter(good)
                answers = records.batch.select(answer_columns(task)).filter(good)
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
        show = self.shown(task, [source])
        for batch in read_parquet_range(source, first, rows, row_columns(task)):
            yield _rows(task, show, source, Records(batch, first), number)
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


def _rows(task: Task, show: Show, source: Path, records: Records, number: int) -> "pa.RecordBatch":
    """Column `id`, null where it is missing, and the inputs."""
    import pyarrow as pa

    ids = row_ids(task, records.batch, number)
    values = show(source, records)
    return pa.RecordBatch.from_arrays([ids, *values], names=[ID, *task.rows.inputs])
