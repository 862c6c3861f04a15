"""Diversity: which programs say the same, and what a new one would have to add."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from alchemist.core.patterns import PatternCounts
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.flow.aggregate import count_patterns, voted_rows
from alchemist.measures.diversity import Diversity, diversity
from alchemist.store.workspace import Workspace

_PAIRS_TOLD = 3
_THIN = 0.75


@dataclass(frozen=True, slots=True, eq=False)
class DiversityReport:
    """The programs of a task beside each other.

    Attributes:
        programs: How alike they are, their families, and what each adds.
        to_add: What the votes leave open, in sentences: a new program earns its place there.
    """

    programs: Diversity
    to_add: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**self.programs.to_dict(), "to_add": list(self.to_add)}


def compare_programs(workspace: Workspace, task: Task, progress: Progress) -> DiversityReport:
    """Compare the programs by their votes on all rows.

    Raises:
        NotReady: Some program has not voted yet.
    """
    voted = voted_rows(workspace, task, progress)
    counts = count_patterns(voted).everything
    return DiversityReport(diversity(counts), tuple(left_open(counts, task.class_names)))


def left_open(counts: PatternCounts, classes: Sequence[str]) -> list[str]:
    """What votes leave open, in sentences: silent rows, classes in conflict, thin classes."""
    patterns, weight = counts.patterns, counts.counts / max(counts.n_rows, 1)
    voters = (patterns >= 0).sum(axis=1)
    by_class = np.stack([(patterns == y).sum(axis=1) for y in range(len(classes))], axis=1)
    silent, single = weight[voters == 0].sum(), weight[voters == 1].sum()
    told = [
        f"No program speaks for {silent:.1%} of the rows, one alone for another {single:.1%}.",
    ]
    met = by_class > 0
    pairs = {
        (a, b): float(weight[met[:, a] & met[:, b]].sum())
        for a, b in combinations(range(len(classes)), 2)
    }
    for (a, b), share in sorted(pairs.items(), key=lambda one: -one[1])[:_PAIRS_TOLD]:
        if share > 0:
            told.append(
                f'On {share:.1%} of the rows some vote "{classes[a]}" and others "{classes[b]}".'
            )
    return told + _thin_classes(by_class, weight, patterns, classes)


def _thin_classes(
    by_class: np.ndarray, weight: np.ndarray, patterns: np.ndarray, classes: Sequence[str]
) -> list[str]:
    shares = weight @ (by_class > 0)
    votes = weight @ by_class / np.maximum(shares, 1e-12)
    told = []
    for y, name in enumerate(classes):
        speakers = int((patterns == y).any(axis=0).sum())
        if not speakers:
            told.append(f'No program ever votes "{name}".')
        elif votes[y] < _THIN * votes.mean():
            told.append(
                f'"{name}" is thin: {votes[y]:.1f} votes for it on a row that gets any, against '
                f"{votes.mean():.1f} for a class on average; cast by {speakers} of "
                f"{patterns.shape[1]} programs."
            )
    return told
