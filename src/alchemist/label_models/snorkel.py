"""Snorkel: its own LabelModel, fitted by its own package, behind our contract.

Snorkel learns mu[e, y] = P(event | class) by gradient descent on pairwise moments and scores
rows by log prior + sum of log mu, which is a sum of evidence: only the fit is theirs, the
rest (prediction, explanation, storage) is ours. It needs three programs that vote, and its
result depends on the order of programs and on the seed.

Source: A. Ratner et al., "Training Complex Models with Multi-Task Weak Supervision",
AAAI 2019, arXiv:1810.02840; https://github.com/snorkel-team/snorkel (0.10).
"""

import numpy as np

from alchemist.core.contracts import Floats, GoldVotes
from alchemist.core.errors import BadVotes
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import ABSTAIN
from alchemist.label_models.additive import AdditiveModel, Evidence
from alchemist.label_models.balance import gold_balance
from alchemist.label_models.events import Tally

_FEWEST_PROGRAMS = 3
_MOST_ROWS = 200_000


class Snorkel(AdditiveModel):
    """snorkel.labeling.model.LabelModel with its default settings."""

    def __init__(self, *, seed: int = 1, epochs: int = 100) -> None:
        super().__init__()
        self._seed = seed
        self._epochs = epochs

    def _learn(
        self, counts: PatternCounts, balance: Floats | None, gold: GoldVotes | None
    ) -> Evidence:
        from snorkel.labeling.model import LabelModel

        tally, k = Tally.of(counts), counts.n_classes
        events = tally.events
        voiced = np.unique(events.program)
        if len(voiced) < _FEWEST_PROGRAMS:
            raise BadVotes(
                f"Snorkel needs at least {_FEWEST_PROGRAMS} programs that vote, and here are "
                f"{len(voiced)}. Use the label model 'default'."
            )
        if balance is None and gold is not None:
            balance = gold_balance(gold, np.full(k, 1 / k))
        model = LabelModel(cardinality=k, verbose=False)
        model.fit(
            _rows(counts)[:, voiced],
            n_epochs=self._epochs,
            seed=self._seed,
            progress_bar=False,
            class_balance=None if balance is None else balance.tolist(),
        )
        prior = np.asarray(model.p, dtype=np.float64)
        mu = model.mu.detach().numpy().astype(np.float64)
        place = np.searchsorted(voiced, events.program) * k + events.vote
        weights = np.log(np.clip(mu[place], 0.01, 0.99))
        silence = np.zeros((events.n_programs, k))
        return Evidence(events, weights, silence, prior, np.log(prior))


def _rows(counts: PatternCounts) -> np.ndarray:
    """(n, m) the votes row by row again, at most about _MOST_ROWS, for a model that needs rows."""
    shrink = max(1.0, counts.n_rows / _MOST_ROWS)
    times = np.maximum(np.rint(counts.counts / shrink), 1).astype(np.int64)
    # Snorkel knows one kind of silence.
    return np.repeat(np.maximum(counts.patterns, ABSTAIN).astype(np.int64), times, axis=0)
