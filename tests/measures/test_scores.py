import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from alchemist.core.errors import BadVotes, UnknownName
from alchemist.measures.scores import Score, labels_of_program, score, shared_best

NAMES = ("cat", "dog", "eel")
K = len(NAMES)

gold_lists = st.lists(st.integers(0, K - 1), min_size=1, max_size=30)
shares = st.lists(st.integers(0, 3), min_size=K, max_size=K).filter(any)


@st.composite
def scored_rows(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.bool_], list[int]]:
    gold = draw(gold_lists)
    raw = np.array([draw(shares) for _ in gold], dtype=float)
    covered = np.array([draw(st.booleans()) for _ in gold])
    return raw / raw.sum(axis=1, keepdims=True), covered, gold


def flat(entry: dict[str, Any]) -> list[float]:
    numbers: list[float] = []
    for value in entry.values():
        numbers += (
            flat(value) if isinstance(value, dict) else [math.nan if value is None else value]
        )
    return numbers


def simple(gold: list[int], labels: list[int]) -> Score:
    return score(np.eye(K)[labels], np.ones(len(gold), bool), np.array(gold), NAMES)


@settings(max_examples=60, deadline=None)
@given(scored_rows())
def test_values_are_those_of_the_definitions(rows) -> None:
    proba, covered, gold = rows
    found = score(proba, covered, np.array(gold), NAMES)

    credit = []
    for p, y in zip(proba, gold, strict=True):
        best = [c for c in range(K) if math.isclose(p[c], max(p))]
        credit.append((y in best) / len(best))
    assert found.n == len(gold)
    assert found.accuracy.value == pytest.approx(np.mean(credit))
    on_covered = [c for c, spoke in zip(credit, covered, strict=True) if spoke]
    assert found.n_covered == len(on_covered)
    if on_covered:
        assert found.accuracy_covered.value == pytest.approx(np.mean(on_covered))
    assert found.coverage.value == pytest.approx(len(on_covered) / len(gold))
    squares = [
        sum((p[c] - (c == y)) ** 2 for c in range(K)) for p, y in zip(proba, gold, strict=True)
    ]
    assert found.brier.value == pytest.approx(np.mean(squares))


@settings(max_examples=60, deadline=None)
@given(gold_lists, st.data())
def test_table_scores_equal_those_of_scikit_learn(gold: list[int], data: st.DataObject) -> None:
    n = len(gold)
    labels = data.draw(st.lists(st.integers(0, K - 1), min_size=n, max_size=n))
    found = simple(gold, labels)

    occurring = sorted({*gold, *labels})
    peer = metrics.f1_score(gold, labels, labels=occurring, average=None, zero_division=0.0)
    for c, name in enumerate(NAMES):
        if c in occurring:
            assert found.f1[name].value == pytest.approx(peer[occurring.index(c)])
        else:
            assert math.isnan(found.f1[name].value)
    assert found.macro_f1.value == pytest.approx(peer.mean())
    recalls = [
        np.mean([one == c for one, y in zip(labels, gold, strict=True) if y == c])
        for c in set(gold)
    ]
    assert found.balanced_accuracy.value == pytest.approx(np.mean(recalls))


@settings(max_examples=40, deadline=None)
@given(scored_rows(), st.integers(0, 2**32 - 1))
def test_order_of_rows_does_not_matter(rows, seed: int) -> None:
    proba, covered, gold = rows
    order = np.random.default_rng(seed).permutation(len(gold))
    one = score(proba, covered, np.array(gold), NAMES).to_dict()
    other = score(proba[order], covered[order], np.array(gold)[order], NAMES).to_dict()
    assert flat(one) == pytest.approx(flat(other), abs=1e-5, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(scored_rows())
def test_intervals_hold_their_values(rows) -> None:
    proba, covered, gold = rows
    found = score(proba, covered, np.array(gold), NAMES)
    estimates = [getattr(found, n) for n in ("accuracy", "balanced_accuracy", "macro_f1", "ece")]
    for one in (*estimates, found.coverage, *found.f1.values()):
        if not math.isnan(one.value):
            assert 0 <= one.low <= one.value <= one.high <= 1


def test_a_perfect_score_on_few_rows_keeps_a_wide_interval() -> None:
    found = simple([0, 1, 2] * 3, [0, 1, 2] * 3)
    for one in (found.accuracy, found.balanced_accuracy, found.macro_f1, found.f1["cat"]):
        assert one.value == 1
        assert one.low < 0.85


def test_more_rows_narrow_the_intervals() -> None:
    few, many = ([0, 1, 2, 0, 1] * r for r in (10, 1000))
    labels = [0, 1, 2, 1, 2]
    small, large = simple(few, labels * 10), simple(many, labels * 1000)
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        narrow, wide = large.metric(name), small.metric(name)
        assert narrow.value == pytest.approx(wide.value)
        assert narrow.high - narrow.low < (wide.high - wide.low) / 5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "macro_f1", "f1:cat", "brier"])
def test_intervals_cover_the_truth_about_as_often_as_they_say(name: str) -> None:
    joint = np.array([[0.40, 0.07, 0.03], [0.05, 0.25, 0.05], [0.02, 0.03, 0.10]])
    rng = np.random.default_rng(5)

    def sample(n: int) -> Score:
        cells = rng.choice(9, size=n, p=joint.ravel())
        proba = np.full((n, K), 0.1)
        proba[np.arange(n), cells % 3] = 0.8
        return score(proba, np.ones(n, bool), cells // 3, NAMES)

    def read(found: Score):
        return found.brier if name == "brier" else found.metric(name)

    truth = read(sample(400_000)).value
    held = [read(one).low <= truth <= read(one).high for one in (sample(150) for _ in range(400))]
    assert 0.92 <= np.mean(held) <= 0.985


def test_tied_classes_share_the_credit() -> None:
    proba = np.array([[0.4, 0.4, 0.2], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(shared_best(proba), [[0.5, 0.5, 0], [1 / 3] * 3])
    found = score(proba, np.array([True, False]), np.array([0, 0]), NAMES)
    assert found.accuracy.value == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert found.accuracy_covered.value == 0.5


def test_sums_in_another_order_still_tie() -> None:
    proba = np.array([[0.1 + 0.2 + 0.1, 0.4, 0.2]])
    assert shared_best(proba)[0, 1] == 0.5


def test_rows_without_gold_are_left_out() -> None:
    found = score(np.eye(K), np.ones(3, bool), np.array([0, -1, 1]), NAMES)
    assert (found.n, found.accuracy.value) == (2, 0.5)


@pytest.mark.parametrize("groups", [None, []], ids=["no groups", "groups"])
def test_nothing_to_score_is_nothing_known(groups: list[str] | None) -> None:
    none = np.zeros(0, dtype=np.int64)
    entry = score(np.zeros((0, K)), np.zeros(0, bool), none, NAMES, groups=groups).to_dict()
    assert entry["n"] == 0
    assert entry["accuracy"] == {"value": None, "low": None, "high": None}
    assert entry["f1"]["cat"]["value"] is None
    assert "worst_group" not in entry


def test_the_worst_group_is_named() -> None:
    labels, gold = [0, 0, 1, 1, 2], [0, 1, 1, 2, 0]
    found = score(
        np.eye(K)[labels], np.ones(5, bool), np.array(gold), NAMES, groups=["a", "a", "a", "b", "b"]
    )
    assert found.worst_group is not None
    assert (found.worst_group.name, found.worst_group.n) == ("b", 2)
    assert found.to_dict()["worst_group"]["value"] == 0
    assert found.metric("worst_group:where").high == found.worst_group.accuracy.high


def test_metrics_are_found_as_task_toml_spells_them() -> None:
    found = simple([0, 1, 2], [0, 1, 1])
    assert found.metric("accuracy") is found.accuracy
    assert found.metric("f1:Dog ") is found.f1["dog"]
    with pytest.raises(UnknownName, match="Did you mean 'accuracy'"):
        found.metric("acuracy")
    with pytest.raises(UnknownName, match="no metric called 'worst_group:x'"):
        found.metric("worst_group:x")


def test_an_entry_is_json() -> None:
    text = json.dumps(simple([0, 1, 1], [0, 1, 0]).to_dict(), allow_nan=False)
    assert set(json.loads(text)) == {
        "n",
        "n_covered",
        "accuracy",
        "accuracy_covered",
        "balanced_accuracy",
        "macro_f1",
        "f1",
        "brier",
        "ece",
        "coverage",
    }


def test_a_program_is_scored_with_the_prior_where_it_is_silent() -> None:
    labels = labels_of_program(np.array([2, -1, -2]), np.array([0.5, 0.3, 0.2]))
    np.testing.assert_allclose(labels.proba, [[0, 0, 1], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    np.testing.assert_array_equal(labels.covered, [True, False, False])


@pytest.mark.parametrize(
    ("proba", "gold", "groups", "complaint"),
    [
        pytest.param(np.eye(2), [0, 1], None, r"\(2, 3\) probabilities", id="classes"),
        pytest.param(np.eye(3), [0, 1], None, r"not \(3, 3\)", id="rows"),
        pytest.param(np.eye(3), [0, 1, 3], None, "class 3; classes are 0 … 2", id="gold"),
        pytest.param(np.eye(3), [0, 1, 2], ["a"], "3 group names, not 1", id="groups"),
    ],
)
def test_what_does_not_fit_is_refused(proba, gold, groups, complaint: str) -> None:
    with pytest.raises(BadVotes, match=complaint):
        score(proba, np.ones(len(gold), bool), np.array(gold), NAMES, groups=groups)
