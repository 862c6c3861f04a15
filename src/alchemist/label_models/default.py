"""The default: anchored EM and agreement with the others, pooled by what the votes look like.

Programs that speak for one class only, the habit of hand-written functions, want the EM: it
alone can tell that two of them compete. Dense programs that choose among classes, the habit
of a language model, want the agreement-weighted vote: they are right or wrong together, on
easy and on hard rows, and an EM takes that for evidence. The pool is a weighted mean of
log-evidence, so the result is again a sum of evidence:

    one    share of all votes cast by programs that only ever vote one class
    lambda = 0 below 2/3, rising to 1 at 1                 (0 with fewer than 3 programs)
    weights = lambda * EM + (1 - lambda) * agreement

See docs/explanation/label-models.md for how the constants were chosen.
"""

import numpy as np

from alchemist.core.contracts import Floats, GoldVotes
from alchemist.core.patterns import PatternCounts
from alchemist.label_models.additive import AdditiveModel, Evidence
from alchemist.label_models.agreement import (
    AgreementSettings,
    agreement_evidence,
    measure_agreement,
)
from alchemist.label_models.anchored import AnchorSettings, anchored_em
from alchemist.label_models.copies import count_together, find_copies
from alchemist.label_models.events import Tally

_FEWEST_PROGRAMS = 3


class Default(AdditiveModel):
    """Weighs programs by what their votes alone give away; never far below a majority."""

    def __init__(
        self,
        *,
        agreement: AgreementSettings | None = None,
        anchor: AnchorSettings | None = None,
    ) -> None:
        super().__init__()
        self._agreement = agreement or AgreementSettings()
        self._anchor = anchor or AnchorSettings()

    def _learn(
        self, counts: PatternCounts, balance: Floats | None, gold: GoldVotes | None
    ) -> Evidence:
        tally = Tally.of(counts)
        blocks = count_together(tally)
        copies = find_copies(tally, blocks)
        seen = measure_agreement(tally, copies, self._agreement)
        vote = agreement_evidence(tally, copies, seen, balance, self._agreement)
        share = em_share(tally)
        if share == 0:
            return vote
        em = anchored_em(tally, copies, blocks, balance, self._anchor)
        return _pool(em, vote, share)


def em_share(tally: Tally) -> float:
    """lambda, the part of the EM in the pool, between 0 and 1."""
    events = tally.events
    voiced = np.bincount(events.program, minlength=events.lookup.shape[0])
    if np.count_nonzero(voiced) < _FEWEST_PROGRAMS:
        return 0.0
    one = tally.times[voiced[events.program] == 1].sum() / tally.times.sum()
    return float(np.clip(3 * one - 2, 0, 1))


def _pool(em: Evidence, vote: Evidence, share: float) -> Evidence:
    """The weighted mean of two bodies of evidence; the prior is the EM's."""
    return Evidence(
        em.events,
        share * em.weights + (1 - share) * vote.weights,
        share * em.silence + (1 - share) * vote.silence,
        em.prior,
        share * em.tilt + (1 - share) * vote.tilt,
    )
