"""Distill: soft labels in, a small model to keep out; then the final labels by both.

A student is trained again when the labels of the rows it learned from have moved, or when there
are clearly more rows to learn from; otherwise last time's serves, and only rows it has not seen
are shown to it. So an edited program or a few new rows do not cost a training.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import EndModel, LabelModel
from alchemist.core.errors import NotReady
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.end_models import END_MODELS
from alchemist.flow.aggregate import Voted, fitted_label_model, voted_rows
from alchemist.flow.deliver import LabeledPart, deliver
from alchemist.flow.rows import Rows, fit_mask
from alchemist.store.row_parts import Part
from alchemist.store.run_records import (
    RunRecord,
    changed_inputs,
    digest,
    latest_run,
    publish,
    published,
    recording,
)
from alchemist.store.student_views import StudentViews
from alchemist.store.workspace import Workspace

# Enough for a linear model to stop improving, and it fits in memory whatever the task's size.
SAMPLE_ROWS = 100_000
SEED = 0
# A student serves on while the labels it learned from move less than this on average (share of
# probability that changed class), and while it knows most of the rows it could learn from.
MOVED = 0.02
GROWN = 1.1


@dataclass(frozen=True, slots=True)
class DistillReport:
    """The outcome of the distill stage.

    Attributes:
        end_model: Its name.
        trained_on: Covered rows it learned from.
        candidates: Covered rows there were then.
        n_rows: Rows labeled now, together with the label model.
        moved: How far its labels have moved since it was trained; None when trained now.
        skipped: Why nothing was done, or empty.
    """

    end_model: str
    trained_on: int
    candidates: int
    n_rows: int
    moved: float | None = None
    skipped: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The rows a student learned from: where they are and which labels they had.

    Attributes:
        parts: Names of the parts.
        part: (s,) index into parts.
        position: (s,) row within the part.
        labels: (s, k) soft labels at the time.
        candidates: How many rows could have been drawn.
    """

    parts: tuple[str, ...]
    part: NDArray[np.int32]
    position: NDArray[np.int32]
    labels: NDArray[np.float32]
    candidates: int

    def save(self, path: Path) -> None:
        """Write as npz."""
        np.savez(
            path,
            parts=np.array(self.parts),
            part=self.part,
            position=self.position,
            labels=self.labels,
            candidates=self.candidates,
        )

    @classmethod
    def load(cls, path: Path) -> "Sample":
        """Read what save wrote."""
        with np.load(path, allow_pickle=False) as found:
            return cls(
                tuple(found["parts"].tolist()),
                found["part"],
                found["position"],
                found["labels"],
                int(found["candidates"]),
            )


def distill(workspace: Workspace, task: Task, progress: Progress) -> DistillReport:
    """Train the student on covered rows, if need be, and write the final labels.

    Rows of split valid or test are never trained on.

    Raises:
        NotReady: There are no labels yet, or programs spoke for no row at all.
    """
    voted = voted_rows(workspace, task, progress)
    label_model, aggregated = fitted_label_model(workspace)
    inputs = distill_inputs(task, aggregated)
    last = latest_run(workspace, "distill")
    there = published(workspace, "labels.parquet", "labels.csv", "model")
    if last is not None and there and not changed_inputs(last, inputs):
        return DistillReport(**{**last.facts["outputs"], "skipped": "labels are unchanged"})
    with recording(workspace, "distill", inputs) as run:
        moved = None if last is None else _moved(voted, label_model, last)
        if last is not None and moved is not None:
            trained = workspace.runs / last.facts["student"]
            student, sample = _load(trained, task), Sample.load(trained / "sample.npz")
        else:
            trained = run.folder
            sample = _draw(voted, label_model, progress)
            student = _train(voted, sample, progress)
            student.save(trained / "model")
            sample.save(trained / "sample.npz")
        publish(workspace, trained / "model", "model")
        views = StudentViews(workspace, trained.name)
        with progress.bar("labeling", voted.rows.manifest.n_rows) as bar:

            def labeled() -> Iterator[LabeledPart]:
                for part in voted.rows.manifest.parts:
                    labels = voted.labels(part, label_model)
                    seen = views.get(part.name, lambda p=part: _view(voted.rows, p, student))  # type: ignore[misc]
                    one = LabeledPart.blended(part, labels, seen)
                    yield one.of_readable(voted.rows.readable(part))
                    bar.advance(part.rows)

            deliver(voted.rows, labeled(), run.folder)
        views.forget_others({part.name for part in voted.rows.manifest.parts})
        report = DistillReport(
            task.distill.end_model,
            student.trained_on,
            sample.candidates,
            voted.rows.manifest.n_rows,
            moved,
        )
        facts = asdict(report)
        del facts["skipped"]
        run.facts.update(
            settings={"end_model": task.distill.end_model, "sample_rows": SAMPLE_ROWS},
            seed=SEED,
            student=trained.name,
            view=voted.rows.view_key,
            outputs=facts,
        )
    return report


def distill_inputs(task: Task, aggregated: RunRecord) -> dict[str, str]:
    """What the distill stage reads: the labels of an aggregate run, and which student."""
    return {"labels": aggregated.id, "end model": digest([task.distill.end_model])}


def fitted_student(workspace: Workspace) -> tuple[EndModel, RunRecord]:
    """The student of the newest distill run.

    Raises:
        NotReady: There is none yet.
    """
    last = latest_run(workspace, "distill")
    if last is None:
        raise NotReady(f"There is no student yet. Run: alchemist distill {workspace.root}")
    folder = workspace.runs / last.facts["student"] / "model"
    student: EndModel = END_MODELS.load(last.facts["settings"]["end_model"]).load(folder)
    return student, last


def _load(trained: Path, task: Task) -> EndModel:
    student: EndModel = END_MODELS.load(task.distill.end_model).load(trained / "model")
    return student


def _moved(voted: Voted, label_model: LabelModel, last: RunRecord) -> float | None:
    """How far the labels of last time's student have moved; None when it must be trained anew."""
    task, workspace = voted.rows.task, voted.rows.workspace
    path = workspace.runs / str(last.facts.get("student", "")) / "sample.npz"
    if last.facts["settings"]["end_model"] != task.distill.end_model or not path.exists():
        return None
    sample = Sample.load(path)
    if sample.labels.shape[1] != len(task.classes):
        return None
    candidates = sum(len(rows) for rows in _candidates(voted))
    if len(sample.labels) * GROWN < min(SAMPLE_ROWS, candidates):
        return None
    here = {part.name: part for part in voted.rows.manifest.parts}
    change = np.ones(len(sample.labels))  # a row that is gone counts as wholly changed
    for index, name in enumerate(sample.parts):
        rows = np.flatnonzero(sample.part == index)
        if name in here:
            now = voted.labels(here[name], label_model).proba[sample.position[rows]]
            change[rows] = np.abs(now - sample.labels[rows]).sum(axis=1) / 2
    moved = float(change.mean())
    return moved if moved <= MOVED else None


def _candidates(voted: Voted) -> list[NDArray[np.int64]]:
    """Rows a student may learn from, by part: covered, and not set aside for scoring."""
    return [
        np.flatnonzero(voted.covered(part) & fit_mask(voted.rows, part))
        for part in voted.rows.manifest.parts
    ]


def _draw(voted: Voted, label_model: LabelModel, progress: Progress) -> Sample:
    """Choose the rows to learn from: all candidates, or a seeded sample of many."""
    rows = voted.rows
    usable = _candidates(voted)
    total = sum(map(len, usable))
    if total == 0:
        raise NotReady(
            "The programs spoke for no row that may be trained on, so there is nothing to "
            f"distill. Look at {rows.workspace.results / 'faults.parquet'}."
        )
    part = np.repeat(np.arange(len(usable), dtype=np.int32), [len(one) for one in usable])
    position = np.concatenate(usable).astype(np.int32)
    if total > SAMPLE_ROWS:
        progress.say(f"The student learns from {SAMPLE_ROWS:,} of {total:,} covered rows.")
        chosen = np.random.default_rng(SEED).choice(total, SAMPLE_ROWS, replace=False)
        chosen.sort()
        part, position = part[chosen], position[chosen]
    labels = np.zeros((len(part), len(rows.task.classes)), dtype=np.float32)
    for index, one in enumerate(rows.manifest.parts):
        here = part == index
        if here.any():
            labels[here] = voted.labels(one, label_model).proba[position[here]]
    names = tuple(one.name for one in rows.manifest.parts)
    return Sample(names, part, position, labels, total)


def _train(voted: Voted, sample: Sample, progress: Progress) -> EndModel:
    rows = voted.rows
    features: list[Any] = []
    for index, part in enumerate(rows.manifest.parts):
        here = sample.position[sample.part == index]
        if len(here):
            batch = rows.part(part).take(here)
            features.append(rows.features(batch))
    labels = sample.labels.astype(np.float64)
    labels /= labels.sum(axis=1, keepdims=True)
    with progress.bar("distilling", None):
        student: EndModel = END_MODELS.load(rows.task.distill.end_model)()
        return student.fit(_joined(features), labels)


def _view(rows: Rows, part: Part, student: EndModel) -> NDArray[np.float64]:
    return student.predict_proba(rows.features(rows.part(part)))


def _joined(features: list[Any]) -> Any:
    if isinstance(features[0], np.ndarray):
        return np.concatenate(features)
    return [one for piece in features for one in piece]
