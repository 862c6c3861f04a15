import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alchemist.core.contracts import GoldVotes
from alchemist.core.errors import BadVotes
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import ABSTAIN, MISSING, Votes
from alchemist.label_models.majority_vote import MajorityVote

PROGRAMS = ("a", "b", "c")
matrices = arrays(np.int16, st.tuples(st.integers(1, 8), st.just(3)), elements=st.integers(-2, 2))


@settings(max_examples=40, deadline=None)
@given(matrices)
def test_probabilities_are_shares_of_the_votes(matrix: np.ndarray) -> None:
    votes = Votes(matrix, PROGRAMS, 3)
    labels = MajorityVote().fit(PatternCounts.of(votes)).predict(votes)
    for row, proba, covered in zip(matrix.tolist(), labels.proba, labels.covered, strict=True):
        cast = [v for v in row if v >= 0]
        assert covered == bool(cast)
        if cast:
            np.testing.assert_allclose(proba, [cast.count(y) / len(cast) for y in range(3)])


def test_rows_without_a_vote_get_the_share_of_all_labels() -> None:
    votes = Votes(np.array([[1, 1, ABSTAIN]] * 98 + [[0, 0, 0]] + [[MISSING] * 3]), PROGRAMS, 2)
    labels = MajorityVote().fit(PatternCounts.of(votes)).predict(votes)
    np.testing.assert_allclose(labels.proba[-1], [1.5 / 100, 98.5 / 100])


@pytest.mark.parametrize(
    ("balance", "complaint"),
    [
        pytest.param([1.0], "one share per class, 2 in all", id="too short"),
        pytest.param([0.5, -0.5], "shares of at least 0", id="below zero"),
        pytest.param([0.0, 0.0], "one above 0", id="nothing at all"),
        pytest.param([0.5, float("nan")], "shares of at least 0", id="no number"),
    ],
)
def test_a_bad_class_balance_is_refused(balance: list[float], complaint: str) -> None:
    votes = Votes(np.array([[0, 1, 1]]), PROGRAMS, 2)
    with pytest.raises(BadVotes, match=complaint):
        MajorityVote().fit(PatternCounts.of(votes), class_balance=balance)


@pytest.mark.parametrize(
    ("gold", "complaint"),
    [
        pytest.param(
            GoldVotes(Votes(np.array([[0, 1, 1]]), PROGRAMS, 2), np.array([2], np.int16)),
            r"0 … 1, not \[2\]",
            id="no such class",
        ),
        pytest.param(
            GoldVotes(Votes(np.array([[0, 1, 1]]), PROGRAMS, 2), np.array([0, 1], np.int16)),
            "one label per row",
            id="one label too many",
        ),
        pytest.param(
            GoldVotes(Votes(np.array([[0, 1]]), ("a", "z"), 2), np.array([0], np.int16)),
            r"of the programs and classes counted: \['a', 'b', 'c'\], not \['a', 'z'\]",
            id="other programs",
        ),
    ],
)
def test_bad_gold_is_refused(gold: GoldVotes, complaint: str) -> None:
    votes = Votes(np.array([[0, 1, 1]]), PROGRAMS, 2)
    with pytest.raises(BadVotes, match=complaint):
        MajorityVote().fit(PatternCounts.of(votes), gold=gold)
