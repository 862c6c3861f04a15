import io

import numpy as np
import pytest

from alchemist.core.errors import BadVotes, NotReady
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import ABSTAIN, Votes
from alchemist.label_models.default import Default
from tests.label_models.conftest import as_votes, dense, names


def test_a_fitted_model_survives_an_npz_without_pickle() -> None:
    votes, _ = dense(k=3)
    model = Default().fit(PatternCounts.of(votes))
    file = io.BytesIO()
    np.savez(file, **model.to_arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        restored = Default.from_arrays(arrays)
    np.testing.assert_array_equal(restored.predict(votes).proba, model.predict(votes).proba)
    np.testing.assert_array_equal(restored.evidence(votes), model.evidence(votes))


def test_columns_are_found_by_name_not_by_place() -> None:
    votes, _ = dense()
    model = Default().fit(PatternCounts.of(votes))
    turned = Votes(votes.matrix[:, ::-1], votes.programs[::-1], 2)
    np.testing.assert_array_equal(model.predict(turned).proba, model.predict(votes).proba)
    there, here = model.evidence(turned), model.evidence(votes)
    np.testing.assert_array_equal(there[:, :-1], here[:, :-1][:, ::-1])


@pytest.mark.parametrize(
    ("programs", "complaint"),
    [
        pytest.param(("p0", "p1", "q2"), "'p2' is missing from these votes", id="renamed"),
        pytest.param(
            ("p0", "p1", "p2", "extra"), "'extra' is missing from the fitted model", id="one more"
        ),
    ],
)
def test_votes_of_other_programs_are_refused(programs: tuple[str, ...], complaint: str) -> None:
    model = Default().fit(PatternCounts.of(as_votes([[0, 1, 1], [1, 1, 0]], 2)))
    other = Votes(np.zeros((1, len(programs)), dtype=int), programs, 2)
    with pytest.raises(BadVotes, match=complaint):
        model.predict(other)


def test_votes_over_other_classes_are_refused() -> None:
    model = Default().fit(PatternCounts.of(as_votes([[0, 1, 1]], 2)))
    with pytest.raises(BadVotes, match="fitted on 2 classes, these votes have 3"):
        model.predict(as_votes([[0, 1, 1]], 3))


def test_an_unfitted_model_says_so() -> None:
    with pytest.raises(NotReady, match="call fit first"):
        Default().predict(as_votes([[0]], 2))


def test_a_vote_never_seen_in_fit_counts_as_no_answer() -> None:
    votes, _ = dense()
    only_zero = np.where(votes.matrix[:, 0] == 1, ABSTAIN, votes.matrix[:, 0])
    fitted = as_votes(np.column_stack([only_zero, votes.matrix[:, 1:]]), 2)
    model = Default().fit(PatternCounts.of(fitted))
    row = np.array([[1, 0, 0, 1, ABSTAIN, 0, 1]])
    missing = row.copy()
    missing[0, 0] = -2
    new, gone = (model.predict(as_votes(one, 2)).proba for one in (row, missing))
    np.testing.assert_array_equal(new, gone)
    alone = model.predict(as_votes([[1, *[ABSTAIN] * 6]], 2))
    assert not alone.covered[0]
    np.testing.assert_allclose(alone.proba[0], model.found.prior)


def test_scoring_row_by_row_equals_scoring_patterns() -> None:
    rng = np.random.default_rng(0)
    many = Votes(rng.integers(-2, 3, (3000, 12)), names(12), 3)
    model = Default().fit(PatternCounts.of(many))
    rows = model.predict(many).proba
    single = np.vstack(
        [model.predict(as_votes(many.matrix[i : i + 1], 3)).proba for i in range(20)]
    )
    np.testing.assert_allclose(rows[:20], single, atol=1e-12)
