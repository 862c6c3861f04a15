import pytest

from alchemist.core.progress import Silent
from alchemist.flow.run import run
from alchemist.flow.stress import STUDENT, stress
from alchemist.store.workspace import Workspace

pytestmark = pytest.mark.slow
P = Silent()


def test_the_program_that_minds_capitals_is_found(workspace: Workspace) -> None:
    source = 'def label(text):\n    return "spam" if "prize" in text.lower() else None\n'
    (workspace.programs / "prize_any_case.py").write_text(source)
    run(workspace, workspace.task(), P)
    report = stress(workspace, workspace.task(), 100, P)
    flips = {one.name: one.flips for one in report.stressed}
    assert flips["prize"]["other case"] == 1.0
    assert flips["prize_any_case"]["other case"] == 0.0
    assert STUDENT in flips
    assert report.altered["no diacritics"] == 0
    assert [one.worst for one in report.stressed] == sorted(
        (one.worst for one in report.stressed), reverse=True
    )


def test_the_same_rows_give_the_same_answer(workspace: Workspace) -> None:
    first = stress(workspace, workspace.task(), 3, P)
    assert first == stress(workspace, workspace.task(), 3, P)
    assert first.n_rows == 3
