import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from alchemist.core.concepts import Concept, Extracted, Feature, score_features
from alchemist.core.errors import BadConcepts, InputError
from alchemist.core.progress import Silent
from alchemist.core.task import Task
from alchemist.flow import baselines as module
from alchemist.flow.baselines import BaselineScore, baselines
from alchemist.flow.run import run
from alchemist.store.workspace import Workspace
from tests.flow.looking import Looking, series_rows, series_workspace


class Reading(Looking):
    """Reads phrases: `up` goes by the slope mixed with the level, `high` by the level alone."""

    def features(self, concepts: Sequence[Concept]) -> tuple[Feature, ...]:
        if not concepts:
            raise BadConcepts("There are none.")
        return score_features(concepts)

    def extract(self, items: Sequence[bytes | None], concepts: Sequence[Concept]) -> Extracted:
        spoken = [o.phrases[0].split() for one in concepts for o in one.options]
        values = np.full((len(items), len(spoken)), np.nan, dtype=np.float32)
        problems = {}
        for row, item in enumerate(items):
            series = np.frombuffer(item or b"", dtype="<f8")
            if np.isnan(series).any():
                problems[row] = "no whole series"
                continue
            slope, level = series[-1] - series[0], series.mean() - 3
            means = {"up": slope + level, "down": -slope - level, "high": level, "low": -level}
            values[row] = [sum(means[word] for word in words) for words in spoken]
        return Extracted(values, problems)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(module, "open_task_extractor", lambda *_: Reading())
    return series_workspace(tmp_path / "task")


def of(scores: Sequence[BaselineScore], split: str, what: str) -> BaselineScore:
    return next(one for one in scores if (one.split, one.what) == (split, what))


def test_zero_shot_is_scored_by_split_and_group(workspace: Workspace) -> None:
    found = baselines(workspace, workspace.task(), Silent()).scores
    train, test = of(found, "train", "zero_shot"), of(found, "test", "zero_shot")
    # The level goes with the class in train alone, and this extractor looks at the level.
    assert train.accuracy > 0.85 > 0.75 > test.accuracy
    assert test.worst_group is not None
    assert test.worst_group < 0.4
    assert test.gap == pytest.approx(test.accuracy - test.worst_group)
    told = json.loads((workspace.results / "baselines.json").read_bytes())["scores"]
    assert [one["what"] for one in told] == [one.what for one in found]


def test_group_prompting_crosses_classes_with_groups(workspace: Workspace) -> None:
    found = baselines(workspace, workspace.task(), Silent(), ("high", "low"))
    assert {one.what for one in found.scores} == {"zero_shot", "group_prompting"}
    assert 'phrases = ["up high"]' in found.path.read_text()


@pytest.mark.slow
def test_programs_stand_beside_once_they_are_evaluated(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alchemist.flow.extract.open_task_extractor", lambda *_: Looking())
    run(workspace, workspace.task(), Silent())
    found = baselines(workspace, workspace.task(), Silent()).scores
    programs = of(found, "test", "programs, label model")
    metrics = json.loads((workspace.results / "metrics.json").read_bytes())["scores"]["test"]
    assert programs.accuracy == metrics["label_model"]["accuracy"]["value"]
    assert programs.accuracy > of(found, "test", "zero_shot").accuracy


def test_an_unreadable_item_is_right_for_no_class(workspace: Workspace, tmp_path: Path) -> None:
    broken = series_workspace(tmp_path / "broken", series_rows(9, broken=9))
    found = baselines(broken, broken.task(), Silent()).scores
    assert sum(one.n for one in found) == 9
    assert all(one.accuracy == 0 for one in found)


def test_an_edited_file_is_scored_as_it_stands(workspace: Workspace) -> None:
    path = baselines(workspace, workspace.task(), Silent()).path
    path.write_text(path.read_text().replace('phrases = ["up"]', 'phrases = ["high"]'))
    baselines(workspace, workspace.task(), Silent())
    assert '"high"' in path.read_text()
    with pytest.raises(InputError, match="is there already"):
        baselines(workspace, workspace.task(), Silent(), ("high",))


def test_rows_without_items_or_gold_have_no_baselines(
    make_task: Callable[..., Task], workspace: Workspace
) -> None:
    with pytest.raises(InputError, match="Baselines are for pictures"):
        baselines(workspace, make_task(), Silent())


def test_local_features_score_no_classes(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    text = workspace.task_path.read_text()
    workspace.task_path.write_text(text.replace('extractor = "tagger"', 'extractor = ""'))
    with pytest.raises(InputError, match="scores no classes"):
        baselines(workspace, workspace.task(), Silent())
