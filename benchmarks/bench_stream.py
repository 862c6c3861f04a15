"""Ten million distinct short rows × ten programs, from parquet, in bounded memory.

Ten recorded programs for text messages; the rows come from benchmarks.load_texts. Memory is
the peak of the summed proportional set size of every process that takes part.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bench_engine import class_names, recorded_sources
from benchmarks.load_texts import distinct_share, write_rows
from benchmarks.recorded_tasks import recordings_root
from benchmarks.report import data_root, peak_pss_mb, write_table

COMMAND = "make bench-stream"
ROWS = 10_000_000
PROGRAMS = 10
PART = 50_000


def vote(path: Path, sources: list[str], classes: list[str]) -> int:
    """Stream the file through the engine; returns how many rows came out."""
    import pyarrow.parquet as pq

    from alchemist.core.contracts import Bundle
    from alchemist.core.program import Program
    from alchemist.core.task import LabelClass
    from alchemist.engines.local import LocalEngine
    from alchemist.sandbox import open_sandbox

    programs = tuple(Program(f"p{k}", source) for k, source in enumerate(sources))
    bundle = Bundle(programs, tuple(map(LabelClass, classes)), ("text",))
    engine = LocalEngine(lambda n: open_sandbox("kernel", processes=n))
    parts = pq.ParquetFile(path).iter_batches(PART)
    done = 0
    for votes in engine.vote(bundle, parts):
        assert not votes.faults.total, votes.faults.counts
        done += len(votes.matrix)
    return done


def main() -> None:
    """Measure, and write the table when it is a full one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--vote", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    data = data_root()
    if options.vote:
        job = json.loads(options.vote.read_text(encoding="utf-8"))
        print(vote(Path(job["path"]), job["sources"], job["classes"]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        write_rows(path, options.rows)
        job = {
            "path": str(path),
            "sources": recorded_sources("sms", recordings_root(data))[:PROGRAMS],
            "classes": class_names("short", data),
        }
        (Path(folder) / "job.json").write_text(json.dumps(job), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.bench_stream", "--vote", f"{folder}/job.json"]
        began = time.perf_counter()
        with peak_pss_mb(every_s=0.5) as peak:
            done = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds = time.perf_counter() - began
    assert int(done) == options.rows, done
    share = distinct_share(min(options.rows, 1_000_000))
    row = {
        "rows": options.rows,
        "programs": PROGRAMS,
        "seconds": round(seconds, 1),
        "peak_mb": round(peak.mb),
        "votes_per_s": round(options.rows * PROGRAMS / seconds),
    }
    note = f"{share:.1%} of the first million texts are distinct. The timer is in peak_mb."
    if options.rows == ROWS:
        write_table("stream", COMMAND, [row], note)
    else:
        print(row, note)


if __name__ == "__main__":
    main()
