import pytest

from alchemist.core.progress import Silent
from alchemist.flow.outlook import outlook
from alchemist.flow.run import run
from alchemist.store.workspace import Workspace
from tests.conftest import ROWS, write_rows

pytestmark = pytest.mark.slow
P = Silent()


def told(workspace: Workspace) -> dict[str, str]:
    found = outlook(workspace, workspace.task(), P)
    return {one.stage: one.why for one in found if one.runs}


def test_an_unchanged_workspace_would_do_nothing(workspace: Workspace) -> None:
    assert set(told(workspace)) == {"vote", "aggregate", "distill", "evaluate"}
    run(workspace, workspace.task(), P)
    assert told(workspace) == {}


@pytest.mark.parametrize(
    ("change", "stages", "why"),
    [
        pytest.param("program", ["vote", "aggregate", "distill", "evaluate"], "1 of 4 columns are missing: you on 6 rows", id="an edited program"),
        pytest.param("deleted", ["vote", "aggregate", "distill", "evaluate"], "changed: programs", id="a deleted program"),
        pytest.param("rows", ["vote", "aggregate", "distill", "evaluate"], "on 1 rows", id="a new row"),
        pytest.param("gold", ["evaluate"], "changed: gold", id="other gold"),
        pytest.param("words", [], "", id="other words in the instruction"),
        pytest.param("label model", ["aggregate", "distill", "evaluate"], "changed: label model", id="another label model"),
        pytest.param("alias", ["vote", "aggregate", "distill", "evaluate"], "changed: classes", id="a renamed class"),
    ],
)  # fmt: skip
def test_a_change_is_told_and_then_done(
    workspace: Workspace, change: str, stages: list[str], why: str
) -> None:
    run(workspace, workspace.task(), P)
    text = workspace.task_path.read_text()
    match change:
        case "program":
            (workspace.programs / "you.py").write_text("def label(text):\n    return 'ham'\n")
        case "deleted":
            (workspace.programs / "you.py").unlink()
        case "rows":
            write_rows(workspace.root / "rows.csv", [*ROWS, ("g", "hello you", "ham")])
        case "gold":
            write_rows(workspace.root / "rows.csv", [*ROWS[:-1], ("f", "ok thanks", "spam")])
        case "words":
            workspace.task_path.write_text(text.replace("Decide whether", "Say whether"))
        case "label model":
            workspace.task_path.write_text(text + '[aggregate]\nlabel_model = "majority_vote"\n')
        case "alias":
            new = text.replace('name = "spam"', 'name = "junk"\naliases = ["spam"]')
            workspace.task_path.write_text(new)
    found = told(workspace)
    assert list(found) == stages
    if stages:
        assert why in found[stages[0]]
    report = run(workspace, workspace.task(), P)
    assert [one.stage for one in report.stages if not one.skipped] == stages
    assert told(workspace) == {}
