import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from alchemist.end_models.softmax import fit_softmax, softmax


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]), st.sampled_from([0.1, 3.0]))
def test_same_optimum_as_rows_repeated_per_class(seed: int, k: int, strength: float) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(25, 4)).astype(np.float32)
    labels, weights = rng.dirichlet([1.0] * k, size=25), rng.uniform(0.2, 2, 25)
    ours = fit_softmax(csr_matrix(rows), labels, weights, strength=strength)

    empty = np.zeros((1, 4), dtype=np.float32)
    repeated = np.repeat(np.vstack([rows, empty]), k, axis=0)
    soft = np.vstack([labels, np.full((1, k), 1 / k)]).ravel()
    by_row = np.repeat([*weights, 1.0], k)
    # With two classes the peer keeps one weight vector where we keep two of half its size.
    double = 2 if k == 2 else 1
    peer = LogisticRegression(C=double * strength, solver="newton-cg", tol=1e-6)
    peer.fit(repeated, np.tile(np.arange(k), 26), soft * by_row)
    np.testing.assert_allclose(
        softmax(rows @ ours.weights + ours.intercept), peer.predict_proba(rows), atol=0.01
    )


def test_a_class_nobody_has_keeps_a_small_probability() -> None:
    rows = csr_matrix(np.eye(10, dtype=np.float32))
    labels = np.tile([1.0, 0, 0], (10, 1))
    linear = fit_softmax(rows, labels, np.ones(10), strength=1.0)
    alone = softmax(linear.intercept[None].astype(float))[0]
    assert alone[1] == pytest.approx(alone[2])
    assert 0.001 < alone[1] < 0.1


def test_no_columns_gives_the_class_shares() -> None:
    rows = csr_matrix((300, 0), dtype=np.float32)
    labels = np.repeat(np.eye(2), [75, 225], axis=0)
    linear = fit_softmax(rows, labels, np.ones(300), strength=1.0)
    np.testing.assert_allclose(
        softmax(linear.intercept[None].astype(float))[0], [0.25, 0.75], atol=0.01
    )
