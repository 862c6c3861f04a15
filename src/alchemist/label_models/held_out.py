"""Held out: what a set of programs is worth, by votes that took no part in fitting.

A measure that needs no gold: fit on one half of the rows; on the other half, hide each judge's
vote in turn and see whether the label made from all other votes is the same.

    agreement   share of the judges' votes that the label made without them names too
    worth       covered * sqrt(agreement) + (1 - covered) * share of the largest class

Two voices that err apart agree about as often as the product of how often each is right, hence
the root. The judges stay the same whatever programs are added, so two sets are compared on the
same votes. Of the measures tried it foresees real gain best, on validation rows of eight sets:
benchmarks/results/refine-measures.json.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import Votes
from alchemist.label_models.default import Default

_FEWEST_MET = 5


@dataclass(frozen=True, slots=True)
class Worth:
    """What a set of programs is worth on held-out rows.

    Attributes:
        value: The measure; larger is better.
        agreement: Share of the judges' votes that are foreseen.
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
            label = (total[rows] - evidence[rows, j]).argmax(axis=1)
            hits += float((label == held.matrix[rows, j]).sum())
            met += len(rows)
    largest = float(prior.max())
    agreement = hits / met if met else largest**2
    covered = float(spoke.any(axis=1).mean()) if len(held) else 0.0
    value = covered * float(np.sqrt(agreement)) + (1 - covered) * largest
    return Worth(value, agreement, covered)


def _columns(votes: Votes, kept: list[int]) -> Votes:
    matrix: NDArray[np.int16] = votes.matrix[:, kept]
    return Votes(matrix, tuple(votes.programs[j] for j in kept), votes.n_classes)
