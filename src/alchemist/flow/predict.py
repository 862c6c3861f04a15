"""Predict: label another file with what the workspace has learned."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Bundle
from alchemist.core.errors import InputError, NotReady, nearest_hint
from alchemist.core.labels import Labels
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.core.votes import Votes
from alchemist.flow.aggregate import fitted_label_model
from alchemist.flow.deliver import LabeledPart, TableWriter, beside, label_schema, label_table
from alchemist.flow.distill import fitted_student
from alchemist.flow.vote import open_engine
from alchemist.modalities import MODALITIES
from alchemist.store.program_files import load_programs
from alchemist.store.row_parts import PART_ROWS, Part
from alchemist.store.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

By = Literal["programs", "student", "blend"]


@dataclass(frozen=True, slots=True)
class PredictReport:
    """What was written: rows, those with a label, and where."""

    n_rows: int
    labeled: int
    out: Path


def predict(
    workspace: Workspace, task: Task, file: Path, out: Path, progress: Progress, by: By = "blend"
) -> PredictReport:
    """Label the rows of a file, which need no gold, and write them with their columns.

    Args:
        workspace: A workspace whose stages have run.
        task: Its task.
        file: Rows with the task's input columns.
        out: A .csv (the user's columns, label, confidence, look) or .parquet (as labels.parquet).
        progress: Where to report.
        by: "programs" votes and aggregates, "student" asks the small model, "blend" both.

    Raises:
        BadRows: The file cannot be read or lacks an input column.
        NotReady: The stage that `by` needs has not run.
    """
    if out.suffix not in (".csv", ".parquet"):
        raise InputError(f"{out} must end in .csv or .parquet.")
    if by not in ("programs", "student", "blend"):
        raise InputError(
            f"There is no way to predict called {by!r}. "
            f"{nearest_hint(by, ('programs', 'student', 'blend'))}"
        )
    unknown = _as_unlabeled(task, file)
    out.parent.mkdir(parents=True, exist_ok=True)
    labeler = _Labeler(workspace, unknown, by)
    n = labeled = 0
    with progress.bar("predicting", None) as bar, _Output(out, unknown) as output:
        for batch, original in _pieces(unknown, Path.cwd()):
            one = labeler.label(batch)
            output.write(batch, original, one)
            n += batch.num_rows
            labeled += int(one.known.sum())
            bar.advance(batch.num_rows)
    return PredictReport(n, labeled, out)


def _as_unlabeled(task: Task, file: Path) -> Task:
    """The task over another file: ids are kept where the file has them."""
    modality = MODALITIES.load(task.modality)()
    columns = modality.columns(str(file), Path.cwd())
    has_id = task.rows.id is not None and task.rows.id in columns
    rows = replace(
        task.rows,
        path=str(file),
        id=task.rows.id if has_id else None,
        gold=None,
        split=None,
        evaluation_only=(),
    )
    metric = "accuracy" if task.metric.startswith("worst_group") else task.metric
    return replace(task, rows=rows, metric=metric)


def _pieces(task: Task, base: Path) -> Iterator[tuple["pa.RecordBatch", "pa.RecordBatch"]]:
    """Rows in pieces of up to PART_ROWS, with the user's own columns of the same rows."""
    import pyarrow as pa

    modality = MODALITIES.load(task.modality)()
    rows: list[pa.RecordBatch] = []
    originals: list[pa.RecordBatch] = []

    def flush() -> tuple[pa.RecordBatch, pa.RecordBatch]:
        pair = tuple(
            pa.Table.from_batches(piece).combine_chunks().to_batches()[0]
            for piece in (rows, originals)
        )
        rows.clear()
        originals.clear()
        return pair[0], pair[1]

    both = zip(modality.read(task, base), modality.originals(task, base), strict=True)
    for batch, original in both:
        if batch.rows.num_rows:
            rows.append(batch.rows)
            originals.append(original)
        if sum(one.num_rows for one in rows) >= PART_ROWS:
            yield flush()
    if rows:
        yield flush()


class _Labeler:
    """Holds what is needed to label pieces of rows one way."""

    def __init__(self, workspace: Workspace, task: Task, by: By) -> None:
        self._task = task
        self._modality = MODALITIES.load(task.modality)()
        self._programs = load_programs(workspace)
        self._label_model = None if by == "student" else fitted_label_model(workspace)[0]
        self._student = None if by == "programs" else fitted_student(workspace)[0]

    def label(self, batch: "pa.RecordBatch") -> LabeledPart:
        part = Part("", batch.num_rows, 1, "", 0, copied=False, answers=False)
        if self._student is None:
            return LabeledPart.by_label_model(part, self._by_programs(batch))
        features = self._modality.features(batch, self._task.rows.inputs)
        student = self._student.predict_proba(features)
        if self._label_model is None:
            return _by_student(part, student)
        return LabeledPart.blended(part, self._by_programs(batch), student)

    def _by_programs(self, batch: "pa.RecordBatch") -> Labels:
        if self._label_model is None:
            raise NotReady("There is no label model.")
        task = self._task
        bundle = Bundle(self._programs, task.classes, task.rows.inputs, task.as_mapping)
        (found,) = open_engine(task).vote(bundle, [batch])
        names = tuple(program.name for program in self._programs)
        return self._label_model.predict(Votes(found.matrix, names, len(task.classes)))


def _by_student(part: Part, student: NDArray[np.float64]) -> LabeledPart:
    labels = Labels(student, np.zeros(len(student), dtype=bool))
    everyone = np.ones(len(student), dtype=bool)
    look = LabeledPart.by_label_model(part, Labels(student, everyone)).look
    return LabeledPart(part, labels, np.full(len(student), "student"), everyone, look)


class _Output:
    """The file asked for: a table of the user's columns, or labels alone."""

    def __init__(self, out: Path, task: Task) -> None:
        self._task = task
        self._labels_only = out.suffix == ".parquet"
        self._schema = label_schema(task.class_names)
        self._table = TableWriter(out)

    def __enter__(self) -> Self:
        return self

    def write(self, batch: "pa.RecordBatch", original: "pa.RecordBatch", one: LabeledPart) -> None:
        names = self._task.class_names
        if self._labels_only:
            table = label_table(names, batch.column(0), one, self._schema)
            self._table.write(table.combine_chunks().to_batches()[0])
        else:
            self._table.write(beside(original, one, 0, names))

    def __exit__(self, *error: object) -> None:
        self._table.__exit__(*error)
