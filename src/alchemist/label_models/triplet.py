"""Triplet: precisions in closed form from how often three programs agree in pairs.

If programs err independently, each with one precision p[i], and spread their errors evenly:

    A[i, j] = P(i and j agree | both vote) = p[i] p[j] + (1-p[i]) (1-p[j]) / (k-1)
    M[i, j] = (k A[i, j] - 1) / (k - 1)    = c[i] c[j],     c = (k p - 1) / (k - 1)
    c[i]^2  = M[i, j] M[i, l] / M[j, l]    for any two others j, l; the median is taken

No iteration and no starting point. Signs are those that make most pairs agree, so at least
half of the programs have to be better than chance. Pairs that rarely meet are left out, and a
program without a triplet keeps the expected precision.

Source: D. Fu et al., "Fast and Three-rious: Speeding Up Weak Supervision with Triplet
Methods", ICML 2020, arXiv:2002.11955; the multi-class form with abstentions is ours.
"""

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Floats, GoldVotes
from alchemist.core.patterns import PatternCounts
from alchemist.label_models.additive import AdditiveModel, Evidence
from alchemist.label_models.agreement import Agreement, AgreementSettings, agreement_evidence
from alchemist.label_models.balance import gold_balance
from alchemist.label_models.copies import count_together, find_copies
from alchemist.label_models.events import Tally

_FEWEST_MEETINGS = 10
_FAINTEST = 0.05
_EXPECTED = 0.75
_MOST, _LEAST = 0.98, 0.02


class Triplet(AdditiveModel):
    """One precision per program, from agreement in pairs alone."""

    def _learn(
        self, counts: PatternCounts, balance: Floats | None, gold: GoldVotes | None
    ) -> Evidence:
        tally = Tally.of(counts)
        copies = find_copies(tally, count_together(tally))
        precision = triplet_precisions(tally)
        seen = Agreement(precision[tally.events.program], tally.times)
        # Below chance is information here: the weight may turn the vote around.
        settings = AgreementSettings(least=-np.inf)
        found = agreement_evidence(tally, copies, seen, balance, settings)
        if balance is None and gold is not None:
            balance = gold_balance(gold, found.prior)
            found = agreement_evidence(tally, copies, seen, balance, settings)
        return found


def triplet_precisions(tally: Tally) -> Floats:
    """(m,) precision of each program."""
    k = tally.n_classes
    meet, agree = _meetings(tally)
    usable = meet >= _FEWEST_MEETINGS
    np.fill_diagonal(usable, val=False)
    moment = np.where(usable, (k * agree / np.maximum(meet, 1) - 1) / (k - 1), 0)
    size = np.array([_size(moment, usable, i) for i in range(len(moment))])
    skill = _signs(moment) * np.where(np.isnan(size), 0, size)
    precision = (1 + (k - 1) * skill) / k
    return np.clip(np.where(np.isnan(size), _EXPECTED, precision), _LEAST, _MOST)


def _meetings(tally: Tally) -> tuple[Floats, Floats]:
    """(m, m) rows on which two programs both vote, and on which they vote alike."""
    m = tally.events.n_programs
    voted = (tally.patterns >= 0).T.astype(np.float64)
    agree = np.zeros((m, m))
    for v in range(tally.n_classes):
        same = (tally.patterns == v).T.astype(np.float64)
        agree += (same * tally.counts) @ same.T
    return (voted * tally.counts) @ voted.T, agree


def _size(moment: Floats, usable: NDArray[np.bool_], i: int) -> float:
    """|c[i]|, the median over pairs of others; NaN where no pair can tell."""
    others = np.flatnonzero(usable[i])
    between = moment[np.ix_(others, others)]
    clear = np.triu(usable[np.ix_(others, others)] & (np.abs(between) > _FAINTEST), 1)
    if not clear.any():
        return float("nan")
    ratio = np.outer(moment[i, others], moment[i, others])[clear] / between[clear]
    return float(np.sqrt(np.clip(np.median(ratio), 0, 1)))


def _signs(moment: Floats) -> Floats:
    """(m,) +1 or -1 per program: the side it takes, the larger side being right."""
    if not len(moment):
        return np.ones(0)
    _, vectors = np.linalg.eigh(moment)
    side = np.where(vectors[:, -1] < 0, -1.0, 1.0)
    return side if np.abs(vectors[:, -1]) @ side >= 0 else -side
