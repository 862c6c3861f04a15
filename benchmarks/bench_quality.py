"""Label quality of the whole pipeline on eight text sets, with the 20 recorded programs of each.

No gold before scoring: label model and student are fitted on rows of train, without gold; the
rows of test are scored once.
"""

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.recorded_tasks import RECORDED, Source, make_workspace, recordings_root, run_stages
from benchmarks.report import data_root, write_table

COMMAND = "make bench-quality"
OUTPUTS = ("majority_vote", "label_model", "student", "blend")


def measure(source: Source, folder: Path) -> dict[str, Any]:
    """One row of the table."""
    workspace = make_workspace(source, folder / source.name)
    metric = workspace.task().metric
    metrics: Any = run_stages(workspace)
    scores = metrics["scores"]["test"]
    row: dict[str, Any] = {
        "dataset": source.name,
        "metric": metric,
        "n_programs": len(metrics["programs"]),
        "coverage": scores["blend"]["coverage"]["value"],
    }
    for output in OUTPUTS:
        row[output] = round(_value(scores[output], metric), 4)
    row["blend_low"], row["blend_high"] = _interval(scores["blend"], metric)
    row["ece"] = round(scores["blend"]["ece"]["value"], 4)
    return row


def _entry(score: dict[str, Any], metric: str) -> dict[str, float]:
    kind, _, detail = metric.partition(":")
    found: dict[str, float] = score["f1"][detail] if kind == "f1" else score[kind]
    return found


def _value(score: dict[str, Any], metric: str) -> float:
    return _entry(score, metric)["value"]


def _interval(score: dict[str, Any], metric: str) -> tuple[float, float]:
    entry = _entry(score, metric)
    return round(entry["low"], 4), round(entry["high"], 4)


def main() -> None:
    """Measure every set and write the table."""
    data = data_root()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in RECORDED:
            source = Source(name, data, recordings_root(data))
            rows.append(measure(source, Path(folder)))
            print(rows[-1], flush=True)
    mean: dict[str, Any] = {"dataset": "mean", "metric": "", "n_programs": "", "coverage": ""}
    for output in (*OUTPUTS, "ece"):
        mean[output] = round(sum(row[output] for row in rows) / len(rows), 4)
    write_table("quality", COMMAND, [*rows, {**mean, "blend_low": "", "blend_high": ""}])


if __name__ == "__main__":
    main()
