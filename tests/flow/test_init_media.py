from pathlib import Path

import numpy as np
import pytest

from alchemist.core.errors import InputError
from alchemist.core.task import RowSettings
from alchemist.flow.init import init
from alchemist.store.workspace import Workspace


def made(root: Path, data: Path, modality: str, **settings: object) -> RowSettings:
    init(
        root,
        data=data,
        classes=("a", "b"),
        instruction="Decide.",
        modality=modality,
        **{"inputs": (), **settings},  # type: ignore[arg-type]
    )
    task = Workspace(root).task()
    assert task.modality == modality
    return task.rows


def test_a_folder_of_pictures_is_named_by_path(tmp_path: Path) -> None:
    picture = tmp_path / "pics" / "cat" / "1.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"x")
    rows = made(tmp_path / "task", tmp_path / "pics", "image", gold="folder")
    assert (rows.inputs, rows.id, rows.gold) == (("path",), "path", "folder")


def test_a_table_of_paths_needs_no_further_word(tmp_path: Path) -> None:
    (tmp_path / "sounds.csv").write_text("id,file_name,label\n1,a.wav,a\n")
    rows = made(tmp_path / "task", tmp_path / "sounds.csv", "audio", gold="label")
    assert (rows.inputs, rows.id) == (("file_name",), "id")


def test_series_in_columns_side_by_side_are_named_by_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "wide.csv").write_text("t0,t1,label\n1,2,a\n")
    rows = made(tmp_path / "task", tmp_path / "wide.csv", "series", inputs=("t*",))
    assert rows.inputs == ("t*",)
    np.savez(tmp_path / "s.npz", series=np.zeros((2, 5)))
    assert made(tmp_path / "other", tmp_path / "s.npz", "series").inputs == ("series",)


def test_what_cannot_be_guessed_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("when,what\n1,a\n")
    with pytest.raises(InputError, match="Say --input COLUMN; it has when, what"):
        made(tmp_path / "task", tmp_path / "rows.csv", "image")
    with pytest.raises(InputError, match="no column 't\\*'"):
        made(tmp_path / "task", tmp_path / "rows.csv", "series", inputs=("t*",))
