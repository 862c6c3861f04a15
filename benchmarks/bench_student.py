"""The text student: how its settings were chosen, and what it costs.

`student_choice`: soft labels of the default label model on train, scored on the rows of valid;
test is not even read. `student_cost`: fitting and predicting on made-up short texts.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.labels import Labels
from alchemist.core.progress import Silent
from alchemist.core.task import Task
from alchemist.end_models.tfidf import TfidfStudent
from alchemist.flow.aggregate import aggregate, fitted_label_model, voted_rows
from alchemist.flow.deliver import blend
from alchemist.flow.vote import vote
from alchemist.measures.scores import score
from benchmarks.recorded_tasks import RECORDED, Source, make_workspace, recordings_root
from benchmarks.report import data_root, peak_pss_mb, write_table

COMMAND = "make bench-student"
STRENGTHS = (1.0, 3.0, 10.0)
FEATURES = (20_000, 50_000)
CHARS = (10_000_000, 30_000_000)
TEXTS = 50_000


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Texts of one split with the labels of the label model, and gold."""

    texts: list[str]
    labels: Labels
    gold: NDArray[np.int16]


def labeled(source: Source, folder: Path) -> tuple[Task, dict[str, Rows]]:
    """Train and valid rows of one data set, labeled by the default label model."""
    workspace = make_workspace(source, folder / source.name, splits=("train", "valid"))
    task, quiet = workspace.task(), Silent()
    vote(workspace, task, quiet)
    aggregate(workspace, task, quiet)
    voted = voted_rows(workspace, task, quiet)
    label_model, _ = fitted_label_model(workspace)
    texts: list[str] = []
    splits, proba, covered, gold = [], [], [], []
    for part, batch in voted.rows.parts():
        labels, answers = label_model.predict(voted.votes(part)), voted.rows.answers(part)
        texts += voted.rows.modality.features(batch, task.rows.inputs)
        splits += list(answers.split)
        proba.append(labels.proba)
        covered.append(labels.covered)
        gold.append(answers.gold)
    everything = np.concatenate(proba), np.concatenate(covered), np.concatenate(gold)
    found = {}
    for split in ("train", "valid"):
        at = np.flatnonzero(np.array(splits) == split)
        if split == "train":
            at = at[everything[1][at]]
        labels = Labels(everything[0][at], everything[1][at])
        found[split] = Rows([texts[i] for i in at], labels, everything[2][at])
    return task, found


def settings() -> list[dict[str, Any]]:
    """Every combination tried."""
    return [
        {"strength": c, "max_features": f, "max_chars": n}
        for n in CHARS
        for f in FEATURES
        for c in STRENGTHS
    ]


def try_settings(name: str, task: Task, rows: dict[str, Rows]) -> list[dict[str, Any]]:
    """Student and blend on the valid rows of one data set, for each setting."""
    train, valid = rows["train"], rows["valid"]
    found = []
    for one in settings():
        began = time.process_time()
        student = TfidfStudent(**one).fit(train.texts, train.labels.proba)
        fit_s = time.process_time() - began
        seen = student.predict_proba(valid.texts)
        row: dict[str, Any] = {"dataset": name, **one}
        for output, proba in (("student", seen), ("blend", blend(valid.labels, seen))):
            got = score(proba, valid.labels.covered, valid.gold, task.class_names)
            row[output] = round(got.metric(task.metric).value, 4)
            row[f"{output}_brier"] = round(got.brier.value, 4)
        found.append({**row, "fit_cpu_s": round(fit_s, 1)})
    return found


def means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per setting: the mean over the data sets."""
    numbers = ("student", "student_brier", "blend", "blend_brier", "fit_cpu_s")
    found = []
    for one in settings():
        same = [row for row in rows if one.items() <= row.items()]
        mean = {key: round(float(np.mean([row[key] for row in same])), 4) for key in numbers}
        found.append({"dataset": "mean", **one, **mean})
    return found


def made_up(n: int, seed: int) -> list[str]:
    """Distinct texts of 5 to 25 words, drawn from 20,000 made-up words by Zipf's law."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    words = ["".join(rng.choice(letters, size)) for size in rng.integers(2, 10, 20_000)]
    ranks = np.minimum(rng.zipf(1.3, size=(n, 25)) - 1, len(words) - 1)
    lengths = rng.integers(5, 26, n)
    return [" ".join(words[r] for r in row[:m]) for row, m in zip(ranks, lengths, strict=True)]


def cost() -> list[dict[str, Any]]:
    """CPU seconds and memory for TEXTS short texts."""
    texts = made_up(TEXTS, seed=7)
    labels = np.random.default_rng(8).dirichlet([0.3] * 3, size=TEXTS)
    rows = []
    student = TfidfStudent()
    for step, work in (
        ("fit", lambda: student.fit(texts, labels)),
        ("predict", lambda: student.predict_proba(texts)),
    ):
        with peak_pss_mb() as before:
            pass
        began = time.process_time()
        with peak_pss_mb() as peak:
            work()
        seconds = time.process_time() - began
        rows.append(
            {
                "step": step,
                "texts": TEXTS,
                "characters": sum(map(len, texts)),
                "texts_per_cpu_s": round(TEXTS / seconds),
                "added_mb": round(peak.mb - before.mb),
            }
        )
    return rows


def main() -> None:
    """Measure both tables and write them."""
    write_table("student_cost", COMMAND, cost())
    data = data_root()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in RECORDED:
            task, split = labeled(Source(name, data, recordings_root(data)), Path(folder))
            rows += try_settings(name, task, split)
            print(f"{name}: {len(split['train'].texts):,} texts learned from", flush=True)
    write_table("student_choice", COMMAND, [*means(rows), *rows], note="rows of valid, no test row")


if __name__ == "__main__":
    main()
