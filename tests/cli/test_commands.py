import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alchemist.store.workspace import Workspace
from tests.conftest import PROGRAMS, write_rows

pytestmark = pytest.mark.slow


def alchemist(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, "-c", "from alchemist.cli import main; main()", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**environment, "NO_COLOR": "1"},
        check=False,
    )


def test_a_newcomers_way_from_a_csv_to_labels(tmp_path: Path) -> None:
    write_rows(tmp_path / "messages.csv")
    words = ["--data", "messages.csv", "--input", "text", "--classes", "ham,spam"]
    made = alchemist("init", "job", *words, "--instruction", "Is it spam?", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "a description for class 'ham'" in made.stdout

    stuck = alchemist("run", "job", cwd=tmp_path)
    assert stuck.returncode == 1
    for way in ("OPENAI_API_KEY", "local server", "prompts export", "programs of your own"):
        assert way in stuck.stderr

    for name, source in PROGRAMS.items():
        (tmp_path / "job" / "programs" / f"{name}.py").write_text(source)
    done = alchemist("run", "job", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "job" / "results" / "labels.csv").exists()

    why = alchemist("explain", "job", "c", cwd=tmp_path)
    assert "free entry, call now" in why.stdout
    assert "label: spam" in why.stdout


def test_pasted_answers_lead_to_programs(workspace: Workspace) -> None:
    for path in workspace.programs.glob("*.py"):
        path.unlink()
    ask = workspace.root / "ask"
    exported = alchemist("prompts", "export", workspace.root, "--to", ask)
    assert "first of two rounds" in exported.stdout
    (page,) = ask.glob("*.prompt.md")
    (ask / page.name.replace(".prompt.md", ".md")).write_text("Spam says free and prize.")
    first = alchemist("programs", "import", ask, workspace.root)
    assert "2 prompts of the next round wait" in first.stdout

    alchemist("prompts", "export", workspace.root, "--to", ask)
    fence = "```python\n" + PROGRAMS["free"] + "```\n"
    pages = sorted(ask.glob("*programs*.prompt.md"))
    assert len(pages) == 2
    assert "Spam says free and prize." in pages[0].read_text()
    (ask / pages[0].name.replace(".prompt.md", ".md")).write_text(fence)
    second = alchemist("programs", "import", ask, workspace.root)
    assert "1 new programs" in second.stdout
    again = alchemist("programs", "import", ask, workspace.root)
    assert "0 new programs" in again.stdout
    listed = json.loads(alchemist("programs", "list", workspace.root, "--json").stdout)
    assert [one["description"] for one in listed] == ["Free things."]


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        pytest.param(["run", "nowhere"], 1, "There is no folder nowhere", id="no folder"),
        pytest.param(["run"], 2, "Missing argument", id="usage"),
        pytest.param(["rnu"], 2, "rnu", id="no such command"),
        pytest.param(["aggregate"], 1, "Say which folder", id="aggregate of nothing"),
        pytest.param(
            ["aggregate", "--votes", "no.npz", "--out", "o.csv"], 1, "no file no.npz", id="no votes"
        ),
    ],
)
def test_exit_codes(tmp_path: Path, words: list[str], code: int, complaint: str) -> None:
    ended = alchemist(*words, cwd=tmp_path)
    assert ended.returncode == code
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr


def test_json_is_one_document_and_nothing_else(workspace: Workspace) -> None:
    ended = alchemist("run", workspace.root, "--json")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    stages = json.loads(ended.stdout)
    assert list(stages) == ["synthesize", "vote", "aggregate", "distill", "evaluate"]
    assert stages["aggregate"]["covered"] == 6


def test_results_go_to_stdout_and_quiet_leaves_stderr_empty(workspace: Workspace) -> None:
    ended = alchemist("run", workspace.root, "--quiet")
    assert "evaluate: scored on 6 rows" in ended.stdout
    assert "\x1b" not in ended.stdout
    assert ended.stderr == ""


def test_reports_on_a_finished_task(workspace: Workspace) -> None:
    alchemist("run", workspace.root)
    short = alchemist("programs", workspace.root)
    assert "coverage" in short.stdout
    assert short.stdout == alchemist("programs", "report", workspace.root).stdout
    assert "probably" in alchemist("forecast", workspace.root, "--next", "2").stdout
    assert "total" in alchemist("costs", workspace.root).stdout
    assert "Nothing has left" in alchemist("costs", workspace.root, "--sent").stdout
    for words in (["programs"], ["forecast"], ["costs"], ["stress"]):
        json.loads(alchemist(*words, workspace.root, "--json").stdout)
    level = json.loads(alchemist("doctor", "--json").stdout)["sandbox"]["level"]
    assert level in ("kernel", "kernel-nolandlock", "wasm", "os-profile", "language")


def test_help_loads_nothing_heavy() -> None:
    look = (
        "import sys, contextlib, io\n"
        "from alchemist.cli import main\n"
        "sys.argv = ['alchemist', '--help']\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "heavy = {'sklearn', 'scipy', 'pyarrow', 'openai', 'genai_prices'} & sys.modules.keys()\n"
        "print(heavy)"
    )
    ended = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
