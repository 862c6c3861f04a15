"""Dawid-Skene, the textbook: EM over one confusion matrix per program.

    E-step   log q[i, y] = log prior[y] + sum over programs j that voted log theta[j, y, v]
    M-step   theta[j, y, v] = P(j votes v | class y, j votes),  prior[y] = mean of q[:, y]

It assumes that programs err independently given the class, and that abstaining tells
nothing. A program that only ever votes one class then tells nothing either: theta is 1 under
every class. On such programs, the habit of hand-written functions, this model answers the
prior; it is here for dense votes, and to compare with.

Source: A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer error-rates
using the EM algorithm", Applied Statistics 28 (1979), doi:10.2307/2346806.
"""

import numpy as np

from alchemist.core.contracts import Floats, GoldVotes
from alchemist.core.patterns import PatternCounts
from alchemist.label_models.additive import AdditiveModel, Evidence
from alchemist.label_models.balance import gold_balance, gold_events
from alchemist.label_models.events import Events, Tally, softmax
from alchemist.label_models.majority_vote import vote_shares

_ROUNDS = 100
_STILL = 1e-5
# Half a vote spread over each row of a confusion matrix keeps its logarithms finite.
_SMOOTHING = 0.5


class DawidSkene(AdditiveModel):
    """One confusion matrix per program, by EM from the majority vote."""

    def _learn(
        self, counts: PatternCounts, balance: Floats | None, gold: GoldVotes | None
    ) -> Evidence:
        tally, k = Tally.of(counts), counts.n_classes
        known = gold_events(gold, tally.events)
        labels = vote_shares(tally.patterns, k)[0].T
        if balance is None and gold is not None:
            balance = gold_balance(gold, _prior(labels * tally.counts))
        silence = np.zeros((tally.events.n_programs, k))
        for _ in range(_ROUNDS):
            mass = labels * tally.counts
            prior = _prior(mass) if balance is None else balance
            sums = tally.encoded.sums(mass)
            weights = np.log(confusions(tally.events, sums if known is None else sums + known))
            before = labels
            labels = softmax(tally.encoded.scores(weights, silence, np.log(prior)))
            if np.abs(labels - before).max(initial=0) < _STILL:
                break
        return Evidence(tally.events, weights, silence, prior, np.log(prior))


def confusions(events: Events, sums: Floats) -> Floats:
    """(E, k) P(the event's vote | class, its program votes), from (E, k) class masses."""
    cast = np.zeros((events.n_programs, events.n_classes))
    np.add.at(cast, events.program, sums)
    choices = np.bincount(events.program, minlength=events.n_programs)[events.program]
    spread = _SMOOTHING / np.maximum(choices, 1)
    return (sums + spread[:, None]) / (cast[events.program] + _SMOOTHING)


def _prior(mass: Floats) -> Floats:
    """(k,) class shares, no class quite impossible."""
    total = mass.sum(axis=1) + 1 / len(mass)
    return total / total.sum()
