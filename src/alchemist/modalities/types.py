"""What the values of a column are: whole numbers, numbers, truth values or text.

Types are of a column, over all its files: a value never decides for itself. csv holds text
alone, so there the spelling decides; a leading zero keeps a column text (a code, not a number).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alchemist.core.errors import BadRows
from alchemist.modalities.columns import as_text
from alchemist.modalities.tables import Records, read_records

if TYPE_CHECKING:
    import pyarrow as pa

_MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
_INT = r"^[+-]?(0|[1-9][0-9]{0,17})$"
_FLOAT = r"^[+-]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?$"
_BOOL = r"^(?i:true|false)$"
# A float column of whole numbers only; it holds ints if it had to be float to lack some.
_WHOLE, _LACKS = "whole", "lacks"


def find_types(sources: Sequence[Path], columns: Sequence[str]) -> dict[str, str]:
    """The type of each column over all files: int, float, bool or text.

    Raises:
        BadRows: A file cannot be read, or a column holds what no program can be given.
    """
    seen: dict[str, set[str]] = {name: set() for name in columns}
    for source in sources if columns else ():
        spelled = source.suffix.lower() in (".csv", ".tsv")
        for records in read_records(source, columns):
            for name in columns:
                column = records.batch.column(name)
                seen[name] |= _spelled(column) if spelled else _held(column, name, source)
    return {name: _together(kinds) for name, kinds in seen.items()}


def types_of(rows: "pa.RecordBatch", columns: Iterable[str]) -> dict[str, str]:
    """The types of columns that were read before, so that other files are read alike."""
    import pyarrow as pa

    names = {pa.int64(): "int", pa.float64(): "float", pa.bool_(): "bool"}
    return {name: names.get(rows.schema.field(name).type, "text") for name in columns}


def typed(column: "pa.Array", kind: str) -> "pa.Array":
    """A column as values of one type, null where a value is missing.

    Raises:
        ValueError: A value is not of the type; it holds the position.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "text":
        text = as_text(column, missing="")
        return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    if pa.types.is_boolean(column.type) and kind == "bool":
        return column
    if not _is_number(column.type):
        column = as_text(column, missing="")
        column = pc.if_else(_is_missing(column), pa.scalar(None, pa.string()), column)
    elif pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    target = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}[kind]
    try:
        return column.cast(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise ValueError(_first_bad(column, target)) from None


def show_typed(
    source: Path, records: Records, names: Sequence[str], types: Mapping[str, str]
) -> list["pa.Array"]:
    """The named columns of some records, each of its type.

    Raises:
        BadRows: A value is not of the type its column is said to be of.
    """
    arrays = []
    for name in names:
        column = records.batch.column(name)
        try:
            arrays.append(typed(column, types[name]))
        except ValueError as error:
            at = int(str(error))
            raise BadRows(
                f"{source}, row {records.first + at + 1}: {column[at].as_py()!r} in column "
                f"{name!r} is no {types[name]}. Mend it, leave it empty, or change "
                f"rows.types.{name} in task.toml."
            ) from None
    return arrays


def _spelled(column: "pa.Array") -> set[str]:
    """What the texts of a csv column spell."""
    import pyarrow.compute as pc

    there = column.filter(pc.invert(_is_missing(column)))
    if not len(there):
        return set()
    for kind, pattern in (("int", _INT), ("float", _FLOAT), ("bool", _BOOL)):
        digits = pc.match_substring_regex(there, "[0-9]") if kind == "float" else None
        fits = pc.match_substring_regex(there, pattern)
        if pc.all(fits).as_py() and (digits is None or pc.all(digits).as_py()):
            return {kind}
    return {"text"}


def _held(column: "pa.Array", name: str, source: Path) -> set[str]:
    """What a typed column holds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_null(kind):
        return set()
    if pa.types.is_boolean(kind):
        return {"bool"}
    if pa.types.is_integer(kind):
        return {"int"}
    if pa.types.is_decimal(kind):
        return {"float"}
    if pa.types.is_floating(kind):
        known = column.filter(pc.is_finite(column)).drop_null()
        whole = pc.all(pc.equal(known, pc.floor(known))).as_py() and len(known)
        large = len(known) and pc.max(pc.abs(known)).as_py() > 2**53
        lacks = {_LACKS} if len(known) < len(column) else set()
        return lacks | ({_WHOLE} if whole and not large else {"float"} if len(known) else set())
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise BadRows(
            f"{source}: column {name!r} holds {kind}, which no program of a table can be given; "
            "leave it out of rows.inputs, or unfold it into columns."
        )
    return {"text"}


def _together(kinds: set[str]) -> str:
    named = kinds - {_WHOLE, _LACKS}
    if not named:
        return "int" if kinds == {_WHOLE, _LACKS} else "float" if _WHOLE in kinds else "text"
    if named <= {"int", "float"}:
        return "int" if named == {"int"} and (_WHOLE not in kinds or _LACKS in kinds) else "float"
    return "bool" if named == {"bool"} and _WHOLE not in kinds else "text"


def _is_missing(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.fill_null(pc.is_in(column, value_set=pa.array(_MISSING)), True)


def _is_number(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _first_bad(column: Iterable["pa.Scalar"], target: "pa.DataType") -> int:
    import pyarrow as pa

    for at, value in enumerate(column):
        try:
            value.cast(target)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return at
    return 0
