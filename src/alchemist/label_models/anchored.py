"""Anchored EM: Dawid and Skene's idea, held by priors that never wash out.

Dawid-Skene estimates P(vote | class) and collapses on programs that speak for one class,
whose vote, once cast, is certain under every class. Here each event e = (program j, class v)
has P(y | e) instead, and:

    E-step   log q[y] = tilt[y] + sum over events w[e] (log P(y|e) - log share[y])
                       + gamma * sum over silent programs log(1 - fires[j, y])
    M-step   P(y|e) = ((1-rho) N[e, y] + (rho M[e] + s) A[e, y]) / (M[e] + s)
    anchor   A = mean of (the program's one-coin precision on v, the rest spread by share)
             and (share tilted to v by the constant odds r = (k-1) a0 / (1-a0))

    M[e] rows on which e fires, N[e, y] their posterior mass, fires[j, y] = P(j votes | y).

rho keeps a part of the anchor however many rows there are: this prevents label switching
while adversarial programs are still learnt. Works on distinct patterns with counts.

Source: A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer error-rates
using the EM algorithm", Applied Statistics 28 (1979), doi:10.2307/2346806.
"""

from dataclasses import dataclass

import numpy as np

from alchemist.core.contracts import Floats
from alchemist.label_models.additive import Evidence
from alchemist.label_models.copies import Copies, SameVote
from alchemist.label_models.events import Tally, softmax

_SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class AnchorSettings:
    """Constants of the EM.

    Attributes:
        expected: a0, the precision a program has until shown otherwise.
        doubt: Pseudo-votes behind a program's one-coin precision.
        hold: rho, the share of the anchor that never washes out.
        event_doubt: s, pseudo-rows behind the anchor of one event.
        silence: gamma, how much abstaining counts; 1 is the textbook, 0 ignores it.
        echo: Residual correlation from which two programs of one vote share it; 1 turns
            the discount off.
        rounds: Most rounds.
        still: Stop when no P(y|e) moves by more.
    """

    expected: float = 0.75
    doubt: float = 20.0
    hold: float = 0.2
    event_doubt: float = 100.0
    silence: float = 0.3
    echo: float = 0.05
    rounds: int = 40
    still: float = 2e-3


@dataclass(slots=True, eq=False)
class _State:
    """What a round of EM updates: P(y|e) (E, k), class shares (k,), vote discounts (E,)."""

    given: Floats
    share: Floats
    discount: Floats


def anchored_em(
    tally: Tally,
    copies: Copies,
    blocks: list[SameVote],
    balance: Floats | None,
    settings: AnchorSettings,
) -> Evidence:
    """Run the EM to rest and return its evidence."""
    k = tally.n_classes
    share = np.full(k, 1 / k) if balance is None else balance
    start = _one_coin(tally, np.full(len(tally.events), settings.expected), share)
    state = _State(start, share, copies.share.copy())
    prior = balance
    for turn in range(settings.rounds):
        evidence = to_evidence(tally, state, prior, settings)
        scores = tally.encoded.scores(evidence.weights, evidence.silence, evidence.tilt)
        mass = softmax(scores) * tally.counts[:, None]
        if prior is None:
            # Frozen after the first look: shares fed back round after round run away.
            prior = _shares(mass, 5)
        state.share = _shares(mass, 10)
        before, state.given = state.given, _maximize(tally, mass, state.share, settings)
        if turn and np.abs(state.given - before).max(initial=0) < settings.still:
            break
        if settings.echo < 1 and turn < settings.rounds - 1:
            _discount(tally, state, copies, blocks, settings.echo)
    return to_evidence(tally, state, prior, settings)


def to_evidence(
    tally: Tally, state: _State, prior: Floats | None, settings: AnchorSettings
) -> Evidence:
    """The evidence of P(y|e), class shares and discounts."""
    events, tilt = tally.events, np.log(state.share if prior is None else prior)
    weights = (np.log(state.given) - np.log(state.share)) * state.discount[:, None]
    silence = np.zeros((events.lookup.shape[0], tally.n_classes))
    if settings.silence > 0:
        answered = np.maximum(tally.answered, 1)[:, None]
        fires = np.zeros_like(silence)
        np.add.at(fires, events.program, tally.times[:, None] * state.given)
        fires /= answered * state.share
        cast = np.bincount(events.program, weights=tally.times, minlength=len(silence))
        of_program = np.bincount(
            events.program, weights=state.discount * tally.times, minlength=len(silence)
        ) / np.maximum(cast, 1)
        silence = np.log(np.clip(1 - fires, 0.05, 1)) * (settings.silence * of_program)[:, None]
    shown = state.share if prior is None else prior
    return Evidence(events, weights, silence, shown, tilt)


def _shares(mass: Floats, doubt: float) -> Floats:
    """(k,) class shares of a posterior mass, with `doubt` rows of no opinion."""
    total = mass.sum(axis=0) + doubt / mass.shape[1]
    return total / total.sum()


def _maximize(tally: Tally, mass: Floats, share: Floats, settings: AnchorSettings) -> Floats:
    """The M-step: (E, k) P(y|e)."""
    events, times = tally.events, tally.times
    m, rho, a0 = events.lookup.shape[0], settings.hold, settings.expected
    sums = tally.encoded.sums(mass)
    right = sums[np.arange(len(events)), events.vote]
    correct = np.bincount(events.program, weights=right, minlength=m)
    cast = np.bincount(events.program, weights=times, minlength=m)
    coin = (correct + settings.doubt * a0) / (cast + settings.doubt)
    coin = (1 - rho) * coin + rho * a0
    anchor = _one_coin(tally, coin[events.program], share) + _odds(tally, a0, share)
    held = (rho * times + settings.event_doubt)[:, None]
    given = ((1 - rho) * sums + held * anchor / 2) / (times[:, None] + settings.event_doubt)
    return np.maximum(given, _SMALLEST)


def _one_coin(tally: Tally, precision: Floats, share: Floats) -> Floats:
    """(E, k) the voted class with (E,) precision, the others in proportion to their share."""
    at = (np.arange(len(tally.events)), tally.events.vote)
    spread = np.tile(share, (len(tally.events), 1))
    spread[at] = 0
    spread *= (1 - precision)[:, None] / np.maximum(spread.sum(axis=1, keepdims=True), 1e-12)
    spread[at] = precision
    return np.maximum(spread, _SMALLEST)


def _odds(tally: Tally, precision: float, share: Floats) -> Floats:
    """(E, k) shares tilted to the voted class by constant odds: right under imbalance."""
    tilted = np.tile(share, (len(tally.events), 1))
    at = (np.arange(len(tally.events)), tally.events.vote)
    tilted[at] *= (tally.n_classes - 1) * precision / (1 - precision)
    return np.maximum(tilted / tilted.sum(axis=1, keepdims=True), _SMALLEST)


def _discount(
    tally: Tally, state: _State, copies: Copies, blocks: list[SameVote], echo: float
) -> None:
    """Move each vote's discount half-way to 1 / (1 + its residual correlations)."""
    rows, share = tally.n_rows, np.maximum(state.share, _SMALLEST)
    for block in blocks:
        events = block.events
        fires = np.minimum(tally.times[events, None] * state.given[events] / (rows * share), 1)
        expected = (fires * (rows * share)) @ fires.T
        spread = np.maximum((fires * (1 - fires) * (rows * share)).sum(axis=1), 1e-9)
        residual = (block.together - expected) / np.sqrt(spread[:, None] * spread)
        np.fill_diagonal(residual, 0)
        residual = np.clip(residual, 0, 1)
        residual[residual < echo] = 0
        wanted = np.minimum(1 / (1 + residual.sum(axis=1)), copies.share[events])
        state.discount[events] = (state.discount[events] + wanted) / 2
