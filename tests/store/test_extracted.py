from pathlib import Path

import numpy as np
import pytest

from alchemist.core.concepts import Extracted
from alchemist.store.extracted import PROBLEMS_LISTED, ExtractedParts, ItemProblem, Problems
from alchemist.store.workspace import Workspace

FOUND = Extracted(
    np.array([[1.5, np.nan], [np.nan, np.nan]], dtype=np.float32), {1: "torn — übel"}, {0: "grey"}
)


@pytest.fixture
def kept(tmp_path: Path) -> ExtractedParts:
    return ExtractedParts(Workspace(tmp_path), "key")


def test_what_was_found_comes_back_with_ids_problems_and_notes(kept: ExtractedParts) -> None:
    assert not kept.has("p")
    assert kept.get("p") is None
    kept.keep("p", ["a", "ü"], FOUND)
    found = kept.get("p")
    assert found is not None
    np.testing.assert_array_equal(found.values, FOUND.values)
    assert (found.problems, found.notes) == (FOUND.problems, FOUND.notes)
    assert kept.ids("p") == ["a", "ü"]


def test_a_damaged_file_counts_as_absent(kept: ExtractedParts, tmp_path: Path) -> None:
    kept.keep("p", ["a", "b"], FOUND)
    (file,) = tmp_path.rglob("p.npz")
    file.write_bytes(file.read_bytes()[:40])
    assert kept.get("p") is None
    assert kept.ids("p") is None


def test_another_key_knows_nothing_of_it(kept: ExtractedParts, tmp_path: Path) -> None:
    kept.keep("p", ["a", "b"], FOUND)
    kept.freeze("otsu", "{}")
    other = ExtractedParts(Workspace(tmp_path), "other")
    assert not other.has("p")
    assert (kept.calibration("otsu"), kept.calibration("centred")) == ("{}", None)
    assert other.calibration("otsu") is None


def test_parts_that_are_gone_are_dropped(kept: ExtractedParts) -> None:
    for name in ("p", "q"):
        kept.keep(name, ["a", "b"], FOUND)
    kept.forget_others({"q"})
    assert (kept.has("p"), kept.has("q")) == (False, True)


def test_problems_are_counted_whole_and_listed_in_part(kept: ExtractedParts) -> None:
    assert kept.problems() is None
    listed = tuple(ItemProblem(str(i), "torn") for i in range(PROBLEMS_LISTED + 5))
    kept.keep_problems(Problems(len(listed), 9000, listed))
    assert kept.problems() == Problems(len(listed), 9000, listed[:PROBLEMS_LISTED])
    kept.problems_path.write_text("[")
    assert kept.problems() is None
