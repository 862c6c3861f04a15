"""Made votes: synthetic sets, cases that break label models, and sizes.

A choosing program fires at its own rate on each class and errs with its own confusion; a
one-class program fires on its class and, rarer, elsewhere, so that its precision is as asked.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A named vote matrix (n, m) with the truth (n,) over k classes."""

    name: str
    votes: Matrix
    truth: NDArray[np.int64]
    n_classes: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """How votes are made; ranges are drawn from evenly, per program.

    Attributes:
        rows: n.
        programs: m, without copies.
        classes: k.
        coverage: Share of rows a program votes on.
        precision: Share of its votes that is right.
        one_class: Share of the programs that speak for one class only.
        balance: Class shares; even when empty.
        echoes: Further programs, each a copy of one of the first three, one vote in ten new.
    """

    rows: int = 3000
    programs: int = 10
    classes: int = 2
    coverage: tuple[float, float] = (0.1, 0.4)
    precision: tuple[float, float] = (0.65, 0.85)
    one_class: float = 0.5
    balance: tuple[float, ...] = ()
    echoes: int = 0

    def make(self, name: str, seed: int) -> Case:
        """Draw one matrix."""
        rng, k = np.random.default_rng(seed), self.classes
        balance = np.array(self.balance or [1 / k] * k)
        truth = rng.choice(k, self.rows, p=balance)
        columns = [self._program(rng, truth, balance, j) for j in range(self.programs)]
        columns += [_echo(rng, columns[i % 3], truth, k) for i in range(self.echoes)]
        return Case(name, np.stack(columns, axis=1).astype(np.int16), truth, k)

    def _program(
        self,
        rng: np.random.Generator,
        truth: NDArray[np.int64],
        balance: NDArray[np.float64],
        j: int,
    ) -> NDArray[np.int64]:
        k, precision, coverage = (
            self.classes,
            rng.uniform(*self.precision),
            rng.uniform(*self.coverage),
        )
        if rng.random() < self.one_class:
            return _one_class(rng, truth, balance, j % k, coverage, precision)
        fires = rng.random(len(truth)) < coverage * rng.uniform(0.6, 1.4, k)[truth]
        skill = np.clip(precision + rng.normal(0, 0.08, k), 0.05, 0.97)
        errors = rng.dirichlet(np.full(k, 0.5), k)
        np.fill_diagonal(errors, 0)
        errors /= errors.sum(axis=1, keepdims=True)
        reached = errors.cumsum(axis=1)[truth]
        wrong = (rng.random((len(truth), 1)) > reached).sum(axis=1).clip(0, k - 1)
        vote = np.where(rng.random(len(truth)) < skill[truth], truth, wrong)
        return np.where(fires, vote, -1)


def _one_class(
    rng: np.random.Generator,
    truth: NDArray[np.int64],
    balance: NDArray[np.float64],
    own: int,
    coverage: float,
    precision: float,
) -> NDArray[np.int64]:
    hit = min(0.95, 2 * coverage if len(balance) == 2 else max(coverage, 0.1))
    odds = (1 - precision) / precision * balance[own] / max(1 - balance[own], 1e-9)
    fires = rng.random(len(truth)) < np.where(truth == own, hit, min(0.9, hit * odds))
    return np.where(fires, own, -1)


def _echo(
    rng: np.random.Generator, source: NDArray[np.int64], truth: NDArray[np.int64], k: int
) -> NDArray[np.int64]:
    n = len(truth)
    guess = np.where(rng.random(n) < 0.6, truth, rng.integers(0, k, n))
    fresh = np.where(rng.random(n) < 0.3, guess, -1)
    return np.where(rng.random(n) < 0.1, fresh, source)


def _dense(
    rng: np.random.Generator, truth: NDArray[np.int64], coverage: float, right: float
) -> NDArray[np.int64]:
    """Votes of a two-class program with one precision."""
    vote = np.where(rng.random(len(truth)) < right, truth, 1 - truth)
    return np.where(rng.random(len(truth)) < coverage, vote, -1)


SYNTHETIC = {
    "independent, k 2, 10 programs": Recipe(rows=7000, precision=(0.55, 0.8), coverage=(0.05, 0.6)),
    "independent, k 4, 50": Recipe(25000, 50, 4, (0.02, 0.2), (0.4, 0.75)),
    "independent, k 10, 50": Recipe(25000, 50, 10, (0.02, 0.2), (0.35, 0.75)),
    "95/5, 30": Recipe(25000, 30, 2, (0.05, 0.3), (0.6, 0.9), 0.6, (0.95, 0.05)),
    "echoes, k 2, 12 + 18": Recipe(25000, 12, 2, (0.1, 0.4), (0.55, 0.8), echoes=18),
    "echoes, k 4, 16 + 24": Recipe(25000, 16, 4, (0.1, 0.4), (0.45, 0.75), echoes=24),
}


def synthetic() -> Iterator[Case]:
    """Sets whose truth is known because they are made."""
    for seed, (name, recipe) in enumerate(SYNTHETIC.items()):
        yield recipe.make(f"synthetic: {name}", seed)


EIGHT = Recipe(programs=8, coverage=(0.3, 0.6), precision=(0.7, 0.85), one_class=0)


def _with(case: Case, name: str, *columns: NDArray[np.int64]) -> Case:
    wider = np.column_stack([case.votes, *columns]).astype(np.int16)
    return Case(name, wider, case.truth, case.n_classes)


def _adversaries(name: str, seed: int, copies: int) -> Case:
    base = EIGHT.make(name, seed)
    adversary = _dense(np.random.default_rng(seed + 1000), base.truth, 0.5, 0.15)
    return _with(base, name, *[adversary] * copies)


def _copies(name: str, seed: int, kept: float) -> Case:
    base, rng = EIGHT.make(name, seed), np.random.default_rng(seed + 1000)
    weak, n = _dense(rng, base.truth, 0.6, 0.55), 3000
    copies = [np.where(rng.random(n) < kept, weak, rng.integers(-1, 2, n)) for _ in range(12)]
    return _with(base, name, *copies)


def _constants(name: str, seed: int, how_many: int) -> Case:
    base = Recipe().make(name, seed)
    return _with(base, name, *[np.zeros(3000, dtype=np.int64)] * how_many)


def _background(name: str, seed: int) -> Case:
    """Three programs look at something else, half right, and agree with each other."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, 3000)
    scene = np.where(rng.random(3000) < 0.5, truth, 1 - truth)
    own = [_dense(rng, truth, 0.6, right) for right in rng.uniform(0.65, 0.8, 9)]
    other = [_dense(rng, scene, 0.9, 0.95) for _ in range(3)]
    return Case(name, np.stack([*own, *other], axis=1).astype(np.int16), truth, 2)


def _changed(name: str, seed: int, change: Callable[[Matrix], Matrix], recipe: Recipe) -> Case:
    base = recipe.make(name, seed)
    return Case(name, change(base.votes.copy()), base.truth, base.n_classes)


def _half_silent(votes: Matrix) -> Matrix:
    votes[: len(votes) // 2] = -1
    return votes


def _without_class_3(votes: Matrix) -> Matrix:
    return np.where(votes == 3, -1, votes).astype(np.int16)


def _only_class_1(votes: Matrix) -> Matrix:
    return np.where(votes == 1, 1, -1).astype(np.int16)


def _never_meet(name: str, seed: int) -> Case:
    rng = np.random.default_rng(seed)
    truth, owner = rng.integers(0, 2, 3000), rng.integers(0, 6, 3000)
    votes = np.full((3000, 6), -1, dtype=np.int16)
    right = rng.random(3000) < 0.8
    votes[np.arange(3000), owner] = np.where(right, truth, 1 - truth)
    return Case(name, votes, truth, 2)


FOUR = Recipe(programs=12, classes=4, precision=(0.55, 0.8))
RARE = Recipe(rows=5000, balance=(0.97, 0.03))
MANY = Recipe(20000, 200, 77, (0.02, 0.1), (0.25, 0.7), 0.8)

BREAKS: dict[str, Callable[[str, int], Case]] = {
    "baseline": Recipe().make,
    "half the rows have no vote": lambda n, s: _changed(n, s, _half_silent, Recipe()),
    "k 4, nobody votes for class 3": lambda n, s: _changed(n, s, _without_class_3, FOUR),
    "1 adversarial of 9": lambda n, s: _adversaries(n, s, 1),
    "3 adversarial copies of 11": lambda n, s: _adversaries(n, s, 3),
    "12 copies of a weak program": lambda n, s: _copies(n, s, 1.0),
    "12 noisy copies of a weak program": lambda n, s: _copies(n, s, 0.85),
    "97/3 without balance": RARE.make,
    "1 program": lambda n, s: _changed(n, s, lambda v: v[:, :1], Recipe(one_class=0)),
    "2 programs": lambda n, s: _changed(n, s, lambda v: v[:, :2], Recipe(one_class=0)),
    "every program speaks for class 1": lambda n, s: _changed(n, s, _only_class_1, Recipe()),
    "1 constant program": lambda n, s: _constants(n, s, 1),
    "5 constant programs": lambda n, s: _constants(n, s, 5),
    "no votes": lambda n, s: _changed(n, s, lambda v: np.full_like(v, -1), Recipe(rows=50)),
    "1 row": lambda n, s: Recipe(rows=1, coverage=(0.9, 1.0)).make(n, s),
    "programs never meet": _never_meet,
    "3 background programs of 12": _background,
    "k 77, 200 programs": MANY.make,
}
SEEDS = 5
SEEDS_OF = {"k 77, 200 programs": 1}


def breaks(name: str) -> Iterator[Case]:
    """The draws of one case."""
    for seed in range(SEEDS_OF.get(name, SEEDS)):
        yield BREAKS[name](name, 100 + seed)


SIZES = (
    Recipe(2_000, 10, 2, (0.05, 0.4)),
    Recipe(20_000, 50, 2, (0.02, 0.12)),
    Recipe(20_000, 30, 2, (0.3, 0.6), one_class=0),
    Recipe(20_000, 200, 4, (0.02, 0.2)),
    Recipe(20_000, 50, 77, (0.02, 0.2)),
    Recipe(200_000, 50, 2, (0.02, 0.12)),
    Recipe(2_000_000, 50, 2, (0.02, 0.12)),
)


def true_rates(case: Case) -> NDArray[np.float64]:
    """(n, k) Bayes' rule with what every program does on each class, exact copies once.

    No label model can know these rates; where programs err independently, nothing made from
    the votes is right more often.
    """
    n, k = len(case.truth), case.n_classes
    shares = np.bincount(case.truth, minlength=k) + 1.0
    odds = np.tile(np.log(shares / shares.sum()), (n, 1))
    for vote in np.unique(case.votes, axis=1).T.astype(np.intp) + 1:
        cells = np.bincount(vote * k + case.truth, minlength=(k + 1) * k) + 0.5
        rate = cells.reshape(k + 1, k)
        odds += np.log(rate / rate.sum(axis=0))[vote]
    proba = np.exp(odds - odds.max(axis=1, keepdims=True))
    found: NDArray[np.float64] = proba / proba.sum(axis=1, keepdims=True)
    return found
