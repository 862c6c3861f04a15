"""Which measure, read from votes alone, foresees what more programs are worth.

Some of the 20 recorded programs of a set are the base, some more are added as they are, as
copies of the base, or with their votes spoilt. Each measure is read on held-out train rows,
without gold, before and after; the real gain is the label model's on validation rows. Chosen
once for all sets; test rows play no part.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import Votes
from alchemist.label_models.default import Default
from alchemist.label_models.forecast import forecast
from alchemist.label_models.held_out import Halves, worth
from benchmarks.label_models_votes import Matrix, as_votes, recorded
from benchmarks.report import write_table

COMMAND = "make bench-refine"
DRAWS = 15
_MOST_ROWS = 4_000
_KINDS = ("as they are", "as they are", "copies", "half noise", "mostly wrong")

Votings = NDArray[np.int16]
Measure = Callable[[Halves, tuple[str, ...]], float]


def _forecast(halves: Halves, _: tuple[str, ...]) -> float:
    model = Default().fit(PatternCounts.of(halves.fitted))
    labels = model.predict(halves.held)
    covered, largest = float(labels.covered.mean()), float(model.found.prior.max())
    return covered * forecast(halves.held, labels).accuracy + (1 - covered) * largest


def _confidence(halves: Halves, _: tuple[str, ...]) -> float:
    model = Default().fit(PatternCounts.of(halves.fitted))
    return float(model.predict(halves.held).confidence.mean())


def _coverage(halves: Halves, _: tuple[str, ...]) -> float:
    return float((halves.held.matrix >= 0).any(axis=1).mean())


MEASURES: dict[str, Measure] = {
    "worth": lambda halves, judges: worth(halves, judges).value,
    "agreement": lambda halves, judges: worth(halves, judges).agreement,
    "forecast": _forecast,
    "confidence": _confidence,
    "coverage": _coverage,
}


def measures_table() -> None:
    """`refine-measures`."""
    changes: dict[str, list[float]] = {name: [] for name in MEASURES}
    gains: list[float] = []
    kinds: list[str] = []
    for matrix in recorded():
        for draw in range(DRAWS):
            kind = _KINDS[draw % len(_KINDS)]
            before, after, gain = _case(matrix, kind, np.random.default_rng(draw))
            judges = before.fitted.programs
            for name, measure in MEASURES.items():
                changes[name].append(measure(after, judges) - measure(before, judges))
            gains.append(gain)
            kinds.append(kind)
    rows = [
        _row(name, kind, np.array(changes[name]), np.array(gains), np.array(kinds))
        for name in MEASURES
        for kind in ("all", *dict.fromkeys(_KINDS))
    ]
    write_table("refine-measures", COMMAND, rows, "Gain of label model accuracy, valid rows.")


def _case(matrix: Matrix, kind: str, rng: np.random.Generator) -> tuple[Halves, Halves, float]:
    """Held-out halves before and after, and the real gain."""
    k, order = matrix.n_classes, rng.permutation(20)
    n_base, n_new = int(rng.choice([6, 10, 14])), int(rng.choice([1, 3, 6]))
    base, new = order[:n_base], order[n_base : n_base + n_new]
    if kind == "copies":
        new = base[:n_new]
    train = matrix.votes["train"]
    train = train[rng.permutation(len(train))[:_MOST_ROWS]]
    whole = {"train": train, "valid": matrix.votes["valid"]}
    added = {part: _spoilt(votes[:, new], kind, k, rng) for part, votes in whole.items()}
    together = {part: np.hstack([whole[part][:, base], added[part]]) for part in whole}
    votes = as_votes(together["train"], k)
    halves = Halves.of(votes, rng)
    judges = votes.programs[:n_base]
    scores = [
        _accuracy(votes, together["valid"], matrix.gold["valid"], kept)
        for kept in (n_base, len(votes.programs))
    ]
    return halves.only(judges), halves, scores[1] - scores[0]


def _spoilt(votes: Votings, kind: str, k: int, rng: np.random.Generator) -> Votings:
    votes = votes.copy()
    if kind == "half noise":
        hit = (votes >= 0) & (rng.random(votes.shape) < 0.5)
        votes[hit] = rng.integers(0, k, int(hit.sum()))
    if kind == "mostly wrong":
        hit = (votes >= 0) & (rng.random(votes.shape) < 0.9)
        votes[hit] = (votes[hit] + 1) % k
    return votes


def _accuracy(votes: Votes, valid: Votings, gold: Votings, kept: int) -> float:
    model = Default().fit(PatternCounts.of(as_votes(votes.matrix[:, :kept], votes.n_classes)))
    labels = model.predict(as_votes(valid[:, :kept], votes.n_classes))
    best = np.where(labels.covered, labels.best, model.found.prior.argmax())
    return float((best == gold).mean())


def _row(
    name: str,
    kind: str,
    change: NDArray[np.float64],
    gain: NDArray[np.float64],
    kinds: NDArray[np.str_],
) -> dict[str, Any]:
    here = np.ones(len(kinds), dtype=bool) if kind == "all" else kinds == kind
    change, gain = change[here], gain[here]
    kept = change > 0
    moves = change.std() > 0 and gain.std() > 0
    return {
        "measure": name,
        "added": kind,
        "cases": len(gain),
        "correlation": round(float(np.corrcoef(change, gain)[0, 1]), 3) if moves else "",
        "kept": round(float(kept.mean()), 3),
        "gain_kept": round(float(gain[kept].mean()), 4) if kept.any() else "",
        "gain_dropped": round(float(gain[~kept].mean()), 4) if not kept.all() else "",
    }
