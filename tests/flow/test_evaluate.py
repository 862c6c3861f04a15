"""What is scored against what: gold of the file, a person's word, a model's answers."""

from typing import Any

import pyarrow.parquet as pq
import pytest

from alchemist.core.progress import Silent
from alchemist.flow.aggregate import aggregate
from alchemist.flow.distill import distill
from alchemist.flow.evaluate import evaluate
from alchemist.flow.vote import vote
from alchemist.store.gold import give
from alchemist.store.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture
def labeled(workspace: Workspace) -> Workspace:
    for stage in (vote, aggregate, distill):
        stage(workspace, workspace.task(), Silent())
    return workspace


def scores(workspace: Workspace) -> Any:
    return evaluate(workspace, workspace.task(), Silent()).metrics["scores"]


def without_gold(workspace: Workspace) -> None:
    task = workspace.task_path
    task.write_text(task.read_text().replace('gold = "label"\n', ""))
    for stage in (vote, aggregate, distill):
        stage(workspace, workspace.task(), Silent())


def test_a_persons_word_wins_over_the_file(labeled: Workspace) -> None:
    before = scores(labeled)["all"]["prize"]["accuracy_covered"]["value"]
    give(labeled, "a", "ham", source="person", author="ann")
    assert before == 1
    assert scores(labeled)["all"]["prize"]["accuracy_covered"]["value"] == 0.5


def test_a_persons_last_word_counts(labeled: Workspace) -> None:
    for label in ("ham", "spam"):
        give(labeled, "a", label, source="person")
    assert scores(labeled)["all"]["prize"]["accuracy_covered"]["value"] == 1


def test_a_persons_words_are_gold_where_the_file_has_none(labeled: Workspace) -> None:
    without_gold(labeled)
    assert scores(labeled) == {}
    give(labeled, "a", "spam", source="person")
    give(labeled, "b", "ham", source="import")
    assert scores(labeled)["all"]["blend"]["n"] == 2


def test_a_models_answers_are_scored_as_its_own_output_where_there_is_gold(
    labeled: Workspace,
) -> None:
    for row, label in (("a", "spam"), ("b", "spam"), ("c", "SPAM"), ("d", "gone")):
        give(labeled, row, label, source="model:claude")
    found = scores(labeled)
    assert found["all"]["model:claude"]["n"] == 3
    assert found["all"]["model:claude"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert found["all"]["blend"]["n"] == 6
    assert "model:claude" not in found


def test_without_gold_a_models_answers_are_a_check_and_called_one(labeled: Workspace) -> None:
    without_gold(labeled)
    for row, label in (("a", "spam"), ("b", "ham")):
        give(labeled, row, label, source="model:claude")
    report = evaluate(labeled, labeled.task(), Silent())
    assert list(report.metrics["scores"]) == ["model:claude"]
    assert report.metrics["scores"]["model:claude"]["blend"]["n"] == 2
    assert "2 rows against model:claude (a check, not gold)" in report.scored_on


def test_given_classes_sharpen_the_label_model_if_wanted_and_are_not_scored_then(
    labeled: Workspace,
) -> None:
    def proba() -> Any:
        aggregate(labeled, labeled.task(), Silent())
        return pq.read_table(labeled.results / "labels.parquet").column("proba").to_pylist()

    untold = proba()
    for row in "abcdef":
        give(labeled, row, "ham", source="person")
    assert proba() == untold, "given classes were used unasked"

    with labeled.task_path.open("a") as task:
        task.write("[aggregate]\nlearn_from_given = true\n")
    told = proba()
    assert all(now[0] > then[0] for now, then in zip(told, untold, strict=True))
    assert scores(labeled) == {}
