"""The E-step of every additive model equals the slow definition."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from alchemist.core.contracts import Floats
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import ABSTAIN, MISSING, Votes
from alchemist.label_models.additive import AdditiveModel, Evidence
from alchemist.label_models.anchored import AnchoredEM, AnchorSettings
from alchemist.label_models.copies import count_together, find_copies
from alchemist.label_models.dawid_skene import DawidSkene
from alchemist.label_models.events import Tally, softmax

K = 3
sides = st.integers(1, 6)
matrices = arrays(np.int16, st.tuples(sides, sides), elements=st.integers(MISSING, K - 1))


def names(m: int) -> tuple[str, ...]:
    return tuple(map(str, range(m)))


def slow_posterior(found: Evidence, row: list[int]) -> list[float]:
    odds = []
    for y in range(K):
        total = found.tilt[y]
        for j, v in enumerate(row):
            if v == ABSTAIN:
                total += found.silence[j, y]
            elif v >= 0:
                total += found.silence[j, y] + found.weights[found.events.lookup[j, v], y]
        odds.append(math.exp(total))
    return [one / sum(odds) for one in odds]


class Given(AdditiveModel):
    """A model that has nothing to learn: its evidence is drawn."""

    def _learn(self, counts: PatternCounts, balance: object, gold: object) -> Evidence:
        events = Tally.of(counts).events
        rng = np.random.default_rng(len(counts.counts))
        prior = rng.dirichlet(np.ones(K))
        silence = rng.normal(size=(len(counts.programs), K))
        weights = rng.normal(size=(len(events), K))
        return Evidence(events, weights, silence, prior, rng.normal(size=K))


@settings(max_examples=40, deadline=None)
@given(matrices)
def test_prediction_is_the_softmax_of_summed_evidence(matrix: NDArray[np.int16]) -> None:
    votes = Votes(matrix, names(matrix.shape[1]), K)
    model = Given().fit(PatternCounts.of(votes))
    proba = model.predict(votes).proba
    for row, found in zip(matrix.tolist(), proba, strict=True):
        silent = all(v < 0 for v in row)
        wanted = model.found.prior if silent else slow_posterior(model.found, row)
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(matrices)
def test_dawid_skene_is_bayes_rule_over_its_confusions(matrix: NDArray[np.int16]) -> None:
    votes = Votes(matrix, names(matrix.shape[1]), K)
    model = DawidSkene().fit(PatternCounts.of(votes))
    found = model.found
    theta = np.exp(found.weights)
    for row, proba in zip(matrix.tolist(), model.predict(votes).proba, strict=True):
        cast = [found.events.lookup[j, v] for j, v in enumerate(row) if v >= 0]
        joint = [found.prior[y] * math.prod(theta[e, y] for e in cast) for y in range(K)]
        np.testing.assert_allclose(proba, np.array(joint) / sum(joint), rtol=1e-9)
    cast_once = np.zeros((matrix.shape[1], K))
    np.add.at(cast_once, found.events.program, theta)
    spoke = np.unique(found.events.program)
    np.testing.assert_allclose(cast_once[spoke], 1, rtol=1e-9)


def slow_anchored(
    tally: Tally, given: Floats, share: Floats, prior: Floats, gamma: float
) -> Floats:
    """The E-step of anchored.py, written out row by row."""
    fires = np.zeros((tally.events.n_programs, K))
    for e, j in enumerate(tally.events.program):
        fires[j] += tally.times[e] * given[e] / (max(tally.answered[j], 1) * share)
    rows = []
    for row in tally.patterns.tolist():
        odds = []
        for y in range(K):
            total = math.log(prior[y])
            for j, v in enumerate(row):
                if v >= 0:
                    total += math.log(given[tally.events.lookup[j, v], y] / share[y])
                elif v == ABSTAIN and fires[j].any():
                    total += gamma * math.log(min(max(1 - fires[j, y], 0.05), 1))
            odds.append(math.exp(total))
        rows.append([one / sum(odds) for one in odds])
    return np.array(rows)


@settings(max_examples=40, deadline=None)
@given(matrices, st.integers(0, 2**16))
def test_the_anchored_e_step_is_its_formula(matrix: NDArray[np.int16], seed: int) -> None:
    votes = Votes(matrix, names(matrix.shape[1]), K)
    tally = Tally.of(PatternCounts.of(votes))
    if not len(tally.counts):
        return
    blocks = count_together(tally)
    settings = AnchorSettings(echo=1.0)
    em = AnchoredEM(tally, find_copies(tally, blocks), blocks, settings)
    rng = np.random.default_rng(seed)
    given_ = rng.dirichlet(np.full(K, 3.0), len(tally.events))
    share, prior = rng.dirichlet(np.full(K, 3.0), 2)
    found = em._evidence(given_, share, np.ones(len(tally.events)), prior)
    fast = softmax(tally.encoded.scores(found.weights, found.silence, found.tilt)).T
    np.testing.assert_allclose(fast, slow_anchored(tally, given_, share, prior, settings.silence))


@pytest.mark.parametrize("k", [2, 5])
def test_the_m_step_keeps_distributions(k: int) -> None:
    rng = np.random.default_rng(k)
    votes = Votes(rng.integers(-1, k, (60, 5)), names(5), k)
    tally = Tally.of(PatternCounts.of(votes))
    blocks = count_together(tally)
    fit = AnchoredEM(tally, find_copies(tally, blocks), blocks, AnchorSettings()).run(
        np.full(k, 1 / k)
    )
    np.testing.assert_allclose(fit.given.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(fit.share.sum(), 1)
