from pathlib import Path

import numpy as np
import pytest

from alchemist.core.contracts import BatchVotes
from alchemist.core.faults import Fault, Faults
from alchemist.core.program import Program
from alchemist.core.task import LabelClass
from alchemist.core.votes import MISSING
from alchemist.store.vote_columns import has_column, read_columns, write_columns
from alchemist.store.workspace import Workspace

X, Y, Z = LabelClass("x"), LabelClass("y"), LabelClass("z")
XY, YX = (X, Y), (Y, X)
PROGRAMS = (Program("a", "A"), Program("b", "B"))
MATRIX = np.array([[0, 1], [-1, MISSING], [1, 0]], dtype=np.int16)
FAULTS = Faults.of([Fault("b", "exception", "oops", row="2", line=3)], {("b", "exception"): 1})


def test_votes_and_faults_come_back_as_they_were_written(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_columns(workspace, PROGRAMS, "part", BatchVotes(MATRIX, FAULTS), XY)
    found = read_columns(workspace, PROGRAMS, "part", XY)
    np.testing.assert_array_equal(found.matrix, MATRIX)
    assert found.faults == FAULTS


def test_a_renamed_program_keeps_its_votes_under_its_new_name(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_columns(workspace, PROGRAMS, "part", BatchVotes(MATRIX, FAULTS), XY)
    renamed = Program("bb", "B")
    assert has_column(workspace, renamed, "part", XY)
    assert read_columns(workspace, [renamed], "part", XY).faults.counts == {("bb", "exception"): 1}


def test_an_edited_program_has_no_column(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_columns(workspace, PROGRAMS, "part", BatchVotes(MATRIX, FAULTS), XY)
    assert not has_column(workspace, Program("a", "A, edited"), "part", XY)


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        pytest.param(YX, [[1, 0], [-1, -2], [0, 1]], id="another order"),
        pytest.param((LabelClass("new", aliases=("X",)), Y), [[0, 1], [-1, -2], [1, 0]], id="renamed"),
        pytest.param((Z, X, Y), [[1, 2], [-1, -2], [2, 1]], id="one more"),
        pytest.param((Z, LabelClass("xy", aliases=("x", "y"))), [[1, 1], [-1, -2], [1, 1]], id="merged"),
    ],
)  # fmt: skip
def test_votes_follow_their_classes(
    tmp_path: Path, classes: tuple[LabelClass, ...], expected: list[list[int]]
) -> None:
    workspace = Workspace(tmp_path)
    write_columns(workspace, PROGRAMS, "part", BatchVotes(MATRIX, FAULTS), XY)
    assert all(has_column(workspace, program, "part", classes) for program in PROGRAMS)
    found = read_columns(workspace, PROGRAMS, "part", classes)
    assert found.matrix.tolist() == expected


def test_a_removed_class_is_voted_on_again(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_columns(workspace, PROGRAMS, "part", BatchVotes(MATRIX, FAULTS), XY)
    assert not has_column(workspace, PROGRAMS[0], "part", (X, Z))


def test_an_added_class_asks_again_whoever_returned_no_class(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    faults = Faults.of([Fault("b", "invalid_return", "'z' is no class", row="2")])
    write_columns(workspace, PROGRAMS, "part", BatchVotes(MATRIX, faults), XY)
    assert has_column(workspace, PROGRAMS[0], "part", (X, Y, Z))
    assert not has_column(workspace, PROGRAMS[1], "part", (X, Y, Z))
    assert has_column(workspace, PROGRAMS[1], "part", XY)


def test_a_damaged_column_counts_as_absent(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_columns(workspace, PROGRAMS, "part", BatchVotes(MATRIX, FAULTS), XY)
    (workspace.votes / PROGRAMS[0].id / "part.parquet").write_bytes(b"torn")
    assert not has_column(workspace, PROGRAMS[0], "part", XY)
