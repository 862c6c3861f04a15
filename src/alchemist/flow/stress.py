"""Stress: how many votes flip when the same rows come a little noisier."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Bundle
from alchemist.core.errors import InputError, NotReady
from alchemist.core.program import Program
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.flow.distill import fitted_student
from alchemist.flow.rows import Rows, sample_rows, take_in
from alchemist.flow.vote import open_engine
from alchemist.modalities.noise import NOISES, Noise
from alchemist.store.program_files import load_programs
from alchemist.store.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

STUDENT = "(student)"
SEED = 0


@dataclass(frozen=True, slots=True)
class Stressed:
    """One program, or the student, under every kind of noise.

    Attributes:
        name: The program's name.
        flips: Share of votes that changed, by kind of noise: of the rows that noise altered
            and on which it voted before or after.
        worst: The largest of them.
    """

    name: str
    flips: dict[str, float]
    worst: float


@dataclass(frozen=True, slots=True)
class StressReport:
    """Programs and student, the most fragile first, on a sample of rows."""

    n_rows: int
    altered: dict[str, int]
    stressed: tuple[Stressed, ...]


def stress(workspace: Workspace, task: Task, sample: int, progress: Progress) -> StressReport:
    """Vote on a sample of rows as they are and under each kind of noise, and compare.

    Raises:
        NotReady: There is no program.
        InputError: The rows are not text.
    """
    if task.modality != "text":
        raise InputError(f"Noise is known for text alone, and this task is {task.modality}.")
    programs = load_programs(workspace)
    if not programs:
        raise NotReady(f"There is no program yet. Run: alchemist synthesize {workspace.root}")
    rows = take_in(workspace, task, progress)
    batch = sample_rows(rows, sample, SEED)
    before = _seen(rows, programs, batch, workspace)
    flips: dict[str, dict[str, float]] = {name: {} for name in before.names}
    altered = {}
    with progress.bar("stressing", len(NOISES)) as bar:
        for kind, noise in NOISES.items():
            noisy, changed = _disturb(batch, noise)
            altered[kind] = int(changed.sum())
            after = before
            if changed.any():
                after = _seen(rows, programs, noisy.filter(_mask(changed)), workspace)
            for name, share in _flips(before, after, changed).items():
                flips[name][kind] = share
            bar.advance(1)
    found = [Stressed(name, by, max(by.values(), default=0.0)) for name, by in flips.items()]
    found.sort(key=lambda one: (-one.worst, one.name))
    return StressReport(batch.num_rows, altered, tuple(found))


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What every voice says of some rows: (n, m) class indices, negative for none."""

    names: tuple[str, ...]
    matrix: NDArray[np.int64]


def _seen(
    rows: Rows, programs: tuple[Program, ...], batch: "pa.RecordBatch", workspace: Workspace
) -> _Seen:
    task = rows.task
    names = tuple(program.name for program in programs)
    bundle = Bundle(programs, task.classes, rows.inputs, task.as_mapping)
    (found,) = open_engine(task).vote(bundle, [batch])
    matrix = found.matrix.astype(np.int64)
    try:
        student, _ = fitted_student(workspace)
    except NotReady:
        return _Seen(names, matrix)
    best = student.predict_proba(rows.features(batch)).argmax(axis=1)
    return _Seen((*names, STUDENT), np.column_stack([matrix, best]))


def _flips(before: _Seen, after: _Seen, changed: NDArray[np.bool_]) -> dict[str, float]:
    shares = {}
    for column, name in enumerate(after.names):
        then, now = before.matrix[changed, column], after.matrix[: changed.sum(), column]
        spoke = (then >= 0) | (now >= 0)
        shares[name] = round(float((then[spoke] != now[spoke]).mean()), 4) if spoke.any() else 0.0
    return shares


def _disturb(batch: "pa.RecordBatch", noise: Noise) -> tuple["pa.RecordBatch", NDArray[np.bool_]]:
    """The batch with noise in every input, and which rows it altered."""
    import pyarrow as pa

    rng = np.random.default_rng(SEED)
    changed = np.zeros(batch.num_rows, dtype=bool)
    columns = [batch.column(0)]
    for column in batch.columns[1:]:
        texts = column.to_pylist()
        noisy = [noise(text, rng) for text in texts]
        changed |= np.array([a != b for a, b in zip(texts, noisy, strict=True)], dtype=bool)
        columns.append(pa.array(noisy, pa.string()))
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names), changed


def _mask(changed: NDArray[np.bool_]) -> "pa.Array":
    import pyarrow as pa

    return pa.array(changed)
