"""Baselines: what the extractor itself says of the classes, scored beside the programs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts.baselines import (
    FILE,
    Baseline,
    check_baselines,
    draft_baselines,
    read_baselines,
    write_baselines,
)
from alchemist.concepts.files import read_concepts
from alchemist.core.concepts import Concept
from alchemist.core.contracts import ItemModality
from alchemist.core.errors import InputError
from alchemist.core.files import write_atomically
from alchemist.core.progress import Progress
from alchemist.core.rows import ITEM
from alchemist.core.task import Task
from alchemist.flow.evaluate import WHOLE, group_column
from alchemist.flow.extract import CONCEPTS, Look, open_task_extractor, own_features
from alchemist.flow.rows import Rows, read_in
from alchemist.measures.scores import score
from alchemist.modalities import MODALITIES
from alchemist.store.workspace import Workspace

PROGRAMS = {"label_model": "programs, label model", "blend": "programs, with student"}


@dataclass(frozen=True, slots=True)
class BaselineScore:
    """One line of the comparison.

    Attributes:
        split: Which rows with gold.
        what: The baseline, or what programs came to.
        n: Rows scored.
        accuracy: Over all of them; an item that cannot be read counts as wrong.
        worst_group: In the group where it is lowest; None where no groups are named.
        gap: How far that is below the average.
    """

    split: str
    what: str
    n: int
    accuracy: float
    worst_group: float | None
    gap: float | None


@dataclass(frozen=True, slots=True)
class BaselinesReport:
    """Every line, and where the entries stand that were scored."""

    path: Path
    scores: tuple[BaselineScore, ...]


def baselines(
    workspace: Workspace, task: Task, progress: Progress, groups: Sequence[str] = ()
) -> BaselinesReport:
    """Score the baselines of baselines.toml, which is written first where there is none.

    Args:
        workspace: Where the task is.
        task: Its items must have gold.
        progress: Where to report.
        groups: How rows of one class differ, for group prompting in a new baselines.toml.

    Raises:
        InputError: The rows are no items or have no gold, or the extractor scores no concepts.
        BadConcepts: baselines.toml does not fit the task or the extractor.
    """
    modality = MODALITIES.load(task.modality)()
    if not isinstance(modality, ItemModality) or task.rows.gold is None:
        raise InputError(
            "Baselines are for pictures, sound, film and series with known classes; name their "
            "column as rows.gold in task.toml."
        )
    extractor = open_task_extractor(workspace, task, modality)
    tags = bool(extractor.vocabulary())
    if own_features(extractor) and not tags:
        raise InputError(
            "The extractor of this task scores no classes; name one that does in task.toml, such "
            "as clip or tagger, under [concepts]."
        )
    path = workspace.root / FILE
    listed = _listed(workspace, task, groups)
    check_baselines(listed, task.classes, path, tags=tags)
    concepts = tuple(one.concept(i) for i, one in enumerate(listed))
    rows = read_in(workspace, task, progress)
    known = _known(rows, Look(extractor, concepts), progress)
    scores = (*_scored(task, listed, concepts, known), *_programs(workspace))
    report = BaselinesReport(path, tuple(sorted(scores, key=lambda one: one.split)))
    lines = [asdict(one) for one in report.scores]
    content = json.dumps({"scores": lines}, indent=1, ensure_ascii=False) + "\n"
    write_atomically(workspace.results / "baselines.json", content.encode())
    return report


def _listed(workspace: Workspace, task: Task, groups: Sequence[str]) -> tuple[Baseline, ...]:
    path = workspace.root / FILE
    if not path.exists():
        concepts = workspace.root / CONCEPTS
        told = read_concepts(concepts) if concepts.exists() else ()
        write_baselines(path, draft_baselines(task.classes, groups, told))
    elif groups:
        raise InputError(f"{path} is there already; put the groups in it, or delete it first.")
    return read_baselines(path)


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """Rows with gold of one split: raw scores (n, d), classes, and groups if there are any."""

    values: NDArray[np.float32]
    gold: NDArray[np.int16]
    groups: tuple[str, ...] | None


def _known(rows: Rows, look: Look, progress: Progress) -> Mapping[str, _Known]:
    """Look at every item with gold, and sort what was found by split."""
    column = group_column(rows.task)
    pieces: dict[str, list[_Known]] = {}
    with progress.bar("looking at items", rows.manifest.n_rows) as bar:
        for part in rows.manifest.parts:
            answers = rows.answers(part)
            at = np.flatnonzero(answers.gold >= 0)
            if len(at):
                batch = rows.as_read(part).select([ITEM]).take(at)
                values = look.extract(batch, bar.advance).values
                splits = np.array([answers.split[i] or WHOLE for i in at])
                groups = np.array([answers.groups[column][i] for i in at]) if column else None
                for name in np.unique(splits):
                    here = splits == name
                    named = None if groups is None else tuple(groups[here].tolist())
                    piece = _Known(values[here], answers.gold[at][here], named)
                    pieces.setdefault(str(name), []).append(piece)
    return {name: _together(found) for name, found in pieces.items()}


def _together(pieces: Sequence[_Known]) -> _Known:
    groups = [name for one in pieces for name in one.groups or ()]
    return _Known(
        np.concatenate([one.values for one in pieces]),
        np.concatenate([one.gold for one in pieces]),
        tuple(groups) if pieces[0].groups is not None else None,
    )


def _scored(
    task: Task,
    listed: Sequence[Baseline],
    concepts: Sequence[Concept],
    known: Mapping[str, _Known],
) -> Iterator[BaselineScore]:
    ends = np.cumsum([len(one.options) for one in concepts])
    for split, rows in known.items():
        for baseline, values in zip(listed, np.split(rows.values, ends[:-1], axis=1), strict=True):
            proba = baseline.proba(values, task.classes)
            there: NDArray[np.bool_] = np.all(np.isfinite(proba), axis=1)
            # No class at all, so that an unreadable item is right for none.
            wrong = np.eye(len(task.classes))[(rows.gold + 1) % len(task.classes)]
            proba = np.where(there[:, None], proba, wrong)
            found = score(proba, there, rows.gold, task.class_names, groups=rows.groups)
            worst = None if found.worst_group is None else found.worst_group.accuracy.value
            yield _line(split, baseline.name, found.n, found.accuracy.value, worst)


def _programs(workspace: Workspace) -> Iterator[BaselineScore]:
    """What programs came to, if they have been evaluated."""
    path = workspace.results / "metrics.json"
    if not path.exists():
        return
    for split, outputs in json.loads(path.read_bytes())["scores"].items():
        for output, what in PROGRAMS.items():
            if output in outputs:
                one = outputs[output]
                worst = one.get("worst_group", {}).get("value")
                yield _line(split, what, one["n"], one["accuracy"]["value"], worst)


def _line(split: str, what: str, n: int, accuracy: float, worst: float | None) -> BaselineScore:
    gap = None if worst is None else accuracy - worst
    return BaselineScore(split, what, n, accuracy, worst, gap)
