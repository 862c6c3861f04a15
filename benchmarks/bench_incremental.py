"""What a small change costs: one of 20 programs edited, one row in a hundred added.

The share is of the same command, `alchemist run`, on the same rows from nothing. Programs cost
very different times: the one in the middle is edited, then the costliest.
"""

import csv
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.bench_million import TASK
from benchmarks.load_texts import append_rows
from benchmarks.recorded_tasks import Source, import_recorded, recordings_root
from benchmarks.report import data_root, write_table

COMMAND = "make bench-incremental"
ROWS = 500_000


def run(root: Path) -> float:
    """Seconds of `alchemist run`, its modules compiled before as on any machine."""
    command = [sys.executable, "-c", "from alchemist.cli import main; main()", "run", str(root)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run([*command, "--json"], check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - began


def by_cost(root: Path) -> list[Path]:
    """The programs, cheapest first, timed on some rows; they are our own recorded ones."""
    with (root / "rows.csv").open(newline="") as file:
        texts = [row["text"] for row in islice(csv.DictReader(file), 2000)]
    seconds = {}
    for path in (root / "programs").glob("*.py"):
        names: dict[str, Any] = {}
        exec(compile(path.read_text(), path.name, "exec"), names)
        began = time.process_time()
        for text in texts:
            names["label"](text)
        seconds[path] = time.process_time() - began
    return sorted(seconds, key=seconds.__getitem__)


def edit(path: Path) -> None:
    """Change a program's source, not what it does."""
    path.write_text(path.read_text() + "\n# edited\n")


def main() -> None:
    """Measure a full run and both changes."""
    data = data_root()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "task"
        root.mkdir()
        (root / "task.toml").write_text(TASK.replace("rows.parquet", "rows.csv"))
        (root / "rows.csv").write_text("id,text\n")
        append_rows(root / "rows.csv", ROWS, first=0, seed=0)
        import_recorded(Source("sms", data, recordings_root(data)), root)
        full = run(root)
        rows.append({"change": "everything", "seconds": round(full, 1), "share_of_full": 1.0})
        programs = by_cost(root)
        edit(programs[len(programs) // 2])
        rows.append(_row("1 of 20 programs edited", run(root), full))
        edit(programs[-1])
        rows.append(_row("the costliest program edited", run(root), full))
        append_rows(root / "rows.csv", ROWS // 100, first=ROWS, seed=1)
        rows.append(_row("1 % of the rows added", run(root), full))
        rows.append(_row("nothing changed", run(root), full))
    write_table("incremental", COMMAND, rows, f"{ROWS:,} short texts, 20 programs")


def _row(change: str, seconds: float, full: float) -> dict[str, Any]:
    return {
        "change": change,
        "seconds": round(seconds, 1),
        "share_of_full": round(seconds / full, 4),
    }


if __name__ == "__main__":
    main()
