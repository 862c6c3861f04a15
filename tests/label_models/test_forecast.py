import numpy as np
import pytest

from alchemist.core.errors import BadVotes
from alchemist.core.labels import Labels
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import ABSTAIN, Votes
from alchemist.label_models.default import Default
from alchemist.label_models.forecast import (
    forecast,
    learn_experience,
    next_rows,
    shipped_experience,
    signs_of,
    true_correction,
)
from tests.label_models.conftest import as_votes, dense


def labeled(votes: Votes) -> Labels:
    return Default().fit(PatternCounts.of(votes)).predict(votes)


def test_gold_narrows_the_interval_around_the_truth() -> None:
    votes, truth = dense(rows=4000, precisions=(0.7,) * 6)
    labels = labeled(votes)
    right = labels.best == truth
    widths = []
    for n in (0, 50, 200, 800):
        rows = next_rows(labels, n)
        found = forecast(votes, labels, gold_rows=rows, gold=truth[rows])
        assert found.low <= right[labels.covered].mean() <= found.high
        assert found.low <= found.accuracy <= found.high
        assert found.gold_rows == n
        widths.append(found.high - found.low)
    assert widths == sorted(widths, reverse=True)
    assert widths[1] < 0.15


def test_the_rows_said_to_halve_the_interval_about_do() -> None:
    votes, truth = dense(rows=6000, precisions=(0.7,) * 6)
    labels = labeled(votes)
    first = next_rows(labels, 60)
    before = forecast(votes, labels, gold_rows=first, gold=truth[first])
    more = next_rows(labels, 60 + before.halved_by)
    after = forecast(votes, labels, gold_rows=more, gold=truth[more])
    ratio = (after.high - after.low) / (before.high - before.low)
    assert 0.35 < ratio < 0.7


def test_a_wrong_confidence_is_corrected_by_gold() -> None:
    votes, _ = dense(rows=2000, precisions=(0.9,) * 6)
    labels = labeled(votes)
    rng = np.random.default_rng(0)
    truth = np.where(rng.random(2000) < 0.55, labels.best, 1 - labels.best)
    rows = next_rows(labels, 200)
    found = forecast(votes, labels, gold_rows=rows, gold=truth[rows])
    assert found.low <= 0.55 <= found.high + 0.03
    assert forecast(votes, labels).accuracy > 0.8


def test_next_rows_are_covered_distinct_and_new() -> None:
    votes, _ = dense(rows=500, precisions=(0.8,) * 3, speaks=0.3)
    labels = labeled(votes)
    first = next_rows(labels, 50)
    second = next_rows(labels, 50, known=first)
    assert len(set(first.tolist())) == 50
    assert not set(first.tolist()) & set(second.tolist())
    assert labels.covered[np.concatenate([first, second])].all()
    assert len(next_rows(labels, 10_000)) == labels.covered.sum()
    assert len(next_rows(labels, 0)) == 0


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        pytest.param(np.full((5, 3), ABSTAIN), "No program votes on any row", id="no votes"),
        pytest.param([[0, 1], [1, 1]], "Only 2 of the programs ever vote", id="two programs"),
        pytest.param([[0, 0, 0]] * 5, "No program ever votes for class 1", id="a class unheard"),
        pytest.param(
            [[0, ABSTAIN, ABSTAIN], [ABSTAIN, 1, ABSTAIN], [ABSTAIN, ABSTAIN, 0]] * 5,
            "100% of the covered rows have a single vote",
            id="nobody checks",
        ),
        pytest.param(
            [[0, 1, 1]] + [[ABSTAIN] * 3] * 9, "Only 10% of the rows have any vote", id="sparse"
        ),
    ],
)
def test_reasons_for_doubt_are_given(matrix: object, reason: str) -> None:
    votes = as_votes(matrix, 2)
    found = forecast(votes, labeled(votes))
    assert any(reason in one for one in found.reasons)
    assert 0 <= found.low <= found.accuracy <= found.high <= 1


def test_gold_on_rows_without_a_vote_says_nothing() -> None:
    votes = as_votes([[0, 0, 1]] * 20 + [[ABSTAIN] * 3], 2)
    labels = labeled(votes)
    same = forecast(votes, labels, gold_rows=np.array([20]), gold=np.array([1]))
    assert same == forecast(votes, labels)


@pytest.mark.parametrize(
    ("rows", "gold", "complaint"),
    [
        pytest.param([0, 1], [0], "needs one class", id="one class short"),
        pytest.param([99], [0], "indices below 3, not 99", id="no such row"),
    ],
)
def test_gold_that_fits_no_row_is_refused(rows: list[int], gold: list[int], complaint: str) -> None:
    votes = as_votes([[0, 0, 1]] * 3, 2)
    with pytest.raises(BadVotes, match=complaint):
        forecast(votes, labeled(votes), gold_rows=np.array(rows), gold=np.array(gold))


def test_a_correction_makes_confidence_match_what_was_right() -> None:
    rng = np.random.default_rng(0)
    odds = rng.uniform(0, 3, 20_000)
    confidence = 1 / (1 + np.exp(-odds))
    labels = Labels(np.column_stack([confidence, 1 - confidence]), np.ones(20_000, dtype=bool))
    right = rng.random(20_000) < 1 / (1 + np.exp(-(0.6 * odds + 0.4)))
    slope, shift = true_correction(labels, 1 - right.astype(int))
    corrected = 1 / (1 + np.exp(-(slope * odds + shift)))
    for part in (odds < 1, odds > 2):
        assert corrected[part].mean() == pytest.approx(right[part].mean(), abs=0.02)
        assert abs(confidence[part].mean() - right[part].mean()) > 0.02


def test_experience_is_learnt_and_the_shipped_one_is_sane() -> None:
    rng = np.random.default_rng(1)
    signs = np.column_stack([np.ones(60), rng.normal(size=(60, 4))])
    groups = np.repeat(np.arange(12), 5)
    corrections = np.column_stack([np.full(60, 0.8), 0.5 * signs[:, 2]])
    learnt = learn_experience(signs, corrections + rng.normal(0, 0.05, (60, 2)), groups)
    np.testing.assert_allclose(learnt.expected(np.array([1, 0, 1, 0, 0])), [0.8, 0.5], atol=0.2)
    shipped = shipped_experience()
    assert (np.linalg.eigvalsh(shipped.spread) > 0).all()
    votes, _ = dense(rows=200)
    assert shipped.mean.shape == (len(signs_of(votes, labeled(votes))), 2)
