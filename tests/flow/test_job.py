from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import alchemist
from alchemist.core.errors import AlchemistError
from tests.conftest import PROGRAMS, ROWS, write_rows

TABLE = pa.table({name: [row[i] for row in ROWS] for i, name in enumerate(("id", "text", "label"))})


def made(folder: Path, rows: Any) -> alchemist.Job:
    job = alchemist.make_job(
        folder,
        rows,
        inputs=["text"],
        classes=["ham", "spam"],
        instruction="Is it spam?",
        gold="label",
        id_column="id",
    )
    for name, source in PROGRAMS.items():
        job.add_program(name, source)
    return job


def batches() -> Iterator[pa.RecordBatch]:
    yield from TABLE.to_batches(max_chunksize=2)


@pytest.mark.slow
def test_the_same_rows_give_the_same_labels_however_they_are_handed_over(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    pq.write_table(TABLE.slice(0, 4), folder / "1.parquet")
    pq.write_table(TABLE.slice(4), folder / "2.parquet")
    ways = {
        "csv": write_rows(tmp_path / "rows.csv"),
        "parquet folder": folder,
        "table": TABLE,
        "generator": batches(),
    }
    labels = {}
    for name, rows in ways.items():
        job = made(tmp_path / name.replace(" ", "-"), rows)
        job.run()
        labels[name] = job.labels().to_pylist()
    assert all(found == labels["csv"] for found in labels.values())


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        pytest.param(7, "Rows of type int cannot be read", id="a number"),
        pytest.param(["a"], "Item 1 of the rows is str", id="a list of strings"),
        pytest.param([], "are empty", id="nothing"),
        pytest.param(pa.table({"text": pa.array([], pa.string())}), "are empty", id="no rows"),
    ],
)
def test_rows_that_are_none_are_told(tmp_path: Path, rows: Any, complaint: str) -> None:
    with pytest.raises(AlchemistError, match=complaint):
        made(tmp_path / "job", rows)


def test_the_front_door_names_exist_and_are_documented() -> None:
    for name in alchemist.__all__:
        assert getattr(alchemist, name)
    methods = [name for name in vars(alchemist.Job) if not name.startswith("_")]
    assert all(
        getattr(alchemist.Job, name).__doc__
        for name in methods
        if name not in alchemist.Job.__slots__
    )


class OnlyArrow:
    """A frame that offers nothing but the Arrow stream, as polars and others do."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return TABLE.__arrow_c_stream__(requested_schema)


@pytest.mark.slow
def test_anything_that_speaks_arrow_gives_the_same_labels(tmp_path: Path) -> None:
    plain, spoken = made(tmp_path / "a", TABLE), made(tmp_path / "b", OnlyArrow())
    plain.run()
    spoken.run()
    assert plain.labels().equals(spoken.labels())


@pytest.mark.extra("frames")
@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_data_frames_give_the_same_labels(tmp_path: Path, kind: str) -> None:
    library = pytest.importorskip(kind)
    frame = library.DataFrame({name: TABLE.column(name).to_pylist() for name in TABLE.column_names})
    plain, framed = made(tmp_path / "a", TABLE), made(tmp_path / "b", frame)
    plain.run()
    framed.run()
    assert plain.labels().equals(framed.labels())
