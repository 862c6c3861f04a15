import csv
from pathlib import Path

import pytest

from alchemist.cli.app import app
from alchemist.core.errors import BadRows
from alchemist.core.progress import Silent
from alchemist.core.rows import ITEM
from alchemist.flow.init import init_waterbirds
from alchemist.flow.rows import read_in
from alchemist.flow.waterbirds import waterbirds_table
from alchemist.store.workspace import Workspace

HEAD = "img_id,img_filename,y,split,place,place_filename"
ROWS = (
    "1,001.Black_footed_Albatross/Black_Footed_Albatross_0001.jpg,1,0,1,/o/ocean/1.jpg",
    "2,001.Black_footed_Albatross/Black_Footed_Albatross_0002.jpg,1,1,0,/b/bamboo_forest/2.jpg",
    "3,100.Brown_Pelican/Brown_Pelican_0003.jpg,1,2,0,/b/bamboo_forest/3.jpg",
    "4,010.Red_winged_Blackbird/Red_Winged_Blackbird_0004.jpg,0,2,1,/l/lake/natural/4.jpg",
)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The layout of the published folder, with four pictures that are none."""
    folder = tmp_path / "waterbird_complete95_forest2water2"
    for row in ROWS:
        picture = folder / row.split(",")[1]
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(row.encode())
    (folder / "metadata.csv").write_text("\n".join((HEAD, *ROWS)) + "\n")
    return folder


def test_the_published_folder_is_one_task(published: Path, tmp_path: Path) -> None:
    report = init_waterbirds(tmp_path / "task", data=published)
    assert any("concepts.model" in one for one in report.to_fill)
    workspace = Workspace(tmp_path / "task")
    task = workspace.task()
    assert (task.modality, task.metric) == ("image", "worst_group:group")
    assert task.concepts.extractor == "clip"
    rows = read_in(workspace, task, Silent())
    (part,) = rows.manifest.parts
    answers = rows.answers(part)
    assert rows.ids(part).to_pylist() == ["1", "2", "3", "4"]
    assert rows.ids(part).to_pylist() == ["1", "2", "3", "4"]
    assert [task.class_names[i] for i in answers.gold] == ["waterbird"] * 3 + ["landbird"]
    assert answers.split == ("train", "valid", "test", "test")
    assert answers.groups["group"] == (
        "waterbird/water",
        "waterbird/land",
        "waterbird/land",
        "landbird/water",
    )
    items = rows.as_read(part).column(ITEM).to_pylist()
    assert items == [row.encode() for row in ROWS]


def test_the_table_beside_it_holds_our_words(published: Path) -> None:
    with waterbirds_table(published).open(newline="") as lines:
        first = next(csv.DictReader(lines))
    assert first == {
        "id": "1",
        "image": "001.Black_footed_Albatross/Black_Footed_Albatross_0001.jpg",
        "label": "waterbird",
        "split": "train",
        "group": "waterbird/water",
    }


@pytest.mark.parametrize(
    ("head", "row", "complaint"),
    [
        pytest.param(HEAD, "1,a.jpg,2,0,1,x", r"line 2: y is '2'; Waterbirds knows 0 \(landbird\)", id="another code"),
        pytest.param("img_id,img_filename,label,split,place", "1,a.jpg,1,0,1", "no 'y' here", id="another column"),
        pytest.param("img_id,y,split,place", "1,1,0,1", "no 'img_filename'", id="no picture"),
    ],
)  # fmt: skip
def test_another_layout_is_told(tmp_path: Path, head: str, row: str, complaint: str) -> None:
    (tmp_path / "metadata.csv").write_text(f"{head}\n{row}\n")
    with pytest.raises(BadRows, match=complaint):
        waterbirds_table(tmp_path)


def test_a_folder_without_metadata_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadRows, match=r"There is no .*metadata\.csv"):
        waterbirds_table(tmp_path)


def test_the_command_needs_the_folder_alone(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["init", str(tmp_path / "t"), "--preset", "waterbirds", "--data", str(published)]
    app(words, standalone_mode=False)
    assert "Wrote" in "".join(capsys.readouterr())
    assert 'evaluation_only = ["group"]' in (tmp_path / "t" / "task.toml").read_text()
