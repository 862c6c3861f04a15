"""Predict: label another file with what the workspace has learned."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Bundle, EndModel, ItemModality, LabelModel
from alchemist.core.errors import InputError, NotReady, nearest_hint
from alchemist.core.labels import Labels
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.core.votes import Votes
from alchemist.flow.aggregate import fitted_label_model
from alchemist.flow.deliver import LabeledPart, TableWriter, beside, label_schema, label_table
from alchemist.flow.distill import fitted_student
from alchemist.flow.extract import frozen_view, readable
from alchemist.flow.families import columns_needed
from alchemist.flow.vote import open_engine, spread_votes
from alchemist.modalities import MODALITIES
from alchemist.modalities.types import types_of
from alchemist.store.program_files import load_programs
from alchemist.store.row_parts import PART_BYTES, PART_ROWS, Part, load_manifest, read_copied
from alchemist.store.run_records import RunRecord
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
    unknown = _as_unlabeled(workspace, task, file)
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


def _as_unlabeled(workspace: Workspace, task: Task, file: Path) -> Task:
    """The task over another file: ids are kept where the file has them, types as they were."""
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
        types=_types(workspace, task),
    )
    metric = "accuracy" if task.metric.startswith("worst_group") else task.metric
    return replace(task, rows=rows, metric=metric)


def _types(workspace: Workspace, task: Task) -> Mapping[str, str]:
    """What the columns of a table were found to hold: a few new rows may look otherwise."""
    manifest = load_manifest(workspace)
    if task.modality != "tabular" or manifest is None:
        return task.rows.types
    return types_of(read_copied(workspace, manifest.parts[0]), task.rows.inputs)


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

    own = modality.originals(task, base)
    rest: pa.RecordBatch | None = None
    for batch in modality.read(task, base):
        need = batch.rows.num_rows
        if need:
            rows.append(batch.rows)
        while need:
            # Rows and originals come in the same order, but need not be cut alike.
            one = next(own) if rest is None else rest
            piece, rest = one.slice(0, need), one.slice(need)
            if rest.num_rows == 0:
                rest = None
            if piece.num_rows:
                originals.append(piece)
            need -= piece.num_rows
        if (
            sum(one.num_rows for one in rows) >= PART_ROWS
            or sum(one.nbytes for one in rows) >= PART_BYTES
        ):
            yield flush()
    if rows:
        yield flush()


class _Labeler:
    """Holds what is needed to label pieces of rows one way."""

    def __init__(self, workspace: Workspace, task: Task, by: By) -> None:
        self._task = task
        self._modality = MODALITIES.load(task.modality)()
        self._view = (
            frozen_view(workspace, task, self._modality)
            if isinstance(self._modality, ItemModality)
            else None
        )
        self._inputs = task.rows.inputs if self._view is None else self._view.inputs
        self._programs = load_programs(workspace)
        self._label_model: LabelModel | None = None
        self._student: EndModel | None = None
        if by != "student":
            self._label_model, aggregated = fitted_label_model(workspace)
            self._check_view(workspace, aggregated)
        if by != "programs":
            self._student, distilled = fitted_student(workspace)
            self._check_view(workspace, distilled)

    def _check_view(self, workspace: Workspace, fitted: RunRecord) -> None:
        """What was learned from one view of items must not meet another."""
        if self._view is not None and fitted.facts.get("view") != self._view.key:
            raise NotReady(
                "The extractor, its view or the concepts have changed since the labels were made. "
                f"Run: alchemist run {workspace.root}"
            )

    def label(self, batch: "pa.RecordBatch") -> LabeledPart:
        part = Part("", batch.num_rows, 1, "", 0, copied=False, answers=False)
        there = np.ones(batch.num_rows, dtype=bool)
        if self._view is not None:
            found = self._view.look.extract(batch)
            batch, there = self._view.show(batch.column(0), found), readable(found)
        return self._labeled(part, batch, there).of_readable(there)

    def _labeled(
        self, part: Part, batch: "pa.RecordBatch", there: NDArray[np.bool_]
    ) -> LabeledPart:
        if self._student is None:
            return LabeledPart.by_label_model(part, self._by_programs(batch, there))
        student = self._student.predict_proba(self._modality.features(batch, self._inputs))
        if self._label_model is None:
            return _by_student(part, student)
        return LabeledPart.blended(part, self._by_programs(batch, there), student)

    def _by_programs(self, batch: "pa.RecordBatch", there: NDArray[np.bool_]) -> Labels:
        if self._label_model is None:
            raise NotReady("There is no label model.")
        task = self._task
        programs = self._programs
        inputs = columns_needed(programs, self._inputs) if task.as_mapping else self._inputs
        bundle = Bundle(programs, task.classes, inputs, task.as_mapping)
        (votes,) = open_engine(task).vote(bundle, [batch.take(np.flatnonzero(there))])
        found = spread_votes(votes, there)
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
