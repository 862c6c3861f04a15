"""The default: anchored EM and agreement with the others, pooled by what the votes look like.

Programs that speak for one class only, the habit of hand-written functions, want the EM: it
alone can tell that two of them compete. Dense programs that choose among classes, the habit
of a language model, want the agreement-weighted vote: they are right or wrong together, on
easy and on hard rows, and an EM takes that for evidence. The pool is a weighted mean of
log-evidence, so the result is again a sum of evidence:

    one       share of all votes cast by programs that only ever vote one class
    r         mean residual correlation of two votes that agree, echoes left out
    lambda    dense + (1 - dense) clip(max(3 one - 2, 1 - r / shared), 0, 1)
    T         1 / (1 + tempering (votes per row - 1) r): votes that err together are fewer
    evidence  T (lambda * EM + (1 - lambda) * agreement)

Below three programs that vote nothing can be learnt, and equal weights remain.
See docs/explanation/label-models.md for how the constants were chosen.
"""

from dataclasses import dataclass, field

import numpy as np

from alchemist.core.contracts import Floats, GoldVotes
from alchemist.core.patterns import PatternCounts
from alchemist.label_models.additive import AdditiveModel, Evidence
from alchemist.label_models.agreement import (
    AgreementSettings,
    agreement_evidence,
    measure_agreement,
)
from alchemist.label_models.anchored import AnchoredEM, AnchoredFit, AnchorSettings, likeliest
from alchemist.label_models.balance import gold_balance, gold_events
from alchemist.label_models.copies import (
    Copies,
    SameVote,
    count_together,
    find_copies,
    mute_constants,
    residual_correlation,
)
from alchemist.label_models.events import Tally

_FEWEST_PROGRAMS = 3
_A_COPY = 0.5


@dataclass(frozen=True, slots=True)
class DefaultSettings:
    """Constants of the default model.

    Attributes:
        agreement: Of the agreement-weighted vote.
        anchor: Of the EM.
        dense: Part of the EM in the pool when programs choose among classes and err together.
        dense_balanced: The same when the class balance is known, which the EM puts to better
            use than agreement does.
        shared: r at which they do.
        steps: Class balances tried, see anchored.likeliest.
        margin: Log-likelihood per free class share a balance must gain over the first look.
        tempering: c, how strongly shared errors cool the posterior.
    """

    agreement: AgreementSettings = field(default_factory=lambda: AgreementSettings(tilt=1.0))
    anchor: AnchorSettings = field(default_factory=AnchorSettings)
    dense: float = 0.25
    dense_balanced: float = 0.5
    shared: float = 0.05
    steps: tuple[float, ...] = (1.0, 2.0)
    margin: float = 3.0
    tempering: float = 2.0


class Default(AdditiveModel):
    """Weighs programs by what their votes alone give away; never far below a majority."""

    def __init__(self, settings: DefaultSettings | None = None) -> None:
        super().__init__()
        self._settings = settings or DefaultSettings()

    def _learn(
        self, counts: PatternCounts, balance: Floats | None, gold: GoldVotes | None
    ) -> Evidence:
        settings, tally = self._settings, Tally.of(counts)
        blocks = count_together(tally)
        copies = mute_constants(tally, find_copies(tally, blocks))
        known = gold_events(gold, tally.events)
        seen = measure_agreement(tally, copies, settings.agreement, known)
        vote = agreement_evidence(tally, copies, seen, balance, settings.agreement)
        if balance is None and gold is not None:
            balance = gold_balance(gold, vote.prior)
            vote = agreement_evidence(tally, copies, seen, balance, settings.agreement)
        if len(tally.events.voices[0]) < _FEWEST_PROGRAMS:
            return vote
        em = AnchoredEM(tally, copies, blocks, settings.anchor, known)
        if balance is None:
            fit = likeliest(
                em,
                vote.prior,
                steps=settings.steps,
                margin=settings.margin,
                independent=lambda fit: (
                    shared_errors(tally, copies, blocks, fit, settings.anchor.echo)
                    < settings.shared
                ),
            )
        else:
            fit = em.run(balance)
        shared = shared_errors(tally, copies, blocks, fit, settings.anchor.echo)
        least = settings.dense if balance is None else settings.dense_balanced
        part = em_part(tally, copies, shared / settings.shared, least)
        if part < 1 and (fit.discount < copies.share).any():
            # What the EM found to be an echo must not be taken for agreement either, once it
            # amounts to a whole copy: two programs of one hand may well be half alike.
            echoed = np.where(fit.discount <= _A_COPY, fit.discount, 1.0)
            fewer = Copies(copies.group, np.minimum(copies.share, echoed))
            seen = measure_agreement(tally, fewer, settings.agreement, known)
            vote = agreement_evidence(tally, fewer, seen, balance, settings.agreement)
        votes_per_row = tally.times.sum() / tally.n_rows
        cooled = 1 / (1 + settings.tempering * (votes_per_row - 1) * shared)
        # The tilt found by likelihood serves the labels; their mean is the better prior.
        shown = fit.share if balance is None else balance
        return _pool(fit.evidence, vote, part, cooled, shown)


def em_part(tally: Tally, copies: Copies, shared: float, least: float) -> float:
    """lambda, the part of the EM in the pool, between `least` and 1."""
    events = tally.events
    voiced = np.bincount(events.program, minlength=events.n_programs)
    cast = tally.times * (copies.share > 0)
    one = cast[voiced[events.program] == 1].sum() / max(cast.sum(), 1)
    return least + (1 - least) * float(np.clip(max(3 * one - 2, 1 - shared), 0, 1))


def shared_errors(
    tally: Tally, copies: Copies, blocks: list[SameVote], fit: AnchoredFit, echo: float
) -> float:
    """r, the mean residual correlation of two votes that agree; echoes and mutes left out."""
    size = tally.n_rows * fit.share
    heard = (copies.share > 0).astype(np.float64)
    total = pairs = 0.0
    for block in blocks:
        residual = residual_correlation(block, fit.given, size)
        # Stronger echoes have been discounted already.
        residual *= residual <= echo
        own = heard[block.events]
        together = block.together * own
        np.fill_diagonal(together, 0)
        total += float(own @ (together * residual).sum(axis=1))
        pairs += float(own @ together.sum(axis=1))
    return max(0.0, total / pairs) if pairs else 0.0


def _pool(em: Evidence, vote: Evidence, part: float, cooled: float, shown: Floats) -> Evidence:
    """The weighted mean of two bodies of evidence, with the prior to show."""
    return Evidence(
        em.events,
        cooled * (part * em.weights + (1 - part) * vote.weights),
        cooled * (part * em.silence + (1 - part) * vote.silence),
        shown,
        cooled * (part * em.tilt + (1 - part) * vote.tilt),
    )
