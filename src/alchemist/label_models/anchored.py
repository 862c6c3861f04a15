"""Anchored EM: Dawid and Skene's idea, held by priors that never wash out.

Dawid-Skene estimates P(vote | class, voted) and collapses on programs that speak for one
class, whose vote, once cast, is certain under every class. Here each event e = (program j,
class v) has P(y | e) instead, and:

    E-step   log q[y] = tilt[y] + sum over events w[e] (log P(y|e) - log share[y])
                        + gamma * sum over silent programs log(1 - fires[j, y])
    M-step   P(y|e) = ((1-rho) N[e, y] + (rho M[e] + s) A[e, y]) / (M[e] + s)
    anchor   A = mean of (the program's one-coin precision on v, the rest spread by share)
             and (share tilted to v by the constant odds r = (k-1) a0 / (1-a0))
    echo     w[e] = 1 / (1 + sum of the residual correlations of e that reach `echo`)

    M[e] rows on which e fires, N[e, y] their posterior mass, fires[j, y] = P(j votes | y).

rho keeps a part of the anchor however many rows there are: this prevents label switching,
while adversarial programs are still learnt. The tilt (log class balance) is never fed back
round after round, which would run away; see balance_path for how it is chosen.

Source: A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer error-rates
using the EM algorithm", Applied Statistics 28 (1979), doi:10.2307/2346806.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alchemist.core.contracts import Floats
from alchemist.label_models.additive import Evidence
from alchemist.label_models.copies import Copies, SameVote, echoing, residual_correlation
from alchemist.label_models.events import Tally, softmax

_SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class AnchorSettings:
    """Constants of the EM.

    Attributes:
        expected: a0, the precision a program has until shown otherwise.
        doubt: Pseudo-votes behind a program's one-coin precision.
        hold: rho, the share of the anchor that never washes out.
        event_doubt: s / k, pseudo-rows per class behind the anchor of one event.
        silence: gamma, how much abstaining counts; 1 is the textbook, 0 ignores it.
        echo: Residual correlation from which two programs of one vote share it. Below it,
            agreement is what rows that are easy for every program explain.
        rounds: Most rounds.
        still: Stop when no P(y|e) moves by more.
    """

    expected: float = 0.75
    doubt: float = 20.0
    hold: float = 0.2
    event_doubt: float = 30.0
    silence: float = 0.2
    echo: float = 0.5
    rounds: int = 40
    still: float = 5e-3


@dataclass(frozen=True, slots=True, eq=False)
class AnchoredFit:
    """A finished EM.

    Attributes:
        given: (E, k) P(y|e).
        share: (k,) class shares of the labels.
        discount: (E,) part of a full vote each event has.
        evidence: The same as evidence.
        likelihood: Log-likelihood of all rows, votes and silences, after one M-step
            without anchors; comparable between fits that start from one another.
        judge: (E,) discounts under which the likelihood counts, so that echoes do not.
    """

    given: Floats
    share: Floats
    discount: Floats
    evidence: Evidence
    likelihood: float
    judge: Floats


class AnchoredEM:
    """The EM on one tally; run it with as many class balances as wanted.

    `known` is (E, k) weighted gold rows of each class on which an event fired, or None.
    """

    def __init__(
        self,
        tally: Tally,
        copies: Copies,
        blocks: list[SameVote],
        settings: AnchorSettings,
        known: Floats | None = None,
    ) -> None:
        self._tally = tally
        self._copies = copies
        self._settings = settings
        # A pair that is not even correlated before conditioning cannot echo.
        self._near = echoing(tally, blocks, 0.8 * settings.echo)
        events, k = tally.events, tally.n_classes
        # Rounds are many and small: what stays the same in all of them is computed here.
        self._n_rows = tally.n_rows
        self._voted = np.arange(len(events)) * k + events.vote
        self._known = known
        times = tally.times if known is None else tally.times + known.sum(axis=1)
        self._cast = np.maximum(events.per_program(times), 1e-9)
        rho, doubt, a0 = settings.hold, settings.event_doubt * k, settings.expected
        self._own = ((1 - rho) / (times + doubt))[:, None]
        self._held = ((rho * times + doubt) / (times + doubt) / 2)[:, None]
        self._rate = (tally.times / np.maximum(tally.answered, 1)[events.program])[:, None]
        # A program's one-coin precision is linear in its correct mass.
        self._coin = (1 - rho) / (self._cast + settings.doubt)
        self._coin_start = settings.doubt * a0 * self._coin + rho * a0

    def first_look(self) -> Floats:
        """(k,) class shares of the labels of equally trusted programs, classes alike."""
        k = self._tally.n_classes
        even = np.full(k, 1 / k)
        given = self._one_coin(np.full(len(self._tally.events), self._settings.expected), even)
        share = self._copies.share
        found = self._weigh(given, even, share, self._heard(share))
        return self._shares(self._mass(*found, np.log(even)), 5)

    def run(self, prior: Floats, start: AnchoredFit | None = None) -> AnchoredFit:
        """Iterate to rest under a class balance, from scratch or from another fit."""
        settings, tally = self._settings, self._tally
        if start is None:
            share, discount = prior, self._copies.share.copy()
            given = self._one_coin(np.full(len(tally.events), settings.expected), prior)
        else:
            given, share, discount = start.given, start.share, start.discount.copy()
        heard, tilt = self._heard(discount), np.log(prior)
        for turn in range(settings.rounds):
            mass = self._mass(*self._weigh(given, share, discount, heard), tilt)
            share = self._shares(mass, 10)
            before, given = given, self._maximize(mass, share)
            # Discounts settle later than the rest, and turn the rest when they do.
            moved = self._update_discount(given, share, discount)
            if moved:
                heard = self._heard(discount)
            if turn and max(np.abs(given - before).max(initial=0), moved / 4) < settings.still:
                break
        evidence = self._evidence(given, share, discount, prior)
        judge = discount if start is None else start.judge
        likelihood = self._likelihood(evidence, judge)
        return AnchoredFit(given, share, discount, evidence, likelihood, judge)

    def _mass(self, weights: Floats, silence: Floats, tilt: Floats) -> Floats:
        """The E-step: (k, u) rows of each class in each pattern."""
        return softmax(self._tally.encoded.scores(weights, silence, tilt), self._tally.counts)

    def _shares(self, mass: Floats, doubt: float) -> Floats:
        """(k,) class shares of a (k, u) posterior mass, with `doubt` rows of no opinion."""
        total: Floats = mass.sum(axis=1) + doubt / len(mass)
        total /= self._n_rows + doubt
        return total

    def _maximize(self, mass: Floats, share: Floats) -> Floats:
        """The M-step: (E, k) P(y|e)."""
        tally = self._tally
        sums = tally.encoded.sums(mass)
        if self._known is not None:
            sums = sums + self._known
        correct = tally.events.per_program(sums.take(self._voted))
        coin = correct * self._coin + self._coin_start
        anchor = self._one_coin(coin.take(tally.events.program), share)
        anchor += self._odds(share)
        anchor *= self._held
        sums *= self._own
        sums += anchor
        return np.maximum(sums, _SMALLEST, out=sums)

    def _one_coin(self, precision: Floats, share: Floats) -> Floats:
        """(E, k) voted class with (E,) precision, the others in proportion to their share."""
        rest = np.maximum(1 - share, 1e-12).take(self._tally.events.vote)
        spread = ((1 - precision) / rest)[:, None] * share
        spread.put(self._voted, precision)
        return np.maximum(spread, _SMALLEST, out=spread)

    def _odds(self, share: Floats) -> Floats:
        """(E, k) shares tilted to the voted class by constant odds: right under imbalance."""
        a0, k = self._settings.expected, len(share)
        odds = (k - 1) * a0 / (1 - a0)
        # One row per class is enough: the tilt depends on the vote alone.
        tilted = share / (1 + (odds - 1) * share)[:, None]
        tilted.ravel()[:: k + 1] *= odds
        return np.maximum(tilted, _SMALLEST).take(self._tally.events.vote, axis=0)

    def _heard(self, discount: Floats) -> Floats:
        """(m, 1) part of its votes that each program has left."""
        events = self._tally.events
        return (events.per_program(discount * self._tally.times) / self._cast)[:, None]

    def _weigh(
        self, given: Floats, share: Floats, discount: Floats, heard: Floats
    ) -> tuple[Floats, Floats]:
        """(E, k) weights of votes and (m, k) of silences."""
        events, gamma = self._tally.events, self._settings.silence
        weights = np.log(given / share)
        weights *= discount[:, None]
        if gamma <= 0:
            return weights, np.zeros((events.n_programs, len(share)))
        fires = events.per_program(given * self._rate) / share
        silence = np.log(np.maximum(1 - fires, 0.05)) * (gamma * heard)
        weights -= silence.take(events.program, axis=0)
        return weights, silence

    def _evidence(self, given: Floats, share: Floats, discount: Floats, prior: Floats) -> Evidence:
        found = self._weigh(given, share, discount, self._heard(discount))
        return Evidence(self._tally.events, *found, prior, np.log(prior))

    def _update_discount(self, given: Floats, share: Floats, discount: Floats) -> float:
        """Move each vote's discount half-way to 1 / (1 + its echoes); the largest move."""
        size, moved = self._n_rows * share, 0.0
        for block in self._near:
            own, residual = block.events, residual_correlation(block, given, size)
            wanted = self._copies.share.take(own)
            # What stays below the limit is no echo.
            echoes = residual >= self._settings.echo
            if np.count_nonzero(echoes):
                summed = (np.minimum(residual, 1) * echoes).sum(axis=1)
                wanted = np.minimum(1 / (1 + summed), wanted)
            half = (wanted - discount.take(own)) / 2
            if np.count_nonzero(half):
                discount[own] += half
                moved = max(moved, float(np.abs(half).max()))
        return moved

    def _likelihood(self, evidence: Evidence, judge: Floats) -> float:
        tally = self._tally
        mass = self._mass(evidence.weights, evidence.silence, evidence.tilt)
        events = tally.events
        size = mass.sum(axis=1) + 1
        rate = np.minimum((tally.encoded.sums(mass) + 0.5 / len(size)) / size, 0.999)
        spoke = np.minimum(1 - events.per_program(rate), 1)
        silence = np.log(np.maximum(spoke, 1e-3)) * self._heard(judge)
        weights = np.log(np.maximum(rate, _SMALLEST)) * judge[:, None]
        weights -= silence.take(events.program, axis=0)
        scores = tally.encoded.scores(weights, silence, np.log(size / size.sum()))
        top = scores.max(axis=0)
        scores -= top
        np.exp(scores, out=scores)
        return float(tally.counts @ (top + np.log(scores.sum(axis=0))))


def likeliest(
    em: AnchoredEM,
    agreed: Floats,
    *,
    steps: tuple[float, ...],
    margin: float,
    independent: Callable[[AnchoredFit], bool],
) -> AnchoredFit:
    """The fit under the most likely of several class balances.

    The path leads from the balance of a first look, which leans to even classes, to the
    balance of the agreement-weighted labels, which leans to frequent ones, and beyond. It is
    left at the first point less likely than the one before; if nothing is gained that way and
    programs err independently, the other direction is tried, where a class that is voted for
    too freely gets less. (Shared errors mislead the likelihood, and nothing else speaks for
    that direction.) A last run goes to the summit of the parabola through the best point and
    its neighbours.

    Args:
        em: The EM.
        agreed: (k,) class shares of the agreement-weighted labels.
        steps: Points tried beyond the first look, and mirrored behind it; 1 is `agreed`.
        margin: Log-likelihood per free class share that a point must gain over the first
            look to be preferred to it.
        independent: Tells whether programs err independently, from the first fit.
    """
    first, gain = em.first_look(), margin * (len(agreed) - 1)

    def balance(step: float) -> Floats:
        prior = np.maximum(first * (agreed / first) ** step, 1e-4)
        return prior / prior.sum()

    start = em.run(first)
    for direction in (1, -1):
        if direction < 0 and not independent(start):
            break
        tried = [(0.0, start)]
        for step in steps:
            tried.append((direction * step, em.run(balance(direction * step), tried[-1][1])))
            if tried[-1][1].likelihood < tried[-2][1].likelihood - _SMALLEST:
                break
        top = max(range(len(tried)), key=lambda i: tried[i][1].likelihood)
        if tried[top][1].likelihood > start.likelihood + gain:
            best = tried[top][1]
            between = _summit(tried, top)
            if between is None:
                return best
            fit = em.run(balance(between), best)
            return max(best, fit, key=lambda one: one.likelihood)
    return start


def _summit(tried: list[tuple[float, AnchoredFit]], top: int) -> float | None:
    """Where the parabola through the best point and its neighbours is highest."""
    if not 0 < top < len(tried) - 1:
        return None
    (a, low), (b, best), (c, high) = tried[top - 1 : top + 2]
    rise, fall = best.likelihood - low.likelihood, best.likelihood - high.likelihood
    bend = rise * (c - b) + fall * (b - a)
    return b + (rise * (c - b) ** 2 - fall * (b - a) ** 2) / (2 * bend) if bend else None
