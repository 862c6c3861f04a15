"""Held out: what a set of programs is worth, by votes that took no part in fitting.

A measure that needs no gold: fit on one half of the rows; on the other half, hide each judge's
vote in turn and ask how probable the labels made from all other votes make it.

    agreement   mean over the judges' votes of P(that class | the other votes), fitted elsewhere
    worth       covered * agreement + (1 - covered) * share of the largest class

The judges stay the same whatever programs are added, so two sets are compared on the same
votes: programs that bring truth make the judges easier to foresee, programs that bring noise do
not. That it foresees real gain is measured by `make bench-refine` on validation rows.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Floats
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import Votes
from alchemist.label_models.default import Default
from alchemist.label_models.events import softmax

_FEWEST_MET = 5


@dataclass(frozen=True, slots=True)
class Worth:
    """What a set of programs is worth on held-out rows.

    Attributes:
        value: The measure; larger is better.
        agreement: How probable the other votes make the judges' own.
        covered: Share of rows with a vote.
    """

    value: float
    agreement: float
    covered: float


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """Rows to fit on and rows to look at, of the same programs."""

    fitted: Votes
    held: Votes

    @classmethod
    def of(cls, votes: Votes, rng: np.random.Generator, most: int = 20_000) -> "Halves":
        """Split at random; of very many rows a sample is enough."""
        order = rng.permutation(len(votes))[:most]
        middle = len(order) // 2
        first, second = (votes.matrix[np.sort(part)] for part in (order[:middle], order[middle:]))
        return cls(
            Votes(first, votes.programs, votes.n_classes),
            Votes(second, votes.programs, votes.n_classes),
        )

    def only(self, programs: Collection[str]) -> "Halves":
        """The same rows with some of the programs."""
        kept = [j for j, name in enumerate(self.fitted.programs) if name in programs]
        return Halves(_columns(self.fitted, kept), _columns(self.held, kept))


def worth(halves: Halves, judges: Collection[str], balance: Sequence[float] | None = None) -> Worth:
    """What the programs of two halves are worth, as the judges among them see it."""
    counts = PatternCounts.of(halves.fitted)
    model = Default().fit(counts, class_balance=balance)
    prior, held = model.found.prior, halves.held
    evidence = model.evidence(held)
    total = evidence.sum(axis=1)
    spoke = held.matrix >= 0
    met = hits = 0.0
    for j, name in enumerate(held.programs):
        if name not in judges:
            continue
        rows = np.flatnonzero(spoke[:, j] & (spoke.sum(axis=1) > 1))
        if len(rows) >= _FEWEST_MET:
            without: Floats = softmax((total[rows] - evidence[rows, j]).T)
            hits += float(without[held.matrix[rows, j], np.arange(len(rows))].sum())
            met += len(rows)
    agreement = hits / met if met else float(prior.max())
    covered = float(spoke.any(axis=1).mean()) if len(held) else 0.0
    return Worth(covered * agreement + (1 - covered) * float(prior.max()), agreement, covered)


def _columns(votes: Votes, kept: list[int]) -> Votes:
    matrix: NDArray[np.int16] = votes.matrix[:, kept]
    return Votes(matrix, tuple(votes.programs[j] for j in kept), votes.n_classes)
