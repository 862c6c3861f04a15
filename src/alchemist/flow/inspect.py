"""Inspect: figures of every program, and what the labels are probably worth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from alchemist.core.contracts import GoldVotes
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.core.votes import Votes
from alchemist.flow.aggregate import Voted, count_patterns, fitted_label_model, voted_rows
from alchemist.label_models.additive import AdditiveModel
from alchemist.label_models.forecast import Forecast, forecast, next_rows
from alchemist.label_models.report import ProgramReport, program_report
from alchemist.store.vote_columns import read_columns
from alchemist.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ProgramFigures:
    """One program: what the votes say of it, its failures by kind, and its share of the cost."""

    report: ProgramReport
    faults: Mapping[str, int]
    cost_usd: float | None
    origin: str
    idea: str


@dataclass(frozen=True, slots=True)
class Outlined:
    """A forecast for a task, and ids of rows a person should label next."""

    forecast: Forecast
    n_rows: int
    covered: int
    label_next: tuple[str, ...]


def inspect_programs(
    workspace: Workspace, task: Task, progress: Progress, *, with_gold: bool
) -> tuple[ProgramFigures, ...]:
    """Figures of every program, estimated from the votes alone; measured beside with gold.

    Raises:
        NotReady: Some program has not voted yet.
    """
    voted = voted_rows(workspace, task, progress)
    counts = count_patterns(voted).everything
    gold = _gold(voted) if with_gold else None
    found = program_report(counts, _explaining(workspace), gold=gold)
    faults: dict[str, dict[str, int]] = {program.name: {} for program in voted.programs}
    for part in voted.rows.manifest.parts:
        here = read_columns(workspace, voted.programs, part.name, task.classes).faults
        for (name, kind), count in here.counts.items():
            faults[name][kind] = faults[name].get(kind, 0) + count
    return tuple(
        ProgramFigures(
            report,
            faults[program.name],
            program.origin.cost_usd,
            program.origin.origin,
            program.description,
        )
        for report, program in zip(found, voted.programs, strict=True)
    )


def forecast_labels(
    workspace: Workspace, task: Task, progress: Progress, *, with_gold: bool, label_next: int
) -> Outlined:
    """Forecast how many labels are right, and choose rows whose gold would say most.

    Raises:
        NotReady: There are no labels yet.
    """
    voted = voted_rows(workspace, task, progress)
    model, _ = fitted_label_model(workspace)
    names = tuple(program.name for program in voted.programs)
    matrix = np.concatenate([voted.votes(part).matrix for part in voted.rows.manifest.parts])
    votes = Votes(matrix, names, len(task.classes))
    labels = model.predict(votes)
    known = gold = None
    if with_gold:
        values = np.concatenate(
            [voted.rows.answers(part).gold for part in voted.rows.manifest.parts]
        )
        known = np.flatnonzero((values >= 0) & labels.covered)
        gold = values[known]
    found = forecast(votes, labels, gold_rows=known, gold=gold)
    chosen = next_rows(labels, label_next, known=known)
    return Outlined(found, len(labels), int(labels.covered.sum()), _ids(voted, chosen))


def _explaining(workspace: Workspace) -> AdditiveModel | None:
    """The fitted label model, when it is a sum of evidence."""
    from alchemist.core.errors import NotReady

    try:
        model, _ = fitted_label_model(workspace)
    except NotReady:
        return None
    return model if isinstance(model, AdditiveModel) else None


def _gold(voted: Voted) -> GoldVotes | None:
    pieces, labels = [], []
    for part in voted.rows.manifest.parts:
        gold = voted.rows.answers(part).gold
        known = np.flatnonzero(gold >= 0)
        pieces.append(voted.votes(part).matrix[known])
        labels.append(gold[known])
    together = np.concatenate(labels)
    if not len(together):
        return None
    names = tuple(program.name for program in voted.programs)
    votes = Votes(np.concatenate(pieces), names, len(voted.rows.task.classes))
    return GoldVotes(votes, together)


def _ids(voted: Voted, chosen: np.ndarray[tuple[int], np.dtype[np.intp]]) -> tuple[str, ...]:
    wanted = set(chosen.tolist())
    found = []
    at = 0
    for part in voted.rows.manifest.parts:
        here = sorted(i - at for i in wanted if at <= i < at + part.rows)
        if here:
            ids = voted.rows.ids(part)
            found += [ids[i].as_py() for i in here]
        at += part.rows
    return tuple(found)
