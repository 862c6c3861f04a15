"""The bundled sample: what `make demo` promises."""

import csv
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from alchemist.core.progress import Silent
from alchemist.flow.demo import EXAMPLE, make_demo
from alchemist.flow.run import run
from alchemist.store.program_files import load_programs

SAMPLE = files("alchemist.flow") / "sample"


def test_the_sample_is_what_the_readme_says() -> None:
    rows = list(csv.DictReader((SAMPLE / "messages.csv").read_text("utf-8").splitlines()))
    assert len(rows) >= 300
    assert {row["label"] for row in rows} == {"question", "complaint", "praise"}
    assert len({row["text"] for row in rows}) == len(rows)
    assert EXAMPLE in {row["id"] for row in rows}


@pytest.mark.slow
def test_the_demo_answers_todays_prompts_from_its_recording(tmp_path: Path) -> None:
    workspace = make_demo(tmp_path / "demo")
    report = run(workspace, workspace.task(), Silent())
    synthesis = report.of("synthesize")
    assert synthesis is not None
    assert len(load_programs(workspace)) == 20
    metrics = json.loads((workspace.results / "metrics.json").read_bytes())
    for split in ("train", "valid", "test"):
        majority = metrics["scores"][split]["majority_vote"]["accuracy_covered"]["value"]
        assert majority > 1 / 2, "the programs know nothing"
    assert metrics["scores"]["test"]["majority_vote"]["accuracy_covered"]["value"] < 0.99


@pytest.mark.slow
def test_the_demo_prints_stages_quality_and_bill_and_skips_the_second_time(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from alchemist.cli import main; main()", "demo", "demo"]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout
        for _ in range(2)
    )
    for word in ("20 new programs", "vote: 20 programs on 360 rows", "majority_vote", "Bill:"):
        assert word in first
    assert "priced as gpt-5-mini" in first
    for stage in ("synthesize", "vote", "aggregate", "distill"):
        assert f"{stage}: skipped" in second
    assert "evaluate (skipped" in second
