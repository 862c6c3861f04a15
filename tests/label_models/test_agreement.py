"""Agreement, copies and triplets against slow definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import ABSTAIN, Votes
from alchemist.label_models.agreement import AgreementSettings, measure_agreement
from alchemist.label_models.copies import count_together, find_copies
from alchemist.label_models.dawid_skene import DawidSkene
from alchemist.label_models.events import Tally
from alchemist.label_models.majority_vote import MajorityVote
from alchemist.label_models.triplet import Triplet, triplet_precisions
from alchemist.label_models.weighted_vote import WeightedVote
from tests.label_models.conftest import as_votes, dense, names

matrices = arrays(np.int16, st.tuples(st.integers(1, 9), st.just(4)), elements=st.integers(-2, 2))


def slow_agreement(matrix: NDArray[np.int16], j: int, v: int) -> tuple[float, float, float]:
    """Sum of agreements and rows met, of one event; and rows met by the program."""
    agreed = met = 0.0
    for row in matrix.tolist():
        others = [u for i, u in enumerate(row) if i != j and u >= 0]
        if row[j] == v and others:
            met += 1
            agreed += others.count(v) / len(others)
    return agreed, met, 0.0


@settings(max_examples=40, deadline=None)
@given(matrices)
def test_precision_is_mean_agreement_with_the_others(matrix: NDArray[np.int16]) -> None:
    # Fewer than five rows per event: no copies are sought, so each program stands alone.
    matrix = matrix[:4]
    tally = Tally.of(PatternCounts.of(Votes(matrix, names(4), 3)))
    settings = AgreementSettings(doubt=2.0)
    seen = measure_agreement(tally, find_copies(tally, count_together(tally)), settings)
    for e, (j, v) in enumerate(zip(tally.events.program, tally.events.vote, strict=True)):
        own = [slow_agreement(matrix, j, y)[:2] for y in range(3)]
        of_program = (sum(a for a, _ in own) + 2 * 0.75) / (sum(m for _, m in own) + 2)
        agreed, met = own[v]
        assert seen.precision[e] == pytest.approx((agreed + 2 * of_program) / (met + 2))


def test_near_copies_share_one_vote() -> None:
    rng = np.random.default_rng(0)
    free = rng.integers(-1, 2, (200, 3))
    almost = free[:, 0].copy()
    almost[:4] = ABSTAIN
    votes = as_votes(np.column_stack([free, free[:, 0], almost]), 2)
    tally = Tally.of(PatternCounts.of(votes))
    share = find_copies(tally, count_together(tally)).share
    of_copies = np.isin(tally.events.program, [0, 3, 4])
    np.testing.assert_allclose(share[of_copies], 1 / 3)
    np.testing.assert_allclose(share[~of_copies], 1)


def test_triplets_find_the_precisions_of_independent_programs() -> None:
    wanted = (0.9, 0.85, 0.75, 0.65, 0.6, 0.3)
    votes, _ = dense(rows=40_000, precisions=wanted, k=2)
    found = triplet_precisions(Tally.of(PatternCounts.of(votes)))
    np.testing.assert_allclose(found, wanted, atol=0.03)


def test_triplets_need_three_that_meet() -> None:
    votes, _ = dense(rows=200, precisions=(0.9, 0.8))
    found = triplet_precisions(Tally.of(PatternCounts.of(votes)))
    np.testing.assert_allclose(found, 0.75)


@pytest.mark.parametrize("model", [WeightedVote, Triplet, DawidSkene])
def test_learning_beats_counting_when_precisions_differ(model: type) -> None:
    votes, truth = dense(rows=4000, precisions=(0.95, 0.6, 0.6, 0.6, 0.6), k=3, speaks=0.9)
    counts = PatternCounts.of(votes)
    learnt, counted = (
        one().fit(counts).predict(votes).best == truth for one in (model, MajorityVote)
    )
    assert learnt.mean() > counted.mean() + 0.02


def test_dawid_skene_answers_the_prior_where_programs_speak_for_one_class() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 1000)
    fires = rng.random((1000, 4)) < np.where(truth[:, None] == np.arange(4) % 2, 0.8, 0.1)
    votes = as_votes(np.where(fires, np.arange(4) % 2, ABSTAIN), 2)
    labels = DawidSkene().fit(PatternCounts.of(votes)).predict(votes)
    spread = labels.proba[labels.covered].std(axis=0)
    assert (spread < 0.2).all()
