"""Forecast: how good the labels probably are, before any gold, and how gold sharpens that.

A label model's confidence c[i] is right only up to an unknown correction, shared by all rows:

    P(label i is right) = sigmoid(slope * logit c[i] + shift)

Before any gold, slope and shift follow the normal distribution they had over the data sets
measured (`Experience`), the mean depending on what the votes look like. Every gold row is one
Bernoulli draw that moves that distribution, however the row was chosen, so rows may be picked
where they say most. The accuracy is the mean over all covered rows; its interval comes from
the distribution of (slope, shift), on a grid, no sampling.
"""

import json
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Floats
from alchemist.core.errors import BadVotes
from alchemist.core.labels import Labels
from alchemist.core.votes import Votes

LEVEL = 0.9
_EDGE = 0.01
_GRID = 41
_REACH = 4.0
_BINS = 200
_HELD = 0.01
_RIDGE = 2.0
_FEWEST_VOICES = 3


@dataclass(frozen=True, slots=True, eq=False)
class Experience:
    """What was learnt from data sets with gold.

    Attributes:
        mean: (f, 2) slope and shift as linear functions of the f signs of the votes.
        spread: (2, 2) covariance of what the signs leave open.
        centre: (f,) signs are taken relative to this; the first is constant 1, with centre 0.
    """

    mean: Floats
    spread: Floats
    centre: Floats

    def expected(self, signs: Floats) -> Floats:
        """(2,) slope and shift before any gold."""
        moved: Floats = (signs - self.centre) @ self.mean
        return moved


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected accuracy on covered rows, with a 90 % interval.

    Attributes:
        accuracy: The best guess.
        low: Lower end.
        high: Upper end.
        gold_rows: Gold rows it rests on.
        halved_by: About how many more well-chosen gold rows would halve the interval.
        reasons: Why to doubt the labels, most telling first; empty when nothing stands out.
    """

    accuracy: float
    low: float
    high: float
    gold_rows: int
    halved_by: int
    reasons: tuple[str, ...]


def shipped_experience() -> Experience:
    """What benchmarks/label_models_forecast.py learnt from the data sets of this project."""
    text = resources.files(__package__).joinpath("experience.json").read_text(encoding="utf-8")
    found = {name: np.array(value) for name, value in json.loads(text).items()}
    return Experience(found["mean"], found["spread"], found["centre"])


def signs_of(votes: Votes, labels: Labels) -> Floats:
    """(5,) what the votes show of how far confidence can be trusted.

    1; mean confidence (logit); share of disagreement among votes on one row; votes per
    covered row (log); share of votes by programs that vote one class only.
    """
    matrix = votes.matrix[labels.covered]
    cast = matrix >= 0
    if not cast.any():
        return np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    counts = np.stack([(matrix == y).sum(axis=1) for y in range(votes.n_classes)])
    total = counts.sum(axis=0)
    pairs = (total * (total - 1)).sum()
    alike = (counts * (counts - 1)).sum()
    split = 1 - alike / pairs if pairs else 0.0
    kinds = np.stack([(matrix == y).any(axis=0) for y in range(votes.n_classes)]).sum(axis=0)
    one = cast[:, kinds == 1].sum() / cast.sum()
    confidence = _logit(labels.confidence[labels.covered]).mean()
    return np.array([1.0, confidence, split, np.log(total.mean()), one])


def forecast(
    votes: Votes,
    labels: Labels,
    *,
    gold_rows: NDArray[np.integer] | None = None,
    gold: NDArray[np.integer] | None = None,
    experience: Experience | None = None,
) -> Forecast:
    """Forecast the accuracy of labels.

    Args:
        votes: The votes of all rows.
        labels: What the default label model made of them.
        gold_rows: (g,) indices of rows whose class is known, chosen in any way.
        gold: (g,) their classes.
        experience: Where forecasts start; the one that ships when None.

    Raises:
        BadVotes: Gold rows and classes differ in number, or an index is no row.
    """
    known = _checked(labels, gold_rows, gold)
    belief = Belief.of(votes, labels, experience or shipped_experience()).after(
        known.confidence, known.right
    )
    centre, low, high = belief.interval()
    return Forecast(
        accuracy=centre,
        low=low,
        high=high,
        gold_rows=len(known.right),
        halved_by=belief.rows_to_halve(),
        reasons=_reasons(votes, labels),
    )


def next_rows(
    labels: Labels, n: int, *, known: NDArray[np.integer] | None = None
) -> NDArray[np.intp]:
    """(n,) rows to label next, so that few say much about the accuracy.

    Covered rows, sorted by class and confidence, are picked at even steps: every kind of
    label is checked in proportion, which leaves less to chance than drawing blindly.

    Args:
        labels: What a label model made of the rows.
        n: How many; fewer where there are not so many covered rows left.
        known: (g,) rows whose class is known already.
    """
    free = labels.covered.copy()
    if known is not None:
        free[known] = False
    rows = np.flatnonzero(free)
    order = rows[np.lexsort((labels.confidence[rows], labels.best[rows]))]
    n = min(n, len(order))
    return order[((np.arange(n) + 0.5) / max(n, 1) * len(order)).astype(np.intp)]


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    confidence: Floats
    right: NDArray[np.bool_]


def _checked(
    labels: Labels,
    gold_rows: NDArray[np.integer] | None,
    gold: NDArray[np.integer] | None,
) -> _Known:
    if gold_rows is None or gold is None:
        return _Known(np.zeros(0), np.zeros(0, dtype=bool))
    rows, classes = np.asarray(gold_rows), np.asarray(gold)
    if rows.shape != classes.shape or rows.ndim != 1:
        raise BadVotes(
            f"Each gold row needs one class: {rows.shape} rows and {classes.shape} classes."
        )
    if len(rows) and (rows.min() < 0 or rows.max() >= len(labels)):
        raise BadVotes(f"Gold rows are indices below {len(labels)}, not {rows.max()}.")
    kept = labels.covered[rows]
    rows, classes = rows[kept], classes[kept]
    return _Known(labels.confidence[rows], labels.best[rows] == classes)


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """A distribution over (slope, shift), and the confidences it is about.

    Attributes:
        slope: (g,) grid of slopes, flattened.
        shift: (g,) grid of shifts.
        log_weight: (g,) log-probability up to a constant.
        confidence: (b,) logit confidences, binned.
        share: (b,) share of covered rows in each bin.
    """

    slope: Floats
    shift: Floats
    log_weight: Floats
    confidence: Floats
    share: Floats

    @classmethod
    def of(cls, votes: Votes, labels: Labels, experience: Experience) -> "Belief":
        """What is believed before any gold."""
        centre = experience.expected(signs_of(votes, labels))
        axis = np.linspace(-_REACH, _REACH, _GRID)
        root = np.linalg.cholesky(experience.spread)
        plane = np.stack(np.meshgrid(axis, axis, indexing="ij")).reshape(2, -1)
        slope, shift = centre[:, None] + root @ plane
        confidence, share = _binned(labels.confidence[labels.covered])
        return cls(slope, shift, -0.5 * (plane**2).sum(axis=0), confidence, share)

    def after(self, confidence: Floats, right: NDArray[np.bool_]) -> "Belief":
        """What is believed once the labels of some rows proved right or wrong."""
        if not len(right):
            return self
        odds = np.outer(self.slope, _logit(confidence)) + self.shift[:, None]
        seen = -np.logaddexp(0, np.where(right, -odds, odds)).sum(axis=1)
        return Belief(self.slope, self.shift, self.log_weight + seen, self.confidence, self.share)

    def accuracies(self) -> Floats:
        """(g,) accuracy on covered rows at each grid point."""
        odds = np.outer(self.slope, self.confidence) + self.shift[:, None]
        return _sigmoid(odds) @ self.share

    def weights(self) -> Floats:
        """(g,) probabilities of the grid points."""
        weight = np.exp(self.log_weight - self.log_weight.max())
        return weight / weight.sum()

    def interval(self) -> tuple[float, float, float]:
        """Mean, and the ends of the central interval."""
        accuracy, weight = self.accuracies(), self.weights()
        order = np.argsort(accuracy)
        reached = np.cumsum(weight[order])
        low, high = (
            float(np.interp(q, reached, accuracy[order]))
            for q in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
        )
        return float(accuracy @ weight), low, high

    def rows_to_halve(self) -> int:
        """More gold rows, chosen by next_rows, after which the interval is half as wide."""
        accuracy, weight = self.accuracies(), self.weights()
        centre = accuracy @ weight
        now = float(weight @ (accuracy - centre) ** 2)
        if now <= 0:
            return 0
        # Precision adds up: now is 1/now, and each well-chosen row adds 1/per_row.
        p = _sigmoid(weight @ self.slope * self.confidence + weight @ self.shift)
        per_row = float(self.share @ np.sqrt(p * (1 - p))) ** 2
        return int(np.ceil(3 * per_row / now))


def _binned(confidence: Floats) -> tuple[Floats, Floats]:
    """(b,) logit confidences and (b,) shares that stand for many rows."""
    if not len(confidence):
        return np.zeros(1), np.ones(1)
    odds = np.sort(_logit(confidence))
    parts = np.array_split(odds, min(_BINS, len(odds)))
    return (
        np.array([part.mean() for part in parts]),
        np.array([len(part) for part in parts]) / len(odds),
    )


def _reasons(votes: Votes, labels: Labels) -> tuple[str, ...]:
    """Sentences on what should make one doubt the labels."""
    covered = labels.covered
    if not covered.any():
        return ("No program votes on any row.",)
    cast = votes.matrix >= 0
    voices = int(cast.any(axis=0).sum())
    doubts = []
    if voices < _FEWEST_VOICES:
        doubts.append(
            f"Only {voices} of the programs ever vote: nothing can tell how good they are."
        )
    never = [y for y in range(votes.n_classes) if not (votes.matrix == y).any()]
    if never:
        doubts.append(f"No program ever votes for class {', '.join(map(str, never))}.")
    alone = (cast.sum(axis=1) == 1)[covered].mean()
    if alone > 0.5:
        doubts.append(f"{alone:.0%} of the covered rows have a single vote, checked by no other.")
    if covered.mean() < 0.5:
        doubts.append(f"Only {covered.mean():.0%} of the rows have any vote.")
    unsure = (labels.confidence[covered] < 0.6).mean()
    if unsure > 0.25:
        doubts.append(f"{unsure:.0%} of the labels are held with less than 60 % confidence.")
    return tuple(doubts)


def _sigmoid(odds: Floats) -> Floats:
    chance: Floats = 0.5 * (1 + np.tanh(odds / 2))
    return chance


def _logit(share: Floats) -> Floats:
    clipped = np.clip(share, _EDGE, 1 - _EDGE)
    odds: Floats = np.log(clipped) - np.log1p(-clipped)
    return odds


def true_correction(labels: Labels, gold: NDArray[np.integer]) -> Floats:
    """(2,) slope and shift that fit the confidences of fully labeled rows best.

    Newton's method on the logistic likelihood, held weakly at slope 1 and shift 0.
    """
    odds = _logit(labels.confidence[labels.covered])
    right = (labels.best == gold)[labels.covered].astype(np.float64)
    design = np.stack([odds, np.ones_like(odds)], axis=1)
    start, held = np.array([1.0, 0.0]), _HELD * len(odds)
    found = start.copy()
    for _ in range(30):
        p = _sigmoid(design @ found)
        slope = design.T @ (right - p) - held * (found - start)
        bend = (design * (p * (1 - p))[:, None]).T @ design + held * np.eye(2)
        # Short steps: far from the optimum the curvature vanishes.
        found = found + np.clip(np.linalg.solve(bend, slope), -0.5, 0.5)
    return found


def learn_experience(signs: Floats, corrections: Floats, groups: NDArray[np.integer]) -> Experience:
    """Learn where forecasts start from data sets with gold.

    Args:
        signs: (p, f) of p matrices of votes, see signs_of.
        corrections: (p, 2) see true_correction.
        groups: (p,) which data set each is of; sets count alike, however many matrices.
    """
    weight = 1 / np.bincount(groups)[groups]
    centre = weight @ signs / weight.sum()
    centre[0] = 0.0
    moved = signs - centre

    def regress(use: NDArray[np.bool_]) -> Floats:
        heavy = moved[use] * weight[use][:, None]
        held = _RIDGE * np.diag([0.0] + [1.0] * (signs.shape[1] - 1))
        slope: Floats = np.linalg.solve(heavy.T @ moved[use] + held, heavy.T @ corrections[use])
        return slope

    # Residuals of sets not learnt from: what a new set will really leave open.
    left = np.empty_like(corrections)
    for group in np.unique(groups):
        out = groups == group
        left[out] = corrections[out] - moved[out] @ regress(~out)
    spread = (left * weight[:, None]).T @ left / weight.sum()
    return Experience(regress(np.ones(len(groups), dtype=bool)), spread, centre)
