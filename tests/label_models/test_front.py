import numpy as np
import pytest

from alchemist.core.errors import BadVotes, NotReady, UnknownName
from alchemist.label_models.front import MatrixModel
from tests.label_models.conftest import dense


def test_nan_is_a_missing_answer() -> None:
    votes, _ = dense(rows=300)
    floats = votes.matrix.astype(float)
    floats[:50, 0] = np.nan
    codes = votes.matrix.copy()
    codes[:50, 0] = -2
    left, right = (MatrixModel().fit(one).predict_proba(one) for one in (floats, codes))
    np.testing.assert_array_equal(left, right)


def test_balance_and_gold_come_through_the_front_door() -> None:
    votes, _ = dense(rows=400)
    silent = np.full((1, 7), -1)
    told = MatrixModel().fit(votes.matrix, class_balance=[0.9, 0.1]).predict_proba(silent)
    np.testing.assert_allclose(told[0], [0.9, 0.1])
    seen = MatrixModel().fit(votes.matrix, gold=(votes.matrix[:60], np.zeros(60, int)))
    assert seen.predict_proba(silent)[0, 0] > 0.9


def test_the_number_of_classes_may_exceed_those_voted_for() -> None:
    votes, _ = dense(rows=50)
    assert MatrixModel(n_classes=4).fit(votes.matrix).predict_proba(votes.matrix).shape == (50, 4)


@pytest.mark.parametrize(
    ("act", "error", "complaint"),
    [
        pytest.param(
            lambda: MatrixModel("defualt"), UnknownName, "Did you mean 'default'", id="misspelt"
        ),
        pytest.param(
            lambda: MatrixModel().fit(np.zeros(3)), BadVotes, "two dimensions, not 1", id="flat"
        ),
        pytest.param(
            lambda: MatrixModel().fit(np.array([[0.5]])), BadVotes, "fractions", id="fractions"
        ),
        pytest.param(
            lambda: MatrixModel().predict_proba(np.zeros((1, 1))),
            NotReady,
            "call fit first",
            id="unfitted",
        ),
    ],
)
def test_misuse_is_told(act: object, error: type[Exception], complaint: str) -> None:
    with pytest.raises(error, match=complaint):
        act()  # type: ignore[operator]
