"""Columns with a role: ids, answers, and any value spelled as text."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from alchemist.core.errors import BadRows
from alchemist.core.rows import BadRow
from alchemist.core.task import Task

if TYPE_CHECKING:
    import pyarrow as pa


def row_columns(task: Task) -> list[str]:
    """The id column, if there is one, and the inputs."""
    ids = [] if task.rows.id is None else [task.rows.id]
    return list(dict.fromkeys([*ids, *task.rows.inputs]))


def answer_columns(task: Task) -> list[str]:
    """Gold, split and evaluation-only columns, each once."""
    rows = task.rows
    named = [rows.gold, rows.split, *rows.evaluation_only]
    return list(dict.fromkeys(name for name in named if name is not None))


def row_ids(task: Task, batch: "pa.RecordBatch", number: int) -> "pa.Array":
    """Ids as strings: the id column, null where it is empty, or numbers from `number` on."""
    import pyarrow as pa

    if task.rows.id is None:
        return pa.array([str(i) for i in range(number, number + batch.num_rows)], pa.string())
    return as_text(batch.column(task.rows.id), missing=None)


def without_id(task: Task, source: Path, first: int, rows: "pa.RecordBatch") -> Iterator[BadRow]:
    """The rows whose id is missing, as bad rows; `rows` has its ids in the first column."""
    if task.rows.id is None or rows.column(0).null_count == 0:
        return
    for position, there in enumerate(rows.column(0).is_valid().to_pylist()):
        if not there:
            where = f"{source}, row {first + position + 1}"
            yield BadRow(where, f"has no id in column {task.rows.id!r}")


def as_text(column: "pa.Array", *, missing: str | None) -> "pa.Array":
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
