"""Aggregate: votes in, one soft label per row out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import GoldVotes, LabelModel
from alchemist.core.errors import NotReady
from alchemist.core.files import write_atomically
from alchemist.core.labels import Labels
from alchemist.core.patterns import PatternCounts
from alchemist.core.program import Program
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.core.votes import Votes
from alchemist.flow.deliver import LabeledPart, deliver
from alchemist.flow.families import families_of
from alchemist.flow.rows import Rows, fit_mask, take_in
from alchemist.flow.vote import part_votes
from alchemist.label_models import LABEL_MODELS
from alchemist.label_models.families import by_family, families_in
from alchemist.store.gold import read_given
from alchemist.store.learned import mark_learned
from alchemist.store.program_files import load_programs
from alchemist.store.row_parts import Part
from alchemist.store.run_records import (
    RunRecord,
    changed_inputs,
    digest,
    latest_run,
    published,
    recording,
)
from alchemist.store.vote_columns import has_column
from alchemist.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class AggregateReport:
    """The outcome of the aggregate stage.

    Attributes:
        label_model: Its name.
        n_rows: Rows there are.
        covered: Rows at least one program spoke for.
        patterns: Distinct vote vectors the model was fitted on.
        balance: Share of each class among the soft labels of covered rows, by name.
        skipped: Why nothing was done, or empty.
    """

    label_model: str
    n_rows: int
    covered: int
    patterns: int
    balance: dict[str, float]
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Voted:
    """Rows and the programs that have voted on all of them."""

    rows: Rows
    programs: tuple[Program, ...]

    def votes(self, part: Part) -> Votes:
        """The vote matrix of one part."""
        return self._as_votes(part_votes(self.rows, self.programs, part).matrix)

    def patterns(self, part: Part) -> PatternCounts:
        """The distinct vote vectors of one part with their counts."""
        found = part_votes(self.rows, self.programs, part).found
        votes = self._as_votes(found.patterns)
        return PatternCounts(votes.matrix, found.counts, votes.programs, votes.n_classes)

    def labels(self, part: Part, model: LabelModel) -> Labels:
        """What a label model says of one part; it is asked once per distinct vote vector."""
        found = part_votes(self.rows, self.programs, part).found
        labels = model.predict(self._as_votes(found.patterns))
        return Labels(labels.proba[found.inverse], labels.covered[found.inverse])

    def covered(self, part: Part) -> NDArray[np.bool_]:
        """(n,) bool: rows of one part that some program spoke for."""
        found = part_votes(self.rows, self.programs, part).found
        spoken: NDArray[np.bool_] = np.any(found.patterns >= 0, axis=1)
        return spoken[found.inverse]

    def _as_votes(self, matrix: NDArray[np.int16]) -> Votes:
        names = tuple(one.name for one in self.programs)
        return Votes(matrix, names, len(self.rows.task.classes))


def aggregate(
    workspace: Workspace, task: Task, progress: Progress, *, final: bool = True
) -> AggregateReport:
    """Fit the label model and label every row.

    Where rows carry a split, the model is fitted on those of train alone. Classes that people
    gave to rows sharpen it if the task says so; these rows are not scored from then on.

    Args:
        workspace: Where the votes are.
        task: Which label model, and perhaps the class balance.
        progress: Where to report.
        final: Write the labels to results/; not needed where distill will at once.

    Raises:
        NotReady: Some program has not voted yet.
        UnknownName: No label model has the task's name for it.
    """
    voted = voted_rows(workspace, task, progress)
    last = latest_run(workspace, "aggregate")
    inputs = aggregate_inputs(voted)
    there = not final or published(workspace, "labels.parquet", "labels.csv")
    if last is not None and there and not changed_inputs(last, inputs):
        report = last.facts["outputs"]
        return AggregateReport(**{**report, "skipped": "votes and settings are unchanged"})
    with recording(workspace, "aggregate", inputs) as run:
        counts = count_patterns(voted)
        family = families_of(voted.rows, voted.programs)
        model = by_family(LABEL_MODELS.load(task.aggregate.label_model)(), family)
        known = given_gold(voted)
        if known is not None:
            mark_learned(workspace, known.ids)
        model.fit(
            counts.fitted,
            class_balance=class_balance(task),
            gold=known.gold if known is not None else None,
        )
        _save(model, voted.programs, run.folder)
        if final:
            deliver(voted.rows, _labeled(voted, model), run.folder)
        report = _report(task, counts, model)
        run.facts.update(
            settings={"label_model": task.aggregate.label_model},
            outputs=_as_facts(report),
            families=family,
            view=voted.rows.view_key,
        )
    return report


def _labeled(voted: Voted, model: LabelModel) -> Iterator[LabeledPart]:
    for part in voted.rows.manifest.parts:
        labeled = LabeledPart.by_label_model(part, voted.labels(part, model))
        yield labeled.of_readable(voted.rows.readable(part))


def _report(task: Task, counts: "Counts", model: LabelModel) -> AggregateReport:
    patterns = counts.everything
    votes = Votes(patterns.patterns, patterns.programs, patterns.n_classes)
    labels = model.predict(votes)
    weight = np.where(labels.covered, patterns.counts, 0)
    shares = (weight @ labels.proba) / max(1, weight.sum())
    return AggregateReport(
        task.aggregate.label_model,
        patterns.n_rows,
        int(weight.sum()),
        len(counts.fitted.patterns),
        {name: round(float(s), 4) for name, s in zip(task.class_names, shares, strict=True)},
    )


def _as_facts(report: AggregateReport) -> dict[str, Any]:
    facts = asdict(report)
    del facts["skipped"]
    return facts


def voted_rows(workspace: Workspace, task: Task, progress: Progress) -> Voted:
    """Rows and programs, once every program has voted on every row.

    Raises:
        NotReady: One has not.
    """
    rows = take_in(workspace, task, progress)
    programs = load_programs(workspace)
    for part in rows.manifest.parts:
        for program in programs:
            if not has_column(workspace, program, part.name, task.classes):
                raise NotReady(
                    f"Program {program.name!r} has not voted on all rows. "
                    f"Run: alchemist vote {workspace.root}"
                )
    if not programs:
        raise NotReady(f"There is no program yet. Run: alchemist synthesize {workspace.root}")
    return Voted(rows, programs)


def fitted_label_model(workspace: Workspace) -> tuple[LabelModel, RunRecord]:
    """The label model of the newest aggregate run.

    Raises:
        NotReady: There is none yet.
    """
    last = latest_run(workspace, "aggregate")
    if last is None:
        raise NotReady(f"There are no labels yet. Run: alchemist aggregate {workspace.root}")
    return _load(last), last


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Vote patterns of the rows that models may be fitted on, and of all rows."""

    fitted: PatternCounts
    everything: PatternCounts


def count_patterns(voted: Voted) -> Counts:
    """Count vote patterns over all parts.

    Raises:
        NotReady: No row may be fitted on.
    """
    names = tuple(one.name for one in voted.programs)
    k = len(voted.rows.task.classes)
    fitted = everything = PatternCounts.of(Votes(np.zeros((0, len(names)), np.int16), names, k))
    for part in voted.rows.manifest.parts:
        counts = voted.patterns(part)
        everything = everything + counts
        if voted.rows.task.rows.split is not None:
            mask = fit_mask(voted.rows, part)
            counts = PatternCounts.of(Votes(voted.votes(part).matrix[mask], names, k))
        fitted = fitted + counts
    if fitted.n_rows == 0:
        raise NotReady("No row may be fitted on: every one is of split valid or test.")
    return Counts(fitted, everything)


@dataclass(frozen=True, slots=True, eq=False)
class GivenGold:
    """Rows that people gave a class to and a label model may learn from: ids, votes, classes."""

    ids: tuple[str, ...]
    gold: GoldVotes


def given_gold(voted: Voted) -> GivenGold | None:
    """What people said of rows that are not set aside for scoring, where the task wants it used."""
    rows = voted.rows
    said = read_given(rows.workspace).gold if rows.task.aggregate.learn_from_given else {}
    ids: list[str] = []
    votes, labels = [], []
    for part in rows.manifest.parts if said else ():
        classes = rows.classes_of(part, said)
        at = np.flatnonzero((classes >= 0) & fit_mask(rows, part))
        if len(at):
            ids += rows.ids(part).take(at).to_pylist()
            votes.append(voted.votes(part).matrix[at])
            labels.append(classes[at])
    if not ids:
        return None
    names = tuple(one.name for one in voted.programs)
    matrix = Votes(np.concatenate(votes), names, len(rows.task.classes))
    return GivenGold(tuple(ids), GoldVotes(matrix, np.concatenate(labels)))


def aggregate_inputs(voted: Voted) -> dict[str, str]:
    """Hashes of everything the aggregate stage reads."""
    rows, settings = voted.rows, voted.rows.task.aggregate
    programs = [(one.name, one.id) for one in voted.programs]
    fitted = [digest(fit_mask(rows, part).tolist()) for part in rows.manifest.parts]
    return {
        "votes": digest([rows.manifest.digest, programs, list(rows.task.class_names)]),
        "label model": digest([settings.label_model, dict(settings.class_balance)]),
        "splits": digest(fitted if rows.task.rows.split is not None else []),
        "given": digest(dict(read_given(rows.workspace).gold) if settings.learn_from_given else {}),
    }


def class_balance(task: Task) -> Sequence[float] | None:
    """The task's class balance in class order, or None."""
    given = {
        task.spellings[name.strip().casefold()]: share
        for name, share in task.aggregate.class_balance.items()
    }
    if not given:
        return None
    total = sum(given.values())
    return [given[index] / total for index in range(len(task.classes))]


def _save(model: Any, programs: Sequence[Program], folder: Path) -> None:
    arrays = model.to_arrays()
    np.savez(folder / "label_model.npz", **arrays)
    names = [program.name for program in programs]
    write_atomically(folder / "programs.json", json.dumps(names).encode("utf-8"))


def _load(run: RunRecord) -> LabelModel:
    model_type: Any = LABEL_MODELS.load(run.facts["settings"]["label_model"])
    with np.load(run.folder / "label_model.npz", allow_pickle=False) as arrays:
        model: LabelModel = model_type.from_arrays(dict(arrays))
        return by_family(model, families_in(arrays))
