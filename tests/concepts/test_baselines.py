from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alchemist.concepts.baselines import (
    Baseline,
    Entry,
    check_baselines,
    draft_baselines,
    read_baselines,
    write_baselines,
)
from alchemist.core.concepts import Concept, Option
from alchemist.core.errors import BadConcepts
from alchemist.core.task import LabelClass

CLASSES = (LabelClass("land bird"), LabelClass("waterbird"))
KIND = Concept("kind", "Which?", (Option("land_bird", tags=("hen",)), Option("waterbird", tags=("duck",))))  # fmt: skip
SCENE = Concept("scene", "Where?", (Option("on_land", tags=("barn",)), Option("on_water", tags=("pier",))), nuisance=True)  # fmt: skip


def test_a_draft_says_classes_alone_and_crossed_with_groups() -> None:
    plain, crossed = draft_baselines(CLASSES, ("on land", "on water"), (KIND, SCENE))
    assert [one.class_ for one in plain.entries] == ["land bird", "waterbird"]
    assert plain.entries[0].phrases == ("land bird",)
    assert plain.entries[1].tags == ("duck",)
    assert [(one.class_, one.group) for one in crossed.entries] == [
        ("land bird", "on land"),
        ("land bird", "on water"),
        ("waterbird", "on land"),
        ("waterbird", "on water"),
    ]
    assert crossed.entries[3].phrases == ("waterbird on water",)
    assert crossed.entries[3].tags == ("duck", "pier")


def test_a_draft_without_groups_is_zero_shot_alone() -> None:
    assert [one.name for one in draft_baselines(CLASSES, (), ())] == ["zero_shot"]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    drafted = draft_baselines(CLASSES, ("on land",), (KIND,))
    write_baselines(tmp_path / "baselines.toml", drafted)
    assert read_baselines(tmp_path / "baselines.toml") == drafted
    assert 'class = "waterbird"' in (tmp_path / "baselines.toml").read_text()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "at least 1", id="nothing in it"),
        pytest.param("schema = 9", "schema = 9", id="newer"),
        pytest.param("[[baselines]]\nname = 'a'", "baselines.0.entries", id="no entries"),
        pytest.param("[[baselines]]\nname = 'a'\n[[baselines.entries]]\ntags = []", "entries.0.class:", id="no class"),
        pytest.param("[[baselines]]\nname = 'a'\n[[baselines.entries]]\nclass = 'a'\nphrase = 1", "entries.0.phrase", id="misspelt"),
        pytest.param("baselines = 3\nx =", "cannot be read", id="no toml"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_hold_together_is_told_where(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "baselines.toml").write_text(text)
    with pytest.raises(BadConcepts, match=complaint):
        read_baselines(tmp_path / "baselines.toml")


@pytest.mark.parametrize(
    ("entries", "tags", "complaint"),
    [
        pytest.param((Entry("waterbirds"),), False, "Did you mean 'waterbird'", id="no class"),
        pytest.param((Entry("waterbird"),), False, "no entry for class 'land bird'", id="silent"),
        pytest.param((Entry("land bird"), Entry("waterbird")), True, "needs tags", id="no tags"),
    ],
)
def test_every_class_has_its_say(
    tmp_path: Path, entries: tuple[Entry, ...], tags: bool, complaint: str
) -> None:
    with pytest.raises(BadConcepts, match=complaint):
        check_baselines([Baseline("zero_shot", entries)], CLASSES, tmp_path / "b.toml", tags=tags)


@given(arrays(np.float32, (5, 4), elements=st.floats(-20, 20, width=32)))
def test_the_class_of_the_best_entry_wins(scores: np.ndarray) -> None:
    entries = tuple(Entry(one) for one in ("waterbird", "land bird", "land bird", "waterbird"))
    proba = Baseline("group_prompting", entries).proba(scores, CLASSES)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    for row, said in zip(scores, proba, strict=True):
        land, water = max(row[1], row[2]), max(row[0], row[3])
        if abs(float(land) - float(water)) > 1e-3:
            assert (said[0] > said[1]) == (land > water)


def test_an_item_without_scores_has_no_class() -> None:
    nothing = np.full((1, 2), np.nan, dtype=np.float32)
    both = Baseline("zero_shot", (Entry("land bird"), Entry("waterbird")))
    assert np.isnan(both.proba(nothing, CLASSES)).all()
