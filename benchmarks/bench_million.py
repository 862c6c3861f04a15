"""A million short texts through every stage: seconds and memory of all processes together.

Each stage is the command a user types, in a process of its own. The student learns from a
sample (its size stands in the row), every row is labeled.
"""

import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.load_texts import distinct_share, write_rows
from benchmarks.recorded_tasks import Source, import_recorded, recordings_root
from benchmarks.report import data_root, peak_pss_mb, write_table

COMMAND = "make bench-million"
SIZES = (250_000, 1_000_000)
STAGES = ("read", "vote", "aggregate", "distill", "predict")
TASK = """\
schema = 1
name = "load"
instruction = "Decide whether a text message is spam."
[[classes]]
name = "ham"
[[classes]]
name = "spam"
[rows]
path = "rows.parquet"
inputs = ["text"]
id = "id"
"""


def measure(source: Source, folder: Path, n: int) -> list[dict[str, Any]]:
    """The rows of the table for one size."""
    root = folder / str(n)
    root.mkdir()
    write_rows(root / "rows.parquet", n)
    (root / "task.toml").write_text(TASK)
    programs = import_recorded(source, root)
    rows = []
    for stage in STAGES:
        with peak_pss_mb() as peak:
            began = time.perf_counter()
            _stage(root, stage)
            seconds = time.perf_counter() - began
        row = {
            "rows": n,
            "programs": programs,
            "stage": stage,
            "seconds": round(seconds, 1),
            "peak_mb": round(peak.mb),
        }
        print(row, flush=True)
        rows.append(row)
    total = round(sum(row["seconds"] for row in rows), 1)
    highest = max(row["peak_mb"] for row in rows)
    rows.append(
        {"rows": n, "programs": programs, "stage": "total", "seconds": total, "peak_mb": highest}
    )
    return rows


def _stage(root: Path, stage: str) -> None:
    words = {
        "read": ["run", root, "--explain"],
        "predict": [
            "predict",
            root,
            root / "rows.parquet",
            "--by",
            "student",
            "--out",
            root / "o.csv",
        ],
    }.get(stage, [stage, root])
    command = [sys.executable, "-c", "from alchemist.cli import main; main()", *map(str, words)]
    subprocess.run([*command, "--json"], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Measure both sizes and how the time grows between them."""
    data = data_root()
    source = Source("sms", data, recordings_root(data))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for n in SIZES:
            rows += measure(source, Path(folder), n)
        distilled = _trained_on(Path(folder) / str(SIZES[-1]))
    small, large = (row["seconds"] for row in rows if row["stage"] == "total")
    exponent = math.log(large / small) / math.log(SIZES[1] / SIZES[0])
    note = (
        f"time grows as rows to the power {exponent:.2f}; the student learned from {distilled:,} "
        f"rows; {distinct_share(SIZES[-1]):.1%} of the texts are distinct"
    )
    write_table("million", COMMAND, rows, note)


def _trained_on(root: Path) -> int:
    latest = json.loads((root / ".alchemist/runs/latest").read_bytes())["distill"]
    record = json.loads((root / ".alchemist/runs" / latest / "run.json").read_bytes())
    found: int = record["outputs"]["trained_on"]
    return found


if __name__ == "__main__":
    main()
