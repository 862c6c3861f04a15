import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import MISSING
from alchemist.label_models.default import Default
from alchemist.label_models.front import MatrixModel, count_rows
from alchemist.label_models.thinning import (
    find_repeats,
    hash_rows,
    identify_rows,
    most_patterns,
    thin,
)
from tests.label_models.conftest import dense, names

matrices = arrays(np.int16, st.tuples(st.integers(1, 8), st.just(4)), elements=st.integers(-2, 2))


@settings(max_examples=40, deadline=None)
@given(matrices, st.randoms(use_true_random=False))
def test_shape_ignores_the_order_of_programs_and_the_numbers_of_classes(
    matrix: NDArray[np.int16], random: object
) -> None:
    columns, classes = [0, 1, 2, 3], [0, 1, 2]
    random.shuffle(columns)  # type: ignore[attr-defined]
    random.shuffle(classes)  # type: ignore[attr-defined]
    renamed = np.where(matrix >= 0, np.array(classes)[matrix], matrix).astype(np.int16)
    programs = names(4)
    other = hash_rows(renamed[:, columns], tuple(programs[j] for j in columns))
    np.testing.assert_array_equal(hash_rows(matrix, programs), other)


@settings(max_examples=40, deadline=None)
@given(matrices)
def test_identity_tells_rows_apart(matrix: NDArray[np.int16]) -> None:
    found = identify_rows(matrix, 3)
    for i, left in enumerate(matrix.tolist()):
        for j, right in enumerate(matrix.tolist()):
            assert (found[i] == found[j]) == (left == right)


def test_a_missing_answer_is_no_class_of_its_own() -> None:
    gone = np.array([[MISSING, 0, 1, 1]], dtype=np.int16)
    renamed = np.array([[2, 0, 1, 1]], dtype=np.int16)
    shapes = [hash_rows(one, names(4))[0] for one in (gone, renamed)]
    assert shapes[0] != shapes[1]


def test_frequent_patterns_are_kept_and_the_rest_stands_for_all() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 50_000, dtype=np.uint64)
    counts = np.ones(50_000, dtype=np.int64)
    counts[:10] = 100_000
    few = thin(hashes, counts, 4000)
    assert few.keep[:10].all()
    assert (few.factor[:10] == 1).all()
    assert 1500 < few.keep.sum() <= 4010
    stands_for = (counts * few.factor)[few.keep].sum()
    assert abs(stands_for / counts.sum() - 1) < 0.02


def test_few_patterns_are_all_kept_as_they_are() -> None:
    counts = np.array([3, 1, 2])
    few = thin(np.arange(3, dtype=np.uint64), counts, 10)
    assert few.keep.all()
    assert (few.factor == 1).all()


@settings(max_examples=40, deadline=None)
@given(matrices)
def test_repeats_are_counted_one_row_of_each_kind(matrix: NDArray[np.int16]) -> None:
    found = find_repeats(identify_rows(matrix, 3))
    rows = [tuple(row) for row in matrix.tolist()]
    wanted = {row: rows.count(row) for row in rows}
    times = zip(found.rows.tolist(), found.times.tolist(), strict=True)
    assert {rows[i]: count for i, count in times} == wanted
    assert len(found.rows) == len(wanted)


@pytest.mark.slow
def test_a_thinned_fit_labels_like_a_full_one(monkeypatch: pytest.MonkeyPatch) -> None:
    votes, truth = dense(rows=30_000, precisions=(0.7,) * 16, speaks=0.8)
    thinned = Default().fit(PatternCounts.of(votes)).predict(votes)
    assert len(PatternCounts.of(votes).patterns) > most_patterns(16, 2)
    monkeypatch.setattr("alchemist.label_models.thinning._FEWEST_KEPT", 10**9)
    full = Default().fit(PatternCounts.of(votes)).predict(votes)
    assert (thinned.best == full.best).mean() > 0.98
    assert abs((thinned.best == truth).mean() - (full.best == truth).mean()) < 0.005


@pytest.mark.slow
def test_millions_of_rows_are_thinned_alike_in_any_order() -> None:
    rng = np.random.default_rng(2)
    matrix = rng.integers(-1, 2, (220_000, 14)).astype(np.int8)
    counts = count_rows(matrix, 2)
    assert len(counts.patterns) <= most_patterns(14, 2)
    assert abs(counts.n_rows / 220_000 - 1) < 0.05
    again = count_rows(matrix[rng.permutation(220_000)], 2)
    np.testing.assert_array_equal(counts.patterns, again.patterns)
    np.testing.assert_array_equal(counts.counts, again.counts)


def test_a_matrix_goes_in_and_probabilities_come_out() -> None:
    votes, truth = dense(rows=500)
    model = MatrixModel("default").fit(votes.matrix)
    proba = model.predict_proba(votes.matrix)
    ours = Default().fit(PatternCounts.of(votes)).predict(votes)
    np.testing.assert_array_equal(proba, ours.proba)
    best = model.predict(votes.matrix)
    assert (best[~ours.covered] == -1).all()
    assert (best[ours.covered] == truth[ours.covered]).mean() > 0.9
