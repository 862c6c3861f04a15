"""Tables: rows of typed columns, None where a value is missing.

A program gets one read-only mapping from column name to int, float, bool or str. The prompt
carries a summary of each column and no row: numbers by quantiles, texts by their frequent
values, and a value seen on fewer than SHOWN_FROM rows is never shown, nor the smallest and
largest numbers, which are single rows' own.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.task import Task
from alchemist.modalities.records import RecordRows, Show
from alchemist.modalities.tables import Records
from alchemist.modalities.types import find_types, show_typed

if TYPE_CHECKING:
    import pyarrow as pa

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SHOWN_FROM = 20
SHOWN_VALUES = 8
# Beyond so many values a column is summarised by what it is alone.
_MOST_VALUES = 100_000
_KEY_LIKE = 0.9
_MOSTLY_ZERO = 0.3
# Numbers a student gets per text column: its values hashed. Collisions cost a little accuracy;
# a table of values would have to be learned, and kept, with every student.
_BUCKETS = 32


class Tabular(RecordRows):
    """Rows of typed columns."""

    def shown(self, task: Task, sources: Sequence[Path]) -> Show:
        """Every input as values of its type: as the task says, else as the files hold it."""
        open_ones = [name for name in task.rows.inputs if name not in task.rows.types]
        types = {**find_types(sources, open_ones), **task.rows.types}

        def show(source: Path, records: Records) -> "list[pa.Array]":
            return show_typed(source, records, task.rows.inputs, types)

        return show

    def referable(self, source: Path) -> bool:
        """Never: a column's type is found over all files, so what was read is kept."""
        return False

    def describe(self, task: Task) -> str:
        """The columns by name alone; see `summarise` for what can be said of their values."""
        return "\n".join(f'- "{name}"' for name in task.rows.inputs)

    def summarise(self, task: Task, batches: Iterable["pa.RecordBatch"]) -> str:
        """What programs receive and how each column's values spread; no row is quoted."""
        columns = {name: _Column() for name in task.rows.inputs}
        for batch in batches:
            for name, column in columns.items():
                column.add(batch.column(name))
        told = (
            "One read-only mapping `row`: row[name] is the value of that column, an int, float, "
            "bool or str, or None where it is missing. Of numbers: the values below which 5, 25, "
            "50, 75 and 95 % of the rows lie. Of texts: frequent values, with their share."
        )
        lines = (f'- "{name}" {column.told()}' for name, column in columns.items())
        return "\n".join([told, *lines])

    def features(self, batch: "pa.RecordBatch", inputs: Sequence[str]) -> NDArray[np.float64]:
        """(n, d) float64: numbers as they are, NaN where missing; texts hashed into flags."""
        pieces = [_flags(column) if _is_text(column) else _numbers(column)
                  for column in (batch.column(name) for name in inputs)]  # fmt: skip
        return np.concatenate(pieces, axis=1)


@dataclass(slots=True)
class _Column:
    """What is known of a column after some of its rows."""

    kind: str = ""
    rows: int = 0
    missing: int = 0
    numbers: list[NDArray[np.float64]] = field(default_factory=list)
    values: Counter[Any] = field(default_factory=Counter)

    def add(self, column: "pa.Array") -> None:
        self.rows += len(column)
        self.missing += column.null_count
        known = column.drop_null()
        if _is_text(column) or str(column.type) == "bool":
            self.kind = "str" if _is_text(column) else "bool"
            if len(self.values) <= _MOST_VALUES:
                for one in known.value_counts().to_pylist():
                    self.values[one["values"]] += one["counts"]
        else:
            self.kind = "int" if str(column.type) == "int64" else "float"
            self.numbers.append(known.to_numpy(zero_copy_only=False).astype(np.float64))

    def told(self) -> str:
        lacking = self.missing / max(self.rows, 1)
        missing = f"; None in {lacking:.0%} of the rows" if lacking >= 0.005 else ""
        if self.missing == self.rows:
            return "is always None"
        return f"({self.kind}): {self._spread()}{missing}"

    def _spread(self) -> str:
        known = self.rows - self.missing
        if self.numbers:
            numbers = np.concatenate(self.numbers)
            quantiles = ", ".join(f"{q:.6g}" for q in np.quantile(numbers, QUANTILES))
            zeros = float((numbers == 0).mean())
            return quantiles + (f"; 0 in {zeros:.0%}" if zeros > _MOSTLY_ZERO else "")
        shown = [(v, c) for v, c in self.values.most_common(SHOWN_VALUES) if c >= SHOWN_FROM]
        if len(self.values) > _KEY_LIKE * known or not shown:
            return "values differ from row to row"
        listed = ", ".join(f"{value!r} {count / known:.0%}" for value, count in shown)
        more = len(self.values) - len(shown)
        return listed + (f", and {more:,} other values" if more else "")


def _is_text(column: "pa.Array") -> bool:
    return str(column.type) == "string"


def _numbers(column: "pa.Array") -> NDArray[np.float64]:
    import pyarrow as pa

    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)[:, None]


def _flags(column: "pa.Array") -> NDArray[np.float64]:
    """(n, _BUCKETS): one 1 per row, none where the value is missing."""
    import pyarrow as pa

    flags = np.zeros((len(column), _BUCKETS))
    encoded = column.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    buckets = np.array([zlib.crc32(word.encode()) % _BUCKETS for word in words], dtype=np.int64)
    there = encoded.is_valid().to_numpy(zero_copy_only=False)
    places = encoded.indices.cast(pa.int64()).drop_null().to_numpy()
    flags[np.flatnonzero(there), buckets[places]] = 1
    return flags
