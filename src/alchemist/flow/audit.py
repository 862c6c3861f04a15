"""Audit: how far the labels follow what was kept from programs, and what a student lost.

    with[s]   share of rows whose label is the commonest one on their side of nuisance s
    without   the share that the commonest label has anyway

A large gap means that the labels can be guessed from the background alone. It is no proof of
a shortcut, since background and class may go together in these rows; without gold nothing
tells the two apart, and a drop of the gap on rows where they do not is what to look for.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.concepts import Feature
from alchemist.core.contracts import EndModel, LabelModel
from alchemist.flow.aggregate import Voted
from alchemist.flow.distill import fitted_student
from alchemist.flow.extract import View, found_in
from alchemist.flow.rows import fit_mask, read_name

# A student this far below its votes in the worst group has found a shortcut of its own; in
# smaller groups a row or two make as much of a difference.
LOSS = 0.05
FEWEST = 50
_COMPARED = ("label_model", "student")


def audit_nuisance(
    voted: Voted, label_model: LabelModel, *, distilled: bool
) -> list[dict[str, Any]]:
    """One entry per nuisance, the most telling first; none where there are no items.

    Each holds name, rows, without, and per output (label_model, student) how many of its
    labels the nuisance alone would guess.
    """
    view = voted.rows.view
    if view is None or not view.nuisance:
        return []
    hidden = np.concatenate(list(_hidden(voted, view)))
    student = fitted_student(voted.rows.workspace)[0] if distilled else None
    outputs = _labels(voted, label_model, student)
    entries = []
    for name, sides in _sides(view.nuisance, hidden, _fitted(voted)).items():
        known = (sides >= 0) & (outputs["label_model"] >= 0)
        if not known.any():
            continue
        entry: dict[str, Any] = {"name": name, "rows": int(known.sum())}
        for output, labels in outputs.items():
            table = _cross(labels[known], sides[known])
            entry[output] = round(float(table.max(axis=0).sum() / table.sum()), 4)
            without = float(table.sum(axis=1).max() / table.sum())
            entry.setdefault("without", round(without, 4))
        entries.append(entry)
    return sorted(entries, key=lambda one: one["without"] - one["label_model"])


def cautions(scores: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Where the student's worst group is clearly below that of the votes it learned from."""
    told = []
    for split, outputs in scores.items():
        votes, student = (outputs.get(one, {}).get("worst_group") for one in _COMPARED)
        if not (votes and student) or student["n"] < FEWEST:
            continue
        if student["value"] < votes["value"] - LOSS:
            told.append(
                f"On {split}, the student's worst group ({student['group']!r}) reaches "
                f"{student['value']:.2f} and its votes' {votes['value']:.2f}: it may rest on what "
                "the programs do not, such as a background. `predict --by programs` keeps it out."
            )
    return tuple(told)


def _hidden(voted: Voted, view: View) -> Iterator[NDArray[np.float64]]:
    for part in voted.rows.manifest.parts:
        yield view.hidden(found_in(voted.rows.workspace, view, read_name(part)))


def _fitted(voted: Voted) -> NDArray[np.bool_]:
    rows = voted.rows
    return np.concatenate([fit_mask(rows, part) for part in rows.manifest.parts])


def _labels(
    voted: Voted, label_model: LabelModel, student: EndModel | None
) -> dict[str, NDArray[np.int64]]:
    """Class of every row by output, negative where there is none."""
    by_model, by_student = [], []
    for part in voted.rows.manifest.parts:
        labels = voted.labels(part, label_model)
        by_model.append(np.where(labels.covered, labels.best, -1))
        if student is not None:
            features = voted.rows.features(voted.rows.part(part))
            by_student.append(student.predict_proba(features).argmax(axis=1))
    found = {"label_model": np.concatenate(by_model)}
    return found | ({"student": np.concatenate(by_student)} if by_student else {})


def _sides(
    features: Sequence[Feature], values: NDArray[np.float64], fitted: NDArray[np.bool_]
) -> dict[str, NDArray[np.int64]]:
    """(n,) side of every row by nuisance, negative where it has no answer.

    A concept's sides are its options, the one that shows most; a single number has two, below
    and above its median.
    """
    concepts: dict[str, list[int]] = {}
    for column, feature in enumerate(features):
        family = feature.name.rpartition(".")[0]
        concepts.setdefault(family or feature.name, []).append(column)
    sides: dict[str, NDArray[np.int64]] = {}
    for name, columns in concepts.items():
        some = values[:, columns]
        known = ~np.isnan(some).any(axis=1)
        if len(columns) > 1:
            side = np.where(known, np.nan_to_num(some).argmax(axis=1), -1)
        elif (known & fitted).any():
            middle = np.median(some[known & fitted])
            side = np.where(known, some[:, 0] > middle, -1)
        else:
            continue
        sides[name] = side.astype(np.int64)
    return sides


def _cross(labels: NDArray[np.int64], sides: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each label meets each side."""
    table = np.zeros((labels.max() + 1, sides.max() + 1), dtype=np.int64)
    np.add.at(table, (labels, sides), 1)
    return table
