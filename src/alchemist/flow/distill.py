"""Distill: soft labels in, a small model to keep out; then the final labels by both."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import EndModel, LabelModel
from alchemist.core.errors import NotReady
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.end_models import END_MODELS
from alchemist.flow.aggregate import Voted, fit_mask, fitted_label_model, voted_rows
from alchemist.flow.deliver import LabeledPart, deliver
from alchemist.store.run_records import RunRecord, changed_inputs, latest_run, publish, recording
from alchemist.store.workspace import Workspace

# Enough for a linear model to stop improving, and it fits in memory whatever the task's size.
SAMPLE_ROWS = 100_000
SEED = 0


@dataclass(frozen=True, slots=True)
class DistillReport:
    """The outcome of the distill stage.

    Attributes:
        end_model: Its name.
        trained_on: Covered rows it learned from.
        candidates: Covered rows there were.
        n_rows: Rows it then labeled, together with the label model.
        skipped: Why nothing was done, or empty.
    """

    end_model: str
    trained_on: int
    candidates: int
    n_rows: int
    skipped: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    features: Any
    labels: NDArray[np.float64]
    candidates: int


def distill(workspace: Workspace, task: Task, progress: Progress) -> DistillReport:
    """Train the student on covered rows and write the final labels.

    Rows of split valid or test are never trained on.

    Raises:
        NotReady: There are no labels yet, or programs spoke for no row at all.
    """
    voted = voted_rows(workspace, task, progress)
    label_model, aggregated = fitted_label_model(workspace)
    inputs = distill_inputs(task, aggregated)
    last = latest_run(workspace, "distill")
    if last is not None and not changed_inputs(last, inputs):
        return DistillReport(**{**last.facts["outputs"], "skipped": "labels are unchanged"})
    with recording(workspace, "distill", inputs) as run:
        sample = _draw(voted, label_model, progress)
        with progress.bar("distilling", None):
            student = END_MODELS.load(task.distill.end_model)()
            student.fit(sample.features, sample.labels)
        student.save(run.folder / "model")
        publish(workspace, run.folder / "model", "model")
        with progress.bar("labeling", voted.rows.manifest.n_rows) as bar:

            def labeled() -> Iterator[LabeledPart]:
                for part, batch in voted.rows.parts():
                    labels = label_model.predict(voted.votes(part))
                    features = voted.rows.modality.features(batch, task.rows.inputs)
                    yield LabeledPart.blended(part, labels, student.predict_proba(features))
                    bar.advance(part.rows)

            deliver(voted.rows, labeled(), run.folder)
        report = DistillReport(
            task.distill.end_model,
            len(sample.labels),
            sample.candidates,
            voted.rows.manifest.n_rows,
        )
        run.facts.update(
            settings={"end_model": task.distill.end_model, "sample_rows": SAMPLE_ROWS},
            seed=SEED,
            outputs={
                "end_model": report.end_model,
                "trained_on": report.trained_on,
                "candidates": report.candidates,
                "n_rows": report.n_rows,
            },
        )
    return report


def distill_inputs(task: Task, aggregated: RunRecord) -> dict[str, str]:
    """What the distill stage reads: the labels of an aggregate run, and which student."""
    return {"labels": aggregated.id, "end model": task.distill.end_model}


def fitted_student(workspace: Workspace) -> tuple[EndModel, RunRecord]:
    """The student of the newest distill run.

    Raises:
        NotReady: There is none yet.
    """
    last = latest_run(workspace, "distill")
    if last is None:
        raise NotReady(f"There is no student yet. Run: alchemist distill {workspace.root}")
    student: EndModel = END_MODELS.load(last.facts["settings"]["end_model"]).load(
        last.folder / "model"
    )
    return student, last


def _draw(voted: Voted, label_model: LabelModel, progress: Progress) -> _Sample:
    """Features and soft labels of covered rows, a seeded sample of them when there are many."""
    rows = voted.rows
    usable = [
        np.flatnonzero((voted.votes(part).matrix >= 0).any(axis=1) & fit_mask(rows, part))
        for part in rows.manifest.parts
    ]
    total = sum(map(len, usable))
    if total == 0:
        raise NotReady(
            "The programs spoke for no row that may be trained on, so there is nothing to "
            f"distill. Look at {rows.workspace.results / 'faults.parquet'}."
        )
    chosen = np.ones(total, dtype=bool)
    if total > SAMPLE_ROWS:
        progress.say(f"The student learns from {SAMPLE_ROWS:,} of {total:,} covered rows.")
        chosen[:] = False
        rng = np.random.default_rng(SEED)
        chosen[rng.choice(total, SAMPLE_ROWS, replace=False)] = True
    features: list[Any] = []
    labels: list[NDArray[np.float64]] = []
    begin = 0
    for part, positions in zip(rows.manifest.parts, usable, strict=True):
        here = positions[chosen[begin : begin + len(positions)]]
        begin += len(positions)
        if len(here) == 0:
            continue
        batch = rows.part(part).take(here)
        features.append(rows.modality.features(batch, rows.task.rows.inputs))
        labels.append(label_model.predict(voted.votes(part)).proba[here])
    return _Sample(_joined(features), np.concatenate(labels), total)


def _joined(features: list[Any]) -> Any:
    if isinstance(features[0], np.ndarray):
        return np.concatenate(features)
    return [one for piece in features for one in piece]
