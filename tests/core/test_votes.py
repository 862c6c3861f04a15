import numpy as np
import pytest

from alchemist.core.errors import BadVotes
from alchemist.core.votes import MISSING, Votes


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        pytest.param([[0, 1, 1]], r"must be \(rows, 2 programs\)", id="one column too many"),
        pytest.param([[0, 7]], "'p1' voted 7 on row 0", id="class that does not exist"),
        pytest.param([[0, 1], [-3, 1]], "'p0' voted -3 on row 1", id="below every code"),
    ],
)
def test_bad_votes_name_the_culprit(matrix: list[list[int]], complaint: str) -> None:
    with pytest.raises(BadVotes, match=complaint):
        Votes(np.array(matrix), programs=("p0", "p1"), n_classes=3)


def test_votes_are_read_only_and_the_callers_array_is_not() -> None:
    matrix = np.zeros((2, 1), dtype=np.int16)
    votes = Votes(matrix, ("p",), 2)
    matrix[0, 0] = 1
    assert votes.matrix[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        votes.matrix[0, 0] = 1


def test_a_bare_matrix_of_floats_takes_nan_as_no_answer() -> None:
    votes = Votes.from_matrix([[0.0, float("nan")], [-1.0, 2.0]])
    assert votes.n_classes == 3
    assert votes.matrix.tolist() == [[0, MISSING], [-1, 2]]


def test_fractions_are_no_votes() -> None:
    with pytest.raises(BadVotes, match="fractions"):
        Votes.from_matrix([[0.5]])
