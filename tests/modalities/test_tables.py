import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.core.errors import BadRows
from alchemist.modalities import tables
from alchemist.modalities.tables import (
    column_names,
    find_files,
    read_parquet_range,
    read_records,
)

cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=12)


def everything(file: Path) -> list[dict[str, object]]:
    return [row for records in read_records(file) for row in records.batch.to_pylist()]


@given(rows=st.lists(st.tuples(cells.filter(bool), cells), max_size=8))
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    import csv

    file = tmp_path_factory.mktemp("csv") / "rows.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("a", "b"), *rows])
    assert everything(file) == [{"a": a, "b": b} for a, b in rows]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("rows.csv", 'id,text\n1,"two\nlines"\n2,b\n', id="csv with a line break in a cell"),
        pytest.param("rows.tsv", 'id\ttext\n1\t"two\nlines"\n2\tb\n', id="tsv"),
        pytest.param("rows.csv", '\ufeffid,text\n1,"two\nlines"\n\n2,b\n', id="csv with a byte-order mark and a blank line"),
        pytest.param("rows.jsonl", '{"id": "1", "text": "two\\nlines"}\n\n{"id": "2", "text": "b"}\n', id="jsonl"),
    ],
)  # fmt: skip
def test_the_same_rows_come_out_of_every_format(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    assert column_names(file) == ("id", "text")
    assert everything(file) == [{"id": "1", "text": "two\nlines"}, {"id": "2", "text": "b"}]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        pytest.param("a.csv", b"", "is empty", id="empty csv"),
        pytest.param("a.csv", b"x,x\n1,2\n", "two columns called 'x'", id="two columns of one name"),
        pytest.param("a.csv", b"\xe9,x\n1,2\n", "is not UTF-8 (its first line)", id="header in another encoding"),
        pytest.param("a.csv", b'x\n"open\n', "is not a well-formed csv file", id="a quote that never closes"),
        pytest.param("a.jsonl", b"", "is empty", id="empty jsonl"),
        pytest.param("a.parquet", b"no parquet", "is not a parquet file", id="parquet that is not"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(BadRows) as caught:
        column_names(file)
        list(read_records(file))
    assert complaint in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "where", "problem"),
    [
        pytest.param("a.csv", b"x,y\n1,2\n3\n4,5\n", "row 2 (line 3)", "has 1 fields where the header names 2", id="ragged line"),
        pytest.param("a.csv", b"x,y\n1,caf\xe9\n4,5\n", "row 1 (line 2)", "is not UTF-8 in column 'y'", id="latin-1 in a cell"),
        pytest.param("a.jsonl", b'{"x": 1}\n{"x": \n{"x": 3}\n', "line 2", "is not JSON", id="broken JSON"),
        pytest.param("a.jsonl", b'{"x": 1}\n[2]\n{"x": 3}\n', "line 2", "is no JSON object but list", id="a list for an object"),
    ],
)  # fmt: skip
def test_a_bad_row_is_told_by_place_and_the_others_are_kept(
    tmp_path: Path, name: str, content: bytes, where: str, problem: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    (records,) = read_records(file)
    (bad,) = records.bad
    assert where in bad.where
    assert problem in bad.problem
    assert records.batch.num_rows == content.count(b"\n") - len(records.bad) - name.endswith("csv")


def test_mixed_types_in_jsonl_become_text(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(json.dumps({"x": v}) for v in (1, "two", None, True)))
    assert [row["x"] for row in everything(file)] == ["1", "two", None, "true"]


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5), first=st.integers(0, 40), n=st.integers(1, 40)
)  # fmt: skip
def test_any_range_of_a_parquet_file_can_be_read_again(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], first: int, n: int
) -> None:
    file = tmp_path_factory.mktemp("parquet") / "a.parquet"
    total = sum(sizes)
    with pq.ParquetWriter(file, pa.schema([("x", pa.int64())])) as writer:
        at = 0
        for size in sizes:
            writer.write_table(pa.table({"x": range(at, at + size)}))
            at += size
    found = [v for b in read_parquet_range(file, first, n, ["x"]) for v in b.column(0).to_pylist()]
    assert found == list(range(total))[first : first + n]


def test_folders_and_globs_are_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).write_text("x\n1\n")
    assert [p.name for p in find_files(".", tmp_path)] == ["a.csv", "b.csv"]
    assert [p.name for p in find_files("?.csv", tmp_path)] == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        pytest.param("row.csv", "Did you mean 'rows.csv'", id="misspelt file"),
        pytest.param("*.parquet", "No file matches", id="glob without a match"),
        pytest.param("notes.txt", "none of the formats we read", id="a format we do not read"),
        pytest.param("empty", "holds no", id="folder without data"),
    ],
)
def test_a_path_without_rows_is_told(tmp_path: Path, path: str, complaint: str) -> None:
    (tmp_path / "rows.csv").write_text("x\n1\n")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadRows, match=complaint):
        find_files(path, tmp_path)


def test_the_line_of_a_bad_row_counts_breaks_inside_quotes_and_blank_lines(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b'id,text\r\n1,"a\r\nb\nc"\r\n\r\n2,good\r\n3,ragged,field\r\n')
    (records,) = read_records(file)
    assert records.batch.column("id").to_pylist() == ["1", "2"]
    assert [(bad.where, bad.problem) for bad in records.bad] == [
        (f"{file}, row 4 (line 7)", "has 3 fields where the header names 2")
    ]


def test_a_csv_is_read_alike_whatever_the_size_of_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rows.csv"
    lines = [f"{i},x" if i % 7 else f"{i},x,y" for i in range(300)]
    file.write_text("id,text\n" + "\n\n".join(lines) + "\n")

    def read() -> tuple[list[str], list[str], list[int]]:
        pieces = list(read_records(file))
        ids = [i for piece in pieces for i in piece.batch.column("id").to_pylist()]
        return ids, [bad.where for p in pieces for bad in p.bad], [p.first for p in pieces][:1]

    whole = read()
    monkeypatch.setattr(tables, "BATCH_ROWS", 50)
    assert read() == whole
    assert len(whole[0]) == 257
    assert whole[1][1] == f"{file}, row 15 (line 16)"
