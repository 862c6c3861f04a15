from pathlib import Path

import numpy as np

from alchemist.core.contracts import BatchVotes
from alchemist.core.faults import Fault, Faults
from alchemist.core.program import Program
from alchemist.core.votes import MISSING
from alchemist.store.vote_columns import has_column, read_columns, write_columns
from alchemist.store.workspace import Workspace

PROGRAMS = (Program("a", "A"), Program("b", "B"))
MATRIX = np.array([[0, 1], [-1, MISSING], [1, 0]], dtype=np.int16)
FAULTS = Faults.of([Fault("b", "exception", "oops", row="2", line=3)], {("b", "exception"): 1})


def test_votes_and_faults_come_back_as_they_were_written(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_columns(workspace, PROGRAMS, "part", BatchVotes(MATRIX, FAULTS), ["x", "y"])
    found = read_columns(workspace, PROGRAMS, "part")
    np.testing.assert_array_equal(found.matrix, MATRIX)
    assert found.faults == FAULTS


def test_a_renamed_program_keeps_its_votes_under_its_new_name(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_columns(workspace, PROGRAMS, "part", BatchVotes(MATRIX, FAULTS), ["x", "y"])
    renamed = Program("bb", "B")
    assert has_column(workspace, renamed, "part", ["x", "y"])
    assert read_columns(workspace, [renamed], "part").faults.counts == {("bb", "exception"): 1}


def test_an_edited_program_and_other_classes_have_no_column(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_columns(workspace, PROGRAMS, "part", BatchVotes(MATRIX, FAULTS), ["x", "y"])
    assert not has_column(workspace, Program("a", "A, edited"), "part", ["x", "y"])
    assert not has_column(workspace, PROGRAMS[0], "part", ["y", "x"])


def test_a_damaged_column_counts_as_absent(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_columns(workspace, PROGRAMS, "part", BatchVotes(MATRIX, FAULTS), ["x", "y"])
    (workspace.votes / PROGRAMS[0].id / "part.parquet").write_bytes(b"torn")
    assert not has_column(workspace, PROGRAMS[0], "part", ["x", "y"])
