import numpy as np
import pytest

from alchemist.core.contracts import GoldVotes
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import ABSTAIN, MISSING, Votes
from alchemist.label_models.report import program_report
from tests.label_models.conftest import as_votes, dense

PRECISIONS = (0.9, 0.85, 0.8, 0.75, 0.7, 0.65)


def test_shares_are_counted_over_all_rows() -> None:
    matrix = [[0, 0, 1], [1, ABSTAIN, ABSTAIN], [ABSTAIN, 1, MISSING], [ABSTAIN] * 3]
    first, second, third = program_report(PatternCounts.of(as_votes(matrix, 2)))
    assert (first.coverage, first.overlap, first.conflict, first.lost) == (0.5, 0.25, 0.25, 0.25)
    assert (second.coverage, second.conflict) == (0.5, 0.25)
    assert (third.coverage, third.missing) == (0.25, 0.25)
    assert [(one.label, one.times) for one in first.votes] == [(0, 1), (1, 1)]


def test_estimated_precisions_hold_the_truth() -> None:
    votes, truth = dense(rows=3000, precisions=PRECISIONS)
    for j, report in enumerate(program_report(PatternCounts.of(votes))):
        cast = votes.matrix[:, j] >= 0
        actual = (votes.matrix[cast, j] == truth[cast]).mean()
        assert report.precision is not None
        assert report.precision.low <= actual <= report.precision.high
        assert report.identifiable
    weights = [one.weight for one in program_report(PatternCounts.of(votes))]
    assert sum(weights) == pytest.approx(1)
    assert weights[0] == max(weights)


def test_gold_measures_precision() -> None:
    votes, truth = dense(rows=1000, precisions=PRECISIONS)
    gold = GoldVotes(Votes(votes.matrix[:200], votes.programs, 2), truth[:200].astype(np.int16))
    report = program_report(PatternCounts.of(votes), gold=gold)[0]
    cast = votes.matrix[:200, 0] >= 0
    assert report.measured is not None
    assert report.measured.value == (votes.matrix[:200, 0] == truth[:200])[cast].mean()
    assert report.measured.rows == cast.sum()
    assert report.measured.low < report.measured.value < report.measured.high


def test_an_adversary_is_below_chance_and_copies_are_named() -> None:
    votes, truth = dense(rows=4000, precisions=(0.9,) * 6)
    rng = np.random.default_rng(9)
    against = np.where(rng.random(4000) < 0.05, truth, 1 - truth)
    matrix = np.column_stack([votes.matrix, votes.matrix[:, 0], against])
    reports = program_report(PatternCounts.of(as_votes(matrix, 2)))
    assert [one.name for one in reports if one.below_chance] == ["p7"]
    assert reports[0].copies == ("p6",)
    assert reports[6].copies == ("p0",)
    assert not any(one.copies for one in reports[1:6])


@pytest.mark.parametrize(
    "matrix",
    [
        pytest.param([[0, 1]] * 20, id="two programs"),
        pytest.param(
            [[0, ABSTAIN, ABSTAIN], [ABSTAIN, 1, ABSTAIN], [ABSTAIN, ABSTAIN, 0]] * 20,
            id="programs that never meet",
        ),
    ],
)
def test_what_votes_cannot_tell_is_said(matrix: list[list[int]]) -> None:
    for report in program_report(PatternCounts.of(as_votes(matrix, 2))):
        assert not report.identifiable
        assert report.precision is None


def test_leaving_out_the_decisive_program_changes_its_rows() -> None:
    # Where only the first two speak and differ, the one the others bear out decides.
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)
    right = rng.random((400, 5)) < [0.95, 0.6, 0.9, 0.9, 0.9]
    agreed = np.where(right, truth[:, None], 1 - truth[:, None])
    alone = np.array([[0, 1, ABSTAIN, ABSTAIN, ABSTAIN], [1, 0, ABSTAIN, ABSTAIN, ABSTAIN]] * 25)
    matrix = np.vstack([agreed, alone])
    first, second, *_ = program_report(PatternCounts.of(as_votes(matrix, 2)))
    assert first.changed >= len(alone) / len(matrix)
    assert second.changed < first.changed


def test_a_silent_program_is_reported_too() -> None:
    votes, _ = dense(rows=100)
    wider = as_votes(np.column_stack([votes.matrix, np.full(100, ABSTAIN)]), 2)
    last = program_report(PatternCounts.of(wider))[-1]
    assert (last.coverage, last.weight, last.changed, last.votes) == (0, 0, 0, ())
    assert last.precision is None
