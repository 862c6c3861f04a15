from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alchemist.core.errors import BadRows
from alchemist.core.task import Task
from alchemist.modalities.items import numbers_of
from alchemist.modalities.media import Audio, Image, Media, Series

MakeTask = Callable[..., Task]
PICTURES = {"a": b"\x89PNG one", "b": b"\x89PNG two", "c": None}


def image_task(make_task: MakeTask, path: str, **changes: Any) -> Task:
    return make_task(modality="image", rows__path=path, **changes)


def items(modality: Media, task: Task, base: Path) -> list[tuple[str, bytes | None]]:
    batches = [batch.rows for batch in modality.read(task, base)]
    return [(row["id"], row["item"]) for batch in batches for row in batch.to_pylist()]


def test_bytes_and_paths_and_hugging_face_structs_give_the_same_items(
    tmp_path: Path, make_task: MakeTask
) -> None:
    for name, content in PICTURES.items():
        if content is not None:
            (tmp_path / f"{name}.png").write_bytes(content)
    ids, cells = list(PICTURES), list(PICTURES.values())
    pq.write_table(pa.table({"id": ids, "image": cells, "label": ["ham"] * 3}), tmp_path / "b.pq")
    structs = [{"bytes": one, "path": "x"} for one in cells]
    pq.write_table(pa.table({"id": ids, "image": structs, "label": ["ham"] * 3}), tmp_path / "s.pq")
    (tmp_path / "p.csv").write_text("id,image,label\na,a.png,ham\nb,./b.png,ham\nc,gone.png,ham\n")
    for file in ("b.pq", "s.pq", "p.csv"):
        task = image_task(make_task, file, rows__inputs=["image"])
        assert items(Image(), task, tmp_path) == list(PICTURES.items()), file


@pytest.mark.parametrize("cell", ["../secret.png", "/etc/hostname", "link.png"])
def test_a_path_out_of_data_stays_in_the_folder_of_its_table(
    cell: str, tmp_path: Path, make_task: MakeTask
) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    home = tmp_path / "home"
    home.mkdir()
    (home / "link.png").symlink_to(tmp_path / "secret.png")
    (home / "p.csv").write_text(f"id,image,label\na,{cell},ham\n")
    task = image_task(make_task, "home/p.csv", rows__inputs=["image"])
    with pytest.raises(BadRows, match="lies outside"):
        items(Image(), task, tmp_path)


def test_a_folder_is_a_table_of_paths_and_its_subfolders_mean_what_the_task_says(
    tmp_path: Path, make_task: MakeTask
) -> None:
    for name in ("train/ham/1.jpg", "train/spam/2.JPG", "test/ham/3.png", "notes.txt"):
        path = tmp_path / "pics" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    task = image_task(
        make_task,
        "pics",
        rows__inputs=["path"],
        rows__id="path",
        rows__gold="folder",
        rows__split="top_folder",
    )
    assert Image().columns("pics", tmp_path) == ("path", "folder", "top_folder")
    (batch,) = Image().read(task, tmp_path)
    assert batch.rows.to_pylist() == [
        {"id": name, "item": name.encode()}
        for name in ("test/ham/3.png", "train/ham/1.jpg", "train/spam/2.JPG")
    ]
    assert batch.answers.column("folder").to_pylist() == ["ham", "ham", "spam"]
    without = image_task(make_task, "pics", rows__inputs=["path"], rows__id="path", rows__gold=None)
    (batch,) = Image().read(without, tmp_path)
    assert batch.answers.num_columns == 0


def test_files_that_rows_name_are_watched_for_changes(tmp_path: Path, make_task: MakeTask) -> None:
    (tmp_path / "p.csv").write_text("id,image,label\na,a.png,ham\n")
    (tmp_path / "a.png").write_bytes(b"one")
    task = image_task(make_task, "p.csv", rows__inputs=["image"])
    assert tmp_path / "a.png" in Image().sources(task, tmp_path)


SERIES = np.array([[1.0, 2.5, np.nan], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize("form", ["parquet lists", "wide csv", "npz", "lists as text"])
def test_series_are_the_same_numbers_whatever_holds_them(
    form: str, tmp_path: Path, make_task: MakeTask
) -> None:
    inputs, identity, lists = ["series"], "id", [[1.0, 2.5, None], [4.0, 5.0, 6.0]]
    match form:
        case "parquet lists":
            path = "s.parquet"
            table = {"id": ["a", "b"], "series": lists, "label": ["ham", "spam"]}
            pq.write_table(pa.table(table), tmp_path / path)
        case "wide csv":
            path, inputs = "s.csv", ["t*"]
            (tmp_path / path).write_text("id,t0,t1,t2,label\na,1,2.5,,ham\nb,4,5,6,spam\n")
        case "npz":
            path = "s.npz"
            labels = np.array(["ham", "spam"])
            np.savez(tmp_path / path, series=SERIES, id=np.array(["a", "b"]), label=labels)
        case _:
            path = "s.jsonl"
            lines = ['{"id": "a", "series": "[1.0, 2.5, null]", "label": "ham"}',
                     '{"id": "b", "series": "[4, 5, 6]", "label": "spam"}']  # fmt: skip
            (tmp_path / path).write_text("\n".join(lines))
    task = make_task(modality="series", rows__path=path, rows__inputs=inputs, rows__id=identity)
    found = items(Series(), task, tmp_path)
    assert [name for name, _ in found] == ["a", "b"]
    for (_, item), row in zip(found, SERIES, strict=True):
        np.testing.assert_array_equal(numbers_of(item or b""), row)


@pytest.mark.parametrize("id_column", [None, "id"])
def test_any_range_is_read_again_as_it_was(
    id_column: str | None, tmp_path: Path, make_task: MakeTask
) -> None:
    ids = [None if i % 50 == 3 and id_column else f"r{i}" for i in range(300)]
    table = {
        "id": ids,
        "audio": [f"sound {i}".encode() for i in range(300)],
        "label": ["ham"] * 300,
    }
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    task = make_task(
        modality="audio",
        rows__path="a.parquet",
        rows__inputs=["audio"],
        rows__id=id_column,
        rows__on_bad_row="skip",
    )
    whole = items(Audio(), task, tmp_path)
    assert len(whole) == (294 if id_column else 300)
    for first, size in ((0, 5), (2, 140), (127, 129), (290, 4)):
        again = Audio().reread(task, tmp_path / "a.parquet", first, size, first + 1)
        rows = [row for batch in again for row in batch.to_pylist()]
        assert [(row["id"], row["item"]) for row in rows] == whole[first : first + size]


def test_a_persons_table_shows_every_column_but_the_bytes(
    tmp_path: Path, make_task: MakeTask
) -> None:
    table = {"id": ["a"], "image": [b"x"], "place": ["sea"], "label": ["ham"]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    task = image_task(make_task, "a.parquet", rows__inputs=["image"])
    (batch,) = Image().originals(task, tmp_path)
    assert batch.schema.names == ["id", "place", "label"]


def test_what_holds_no_item_is_told(tmp_path: Path, make_task: MakeTask) -> None:
    pq.write_table(pa.table({"id": ["a"], "image": [1], "label": ["ham"]}), tmp_path / "a.parquet")
    with pytest.raises(BadRows, match="column 'image' holds int64"):
        items(Image(), image_task(make_task, "a.parquet", rows__inputs=["image"]), tmp_path)
    with pytest.raises(BadRows, match="no column 'picture'"):
        items(Image(), image_task(make_task, "a.parquet", rows__inputs=["picture"]), tmp_path)


@pytest.mark.parametrize(
    ("write", "complaint"),
    [
        pytest.param(lambda p: p.write_bytes(b"PK torn"), "cannot be read as an npz", id="torn"),
        pytest.param(
            lambda p: np.savez(p, a=np.zeros((2, 3)), b=np.zeros(3)),
            r"one entry per row each, and holds a \(2, 3\), b \(3,\)",
            id="lengths that differ",
        ),
        pytest.param(
            lambda p: np.savez(p, a=np.array([{}, {}])), "cannot be read as an npz", id="objects"
        ),
    ],
)
def test_an_npz_that_holds_no_rows_says_why(
    write: Callable[[Path], Any], complaint: str, tmp_path: Path, make_task: MakeTask
) -> None:
    write(tmp_path / "s.npz")
    task = make_task(modality="series", rows__path="s.npz", rows__inputs=["a"], rows__id=None)
    with pytest.raises(BadRows, match=complaint):
        items(Series(), task, tmp_path)
