"""Weighted vote: every vote counts by how often its program agrees with the others.

One look at the agreements, no iteration; see agreement.py for the formulas. The safe choice
for many dense programs written by one hand, where errors are shared.
"""

from alchemist.core.contracts import Floats, GoldVotes
from alchemist.core.patterns import PatternCounts
from alchemist.label_models.additive import AdditiveModel, Evidence
from alchemist.label_models.agreement import (
    AgreementSettings,
    agreement_evidence,
    measure_agreement,
)
from alchemist.label_models.balance import gold_balance, gold_events
from alchemist.label_models.copies import count_together, find_copies
from alchemist.label_models.events import Tally


class WeightedVote(AdditiveModel):
    """Precisions from agreement, per program and class; near copies share one vote."""

    def __init__(self, settings: AgreementSettings | None = None) -> None:
        super().__init__()
        self._settings = settings or AgreementSettings()

    def _learn(
        self, counts: PatternCounts, balance: Floats | None, gold: GoldVotes | None
    ) -> Evidence:
        tally = Tally.of(counts)
        copies = find_copies(tally, count_together(tally))
        known = gold_events(gold, tally.events)
        seen = measure_agreement(tally, copies, self._settings, known)
        found = agreement_evidence(tally, copies, seen, balance, self._settings)
        if balance is None and gold is not None:
            balance = gold_balance(gold, found.prior)
            found = agreement_evidence(tally, copies, seen, balance, self._settings)
        return found
