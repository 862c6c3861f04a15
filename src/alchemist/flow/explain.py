"""Explain: why one row got its label, as a sum of evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alchemist.core.contracts import ExplainableLabelModel
from alchemist.core.errors import InputError, NotReady
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.core.votes import ABSTAIN, MISSING
from alchemist.flow.aggregate import Voted, fitted_label_model, voted_rows
from alchemist.flow.deliver import blend
from alchemist.flow.distill import fitted_student
from alchemist.flow.extract import found_in
from alchemist.flow.families import features_read
from alchemist.flow.rows import read_name
from alchemist.store.row_parts import Part
from alchemist.store.vote_columns import read_columns
from alchemist.store.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Said:
    """What one program said about the row.

    Attributes:
        program: Its name.
        idea: First line of its docstring.
        vote: A class name, "abstained" or "failed".
        toward: The class its vote, or its silence, speaks for most; empty without evidence.
        weight: Log-odds it adds for that class over the mean of the others; None when the
            label model is no sum of evidence.
        fault: What went wrong, if it failed here and was kept as an example.
    """

    program: str
    idea: str
    vote: str
    toward: str
    weight: float | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a row got its label.

    Attributes:
        id: The row.
        inputs: What programs were shown; of an item, the numbers that decided.
        said: One entry per program.
        prior: Share of each class before any vote.
        label_model: Class probabilities by the programs, or None where none spoke.
        student: Class probabilities by the student, or None before distilling.
        label: The final class.
        confidence: Its probability.
    """

    id: str
    inputs: dict[str, object]
    said: tuple[Said, ...]
    prior: dict[str, float] | None
    label_model: dict[str, float] | None
    student: dict[str, float] | None
    label: str | None
    confidence: float


def explain(workspace: Workspace, task: Task, row_id: str, progress: Progress) -> Explanation:
    """Trace one row's label back to votes, weights and the student.

    Raises:
        InputError: No row has this id.
        NotReady: There are no labels yet.
    """
    voted = voted_rows(workspace, task, progress)
    label_model, _ = fitted_label_model(workspace)
    part, position = _find(voted, row_id)
    batch = voted.rows.part(part).slice(position, 1)
    whole = voted.votes(part)
    votes = type(whole)(whole.matrix[position : position + 1], whole.programs, whole.n_classes)
    labels = label_model.predict(votes)
    evidence = (
        label_model.evidence(votes)[0] if isinstance(label_model, ExplainableLabelModel) else None
    )
    covered = bool(labels.covered[0])
    try:
        student, _ = fitted_student(workspace)
        seen = student.predict_proba(voted.rows.features(batch))
        final = blend(labels, seen)[0]
    except NotReady:
        seen, final = None, labels.proba[0]
    known = (covered or seen is not None) and bool(voted.rows.readable(part)[position])
    names = task.class_names
    return Explanation(
        id=row_id,
        inputs=_unread(voted, part, position) or _shown(voted, batch, votes.matrix[0]),
        said=_said(voted, part, row_id, votes.matrix[0], evidence),
        prior=None if evidence is None else _named(names, _softmax(evidence[-1])),
        label_model=_named(names, labels.proba[0]) if covered else None,
        student=None if seen is None else _named(names, seen[0]),
        label=names[int(final.argmax())] if known else None,
        confidence=float(final.max()),
    )


def _unread(voted: Voted, part: Part, position: int) -> dict[str, object]:
    """Why an item could not be read; empty where it could."""
    if voted.rows.view is None:
        return {}
    found = found_in(voted.rows.workspace, voted.rows.view, read_name(part))
    why = found.problems.get(position)
    return {} if why is None else {"the item cannot be read": why}


def _shown(
    voted: Voted, batch: "pa.RecordBatch", row: np.ndarray[tuple[int], np.dtype[np.int16]]
) -> dict[str, object]:
    """What programs were shown; of an item, the numbers that the voting ones read."""
    names: Sequence[str] = voted.rows.inputs
    if voted.rows.view is not None:
        voting = (one for one, vote in zip(voted.programs, row, strict=True) if vote >= 0)
        read = {name for one in voting for name in features_read(one, names)}
        names = [name for name in names if name in read]
    values = {name: batch.column(name)[0].as_py() for name in names}
    return {n: round(v, 4) if isinstance(v, float) else v for n, v in values.items()}


def _find(voted: Voted, row_id: str) -> tuple[Part, int]:
    for part, batch in voted.rows.parts():
        found = batch.column(0).index(row_id).as_py()
        if found >= 0:
            return part, found
    first = voted.rows.part(voted.rows.manifest.parts[0]).column(0)[0].as_py()
    raise InputError(f"No row has the id {row_id!r}. Ids look like {first!r}.")


def _said(
    voted: Voted,
    part: Part,
    row_id: str,
    row: np.ndarray[tuple[int], np.dtype[np.int16]],
    evidence: np.ndarray[tuple[int, int], np.dtype[np.float64]] | None,
) -> tuple[Said, ...]:
    rows = voted.rows
    found = read_columns(rows.workspace, voted.programs, part.name, rows.task.classes)
    faults = found.faults.examples
    messages = {f.program: f"{f.kind}: {f.message}" for f in faults if f.row in (row_id, None)}
    names = rows.task.class_names
    entries = []
    for column, program in enumerate(voted.programs):
        vote = int(row[column])
        word = {ABSTAIN: "abstained", MISSING: "failed"}.get(vote) or names[vote]
        toward, weight = "", None
        if evidence is not None and vote != MISSING:
            added = evidence[column]
            index = vote if vote >= 0 else int(added.argmax())
            weight = round(float(added[index] - np.delete(added, index).mean()), 3)
            toward = names[index] if weight else ""
        fault = messages.get(program.name, "") if vote == MISSING else ""
        entries.append(Said(program.name, program.description, word, toward, weight, fault))
    return tuple(entries)


def _named(
    names: tuple[str, ...], proba: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> dict[str, float]:
    return {name: round(float(p), 4) for name, p in zip(names, proba, strict=True)}


def _softmax(
    scores: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    shifted = np.exp(scores - scores.max())
    return shifted / shifted.sum()
