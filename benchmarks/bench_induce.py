"""Programs induced from 100 known rows, against TF-IDF and logistic regression on the same rows.

Ten draws of 100 rows of train per set; the class of no other row is seen before the score. What
is scored is what a user gets: `induce`, then `run` (vote, label model, student) over the known
rows and further train rows without a class, then test rows by the blend. The supervised side
learns from the 100 rows alone, with the better of two usual strengths on validation rows of all
sets (C = 10), once as it is and once with balanced class weights.
"""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from alchemist.core.progress import Silent
from alchemist.flow.induce import induce_programs
from alchemist.store.task_file import write_task
from alchemist.store.workspace import Workspace, open_workspace
from benchmarks.recorded_tasks import METRICS, RECORDED, Source, recordings_root, run_stages
from benchmarks.report import data_root, write_table

COMMAND = "make bench-induce"
GOLD_ROWS = 100
DRAWS = 10
MOST_TRAIN_ROWS = 2000
SCORED = "test"
SIDES = ("induced", "tfidf_lr", "tfidf_lr_balanced")


def measure(name: str, draw: int) -> dict[str, Any]:
    """One row of the table."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    metric = METRICS.get(name, "accuracy")
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        workspace, known = _make_workspace(name, draw, Path(folder) / name)
        induce_programs(workspace, workspace.task(), Silent())
        metrics: Any = run_stages(workspace)
    blend = metrics["scores"][SCORED]["blend"]
    kind, _, detail = metric.partition(":")
    found = blend["f1"][detail] if kind == "f1" else blend[kind]
    return {
        "dataset": name,
        "gold_rows": GOLD_ROWS,
        "draw": draw,
        "induced": round(found["value"], 4),
        "tfidf_lr": round(_supervised(name, known, detail), 4),
        "tfidf_lr_balanced": round(_supervised(name, known, detail, "balanced"), 4),
    }


def _read(name: str, split: str) -> Any:
    import pyarrow.parquet as pq

    table = pq.read_table(data_root() / name / f"{split}.parquet")
    return table.select(["id", "text", "label"])


def _make_workspace(name: str, draw: int, root: Path) -> tuple[Workspace, Any]:
    """Train rows, 100 of them with their class, and the rows to score; and those 100."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    train, scored = _read(name, "train"), _read(name, SCORED)
    order = np.random.default_rng(draw).permutation(train.num_rows)
    train = train.take(order[:MOST_TRAIN_ROWS])
    known = train.slice(0, GOLD_ROWS)
    labels = train.column("label").to_pylist()
    hidden = [labels[i] if i < GOLD_ROWS else None for i in range(len(labels))]
    shown = train.set_column(2, "label", pa.array(hidden, train.schema.field("label").type))
    tables = [
        one.append_column("split", pa.array([split] * one.num_rows))
        for one, split in ((shown, "train"), (scored, SCORED))
    ]
    root.mkdir(parents=True)
    pq.write_table(pa.concat_tables(tables), root / "rows.parquet")
    described = Source(name, data_root(), recordings_root(data_root())).description
    classes: Any = described["classes"]
    rows = {"path": "rows.parquet", "inputs": ["text"], "id": "id", "gold": "label"}
    task = {
        "schema": 1,
        "name": name.replace("_", "-"),
        "instruction": str(described["task"]),
        "language": str(described["language"]),
        "metric": METRICS.get(name, "accuracy"),
        "classes": [{"name": c if isinstance(c, str) else c["name"]} for c in classes],
        "rows": {**rows, "split": "split"},
    }
    write_task(root / "task.toml", task, {})
    return open_workspace(root), known


def _supervised(name: str, known: Any, positive: str, weights: str | None = None) -> float:
    """The score of TF-IDF and logistic regression that learned from the known rows."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    scored = _read(name, SCORED)
    tfidf = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = LogisticRegression(C=10, max_iter=1000, class_weight=weights)
    model.fit(
        tfidf.fit_transform(known.column("text").to_pylist()), known.column("label").to_pylist()
    )
    said = model.predict(tfidf.transform(scored.column("text").to_pylist()))
    gold = np.array(scored.column("label").to_pylist())
    if positive:
        spam = np.char.lower(gold.astype(str)) == positive
        found = np.char.lower(said.astype(str)) == positive
        return float(f1_score(spam, found, zero_division=0))
    return float((said == gold).mean())


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the draws, per set."""
    table = []
    for name in RECORDED:
        here = [row for row in rows if row["dataset"] == name]
        means = {key: float(np.mean([row[key] for row in here])) for key in SIDES}
        table.append(
            {
                "dataset": name,
                "metric": METRICS.get(name, "accuracy"),
                "draws": len(here),
                **{key: round(value, 4) for key, value in means.items()},
                "spread": round(float(np.std([row["induced"] for row in here])), 4),
                "at_or_above": means["induced"] >= means["tfidf_lr"],
                "above_balanced": means["induced"] >= means["tfidf_lr_balanced"],
            }
        )
    return table


def main() -> None:
    """Measure every draw and write two tables."""
    cases = [(name, draw) for name in RECORDED for draw in range(DRAWS)]
    with ProcessPoolExecutor(2) as pool:
        rows = list(pool.map(measure, *zip(*cases, strict=True)))
    note = (
        f"induced: blend on test rows; labels without a class from at most {MOST_TRAIN_ROWS:,} "
        "train rows, the known ones among them. sms: F1 of spam, else accuracy."
    )
    write_table("induce", COMMAND, rows, note)
    write_table("induce_summary", COMMAND, summary(rows), note)


if __name__ == "__main__":
    main()
