import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alchemist.core.errors import BadRows
from alchemist.core.task import Task
from alchemist.modalities.text import Text

ROWS = [
    {"id": "a", "text": "one", "stars": 4, "ok": True, "label": "ham"},
    {"id": "b", "text": "two", "stars": None, "ok": False, "label": "spam"},
]


def test_every_format_gives_programs_the_same_strings(
    tmp_path: Path, make_task: Callable[..., Task]
) -> None:
    (tmp_path / "a.csv").write_text("id,text,stars,ok,label\na,one,4,true,ham\nb,two,,false,spam\n")
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    floats = [
        {**row, "stars": None if row["stars"] is None else float(row["stars"])} for row in ROWS
    ]  # type: ignore[arg-type]
    pq.write_table(pa.Table.from_pylist(floats), tmp_path / "floats.parquet")

    seen = []
    for name in ("a.csv", "a.jsonl", "a.parquet", "floats.parquet"):
        task = make_task(rows__path=name, rows__inputs=["text", "stars", "ok"])
        (batch,) = Text().read(task, tmp_path)
        seen.append(batch.rows.to_pylist())
    assert seen[0] == [
        {"id": "a", "text": "one", "stars": "4", "ok": "true"},
        {"id": "b", "text": "two", "stars": "", "ok": "false"},
    ]
    assert seen == [seen[0]] * 4


def test_answers_never_stand_among_the_rows(tmp_path: Path, make_task: Callable[..., Task]) -> None:
    (tmp_path / "a.csv").write_text("id,text,label,place\na,one,ham,sea\n")
    task = make_task(rows__path="a.csv", rows__evaluation_only=["place"])
    (batch,) = Text().read(task, tmp_path)
    assert batch.rows.schema.names == ["id", "text"]
    assert batch.answers.to_pylist() == [{"label": "ham", "place": "sea"}]


def test_rows_without_an_id_column_are_numbered_across_files(
    tmp_path: Path, make_task: Callable[..., Task]
) -> None:
    for name in ("1.csv", "2.csv"):
        (tmp_path / name).write_text("text,label\nx,ham\ny,ham\n")
    task = make_task(rows__path="*.csv", rows__id=None)
    ids = [i for batch in Text().read(task, tmp_path) for i in batch.rows.column(0).to_pylist()]
    assert ids == ["1", "2", "3", "4"]


def test_a_missing_id_stops_or_is_left_out(tmp_path: Path, make_task: Callable[..., Task]) -> None:
    (tmp_path / "a.csv").write_text("id,text,label\na,x,ham\n,y,ham\n")
    with pytest.raises(BadRows, match=r"row 2 has no id in column 'id'\. Mend the row, or set"):
        list(Text().read(make_task(rows__path="a.csv"), tmp_path))
    (batch,) = Text().read(make_task(rows__path="a.csv", rows__on_bad_row="skip"), tmp_path)
    assert batch.rows.column(0).to_pylist() == ["a"]
    assert len(batch.bad) == 1


def test_a_column_that_is_not_there_is_told_with_the_nearest(
    tmp_path: Path, make_task: Callable[..., Task]
) -> None:
    (tmp_path / "a.csv").write_text("id,txt,label\na,x,ham\n")
    with pytest.raises(BadRows, match=r"no column 'text'\. Did you mean 'txt'"):
        list(Text().read(make_task(rows__path="a.csv"), tmp_path))


def test_features_join_the_inputs(make_task: Callable[..., Task]) -> None:
    batch = pa.RecordBatch.from_pylist([{"id": "a", "title": "T", "body": "B"}])
    assert Text().features(batch, ["title", "body"]) == ["T\n\nB"]
