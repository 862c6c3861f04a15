"""A task of short series and an extractor that needs no model, for tests of the whole way.

Class `up` rises and class `down` falls; in train the level follows the class, as a background
would. Two concepts: `trend`, and the nuisance `level`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alchemist.core.concepts import Concept, Extracted, Feature, score_features
from alchemist.core.errors import BadConcepts
from alchemist.store.workspace import Workspace

TASK = """\
schema = 1
name = "trends"
instruction = "Decide whether a series rises or falls."
modality = "series"
metric = "worst_group:group"
[[classes]]
name = "down"
[[classes]]
name = "up"
[rows]
path = "rows.parquet"
inputs = ["series"]
id = "id"
gold = "label"
split = "split"
evaluation_only = ["group"]
[concepts]
extractor = "tagger"
"""
CONCEPTS = """\
[[concepts]]
name = "trend"
question = "Which way does it go?"
[[concepts.options]]
name = "rising"
[[concepts.options]]
name = "falling"
[[concepts]]
name = "ends"
question = "How does it end?"
[[concepts.options]]
name = "high"
[[concepts.options]]
name = "low"
[[concepts]]
name = "level"
question = "How high is it?"
nuisance = true
[[concepts.options]]
name = "high"
[[concepts.options]]
name = "low"
"""
PROGRAMS = {
    "rising": 'row["trend.rising"]',
    "not_falling": '1 - row["trend.falling"]',
    "end": 'row["ends.high"]',
}


class Looking:
    """Scores concepts of a series by its slope, its last value and its mean."""

    def __init__(self, fingerprint: str = "looking 1") -> None:
        self.fingerprint = fingerprint
        self.looked_at = 0

    def vocabulary(self) -> tuple[str, ...]:
        return ()

    def features(self, concepts: Sequence[Concept]) -> tuple[Feature, ...]:
        if not concepts:
            raise BadConcepts("This extractor scores concepts, and there are none.")
        return score_features(concepts)

    def extract(self, items: Sequence[bytes | None], concepts: Sequence[Concept]) -> Extracted:
        names = [feature.name for feature in self.features(concepts)]
        values = np.full((len(items), len(names)), np.nan, dtype=np.float32)
        problems = {}
        for row, item in enumerate(items):
            self.looked_at += 1
            series = np.frombuffer(item or b"", dtype="<f8")
            if len(series) < 3 or np.isnan(series).any():
                problems[row] = "missing" if item is None else "no whole series"
                continue
            found = {
                "trend.rising": series[-1] - series[0],
                "ends.high": series[-1] - series.mean(),
                "level.high": series.mean(),
            }
            for column, name in enumerate(names):
                values[row, column] = found.get(name, 0.0)
        return Extracted(values, problems)


def series_rows(
    n: int = 120, broken: int = 2, seed: int = 0, name: str = "r"
) -> list[dict[str, Any]]:
    """Rows whose level follows the class in train and does not in test."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        up, train = bool(rng.integers(2)), i % 3 > 0
        high = up if train and rng.random() < 0.95 else bool(rng.integers(2))
        slope = (1 if up else -1) * rng.uniform(0.5, 2)
        series = np.linspace(0, slope, 8) + rng.normal(0, 0.1, 8) + (6 if high else 0)
        rows.append(
            {
                "id": f"{name}{i}",
                "series": series.tolist() if i >= broken else [1.0, None, 2.0],
                "label": "up" if up else "down",
                "split": "train" if train else "test",
                "group": f"{'up' if up else 'down'}/{'high' if high else 'low'}",
            }
        )
    return rows


def write_series(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as parquet."""
    pq.write_table(pa.Table.from_pylist(rows), path)


def series_workspace(root: Path, rows: list[dict[str, Any]] | None = None) -> Workspace:
    """A task folder over these rows, with concepts and programs by hand."""
    (root / "programs").mkdir(parents=True)
    write_series(root / "rows.parquet", rows or series_rows())
    (root / "task.toml").write_text(TASK)
    (root / "concepts.toml").write_text(CONCEPTS)
    for name, value in PROGRAMS.items():
        (root / "programs" / f"{name}.py").write_text(
            f'def label(row):\n    """By {name}."""\n    value = {value}\n'
            '    return None if abs(value - 0.5) < 0.1 else ("up" if value > 0.5 else "down")\n'
        )
    return Workspace(root)
