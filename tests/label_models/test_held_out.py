"""Worth on held-out rows: truth raises it, silence and copies do not, gold plays no part."""

import numpy as np
import pytest
from numpy.typing import NDArray

from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import ABSTAIN, Votes
from alchemist.label_models.default import Default
from alchemist.label_models.held_out import Halves, worth

K = 3


def votes_of(truth: NDArray[np.int16], kinds: list[tuple[float, float]], seed: int) -> Votes:
    """One program per (coverage, precision)."""
    rng = np.random.default_rng(seed)
    columns = []
    for coverage, precision in kinds:
        wrong = (truth + rng.integers(1, K, len(truth))) % K
        said = np.where(rng.random(len(truth)) < precision, truth, wrong)
        columns.append(np.where(rng.random(len(truth)) < coverage, said, ABSTAIN))
    matrix = np.stack(columns, axis=1).astype(np.int16)
    return Votes(matrix, tuple(f"p{j}" for j in range(len(kinds))), K)


TRUTH = np.random.default_rng(5).integers(0, K, 3000).astype(np.int16)
BASE = [(0.3, 0.7)] * 5
JUDGES = tuple(f"p{j}" for j in range(5))


@pytest.mark.parametrize("seed", range(3))
def test_programs_that_bring_truth_are_worth_more(seed: int) -> None:
    votes = votes_of(TRUTH, [*BASE, (0.9, 0.9), (0.0, 1.0)], seed)
    halves = Halves.of(votes, np.random.default_rng(seed))
    before = worth(halves.only(JUDGES), JUDGES)
    with_truth = worth(halves.only([*JUDGES, "p5"]), JUDGES)
    with_silence = worth(halves.only([*JUDGES, "p6"]), JUDGES)
    assert with_truth.value > before.value + 0.02
    assert with_silence.value == pytest.approx(before.value, abs=1e-9)


def test_agreement_counts_hidden_votes_that_are_foreseen() -> None:
    votes = votes_of(TRUTH, BASE, 0)
    halves = Halves.of(votes, np.random.default_rng(0))
    model = Default().fit(PatternCounts.of(halves.fitted))
    hits = met = 0
    evidence = model.evidence(halves.held)
    for i, row in enumerate(halves.held.matrix):
        for j in np.flatnonzero(row >= 0):
            if (row >= 0).sum() > 1:
                rest = evidence[i].sum(axis=0) - evidence[i, j]
                hits += int(rest.argmax()) == row[j]
                met += 1
    found = worth(halves, JUDGES)
    assert found.agreement == pytest.approx(hits / met)
    assert found.covered == (halves.held.matrix >= 0).any(axis=1).mean()


def test_halves_share_no_row_and_a_seed_fixes_them() -> None:
    numbered = Votes(np.arange(2 * 50).reshape(50, 2).astype(np.int16), ("a", "b"), 100)
    one, same = (Halves.of(numbered, np.random.default_rng(3)) for _ in range(2))
    first, second = (set(part.matrix[:, 0].tolist()) for part in (one.fitted, one.held))
    assert not first & second
    assert len(first | second) == 50
    np.testing.assert_array_equal(one.held.matrix, same.held.matrix)
    assert len(Halves.of(numbered, np.random.default_rng(3), most=20).held) == 10


def test_programs_nobody_meets_are_worth_the_largest_class() -> None:
    matrix = np.full((40, 2), ABSTAIN, dtype=np.int16)
    halves = Halves.of(Votes(matrix, ("a", "b"), 4), np.random.default_rng(0))
    assert worth(halves, ("a", "b")).value == pytest.approx(0.25, abs=0.01)
