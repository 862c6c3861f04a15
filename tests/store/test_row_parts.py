from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alchemist.store.row_parts as row_parts
from alchemist.core.rows import RowBatch
from alchemist.store.row_parts import Manifest, read_copied, store_rows
from alchemist.store.workspace import Workspace

SOURCE = Path("rows.csv")


def batches(texts: list[str], size: int) -> Iterator[RowBatch]:
    for at in range(0, len(texts), size):
        here = texts[at : at + size]
        ids = [str(at + i) for i in range(len(here))]
        rows = pa.RecordBatch.from_arrays([pa.array(ids), pa.array(here)], names=["id", "text"])
        yield RowBatch(rows, rows.select([]), SOURCE, at)


def store(workspace: Workspace, texts: list[str], size: int = 4) -> Manifest:
    return store_rows(
        workspace, batches(texts, size), fingerprint=str(texts), referable={SOURCE: False}
    )


@given(st.lists(st.text(max_size=4), min_size=1, max_size=40), st.integers(1, 9))
def test_parts_hold_all_rows_in_order_however_they_arrive(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], size: int
) -> None:
    workspace = Workspace(tmp_path_factory.mktemp("rows"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_parts, "PART_ROWS", 7)
        manifest = store(workspace, texts, size)
    found = [t for p in manifest.parts for t in read_copied(workspace, p).column(1).to_pylist()]
    assert found == texts
    assert [part.rows for part in manifest.parts[:-1]] == [7] * (len(manifest.parts) - 1)


def test_appended_rows_become_parts_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_parts, "PART_ROWS", 10)
    workspace = Workspace(tmp_path)
    texts = [f"row {i}" for i in range(25)]
    before = store(workspace, texts)
    after = store(workspace, [*texts, "new", "newer"])
    assert [p.name for p in after.parts[:3]] == [p.name for p in before.parts]
    assert [p.rows for p in after.parts] == [10, 10, 5, 2]


def test_a_single_row_appended_leaves_the_votes_on_the_others_valid(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    before = store(workspace, ["a", "b", "c"], size=3)
    after = store(workspace, ["a", "b", "c", "d"], size=4)  # one batch, cut inside
    assert [p.name for p in after.parts[:1]] == [p.name for p in before.parts]
    assert [p.rows for p in after.parts] == [3, 1]


def test_a_changed_row_changes_its_part_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_parts, "PART_ROWS", 10)
    workspace = Workspace(tmp_path)
    texts = [f"row {i}" for i in range(30)]
    before = store(workspace, texts)
    texts[12] = "edited"
    after = store(workspace, texts)
    same = [a.name == b.name for a, b in zip(before.parts, after.parts, strict=True)]
    assert same == [True, False, True]
    assert len(list(workspace.rows.glob("*.parquet"))) == 3


def test_a_part_that_is_gone_is_told(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    manifest = store(workspace, ["a"])
    (workspace.rows / f"{manifest.parts[0].name}.parquet").unlink()
    with pytest.raises(row_parts.StoreError, match="missing or damaged"):
        read_copied(workspace, manifest.parts[0])
