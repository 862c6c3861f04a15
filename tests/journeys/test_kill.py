"""Killed at any moment of any stage, a run goes on where it stopped and ends as if nothing had
happened; what was kept is not voted on again, and what was answered is not asked again.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from alchemist.engines.local import LOOKAHEAD, usable_cores
from alchemist.store.workspace import Workspace
from tests.providers.fake_server import Scenario, serving

# Small parts, so that a small file has many of them; each chunk voted on leaves a line.
RUN = """
import signal
import sys
import alchemist.store.row_parts as row_parts
from alchemist.sandbox.process import ProcessSandbox

# Whoever starts the tests in the background hands SIGINT down as ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
row_parts.PART_ROWS = 500
stage, root, log, *options = sys.argv[1:]
vote = ProcessSandbox.run

def run(self, bundle, batch, limits):
    votes = vote(self, bundle, batch, limits)
    names = ",".join(program.name for program in bundle.programs)
    with open(log, "a") as file:
        file.write(f"{batch.column(1)[0]} | {names}" + chr(10))
    return votes

ProcessSandbox.run = run
from alchemist.cli import main
sys.argv = ["alchemist", stage, root, "--quiet", *options]
main()
"""
SLOW = """
def label(text):
    \"\"\"{name}.\"\"\"
    total = 0
    for i in range(300):
        total += i * len(text)
    return "spam" if "{word}" in text else None
"""
WORDS = ["free", "prize", "call", "win", "claim", "now"]
N_ROWS = 6000
STAGES = ("vote", "aggregate", "distill", "evaluate")


@pytest.fixture
def big(workspace: Workspace) -> Workspace:
    rng = random.Random(1)
    vocabulary = [*WORDS, "you", "home", "lunch", "see", "ok", "thanks", "later", "coming"]
    with (workspace.root / "rows.csv").open("w") as file:
        file.write("id,text,label\n")
        for i in range(N_ROWS):
            text = " ".join(rng.choices(vocabulary, k=6)) + f" {i}"
            file.write(f"{i},{text},{'spam' if 'free' in text else 'ham'}\n")
    for word in WORDS:
        path = workspace.programs / f"has_{word}.py"
        path.write_text(SLOW.format(name=word.title(), word=word))
    return workspace


def start(workspace: Workspace, stage: str, *options: str) -> subprocess.Popen[bytes]:
    log = workspace.root / "chunks.log"
    return subprocess.Popen(
        [sys.executable, "-c", RUN, stage, str(workspace.root), str(log), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "OPENAI_API_KEY": "none"},
    )


def finish(workspace: Workspace, stage: str, *options: str) -> float:
    """Let a stage run to its end; how many seconds it took."""
    began = time.monotonic()
    with start(workspace, stage, *options) as process:
        assert process.stderr is not None
        complaint = process.stderr.read().decode()
    assert process.returncode == 0, complaint
    return time.monotonic() - began


def kill(process: subprocess.Popen[bytes], after: float, with_signal: signal.Signals) -> None:
    time.sleep(after)
    os.killpg(process.pid, with_signal)
    process.communicate()


def columns(workspace: Workspace) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in workspace.votes.glob("*/*.parquet")}


def outcome(workspace: Workspace) -> dict[str, object]:
    results = workspace.results
    return {
        "labels": pq.read_table(results / "labels.parquet").to_pylist(),
        "votes": pq.read_table(results / "votes.parquet").to_pylist(),
        "table": (results / "labels.csv").read_bytes(),
        "metrics": json.loads((results / "metrics.json").read_bytes()),
    }


def leftovers(workspace: Workspace) -> list[str]:
    """Result files that are neither whole nor absent."""
    broken = []
    for path in workspace.results.glob("*.parquet"):
        try:
            pq.read_table(path)
        except Exception as error:
            broken.append(f"{path}: {error}")
    return broken


def kill_and_go_on(
    workspace: Workspace,
    stage: str,
    *,
    kills: int,
    with_signal: signal.Signals = signal.SIGKILL,
) -> None:
    reference = Workspace(workspace.root.with_name("reference"))
    shutil.copytree(workspace.root, reference.root)
    whole = finish(reference, stage)
    finish(reference, "run")

    rng = random.Random(f"{stage} {kills}")
    for _ in range(kills):
        process = start(workspace, stage)
        before = columns(workspace)
        kill(process, rng.uniform(0.1, 1.0) * whole, with_signal)
        kept = columns(workspace)
        assert all(kept[path] == when for path, when in before.items())
        assert not leftovers(workspace)
    kept = columns(workspace)
    finish(workspace, "run")
    after = columns(workspace)
    assert all(after[path] == when for path, when in kept.items()), "a kept column was voted again"
    assert outcome(workspace) == outcome(reference)
    chunks = Counter((workspace.root / "chunks.log").read_text().splitlines())
    print(f"{stage}: {chunks.total() - len(chunks)} chunks repeated after {kills} kills")
    # One chunk a kill. A single kill may meet a few that are done ahead of a slower one.
    assert chunks.total() - len(chunks) <= max(kills, LOOKAHEAD * usable_cores() - 1)


def before(workspace: Workspace, stage: str) -> Workspace:
    """A workspace where all is done that comes before a stage."""
    for earlier in STAGES[: STAGES.index(stage)]:
        finish(workspace, earlier)
    return workspace


@pytest.mark.slow
@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_a_killed_run_goes_on(big: Workspace, with_signal: signal.Signals) -> None:
    kill_and_go_on(big, "run", kills=2, with_signal=with_signal)


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_stage_goes_on(big: Workspace, stage: str) -> None:
    kill_and_go_on(before(big, stage), stage, kills=1)


@pytest.mark.stress
@pytest.mark.parametrize("stage", ["run", *STAGES])
def test_a_stage_killed_twenty_times_goes_on(big: Workspace, stage: str) -> None:
    kill_and_go_on(before(big, stage) if stage in STAGES else big, stage, kills=20)


def program_for(question: str) -> str:
    time.sleep(0.1)  # so that a kill finds answers on their way
    word = "w" + hashlib.sha256(question.encode()).hexdigest()[:6]
    return (
        f'```python\ndef label(text):\n    """{word}."""\n'
        f'    return "spam" if "{word}" in text or "free" in text else None\n```'
    )


def stored(workspace: Workspace) -> set[str]:
    """The questions whose answers are kept."""
    calls = [json.loads(path.read_bytes()) for path in workspace.calls.glob("*.json")]
    return {call["request"]["messages"][-1]["content"] for call in calls}


def sources(workspace: Workspace) -> list[str]:
    """The programs without their headers, which say when they were made."""
    return sorted(path.read_text().split("# ///\n")[-1] for path in workspace.programs.glob("*.py"))


def ask_and_kill(workspace: Workspace, *, kills: int) -> None:
    for path in workspace.programs.glob("*.py"):
        path.unlink()
    options = ("--provider", "openai", "--model", "fake", "--yes")
    with serving() as fake:
        scenario = Scenario(answer=program_for)
        with workspace.task_path.open("a") as file:
            file.write(
                '[synthesis]\nstrategies = ["plain"]\nprompts = 12\nprograms_per_prompt = 1\n'
                f'base_url = "{fake.url("kills", scenario)}"\n'
            )
        reference = Workspace(workspace.root.with_name("reference"))
        shutil.copytree(workspace.root, reference.root)
        whole = finish(reference, "synthesize", *options)
        rng = random.Random(kills)
        for turn in range(kills + 1):
            known = stored(workspace)
            scenario.requests.clear()
            if turn < kills:
                process = start(workspace, "synthesize", *options)
                kill(process, rng.uniform(0.1, 1) * whole, signal.SIGKILL)
            else:
                finish(workspace, "synthesize", *options)
            asked = {request["messages"][-1]["content"] for request in scenario.requests}
            assert not known & asked, "what was answered before was asked again"
    assert stored(workspace) == stored(reference)
    assert sources(workspace) == sources(reference)


@pytest.mark.slow
def test_what_was_answered_before_a_kill_is_not_asked_again(workspace: Workspace) -> None:
    ask_and_kill(workspace, kills=2)


@pytest.mark.stress
def test_synthesize_killed_twenty_times_asks_for_nothing_twice(workspace: Workspace) -> None:
    ask_and_kill(workspace, kills=20)
