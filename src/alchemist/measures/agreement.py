"""Who votes, beside whom and against whom, from the distinct vote vectors alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import MISSING


@dataclass(frozen=True, slots=True)
class ProgramAgreement:
    """One program among the others; shares are of all rows.

    Attributes:
        name: The program.
        coverage: Rows it voted on.
        overlap: Rows it voted on together with another program.
        conflict: Rows where another program voted for a different class.
        missing: Rows it gave no answer on, because it failed or did not run.
        votes: How often it voted for each class, k numbers.
    """

    name: str
    coverage: float
    overlap: float
    conflict: float
    missing: float
    votes: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """The attributes by name, ready for JSON."""
        return {
            "name": self.name,
            "coverage": self.coverage,
            "overlap": self.overlap,
            "conflict": self.conflict,
            "missing": self.missing,
            "votes": list(self.votes),
        }


@dataclass(frozen=True, slots=True)
class Agreement:
    """All programs: shares of rows with a vote, with two or more, and with two that differ."""

    n: int
    coverage: float
    overlap: float
    conflict: float
    programs: tuple[ProgramAgreement, ...]


def agreement(counts: PatternCounts) -> Agreement:
    """Coverage, overlap and conflict of programs and of the whole, in their order.

    Without any rows every share is 0.
    """
    patterns, weight, k = counts.patterns, counts.counts, counts.n_classes
    n = counts.n_rows
    tally = np.stack([(patterns == c).sum(axis=1) for c in range(k)], axis=1)
    voters = tally.sum(axis=1)
    split = (tally > 0).sum(axis=1) > 1

    def share_of(rows: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
        return float(weight[rows].sum() / n) if n else 0.0

    programs = []
    for j, name in enumerate(counts.programs):
        column = patterns[:, j]
        voted = column >= 0
        votes = np.bincount(column[voted], weights=weight[voted], minlength=k)
        programs.append(
            ProgramAgreement(
                name=name,
                coverage=share_of(voted),
                overlap=share_of(voted & (voters > 1)),
                conflict=share_of(voted & split),
                missing=share_of(column == MISSING),
                votes=tuple(int(v) for v in votes),
            )
        )
    return Agreement(
        n, share_of(voters > 0), share_of(voters > 1), share_of(split), tuple(programs)
    )
