"""Files with rows in them: csv, tsv, jsonl and parquet, read in bounded batches.

Every value keeps the type its file gives it (csv has text only). A row that cannot be read
is a BadRow with its place; whether that stops the run is the task's choice.
"""

import csv
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alchemist.core.errors import BadRows, nearest_hint
from alchemist.core.rows import BadRow

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".pq")
BATCH_ROWS = 8192
BATCH_BYTES = 16 << 20

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_BREAK = re.compile("\r\n|\r|\n")


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Some consecutive rows of one file, all columns, and the bad rows met among them.

    Attributes:
        batch: The good rows.
        first: 0-based number of the first one among the good rows of its file.
        bad: Rows left out.
    """

    batch: "pa.RecordBatch"
    first: int
    bad: tuple[BadRow, ...] = ()


def find_files(path: str, base: Path) -> tuple[Path, ...]:
    """Resolve a file, a glob or a folder, sorted by name.

    Raises:
        BadRows: Nothing is there, or nothing in a format we read.
    """
    full = Path(path) if Path(path).is_absolute() else base / path
    if full.is_dir():
        found = sorted(p for p in full.rglob("*") if p.suffix.lower() in FORMATS and p.is_file())
        if not found:
            raise BadRows(f"The folder {full} holds no {', '.join(FORMATS)} file.")
        return tuple(found)
    if full.is_file():
        _check_format(full)
        return (full,)
    if any(c in path for c in "*?["):
        anchor = Path(full.anchor)
        found = sorted(p for p in anchor.glob(str(full.relative_to(anchor))) if p.is_file())
        if not found:
            raise BadRows(f"No file matches {full}.")
        for one in found:
            _check_format(one)
        return tuple(found)
    beside = [p.name for p in full.parent.iterdir()] if full.parent.is_dir() else []
    hint = f" {nearest_hint(full.name, beside)}" if 0 < len(beside) <= 50 else ""
    raise BadRows(f"There is no file {full}.{hint}")


def column_names(file: Path) -> tuple[str, ...]:
    """The columns of a file, from its head alone.

    Raises:
        BadRows: The file is empty or cannot be read.
    """
    if is_parquet(file):
        with _parquet(file) as source:
            return tuple(source.schema_arrow.names)
    if file.suffix.lower() in (".csv", ".tsv"):
        with _csv_rows(file) as rows:
            return _header(file, next(rows, None))
    first = next(_read_jsonl(file, BATCH_ROWS), None)
    if first is None or first.batch.num_columns == 0:
        raise BadRows(f"{file} is empty; it needs at least one row.")
    return tuple(first.batch.schema.names)


def parquet_schema(file: Path) -> "pa.Schema":
    """Names and types of a parquet file's columns. Raises BadRows."""
    with _parquet(file) as source:
        return source.schema_arrow


def is_parquet(file: Path) -> bool:
    """Whether rows of this file can be referred to by number instead of copied."""
    return file.suffix.lower() in (".parquet", ".pq")


def read_records(
    file: Path, columns: Sequence[str] | None = None, batch_rows: int = BATCH_ROWS
) -> Iterator[Records]:
    """Read a file from its first row to its last.

    Args:
        file: What to read; the suffix tells the format.
        columns: Read these columns only; all when None.
        batch_rows: Rows read at once from parquet; fewer where each is large.

    Raises:
        BadRows: The file as a whole cannot be read, or a column is not in it.
    """
    if columns is not None:
        _check_columns(file, columns)
    if is_parquet(file):
        yield from _read_parquet(file, columns, batch_rows)
    elif file.suffix.lower() in (".csv", ".tsv"):
        yield from _read_csv(file, columns)
    else:
        yield from _read_jsonl(file, BATCH_ROWS, columns)


def read_parquet_range(
    file: Path, first: int, rows: int, columns: Sequence[str], batch_rows: int = BATCH_ROWS
) -> Iterator["pa.RecordBatch"]:
    """Read rows first … first + rows - 1 of a parquet file, touching their row groups only."""
    with _parquet(file) as source:
        begins = 0
        for group in range(source.num_row_groups):
            size = source.metadata.row_group(group).num_rows
            if begins < first + rows and begins + size > first:
                at = begins
                for batch in source.iter_batches(batch_rows, [group], columns=list(columns)):
                    low, high = max(first - at, 0), min(first + rows - at, batch.num_rows)
                    if low < high:
                        yield batch.slice(low, high - low)
                    at += batch.num_rows
            begins += size


def _check_format(file: Path) -> None:
    if file.suffix.lower() not in FORMATS:
        raise BadRows(f"{file} is none of the formats we read: {', '.join(FORMATS)}.")


def _check_columns(file: Path, columns: Sequence[str]) -> None:
    there = column_names(file)
    for name in columns:
        if name not in there:
            raise BadRows(f"{file} has no column {name!r}. {nearest_hint(name, there)}")


# ---- csv and tsv


@contextmanager
def _csv_rows(file: Path) -> Iterator[Any]:
    # The module's limit of 128 KB a field is a global; long documents are ours for a while.
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
    try:
        # Bytes that are no UTF-8 come through as lone surrogates, so the row can be named.
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            yield csv.reader(stream, delimiter=delimiter, strict=True)
    except OSError as error:
        raise BadRows(f"{file} cannot be read: {error.strerror}.") from None
    except csv.Error as error:
        raise BadRows(f"{file} is not a well-formed {file.suffix[1:]} file: {error}.") from None
    finally:
        csv.field_size_limit(limit)


def _header(file: Path, header: list[str] | None) -> tuple[str, ...]:
    if not header:
        raise BadRows(f"{file} is empty; it needs a line with column names and at least one row.")
    for name in header:
        if header.count(name) > 1:
            raise BadRows(f"{file} has two columns called {name!r}; rename one.")
    if any(_not_utf8(name) for name in header):
        raise BadRows(f"{file} is not UTF-8 (its first line); save it as UTF-8.")
    return tuple(header)


def _not_utf8(text: str) -> bool:
    return _LONE_SURROGATE.search(text) is not None


def _read_csv(file: Path, columns: Sequence[str] | None) -> Iterator[Records]:
    with _csv_rows(file) as rows:
        header = _header(file, next(rows, None))
        names = header if columns is None else tuple(columns)
        first, number, line = 0, 1, rows.line_num
        for chunk in _csv_chunks(rows):
            kept, bad = _sorted_out(file, header, chunk, number, line)
            yield Records(_strings(header, kept, names), first, tuple(bad))
            first, number, line = first + len(kept), number + len(chunk), rows.line_num


def _csv_chunks(rows: Any) -> Iterator[list[list[str]]]:
    """Rows of a reader in lists of bounded size, at least one list."""
    chunk: list[list[str]] = []
    size, any_yet = 0, False
    # A few rows at a time: a loop over single rows costs as much as reading them.
    while some := list(islice(rows, 64)):
        chunk += some
        size += sum(map(len, chain.from_iterable(some)))
        if len(chunk) >= BATCH_ROWS or size >= BATCH_BYTES:
            yield chunk
            chunk, size, any_yet = [], 0, True
    if chunk or not any_yet:
        yield chunk


def _sorted_out(
    file: Path, header: Sequence[str], chunk: list[list[str]], number: int, line: int
) -> tuple[list[list[str]], list[BadRow]]:
    """The good rows of a chunk and what is wrong with the others; blank lines are no rows.

    Args:
        file: Where they are from.
        header: Its columns.
        chunk: Rows as read.
        number: 1-based number of the first one.
        line: How many lines of the file come before it.
    """
    if set(map(len, chunk)) <= {len(header)} and _all_utf8(chunk):
        return chunk, []
    kept: list[list[str]] = []
    bad: list[BadRow] = []
    for at, row in enumerate(chunk, start=number):
        line += 1 + sum(len(_LINE_BREAK.findall(value)) for value in row)
        problem = _csv_problem(header, row)
        if problem:
            bad.append(BadRow(f"{file}, row {at} (line {line})", problem))
        elif row:
            kept.append(row)
    return kept, bad


def _all_utf8(rows: list[list[str]]) -> bool:
    text = "".join(map("".join, rows))
    return text.isascii() or not _LONE_SURROGATE.search(text)


def _csv_problem(header: Sequence[str], row: list[str]) -> str:
    if not row:
        return ""
    if len(row) != len(header):
        return f"has {len(row)} fields where the header names {len(header)}"
    for name, value in zip(header, row, strict=True):
        if _not_utf8(value):
            return f"is not UTF-8 in column {name!r}; save the file as UTF-8"
    return ""


def _strings(
    header: Sequence[str], rows: list[list[str]], names: Sequence[str]
) -> "pa.RecordBatch":
    import pyarrow as pa

    columns = [list(map(itemgetter(header.index(name)), rows)) for name in names]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, type=pa.string()) for column in columns], names=list(names)
    )


# ---- jsonl


def _read_jsonl(
    file: Path, batch_rows: int, columns: Sequence[str] | None = None
) -> Iterator[Records]:
    names: list[str] | None = None if columns is None else list(columns)
    first = 0
    for lines in _numbered_lines(file, batch_rows):
        bad: list[BadRow] = []
        kept: list[dict[str, Any]] = []
        for number, line in lines:
            row = _json_row(line)
            if isinstance(row, str):
                bad.append(BadRow(f"{file}, line {number}", row))
            else:
                kept.append(row)
        if names is None:
            names = list(dict.fromkeys(key for row in kept for key in row))
        yield Records(_columns_of(names, kept), first, tuple(bad))
        first += len(kept)


def _numbered_lines(file: Path, batch_rows: int) -> Iterator[list[tuple[int, bytes]]]:
    try:
        with file.open("rb") as stream:
            numbered = ((n, line) for n, line in enumerate(stream, start=1) if line.strip())
            while lines := list(islice(numbered, batch_rows)):
                yield lines
    except OSError as error:
        raise BadRows(f"{file} cannot be read: {error.strerror}.") from None


def _json_row(line: bytes) -> dict[str, Any] | str:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return "is not UTF-8; save the file as UTF-8"
    except (ValueError, RecursionError) as error:
        return f"is not JSON ({error})"
    return row if isinstance(row, dict) else f"is no JSON object but {type(row).__name__}"


def _columns_of(names: list[str], rows: list[dict[str, Any]]) -> "pa.RecordBatch":
    import pyarrow as pa

    arrays = []
    for name in names:
        values = [row.get(name) for row in rows]
        try:
            arrays.append(pa.array(values, from_pandas=False))
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            # Numbers and text mixed in one column: JSON's own spelling of each is text.
            spelled = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
            arrays.append(pa.array(spelled, type=pa.string()))
    return pa.RecordBatch.from_arrays(arrays, names=names)


# ---- parquet


@contextmanager
def _parquet(file: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        source = pq.ParquetFile(file)
    except OSError as error:
        raise BadRows(f"{file} cannot be read: {error}.") from None
    except pa.ArrowInvalid:
        raise BadRows(f"{file} is not a parquet file, whatever its name says.") from None
    with source:
        try:
            yield source
        except (pa.ArrowInvalid, OSError) as error:
            raise BadRows(f"{file} is damaged: {error}.") from None


def _read_parquet(file: Path, columns: Sequence[str] | None, batch_rows: int) -> Iterator[Records]:
    wanted = None if columns is None else list(columns)
    with _parquet(file) as source:
        first = 0
        for batch in source.iter_batches(batch_rows, columns=wanted):
            yield Records(batch if wanted is None else batch.select(wanted), first)
            first += batch.num_rows
        if first == 0:
            names = wanted or source.schema_arrow.names
            yield Records(_strings(names, [], names), 0)
