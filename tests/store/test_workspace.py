import subprocess
import sys
from pathlib import Path

import pytest

from alchemist.core.errors import BadTask, InputError, Locked, WrongVersion
from alchemist.core.program import Program
from alchemist.store.program_files import load_programs, save_programs
from alchemist.store.task_file import load_task
from alchemist.store.workspace import Workspace, open_workspace

HOLD = """
import sys, pathlib
from alchemist.store.workspace import Workspace
with Workspace(pathlib.Path(sys.argv[1])).writing("alchemist vote"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.slow
def test_a_second_writer_is_told_who_holds_the_lock(workspace: Workspace) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(workspace.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Locked, match=rf"in use by `alchemist vote` \(process {holder.pid}"):
            with workspace.writing("alchemist run"):
                pass
        holder.kill()
    with workspace.writing("alchemist run"):
        pass  # a killed holder leaves no stale lock


def test_a_newer_layout_is_refused(workspace: Workspace) -> None:
    workspace.inner.mkdir()
    (workspace.inner / "version").write_text("99\n")
    with pytest.raises(WrongVersion, match="newer Alchemist"):
        open_workspace(workspace.root)


@pytest.mark.parametrize("missing", ["folder", "task"])
def test_what_is_no_workspace_is_told_with_the_way_to_one(tmp_path: Path, missing: str) -> None:
    root = tmp_path / "nowhere" if missing == "folder" else tmp_path
    with pytest.raises(InputError, match="alchemist init"):
        open_workspace(root)


def test_environment_wins_over_the_file_and_the_command_line_over_both(
    workspace: Workspace,
) -> None:
    path = workspace.task_path
    environment = {"ALCHEMIST_SYNTHESIS_MODEL": "from-env", "ALCHEMIST_SYNTHESIS_PROMPTS": "3"}
    task = load_task(path, {"synthesis.model": "from-line"}, environment)
    assert task.synthesis.model == "from-line"
    assert task.synthesis.prompts == 3
    assert load_task(path, environment=environment).synthesis.model == "from-env"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"name = ", "is not valid TOML", id="broken"),
        pytest.param(b"name = '\xe9'", "is not UTF-8", id="encoding"),
        pytest.param(b"schema = 7", "schema = 7", id="newer"),
    ],
)
def test_a_task_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "task.toml"
    path.write_bytes(content)
    with pytest.raises(BadTask) as caught:
        load_task(path, environment={})
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)


def test_saving_the_same_program_twice_writes_one_file(workspace: Workspace) -> None:
    fresh = Program("you", "def label(text):\n    return None\n")
    (written,) = save_programs(workspace, [fresh, fresh])
    assert written.name == "you_2.py"  # the name is taken by another source
    assert save_programs(workspace, [fresh]) == ()
    assert "you_2" in [program.name for program in load_programs(workspace)]


def test_every_source_ever_loaded_is_kept(workspace: Workspace) -> None:
    (old,) = [program for program in load_programs(workspace) if program.name == "you"]
    (workspace.programs / "you.py").write_text("def label(text):\n    return None\n")
    load_programs(workspace)
    assert (workspace.inner / "history" / f"{old.id}.py").read_text() == old.source
