"""Killed at any moment, a run goes on where it stopped and ends as if nothing had happened."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from alchemist.store.workspace import Workspace

# Small parts, so that a small file has many of them.
RUN = """
import sys
import alchemist.store.row_parts as row_parts
row_parts.PART_ROWS = 500
from alchemist.cli import main
sys.argv = ["alchemist", "run", sys.argv[1], "--quiet"]
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
PARTS = N_ROWS // 500


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


def start(workspace: Workspace) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(workspace.root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(workspace: Workspace) -> None:
    with start(workspace) as process:
        assert process.stderr is not None
        complaint = process.stderr.read().decode()
    assert process.returncode == 0, complaint


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


def kill_and_go_on(
    big: Workspace, tmp_path: Path, *, kills: int, with_signal: signal.Signals
) -> None:
    import shutil

    reference = Workspace(tmp_path / "reference")
    shutil.copytree(big.root, reference.root)
    began = time.monotonic()
    finish(reference)
    whole = time.monotonic() - began
    expected = outcome(reference)

    rng = random.Random(7)
    for _ in range(kills):
        process = start(big)
        time.sleep(rng.uniform(0.1, 1.0) * whole)
        before = columns(big)
        os.killpg(process.pid, with_signal)
        process.communicate()
        kept = columns(big)
        assert all(kept[path] == when for path, when in before.items() if path in kept)
        assert not leftovers(big)
    kept = columns(big)
    finish(big)
    after = columns(big)
    assert all(after[path] == when for path, when in kept.items()), "a kept column was voted again"
    assert outcome(big) == expected


def leftovers(workspace: Workspace) -> list[str]:
    """Result files that are neither whole nor absent."""
    broken = []
    for path in workspace.results.glob("*.parquet"):
        try:
            pq.read_table(path)
        except Exception as error:
            broken.append(f"{path}: {error}")
    return broken


@pytest.mark.slow
@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_a_killed_run_goes_on(big: Workspace, tmp_path: Path, with_signal: signal.Signals) -> None:
    kill_and_go_on(big, tmp_path, kills=3, with_signal=with_signal)


@pytest.mark.stress
def test_a_run_killed_twenty_times_goes_on(big: Workspace, tmp_path: Path) -> None:
    kill_and_go_on(big, tmp_path, kills=20, with_signal=signal.SIGKILL)
