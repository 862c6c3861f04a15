"""Majority vote: the class most programs chose.

The baseline every other label model has to beat. A row's probabilities are the shares of
its votes; only the prior, shown where nobody votes, is estimated.

    proba[i, y] = (programs that voted y on row i) / (programs that voted on row i)
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Floats, GoldVotes
from alchemist.core.labels import Labels
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import Votes
from alchemist.label_models.balance import checked_balance, checked_gold, gold_counts


class MajorityVote:
    """Each row takes the class most programs chose; tied classes share it equally."""

    def __init__(self) -> None:
        self.prior: Floats = np.zeros(0)

    def fit(
        self,
        counts: PatternCounts,
        *,
        class_balance: Sequence[float] | Floats | None = None,
        gold: GoldVotes | None = None,
    ) -> Self:
        """Estimate the prior: as given, else from gold, else the share of all labels."""
        balance = checked_balance(class_balance, counts.n_classes)
        if balance is None:
            shares, covered = vote_shares(counts.patterns, counts.n_classes)
            seen = counts.counts[covered] @ shares[covered]
            # One row's worth of doubt keeps classes nobody votes for possible.
            known = gold_counts(checked_gold(gold, counts), counts.n_classes)
            mass = (known if known.any() else seen) + 1 / counts.n_classes
            balance = mass / mass.sum()
        self.prior = balance
        return self

    def predict(self, votes: Votes) -> Labels:
        """Label each row by counting."""
        shares, covered = vote_shares(votes.matrix, votes.n_classes)
        shares[~covered] = self.prior if len(self.prior) else 1 / votes.n_classes
        return Labels(shares, covered)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """What from_arrays needs to predict the same."""
        return {"prior": self.prior}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore a fitted model."""
        model = cls()
        model.prior = np.asarray(arrays["prior"], dtype=np.float64)
        return model


def vote_shares(matrix: NDArray[np.int16], n_classes: int) -> tuple[Floats, NDArray[np.bool_]]:
    """(n, k) share of the votes each class got, zeros without a vote; (n,) covered."""
    shares = np.empty((len(matrix), n_classes))
    for y in range(n_classes):
        shares[:, y] = np.count_nonzero(matrix == y, axis=1)
    total = shares.sum(axis=1)
    shares /= np.maximum(total, 1)[:, None]
    return shares, total > 0
