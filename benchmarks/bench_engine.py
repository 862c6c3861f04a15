"""Votes per second: a plain loop, pandas, and the local engine with one and two processes.

The recorded programs over short texts (sms, made distinct, one chunk of 50,000) and long ones
(imdb as it is). Every contender runs in a process of its own; rounds are interleaved and the
median of five is kept. All contenders must cast the same votes, or there is no table.

pandas is no dependency of ours: $ALCHEMIST_PEERS names a Python that has it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.recorded_tasks import RECORDED, recordings_root
from benchmarks.report import data_root, peak_pss_mb, write_table

COMMAND = "make bench-engine"
CONTENDER = Path(__file__).parent / "engine_contender.py"
SHORT_ROWS = 50_000
KINDS = {"short": "sms", "long": "imdb"}
ENTRIES = (
    ("loop", "none"),
    ("pandas", "none"),
    ("ours-1", "none"),
    ("ours-1", "literals"),
    ("ours-1", "re2"),
    ("ours-2", "none"),
    ("ours-2", "literals"),
    ("ours-2", "re2"),
)


def recorded_sources(task: str, root: Path) -> list[str]:
    """The twenty recorded programs of a task."""
    import re

    sources = []
    for strategy in ("plain", "knowledge"):
        text = (root / strategy / "responses.jsonl").read_text(encoding="utf-8")
        for line in map(json.loads, text.splitlines()):
            if line["custom_id"] in (f"{task}-plain", f"{task}-programs"):
                said = line["response"]["body"]["choices"][0]["message"]["content"]
                sources += re.findall(r"```python\n(.*?)```", said, re.DOTALL)
    return sources


def texts_of(kind: str, data: Path, rows: int | None) -> list[str]:
    """The texts of one table row; short ones get a number so that all are distinct."""
    import pyarrow.parquet as pq

    splits = ("train", "valid", "test") if kind == "short" else ("test",)
    found: list[str] = []
    for split in splits:
        path = data / KINDS[kind] / f"{split}.parquet"
        found += pq.read_table(path, columns=["text"])["text"].to_pylist()
    if kind == "short":
        found = [f"{found[i % len(found)]} {i}" for i in range(SHORT_ROWS)]
    return found[:rows]


def class_names(kind: str, data: Path) -> list[str]:
    """Class names in vote order."""
    described = json.loads((data / KINDS[kind] / "dataset.json").read_text(encoding="utf-8"))
    return [one["name"] for one in described["classes"]]


def interpreter(contender: str) -> str:
    """The Python that can run a contender; empty when there is none."""
    return os.environ.get("ALCHEMIST_PEERS", "") if contender == "pandas" else sys.executable


def entries() -> list[tuple[str, str]]:
    """What can be measured here; says what is left out."""
    from importlib.util import find_spec

    kept = [e for e in ENTRIES if interpreter(e[0]) and (e[1] != "re2" or find_spec("re2"))]
    for contender, prefilter in set(ENTRIES) - set(kept):
        print(f"{contender} with prefilter {prefilter} is left out: not installed", flush=True)
    return kept


def measure(kind: str, rounds: int, rows: int | None, folder: Path) -> list[dict[str, Any]]:
    """The table rows of one kind of text."""
    data = data_root()
    texts = folder / f"{kind}.json"
    texts.write_text(json.dumps(texts_of(kind, data, rows)), encoding="utf-8")
    n = len(json.loads(texts.read_text(encoding="utf-8")))
    job = {
        "texts": str(texts),
        "programs": recorded_sources(RECORDED[KINDS[kind]], recordings_root(data)),
        "classes": class_names(kind, data),
    }
    kept = entries()
    seconds: dict[tuple[str, str], list[float]] = {entry: [] for entry in kept}
    peaks: dict[tuple[str, str], float] = dict.fromkeys(kept, 0.0)
    digests = set()
    for _ in range(rounds):
        for entry in kept:
            found, peak = once({**job, "contender": entry[0], "prefilter": entry[1]}, folder)
            digests.add(found["votes"])
            seconds[entry].append(found["seconds"])
            peaks[entry] = max(peaks[entry], peak)
            print(kind, *entry, f"{found['seconds']:.2f} s", flush=True)
    if len(digests) != 1:
        raise SystemExit(f"The contenders cast different votes on {kind} texts.")
    base = statistics.median(seconds["loop", "none"])
    return [
        {
            "texts": kind,
            "contender": contender,
            "prefilter": prefilter,
            "votes_per_s": round(n * len(job["programs"]) / statistics.median(taken)),
            "times_loop": round(base / statistics.median(taken), 2),
            "peak_mb": round(peaks[contender, prefilter]),
            "rows": n,
            "programs": len(job["programs"]),
        }
        for (contender, prefilter), taken in seconds.items()
    ]


def once(job: dict[str, Any], folder: Path) -> tuple[dict[str, Any], float]:
    """One contender, once: what it printed, and the peak memory of all its processes."""
    path = folder / "job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    # Reading the memory of a process stops it for a moment, so it is read seldom.
    with peak_pss_mb(every_s=0.5) as peak:
        done = subprocess.run(
            [interpreter(job["contender"]), str(CONTENDER), str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
    return json.loads(done.stdout), peak.mb


def main() -> None:
    """Measure, and write the table when it is a full one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, help="fewer rows, for a quick look; writes no table")
    options = parser.parse_args()
    table = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            table += measure(kind, options.rounds, options.rows, Path(folder))
    if options.rows or options.rounds < 5:
        for row in table:
            print(row)
        return
    load = os.getloadavg()[0]
    note = f"Load average at the end: {load:.1f}. The process that takes the time is in peak_mb."
    write_table("engine", COMMAND, table, note)


if __name__ == "__main__":
    main()
