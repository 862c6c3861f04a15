from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import ABSTAIN, MISSING, Votes
from alchemist.label_models import LABEL_MODELS
from alchemist.label_models.families import FamilyEvidence, FamilyVotes, by_family, families_in

K = 3
NAMES = ("a", "b", "c", "d")
FAMILY = {"a": "foot", "b": "foot", "c": "foot"}
matrices = arrays(
    np.int16, st.tuples(st.integers(1, 12), st.just(4)), elements=st.integers(MISSING, K - 1)
)


def families(name: str = "majority_vote", family: dict[str, str] = FAMILY) -> FamilyVotes:
    return FamilyVotes(LABEL_MODELS.load(name)(), family)


@given(matrices)
def test_a_family_says_what_most_of_its_programs_say(matrix: NDArray[np.int16]) -> None:
    merged = families().merge(Votes(matrix, NAMES, K))
    assert merged.programs == ("foot", "d")
    for row, said in zip(matrix.tolist(), merged.matrix.tolist(), strict=True):
        ranked = Counter(vote for vote in row[:3] if vote >= 0).most_common()
        if all(vote == MISSING for vote in row[:3]):
            expected = MISSING
        elif not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
            expected = ABSTAIN
        else:
            expected = ranked[0][0]
        assert said == [expected, row[3]]


@given(matrices)
def test_copies_of_a_voice_change_no_label(matrix: NDArray[np.int16]) -> None:
    alone = Votes(matrix[:, [0, 3]], ("a", "d"), K)
    copied = Votes(matrix[:, [0, 0, 0, 3]], NAMES, K)
    one = families("weighted_vote").fit(PatternCounts.of(alone)).predict(alone)
    many = families("weighted_vote").fit(PatternCounts.of(copied)).predict(copied)
    np.testing.assert_allclose(many.proba, one.proba, atol=1e-9)


@given(matrices)
def test_evidence_of_all_programs_adds_up_to_the_label(matrix: NDArray[np.int16]) -> None:
    votes = Votes(matrix, NAMES, K)
    model = by_family(LABEL_MODELS.load("default")(), FAMILY).fit(PatternCounts.of(votes))
    assert isinstance(model, FamilyEvidence)
    evidence = model.evidence(votes)
    assert evidence.shape == (len(matrix), 5, K)
    total = np.exp(evidence.sum(axis=1))
    total /= total.sum(axis=1, keepdims=True)
    labels = model.predict(votes)
    np.testing.assert_allclose(total[labels.covered], labels.proba[labels.covered], atol=1e-6)


@pytest.mark.parametrize("name", ["default", "majority_vote", "dawid_skene"])
def test_without_families_it_is_the_model_inside(name: str) -> None:
    matrix = np.random.default_rng(0).integers(ABSTAIN, K, size=(200, 4), dtype=np.int16)
    votes = Votes(matrix, NAMES, K)
    plain = LABEL_MODELS.load(name)().fit(PatternCounts.of(votes)).predict(votes)
    wrapped = families(name, {}).fit(PatternCounts.of(votes)).predict(votes)
    np.testing.assert_allclose(wrapped.proba, plain.proba)


def test_only_a_sum_of_evidence_can_be_explained() -> None:
    assert not hasattr(families("majority_vote"), "evidence")
    plain = LABEL_MODELS.load("default")()
    assert by_family(plain, {}) is plain


def test_a_saved_model_knows_its_families() -> None:
    votes = Votes(np.array([[0, 0, 1, 2], [1, 1, 1, 1]]), NAMES, K)
    arrays = families("default").fit(PatternCounts.of(votes)).to_arrays()
    assert families_in(arrays) == FAMILY
    assert families_in({}) == {}
