"""Evaluate: how good the labels are, on rows with gold, and what they cost.

Nothing is ever fitted here. Rows of split valid and test were kept out of every fit; where a
task has no split, the rows scored were fitted on too, but never with their gold.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import LabelModel
from alchemist.core.files import write_atomically
from alchemist.core.labels import Labels
from alchemist.core.progress import Progress
from alchemist.core.task import SPLITS, Task
from alchemist.core.votes import Votes
from alchemist.flow.aggregate import Voted, count_patterns, fitted_label_model, voted_rows
from alchemist.flow.audit import audit_nuisance, cautions
from alchemist.flow.bill import Bill, draw_up_bill
from alchemist.flow.deliver import blend
from alchemist.flow.distill import fitted_student
from alchemist.flow.rows import Answers
from alchemist.label_models import LABEL_MODELS
from alchemist.measures.scores import Score, labels_of_program, score
from alchemist.store.gold import MODEL, read_given
from alchemist.store.learned import learned_rows
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
from alchemist.store.workspace import Workspace

WHOLE = "all"
OUTPUTS = ("majority_vote", "label_model", "student", "blend")


@dataclass(frozen=True, slots=True)
class EvaluateReport:
    """The outcome of the evaluate stage.

    Attributes:
        metric: The number the task cares about.
        scored_on: Which rows, in a sentence.
        metrics: What metrics.json holds.
        bill: What the labels cost.
        skipped: Why nothing was done, or empty.
    """

    metric: str
    scored_on: str
    metrics: Mapping[str, Any]
    bill: Bill
    skipped: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """Rows with gold of one split: gold, groups, and the labels of every output."""

    gold: NDArray[np.int16]
    groups: tuple[str, ...] | None
    outputs: Mapping[str, Labels]


def evaluate(workspace: Workspace, task: Task, progress: Progress) -> EvaluateReport:
    """Score every output on the rows with gold and write results/metrics.json.

    Raises:
        NotReady: There are no labels yet.
        BadRows: A gold value is no class of the task.
    """
    voted = voted_rows(workspace, task, progress)
    label_model, aggregated = fitted_label_model(workspace)
    distilled = latest_run(workspace, "distill")
    bill = draw_up_bill(workspace, task, voted.rows)
    inputs = evaluate_inputs(voted, aggregated, distilled)
    last = latest_run(workspace, "evaluate")
    if (
        last is not None
        and not changed_inputs(last, inputs)
        and published(workspace, "metrics.json")
    ):
        metrics = json.loads((last.folder / "metrics.json").read_bytes())
        skipped = "labels and gold are unchanged"
        return EvaluateReport(task.metric, metrics["scored_on"], metrics, bill, skipped)
    with recording(workspace, "evaluate", inputs) as run:
        groups = group_column(task)
        scores: dict[str, dict[str, Any]] = {}
        given = read_given(workspace).models
        for name, pieces in (*_gold_rows(voted), *_checked_rows(voted, given)):
            found = _collect(voted, pieces, groups, label_model, student=distilled is not None)
            scores[name] = {
                output: _score(found, labels, task).to_dict()
                for output, labels in found.outputs.items()
            }
            if name not in given:
                scores[name] |= _score_models(voted, pieces, given)
        nuisance = audit_nuisance(voted, label_model, distilled=distilled is not None)
        told = cautions(scores)
        metrics = {
            "metric": task.metric,
            "scored_on": _scored_on(scores, split=task.rows.split is not None),
            "programs": [program.name for program in voted.programs],
            "scores": scores,
            **({"nuisance": nuisance} if nuisance else {}),
            **({"cautions": told} if told else {}),
        }
        write_atomically(
            run.folder / "metrics.json",
            (json.dumps(_without_nan(metrics), indent=1, ensure_ascii=False) + "\n").encode(),
        )
        publish(workspace, run.folder / "metrics.json", "metrics.json")
    return EvaluateReport(task.metric, metrics["scored_on"], _without_nan(metrics), bill)


def evaluate_inputs(
    voted: Voted, aggregated: RunRecord, distilled: RunRecord | None
) -> dict[str, str]:
    """What the evaluate stage reads: labels, student, and what is known of the rows."""
    return {
        "labels": aggregated.id,
        "student": distilled.id if distilled else "",
        "gold": _gold_digest(voted),
        "metric": voted.rows.task.metric,
    }


def _score(found: _Scored, labels: Labels, task: Task) -> Score:
    return score(labels.proba, labels.covered, found.gold, task.class_names, groups=found.groups)


def _collect(
    voted: Voted,
    pieces: Sequence["_Piece"],
    groups: str | None,
    label_model: LabelModel,
    *,
    student: bool,
) -> _Scored:
    """Everything known about some rows with gold."""
    gold = np.concatenate([piece.gold for piece in pieces])
    matrix = np.concatenate([voted.votes(one.part).matrix[one.at] for one in pieces])
    votes = Votes(matrix, tuple(p.name for p in voted.programs), len(voted.rows.task.classes))
    majority = LABEL_MODELS.load("majority_vote")().fit(count_patterns(voted).fitted)
    labels = label_model.predict(votes)
    prior = _prior(label_model, votes)
    outputs = {
        program.name: labels_of_program(column, prior)
        for program, column in zip(voted.programs, votes.matrix.T, strict=True)
    }
    outputs["majority_vote"] = majority.predict(votes)
    outputs["label_model"] = labels
    if student:
        seen = _student_view(voted, pieces)
        outputs["student"] = Labels(seen, labels.covered)
        outputs["blend"] = Labels(blend(labels, seen), labels.covered)
    named = None
    if groups is not None:
        named = tuple(one.answers.groups[groups][i] for one in pieces for i in one.at)
    return _Scored(gold, named, outputs)


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Rows of one part to score on: (r,) positions and the class each is scored against."""

    part: Part
    at: NDArray[np.int64]
    gold: NDArray[np.int16]
    answers: Answers


def _gold_rows(voted: Voted) -> Iterator[tuple[str, list[_Piece]]]:
    """Rows with gold, by split; WHOLE stands for rows without one."""
    by_split: dict[str, list[_Piece]] = {name: [] for name in (*SPLITS, WHOLE)}
    for part, answers, fresh in _unlearned(voted):
        known = (answers.gold >= 0) & fresh
        if not known.any():
            continue
        splits = np.array([one or WHOLE for one in answers.split], dtype=str)
        for name, pieces in by_split.items():
            at = np.flatnonzero(known & (splits == name))
            if len(at):
                pieces.append(_Piece(part, at, answers.gold[at], answers))
    yield from ((name, pieces) for name, pieces in by_split.items() if pieces)


def _checked_rows(
    voted: Voted, given: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, list[_Piece]]]:
    """Rows without gold that a model was asked about, by model: a check, not gold."""
    for model, labels in given.items():
        pieces = []
        for part, answers, fresh in _unlearned(voted):
            said = voted.rows.classes_of(part, labels)
            at = np.flatnonzero((said >= 0) & (answers.gold < 0) & fresh)
            if len(at):
                pieces.append(_Piece(part, at, said[at], answers))
        if pieces:
            yield model, pieces


def _score_models(
    voted: Voted, pieces: Sequence[_Piece], given: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """How good the models' own answers are, on those of the rows they were asked about."""
    task = voted.rows.task
    found = {}
    for model, labels in given.items():
        said = np.concatenate([voted.rows.classes_of(one.part, labels)[one.at] for one in pieces])
        gold = np.concatenate([one.gold for one in pieces])
        asked = said >= 0
        if asked.any():
            proba = np.eye(len(task.classes))[said[asked]]
            every = np.ones(len(proba), dtype=bool)
            found[model] = score(proba, every, gold[asked], task.class_names).to_dict()
    return found


def _unlearned(voted: Voted) -> Iterator[tuple[Part, Answers, NDArray[np.bool_]]]:
    """Every part with what is known of it, and (n,) bool: rows no program was learned from."""
    learned = learned_rows(voted.rows.workspace)
    for part in voted.rows.manifest.parts:
        fresh = np.ones(part.rows, dtype=bool)
        if learned:
            fresh = np.array([one not in learned for one in voted.rows.ids(part).to_pylist()])
        yield part, voted.rows.answers(part), fresh


def _student_view(voted: Voted, pieces: Sequence[_Piece]) -> NDArray[np.float64]:
    student, _ = fitted_student(voted.rows.workspace)
    rows = voted.rows
    seen = []
    for piece in pieces:
        batch = rows.part(piece.part).take(piece.at)
        seen.append(student.predict_proba(rows.features(batch)))
    return np.concatenate(seen)


def _prior(label_model: LabelModel, votes: Votes) -> NDArray[np.float64]:
    """What the label model says of a row nobody spoke for."""
    silent = Votes(np.full((1, len(votes.programs)), -1), votes.programs, votes.n_classes)
    prior: NDArray[np.float64] = label_model.predict(silent).proba[0]
    return prior


def group_column(task: Task) -> str | None:
    """The column whose values are the groups that scores are told by; None without any."""
    kind, _, column = task.metric.partition(":")
    if kind == "worst_group":
        return column
    return next(iter(task.rows.evaluation_only), None)


def _gold_digest(voted: Voted) -> str:
    known = []
    for part in voted.rows.manifest.parts:
        answers = voted.rows.answers(part)
        groups = digest([list(values) for values in answers.groups.values()])
        known.append([digest(answers.gold.tolist()), digest(list(answers.split)), groups])
    workspace = voted.rows.workspace
    return digest([known, sorted(learned_rows(workspace)), read_given(workspace).models])


def _scored_on(scores: Mapping[str, Mapping[str, Any]], *, split: bool) -> str:
    if not scores:
        return (
            "no rows: none has gold. Name a column with known classes as rows.gold in "
            "task.toml; it is used for scoring alone"
        )
    counted = ", ".join(
        f"{next(iter(entry.values()))['n']:,} rows "
        + (f"against {name} (a check, not gold)" if name.startswith(MODEL) else f"of {name}")
        for name, entry in scores.items()
    )
    if split:
        return f"{counted}; only rows of train were fitted on, and those without gold"
    return f"{counted}; they were fitted on too, without their gold"


def _without_nan(value: Any) -> Any:
    """NaN is no JSON: a number that does not exist is null."""
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and value != value else value
