"""Text: rows of one or more text columns.

Programs get every input as str, whatever the file holds, so that a csv, a parquet folder and
a data frame of the same rows give the same labels: numbers are spelled as JSON spells them
(a whole float as an integer), booleans true and false, a missing value as the empty string.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alchemist.core.task import Task
from alchemist.modalities.columns import as_text
from alchemist.modalities.records import RecordRows, Show
from alchemist.modalities.tables import Records

if TYPE_CHECKING:
    import pyarrow as pa

# Between columns, for the student: a break no n-gram of words spans.
SEPARATOR = "\n\n"


class Text(RecordRows):
    """Rows of text columns; see the module for how values are spelled."""

    def shown(self, task: Task, sources: Sequence[Path]) -> Show:
        """Every input as text."""

        def show(_: Path, records: Records) -> "list[pa.Array]":
            return [as_text(records.batch.column(name), missing="") for name in task.rows.inputs]

        return show

    def describe(self, task: Task) -> str:
        """Name the inputs; for text there is nothing more to say without quoting rows."""
        return "\n".join(f"- {name} (str)" for name in task.rows.inputs)

    def features(self, batch: "pa.RecordBatch", inputs: Sequence[str]) -> list[str]:
        """One string per row: the inputs, joined."""
        columns = [batch.column(name).to_pylist() for name in inputs]
        if len(columns) == 1:
            return columns[0]
        return [SEPARATOR.join(values) for values in zip(*columns, strict=True)]
