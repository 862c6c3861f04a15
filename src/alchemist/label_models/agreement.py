"""Agreement: how often a program's vote is what the others say.

For each event e = (program j, class v), over the rows where somebody else speaks too:

    others   vote of all programs but j and its copies, copies sharing one
    g[e]     mean share of the others' vote for v                              in [0, 1]
    a[j]     (sum of agreements of j + s * a0) / (votes of j that met others + s)
    a[e]     (sum of agreements of e + s * a[j]) / (rows of e that met others + s)
    w[e]     log(a (k - 1) / (1 - a)), at least `least`, times its share among copies

Dense votes by many-class programs of one hand are best weighed like this: the precisions
are never fed back, so shared difficulty cannot run away with them. One round is enough.
"""

from dataclasses import dataclass

import numpy as np

from alchemist.core.contracts import Floats
from alchemist.label_models.additive import Evidence
from alchemist.label_models.copies import Copies
from alchemist.label_models.events import Tally, softmax, total_by


@dataclass(frozen=True, slots=True)
class AgreementSettings:
    """Constants; the result is insensitive to all of them.

    Attributes:
        expected: a0, the precision a program has until shown otherwise.
        doubt: s, pseudo-votes behind that expectation.
        least: Smallest weight, so that no vote is ignored or turned around.
        tilt: Part of a known class balance, as log-evidence, that every row starts from.
            Precisions already contain the balance, so a vote on its own wants none of it.
    """

    expected: float = 0.75
    doubt: float = 50.0
    least: float = 0.05
    tilt: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """(E,) precision of each event, as the others see it, and (E,) rows that showed it."""

    precision: Floats
    met: Floats


def measure_agreement(
    tally: Tally, copies: Copies, settings: AgreementSettings, known: Floats | None = None
) -> Agreement:
    """Compare each event with the vote of the others, and with gold.

    Args:
        tally: What is fitted.
        copies: Programs that share a vote.
        settings: Constants.
        known: (E, k) weighted gold rows of each class on which an event fired, or None.
    """
    events, k = tally.events, tally.n_classes
    row, event = tally.row, tally.event
    vote = events.vote[event]
    cell = row * k + vote
    votes = total_by(cell, copies.share[event], len(tally.counts) * k)
    own = copies.own_mass(row, event)
    total = votes.reshape(-1, k).sum(axis=1)[row] - own
    heard = total > 1e-9
    share = (votes[cell] - own) / np.maximum(total, 1e-9)
    count = tally.counts[row] * heard
    met = total_by(event, count, len(events))
    agreed = total_by(event, count * share, len(events))
    if known is not None:
        met = met + known.sum(axis=1)
        agreed = agreed + known[np.arange(len(events)), events.vote]
    s = settings.doubt
    of_program = (events.per_program(agreed) + s * settings.expected) / (
        events.per_program(met) + s
    )
    return Agreement((agreed + s * of_program[events.program]) / (met + s), met)


def agreement_evidence(
    tally: Tally,
    copies: Copies,
    seen: Agreement,
    balance: Floats | None,
    settings: AgreementSettings,
) -> Evidence:
    """The evidence of a weighted vote; the prior is the share of each class in its labels."""
    events, k = tally.events, tally.n_classes
    precision = np.clip(seen.precision, 1e-3, 1 - 1e-3)
    odds = np.log(precision * (k - 1) / (1 - precision))
    weights = np.zeros((len(events), k))
    weights[np.arange(len(events)), events.vote] = np.maximum(odds, settings.least) * copies.share
    silence = np.zeros((events.n_programs, k))
    if balance is not None:
        return Evidence(events, weights, silence, balance, settings.tilt * np.log(balance))
    flat = np.zeros(k)
    mass = softmax(tally.encoded.scores(weights, silence, flat)) @ tally.counts + 1 / k
    return Evidence(events, weights, silence, mass / mass.sum(), flat)
