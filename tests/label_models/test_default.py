import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from alchemist.core.contracts import GoldVotes
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import ABSTAIN, MISSING, Votes
from alchemist.label_models.default import Default, DefaultSettings
from alchemist.label_models.majority_vote import MajorityVote
from alchemist.testing.label_model import LABEL_MODEL_CHECKS, Check
from tests.label_models.conftest import as_votes, dense, names


def accuracy(proba: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    best = proba >= proba.max(axis=1, keepdims=True) - 1e-9
    return float((best[np.arange(len(truth)), truth] / best.sum(axis=1)).mean())


def labeled(
    votes: Votes, model: type[Default] | type[MajorityVote] = Default
) -> NDArray[np.float64]:
    return model().fit(PatternCounts.of(votes)).predict(votes).proba


shapes = st.tuples(st.integers(0, 12), st.integers(0, 6))
matrices = arrays(np.int16, shapes, elements=st.integers(MISSING, 2))


@pytest.mark.slow
@pytest.mark.parametrize("check", LABEL_MODEL_CHECKS, ids=lambda check: check.__name__)
@settings(deadline=None)
@given(matrix=matrices)
def test_promises_hold_for_whatever_votes(check: Check, matrix: NDArray[np.int16]) -> None:
    check(Default, Votes(matrix, names(matrix.shape[1]), 3))


def with_columns(votes: Votes, *columns: NDArray[np.int64]) -> Votes:
    return as_votes(np.column_stack([votes.matrix, *columns]), votes.n_classes)


def weak(truth: NDArray[np.int64], right: float, seed: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    vote = np.where(rng.random(len(truth)) < right, truth, 1 - truth)
    return np.where(rng.random(len(truth)) < 0.6, vote, ABSTAIN)


EIGHT = (0.85, 0.83, 0.8, 0.78, 0.76, 0.75, 0.72, 0.7)


@pytest.mark.parametrize(
    ("extra", "floor"),
    [
        pytest.param(lambda y: [weak(y, 0.55, 1)] * 12, 0.88, id="12 copies of a weak program"),
        pytest.param(lambda y: [weak(y, 0.15, 1)] * 3, 0.90, id="3 adversarial copies of 11"),
        pytest.param(lambda y: [np.zeros_like(y)] * 5, 0.85, id="5 constant programs"),
    ],
)
def test_bad_company_does_not_spoil_good_programs(extra: object, floor: float) -> None:
    votes, truth = dense(rows=3000, precisions=EIGHT, speaks=0.7)
    spoilt = with_columns(votes, *extra(truth))  # type: ignore[operator]
    assert accuracy(labeled(spoilt), truth) >= floor
    assert accuracy(labeled(spoilt, MajorityVote), truth) < floor


@pytest.mark.parametrize("how_many", [1, 5])
def test_constant_programs_tip_no_balance(how_many: int) -> None:
    votes, truth = leaning_programs(rows=3000)
    alone = accuracy(labeled(votes), truth)
    spoilt = with_columns(votes, *[np.zeros(3000, dtype=int)] * how_many)
    assert accuracy(labeled(spoilt), truth) >= alone - 0.02


def leaning_programs(rows: int) -> tuple[Votes, NDArray[np.int64]]:
    """Even classes; four programs speak for class 0 alone, six choose between both."""
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, rows)
    fires = rng.random((4, rows)) < np.where(truth == 0, 0.5, 0.2)
    columns = [np.where(one, 0, ABSTAIN) for one in fires]
    columns += [
        weak(truth, right, seed) for seed, right in enumerate((0.8, 0.75, 0.75, 0.7, 0.7, 0.65))
    ]
    return as_votes(np.column_stack(columns), 2), truth


def test_a_class_voted_for_freely_is_not_thought_frequent() -> None:
    votes, truth = leaning_programs(rows=6000)
    counts = PatternCounts.of(votes)
    prior = Default().fit(counts).found.prior
    assert MajorityVote().fit(counts).prior[0] > 0.6
    assert abs(prior[0] - 0.5) < 0.06
    assert accuracy(labeled(votes), truth) > accuracy(labeled(votes, MajorityVote), truth) + 0.02


def test_three_background_programs_do_not_outvote_nine() -> None:
    rng = np.random.default_rng(3)
    votes, truth = dense(rows=3000, precisions=(0.72,) * 9)
    # Something else in the picture, seen on nearly every row, and right half the time.
    scene = np.where(rng.random(3000) < 0.5, truth, 1 - truth)
    seen = rng.random((3, 3000)) < 0.9
    right = rng.random((3, 3000)) < 0.95
    background = np.where(seen, np.where(right, scene, 1 - scene), ABSTAIN)
    spoilt = with_columns(votes, *background)
    alone = accuracy(labeled(votes), truth)
    assert accuracy(labeled(spoilt), truth) >= alone - 0.03
    assert accuracy(labeled(spoilt, MajorityVote), truth) < alone - 0.08


def test_abstaining_is_a_signal() -> None:
    # One program fires on half of the rare class and never elsewhere; the other two guess.
    rng = np.random.default_rng(1)
    truth = (rng.random(4000) < 0.4).astype(np.int64)
    fires = (truth == 1) & (rng.random(4000) < 0.9)
    votes = as_votes(
        np.column_stack([np.where(fires, 1, ABSTAIN), weak(truth, 0.7, 2), weak(truth, 0.7, 3)]), 2
    )
    deaf = Default(DefaultSettings(anchor=DefaultSettings().anchor.__class__(silence=0.0)))
    model = Default().fit(PatternCounts.of(votes))
    assert model.found.silence[0, 0] > model.found.silence[0, 1]
    without = deaf.fit(PatternCounts.of(votes)).predict(votes).proba
    assert accuracy(model.predict(votes).proba, truth) >= accuracy(without, truth)


def test_a_missing_answer_teaches_nothing() -> None:
    votes, _ = dense(rows=400)
    hole = votes.matrix.copy()
    hole[:200, 0] = MISSING
    model = Default().fit(PatternCounts.of(as_votes(hole, 2)))
    parts = model.evidence(as_votes(hole, 2))
    assert not parts[:200, 0].any()
    assert parts[200:, 0].any()


@pytest.mark.parametrize("m", [1, 2])
def test_with_one_or_two_programs_the_majority_stands(m: int) -> None:
    votes, _ = dense(rows=300, precisions=(0.9, 0.6)[:m])
    ours, majority = labeled(votes), labeled(votes, MajorityVote)
    agreed = (majority.max(axis=1) == 1) & (votes.matrix >= 0).any(axis=1)
    np.testing.assert_array_equal(ours.argmax(axis=1)[agreed], majority.argmax(axis=1)[agreed])


@pytest.mark.parametrize(
    ("matrix", "wanted"),
    [
        pytest.param(np.full((4, 3), ABSTAIN), 1 / 3, id="no votes"),
        pytest.param(np.full((4, 3), MISSING), 1 / 3, id="no answers"),
        pytest.param(np.zeros((4, 0), dtype=int), 1 / 3, id="no programs"),
    ],
)
def test_without_any_vote_all_classes_are_alike(matrix: NDArray[np.int64], wanted: float) -> None:
    votes = Votes(matrix, names(matrix.shape[1]), 3)
    labels = Default().fit(PatternCounts.of(votes)).predict(votes)
    np.testing.assert_allclose(labels.proba, wanted)
    assert not labels.covered.any()


def test_a_class_nobody_votes_for_keeps_its_column_and_loses() -> None:
    votes, _ = dense(k=3)
    never = as_votes(np.where(votes.matrix == 2, ABSTAIN, votes.matrix), 3)
    proba = labeled(never)
    covered = (never.matrix >= 0).any(axis=1)
    assert proba.shape[1] == 3
    assert (proba[covered].argmax(axis=1) != 2).all()
    assert (proba > 0).all()


def test_one_row_is_labeled_by_its_majority() -> None:
    assert labeled(as_votes([[0, 1, 1, ABSTAIN]], 2))[0].argmax() == 1


def test_gold_rows_correct_the_class_balance() -> None:
    votes, truth = dense(rows=2000)
    gold = GoldVotes(Votes(votes.matrix[:80], votes.programs, 2), np.ones(80, dtype=np.int16))
    prior = Default().fit(PatternCounts.of(votes), gold=gold).found.prior
    assert prior[1] > 0.9
    assert truth.mean() < 0.6


def test_enough_gold_corrects_programs_the_votes_cannot_judge() -> None:
    # Four programs look at something else and agree; the votes alone side with them.
    rng = np.random.default_rng(0)
    truth, scene = rng.integers(0, 2, (2, 2000))
    blurred = [np.where(rng.random(2000) < 0.8, scene, 1 - scene) for _ in range(4)]
    votes = as_votes(np.column_stack([truth, *blurred]), 2)
    gold = GoldVotes(Votes(votes.matrix[:300], votes.programs, 2), truth[:300].astype(np.int16))
    counts = PatternCounts.of(votes)
    before = accuracy(Default().fit(counts).predict(votes).proba, truth)
    after = accuracy(Default().fit(counts, gold=gold).predict(votes).proba, truth)
    assert before < 0.6
    assert after > before + 0.1


def test_shared_errors_cool_the_labels() -> None:
    votes, truth = dense(rows=3000, precisions=(0.8,) * 10)
    hard = np.random.default_rng(1).random(3000) < 0.4
    matrix = votes.matrix.copy()
    blurred = np.where(
        np.random.default_rng(2).random(matrix.shape) < 0.62, 1 - truth[:, None], truth[:, None]
    )
    matrix[hard] = np.where(matrix >= 0, blurred, ABSTAIN)[hard]
    together = as_votes(matrix, 2)
    hot = Default(DefaultSettings(tempering=0.0)).fit(PatternCounts.of(together)).predict(together)
    cool = Default().fit(PatternCounts.of(together)).predict(together)
    right = accuracy(cool.proba, truth)
    assert abs(cool.confidence.mean() - right) < abs(hot.confidence.mean() - right)


@pytest.mark.slow
def test_rare_classes_are_found_without_a_given_balance() -> None:
    rng = np.random.default_rng(3)
    truth = (rng.random(20_000) < 0.05).astype(np.int64)
    columns = []
    for j in range(20):
        own = j % 2
        rate = 0.3 if own else 0.25
        other = rate * (0.03 if own else 0.25)
        fires = rng.random(20_000) < np.where(truth == own, rate, other)
        columns.append(np.where(fires, own, ABSTAIN))
    votes = as_votes(np.column_stack(columns), 2)
    proba = labeled(votes)
    said, true = proba.argmax(axis=1) == 1, truth == 1
    f1 = 2 * (said & true).sum() / (said.sum() + true.sum())
    assert f1 > 0.75
    assert accuracy(proba, truth) > 0.96
