"""Programs beside each other, over a workspace and on the command line."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from alchemist.cli.app import app
from alchemist.core.patterns import PatternCounts
from alchemist.core.progress import Silent
from alchemist.core.votes import Votes
from alchemist.flow.diversity import compare_programs, left_open
from alchemist.flow.run import run
from alchemist.store.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture
def voted(workspace: Workspace) -> Workspace:
    free = (workspace.programs / "free.py").read_text()
    (workspace.programs / "free_too.py").write_text(free + "\n# again\n")
    run(workspace, workspace.task(), Silent())
    return workspace


def test_a_copy_is_told_with_its_original_and_what_is_missing_in_sentences(
    voted: Workspace,
) -> None:
    found = compare_programs(voted, voted.task(), Silent())
    assert ("free", "free_too") in [group for one in found.programs.families for group in one.same]
    assert found.programs.voices < len(found.programs.programs)
    assert any("No program speaks for" in sentence for sentence in found.to_add)


def test_the_command_shows_families_map_and_gaps(voted: Workspace) -> None:
    shown = CliRunner().invoke(app, ["programs", "report", str(voted.root), "--diversity"])
    assert shown.exit_code == 0, shown.output
    assert "Nearly the same votes: free, free_too." in shown.output
    assert "Agreement in percent" in shown.output
    asked = CliRunner().invoke(
        app, ["programs", "report", str(voted.root), "--diversity", "--json"]
    )
    document = json.loads(asked.stdout)
    m = len(document["programs"])
    assert [len(row) for row in document["agree"]] == [m] * m
    assert document["to_add"]


def test_what_votes_leave_open_is_counted_on_rows() -> None:
    # Ten rows: two silent, one with a single vote, four with two of class a, three contested.
    rows = [[-1, -1, -1]] * 2 + [[0, -1, -1]] + [[0, 0, -1]] * 4 + [[0, 0, 1]] * 3
    counts = PatternCounts.of(Votes(np.array(rows), ("p", "q", "r"), 3))
    told = left_open(counts, ("a", "b", "c"))
    assert told == [
        "No program speaks for 20.0% of the rows, one alone for another 10.0%.",
        'On 30.0% of the rows some vote "a" and others "b".',
        'No program ever votes "c".',
    ]


def test_a_class_with_few_votes_where_it_has_any_is_thin() -> None:
    rows = [[0, 0, 0, 0, -1]] * 5 + [[-1, -1, -1, -1, 1]] * 5
    counts = PatternCounts.of(Votes(np.array(rows), tuple("pqrst"), 2))
    (_, thin) = left_open(counts, ("a", "b"))
    assert thin == (
        '"b" is thin: 1.0 votes for it on a row that gets any, against 2.5 for a class on '
        "average; cast by 1 of 5 programs."
    )
