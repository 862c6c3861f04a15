"""Rows out of shared buffers, decoded once for all programs of a chunk.

A column is described by a dictionary: `kind`, and offsets into the chunk, in bytes, of
`values`, of `ends` (text only: n + 1 int64 positions inside values) and of `valid`
(one byte per row; absent when nothing is missing).
"""

from collections.abc import Callable
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal

_FORMATS: dict[str, Literal["q", "Q", "d"]] = {"int": "q", "uint": "Q", "float": "d"}


def decode(chunk: memoryview, columns: list[dict[str, Any]], names: list[str], n: int) -> list[Any]:
    """All columns as lists of Python values; see `shape` for what programs receive."""
    if len(columns) != len(names):
        raise ValueError("one name per column")
    return [_column(chunk, column, n) for column in columns]


def shape(columns: list[list[Any]], names: list[str], style: str) -> list[Any]:
    """One object per row: the text itself, keyword arguments, or a read-only mapping."""
    if style == "one":
        return columns[0]
    make: Callable[[dict[str, Any]], Any] = dict if style == "keywords" else MappingProxyType
    return [make(dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]


def _column(chunk: memoryview, column: dict[str, Any], n: int) -> list[Any]:
    kind = column["kind"]
    if kind == "null":
        return [None] * n
    if kind == "text":
        values = _texts(chunk, column["values"], column["ends"], n)
    elif kind == "bool":
        values = [byte != 0 for byte in chunk[column["values"] : column["values"] + n]]
    else:
        numbers = chunk[column["values"] : column["values"] + 8 * n]
        values = numbers.cast(_FORMATS[kind]).tolist()
    if "valid" not in column:
        return values
    valid = chunk[column["valid"] : column["valid"] + n]
    return [value if ok else None for value, ok in zip(values, valid, strict=True)]


def _texts(chunk: memoryview, values: int, ends: int, n: int) -> list[Any]:
    cuts = chunk[ends : ends + 8 * (n + 1)].cast("q").tolist()
    blob = bytes(chunk[values : values + cuts[-1]])
    spans = pairwise(cuts)
    if blob.isascii():
        # One decoding for all rows: bytes and characters have the same positions.
        text = blob.decode("ascii")
        return [text[start:end] for start, end in spans]
    return [blob[start:end].decode("utf-8", "replace") for start, end in spans]
