from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from alchemist.core.contracts import BatchVotes
from alchemist.core.faults import Fault, Faults
from alchemist.core.program import Program
from alchemist.core.task import LabelClass
from alchemist.core.votes import MISSING
from alchemist.store.vote_columns import read_columns, write_columns
from alchemist.store.vote_patterns import read_votes
from alchemist.store.workspace import Workspace

CLASSES = (LabelClass("x"), LabelClass("y"))
PROGRAMS = (Program("a", "A"), Program("b", "B"))
MATRIX = np.array([[0, 1], [-1, MISSING], [0, 1]], dtype=np.int16)
FAULTS = Faults.of(
    [Fault("b", "exception", "oops \ud800", row="2", line=3)], {("b", "exception"): 1}
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path)
    write_columns(made, PROGRAMS, "part", BatchVotes(MATRIX, FAULTS), CLASSES)
    return made


@given(arrays(np.int16, st.tuples(st.integers(1, 9), st.just(2)), elements=st.integers(MISSING, 1)))
def test_votes_are_the_columns_row_by_row_whether_kept_or_not(
    tmp_path_factory: pytest.TempPathFactory, matrix: NDArray[np.int16]
) -> None:
    workspace = Workspace(tmp_path_factory.mktemp("votes"))
    write_columns(workspace, PROGRAMS, "part", BatchVotes(matrix, Faults()), CLASSES)
    for _ in range(2):
        votes = read_votes(workspace, PROGRAMS, "part", CLASSES)
        np.testing.assert_array_equal(votes.matrix, matrix)
        assert votes.found.counts.sum() == len(matrix)


def test_faults_come_back_as_the_columns_hold_them(workspace: Workspace) -> None:
    columns = read_columns(workspace, PROGRAMS, "part", CLASSES)
    for _ in range(2):
        assert read_votes(workspace, PROGRAMS, "part", CLASSES).faults == columns.faults


def test_a_column_written_again_is_seen(workspace: Workspace) -> None:
    read_votes(workspace, PROGRAMS, "part", CLASSES)
    again = BatchVotes(np.array([[1], [0], [1]], dtype=np.int16), Faults())
    write_columns(workspace, PROGRAMS[:1], "part", again, CLASSES)
    assert read_votes(workspace, PROGRAMS, "part", CLASSES).matrix[:, 0].tolist() == [1, 0, 1]


def test_other_programs_or_classes_are_another_question(workspace: Workspace) -> None:
    read_votes(workspace, PROGRAMS, "part", CLASSES)
    assert read_votes(workspace, PROGRAMS[1:], "part", CLASSES).matrix.shape == (3, 1)
    swapped = read_votes(workspace, PROGRAMS, "part", CLASSES[::-1])
    assert swapped.matrix.tolist() == [[1, 0], [-1, MISSING], [1, 0]]


def test_a_damaged_file_is_made_anew(workspace: Workspace) -> None:
    read_votes(workspace, PROGRAMS, "part", CLASSES)
    (file,) = workspace.patterns.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    np.testing.assert_array_equal(read_votes(workspace, PROGRAMS, "part", CLASSES).matrix, MATRIX)
