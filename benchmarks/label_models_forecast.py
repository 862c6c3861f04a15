"""Forecasts against what came out, and the experience that ships with the package.

    python -m benchmarks.label_models_forecast     writes src/…/label_models/experience.json

Every (data set, subset of programs) is forecast with what was learnt from the other data
sets alone. Gold rows are rows a user would label; the accuracy scored is that of the rest.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.labels import Labels
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import Votes
from alchemist.label_models import forecast as forecasting
from alchemist.label_models.default import Default
from benchmarks.label_models_votes import Matrix, hand_written, recorded
from benchmarks.report import write_table

COMMAND = "make bench-label-models"
GOLD_ROWS = (0, 50, 200)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One data set with some of its programs, labeled."""

    data_set: str
    programs: str
    votes: Votes
    labels: Labels
    gold: NDArray[np.int16]

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,) whether each label is right."""
        found: NDArray[np.bool_] = self.labels.best == self.gold
        return found


def pairs() -> list[Pair]:
    """Every data set with several subsets of its programs."""
    rng = np.random.default_rng(5)
    found = []
    for whole in (*hand_written(), *recorded()):
        for name, kept in _subsets(whole, rng):
            votes, gold = whole.columns(name, kept).whole()
            labels = Default().fit(PatternCounts.of(votes)).predict(votes)
            found.append(Pair(whole.data_set, f"{whole.name}: {name}", votes, labels, gold))
    return found


def _subsets(whole: Matrix, rng: np.random.Generator) -> Iterator[tuple[str, NDArray[np.intp]]]:
    m = whole.votes["train"].shape[1]
    yield "all", np.arange(m)
    if whole.name.endswith("hand-written"):
        sizes = [max(4, int(m * share)) for share in (0.75, 0.75, 0.5, 0.5)]
    else:
        yield "10 plain", np.arange(10)
        yield "10 with knowledge", np.arange(10, 20)
        sizes = [5, 5, 8, 8, 14, 14]
    for number, size in enumerate(sizes):
        yield f"{size} drawn ({number})", np.sort(rng.permutation(m)[:size])


def _learn(known: list[Pair]) -> forecasting.Experience:
    signs = np.array([forecasting.signs_of(one.votes, one.labels) for one in known])
    corrections = np.array([forecasting.true_correction(one.labels, one.gold) for one in known])
    names = sorted({one.data_set for one in known})
    groups = np.array([names.index(one.data_set) for one in known])
    return forecasting.learn_experience(signs, corrections, groups)


def forecast_table() -> None:
    """`forecast` and `forecast-summary`."""
    everything = pairs()
    rows: list[dict[str, Any]] = []
    for data_set in dict.fromkeys(one.data_set for one in everything):
        others = [one for one in everything if one.data_set != data_set]
        experience, mean = _learn(others), _mean_accuracy(others)
        for one in everything:
            if one.data_set == data_set:
                rows += [_row(one, n, experience, mean) for n in GOLD_ROWS]
    write_table("forecast", COMMAND, rows, "Accuracy on covered rows; experience of other sets.")
    write_table("forecast-summary", COMMAND, [_summary(rows, n) for n in GOLD_ROWS])


def _mean_accuracy(known: list[Pair]) -> float:
    """Mean over data sets of the mean over their pairs."""
    names = dict.fromkeys(one.data_set for one in known)
    return float(
        np.mean(
            [
                np.mean([p.right[p.labels.covered].mean() for p in known if p.data_set == name])
                for name in names
            ]
        )
    )


def _row(one: Pair, n: int, experience: forecasting.Experience, mean: float) -> dict[str, Any]:
    chosen = forecasting.next_rows(one.labels, n)
    found = forecasting.forecast(
        one.votes, one.labels, gold_rows=chosen, gold=one.gold[chosen], experience=experience
    )
    left = one.labels.covered.copy()
    left[chosen] = False
    return {
        "set": one.data_set,
        "programs": one.programs,
        "gold_rows": n,
        "forecast": round(found.accuracy, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
        "actual": round(float(one.right[left].mean()), 4),
        "mean_of_others": round(mean, 4),
        "mean_of_gold_rows": round(float(one.right[_drawn(one, n)].mean()), 4) if n else None,
        "best_choice": round(_best_choice(one), 3),
    }


def _best_choice(one: Pair) -> float:
    """Variance of the mean of the best chosen rows, as a share of that of random ones.

    Rows are told apart by label and confidence, and how often each kind is right is known:
    no choice made before knowing that can do better.
    """
    covered = one.labels.covered
    best, confidence, right = (
        part[covered] for part in (one.labels.best, one.labels.confidence, one.right)
    )
    doubt = np.empty(len(right))
    for y in np.unique(best):
        own = np.flatnonzero(best == y)
        own = own[np.argsort(confidence[own], kind="stable")]
        for kind in np.array_split(own, max(1, min(10, len(own) // 50))):
            doubt[kind] = right[kind].std()
    return float(doubt.mean() ** 2 / right.var())


def _drawn(one: Pair, n: int) -> NDArray[np.intp]:
    """As many gold rows drawn blindly, for the plain estimate beside ours."""
    rng = np.random.default_rng(n)
    return rng.choice(np.flatnonzero(one.labels.covered), n, replace=False)


def _summary(rows: list[dict[str, Any]], n: int) -> dict[str, Any]:
    own = [row for row in rows if row["gold_rows"] == n]
    table = {
        key: np.array([row[key] for row in own], dtype=float)
        for key in own[0]
        if key not in ("set", "programs")
    }
    inside = (table["low"] <= table["actual"]) & (table["actual"] <= table["high"])
    blind = np.abs(table["mean_of_gold_rows"] - table["actual"]).mean() if n else None
    return {
        "gold_rows": n,
        "pairs": len(own),
        "interval_holds": round(float(inside.mean()), 3),
        "mean_width": round(float((table["high"] - table["low"]).mean()), 3),
        "mean_error": round(float(np.abs(table["forecast"] - table["actual"]).mean()), 4),
        "error_of_mean_of_other_sets": round(
            float(np.abs(table["mean_of_others"] - table["actual"]).mean()), 4
        ),
        "error_of_mean_of_random_gold": None if blind is None else round(float(blind), 4),
        "variance_left_by_best_choice": round(float(np.median(table["best_choice"])), 3),
    }


def main() -> None:
    """Learn from all data sets and write what ships."""
    learnt = _learn(pairs())
    path = Path(forecasting.__file__).with_name("experience.json")
    content = {
        name: getattr(learnt, name).round(6).tolist() for name in ("mean", "spread", "centre")
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
