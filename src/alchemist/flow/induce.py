"""Induce: programs from rows whose class is known, without any language model."""

from dataclasses import dataclass

import numpy as np

from alchemist.core.errors import InputError, NotReady
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.flow.rows import fit_mask, take_in
from alchemist.flow.synthesize import make_brief
from alchemist.store.learned import mark_learned
from alchemist.store.program_files import save_programs
from alchemist.store.workspace import Workspace
from alchemist.synthesis.induce import Induced, induce

MOST = 200
FEWEST = 20
SEED = 0


@dataclass(frozen=True, slots=True)
class InduceReport:
    """What known rows gave: how many were read, and the programs with their support."""

    gold_rows: int
    induced: tuple[Induced, ...]
    written: tuple[str, ...]


def induce_programs(workspace: Workspace, task: Task, progress: Progress) -> InduceReport:
    """Write programs from at most MOST rows with gold, of split train or of none.

    Which rows were learned from is kept, and evaluate scores on none of them.

    Raises:
        NotReady: Fewer than FEWEST rows have gold that may be learned from.
        InputError: The rows are not text.
    """
    if task.modality != "text":
        raise InputError(
            f"Programs are induced from text, and this task's rows are {task.modality}; ask a "
            f"model for programs with: alchemist synthesize {workspace.root}"
        )
    rows = take_in(workspace, task, progress)
    texts: list[dict[str, str]] = []
    labels: list[int] = []
    ids: list[str] = []
    for part in rows.manifest.parts:
        gold = rows.answers(part).gold
        known = np.flatnonzero((gold >= 0) & fit_mask(rows, part))
        if len(known):
            batch = rows.part(part).take(known)
            ids += batch.column(0).to_pylist()
            texts += batch.select(list(task.rows.inputs)).to_pylist()
            labels += gold[known].tolist()
    if len(labels) < FEWEST:
        raise NotReady(
            f"{len(labels)} rows have a known class that may be learned from; induce needs "
            f"{FEWEST} to {MOST}. Name their column as rows.gold in task.toml."
        )
    if len(labels) > MOST:
        chosen = np.sort(np.random.default_rng(SEED).choice(len(labels), MOST, replace=False))
        progress.say(f"Learning from {MOST} of {len(labels):,} rows with a known class.")
        texts, labels = [texts[i] for i in chosen], [labels[i] for i in chosen]
        ids = [ids[i] for i in chosen]
    found = induce(
        texts, labels, task.class_names, make_brief(workspace, task, progress).parameters
    )
    mark_learned(workspace, ids)
    written = save_programs(workspace, [one.program for one in found])
    return InduceReport(len(labels), found, tuple(path.stem for path in written))
