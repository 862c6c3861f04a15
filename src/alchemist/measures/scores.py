"""How good labels are, measured against gold, each number with a 95 % interval.

Conventions: classes that tie for the best probability share the row's credit; a row no
program spoke for holds the prior, so it counts as the prior's best class, and the rows that
were spoken for are also reported apart.

Intervals cost as much as the confusion table is large, whatever the number of rows:

- accuracy, coverage, worst group: Wilson;
- balanced accuracy, F1: 1,000 tables drawn from a Dirichlet around the observed one, each
  class that occurs adding one row spread evenly, so that a perfect score on a few rows keeps
  a wide interval;
- Brier: central limit theorem; calibration error: see measures.calibration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.errors import BadVotes, UnknownName
from alchemist.core.labels import Labels
from alchemist.measures import estimate
from alchemist.measures.calibration import calibration_error
from alchemist.measures.estimate import Estimate

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]

_DRAWS = 1000
_TIE = 1e-9  # probabilities this close are equal: sums in another order differ by less


@dataclass(frozen=True, slots=True)
class Group:
    """One group of rows and the accuracy on it; the interval is that of the group alone."""

    name: str
    n: int
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class Score:
    """What one set of labels is worth on n rows with gold.

    Attributes:
        n: Rows scored.
        n_covered: Of these, rows some program spoke for.
        accuracy: On all n rows.
        accuracy_covered: On the covered rows.
        balanced_accuracy: Mean recall of the classes that occur in gold.
        macro_f1: Mean F1 of the classes that occur in gold or among the labels.
        f1: F1 per class name; NaN for a class that occurs in neither.
        brier: Mean squared distance between probabilities and gold, 0 to 2.
        ece: Expected calibration error, 0 to 1.
        coverage: Share of rows some program spoke for.
        worst_group: The group with the lowest accuracy, when groups were given.
    """

    n: int
    n_covered: int
    accuracy: Estimate
    accuracy_covered: Estimate
    balanced_accuracy: Estimate
    macro_f1: Estimate
    f1: Mapping[str, Estimate]
    brier: Estimate
    ece: Estimate
    coverage: Estimate
    worst_group: Group | None = None

    def metric(self, name: str) -> Estimate:
        """The number task.toml calls `metric`, such as accuracy, macro_f1 or f1:<class>.

        Raises:
            UnknownName: No such metric, class, or no groups were scored.
        """
        plain = {
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
        }
        kind, _, detail = name.partition(":")
        if name in plain:
            return plain[name]
        if kind == "worst_group" and self.worst_group is not None:
            return self.worst_group.accuracy
        by_fold = {c.strip().casefold(): one for c, one in self.f1.items()}
        if kind == "f1" and detail.strip().casefold() in by_fold:
            return by_fold[detail.strip().casefold()]
        raise UnknownName.among("metric", name, [*plain, *(f"f1:{c}" for c in self.f1)])

    def to_dict(self) -> dict[str, Any]:
        """One entry of metrics.json: counts, and {value, low, high} per metric."""
        entry: dict[str, Any] = {"n": self.n, "n_covered": self.n_covered}
        for name in (
            "accuracy",
            "accuracy_covered",
            "balanced_accuracy",
            "macro_f1",
            "brier",
            "ece",
            "coverage",
        ):
            entry[name] = getattr(self, name).to_dict()
        entry["f1"] = {name: one.to_dict() for name, one in self.f1.items()}
        if self.worst_group is not None:
            group = self.worst_group
            entry["worst_group"] = {"group": group.name, "n": group.n, **group.accuracy.to_dict()}
        return entry


def score(
    proba: Floats,
    covered: NDArray[np.bool_],
    gold: Ints,
    class_names: Sequence[str],
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> Score:
    """Score soft labels against gold.

    Args:
        proba: (n, k) class probabilities; the prior where uncovered.
        covered: (n,) whether any program spoke.
        gold: (n,) class indices; negative where unknown, and such rows are left out.
        class_names: k names.
        groups: (n,) name of the group of each row.
        seed: Of the intervals of balanced accuracy, F1 and calibration error.

    Raises:
        BadVotes: The shapes do not fit together, or gold names a class that does not exist.
    """
    k = len(class_names)
    _check(proba, covered, gold, k, groups)
    known = np.asarray(gold) >= 0
    proba, covered, gold = np.asarray(proba)[known], np.asarray(covered)[known], gold[known]
    n, rows = len(gold), np.arange(len(gold))
    shares = shared_best(proba)
    credit = shares[rows, gold]
    table = _confusion(shares, gold)
    by_table = _TableScores.of(table)
    drawn = _TableScores.of(_redraw(table, seed))
    return Score(
        n=n,
        n_covered=int(covered.sum()),
        accuracy=estimate.share(float(credit.sum()), n),
        accuracy_covered=estimate.share(float(credit[covered].sum()), int(covered.sum())),
        balanced_accuracy=estimate.from_draws(by_table.balanced.item(), drawn.balanced),
        macro_f1=estimate.from_draws(by_table.macro_f1.item(), drawn.macro_f1),
        f1={
            name: estimate.from_draws(by_table.f1[c].item(), drawn.f1[:, c])
            for c, name in enumerate(class_names)
        },
        brier=estimate.mean(((proba - np.eye(k)[gold]) ** 2).sum(axis=1)),
        ece=calibration_error(proba.max(axis=1, initial=0), credit, seed=seed),
        coverage=estimate.share(int(covered.sum()), n),
        worst_group=None if groups is None else _worst(credit, np.asarray(groups)[known]),
    )


def shared_best(proba: Floats) -> Floats:
    """(n, k) shares of each row's label: 1 for the best class, equal parts for tied ones."""
    best = proba >= proba.max(axis=1, keepdims=True, initial=0) - _TIE
    return best / best.sum(axis=1, keepdims=True)


def labels_of_program(column: Ints, prior: Floats) -> Labels:
    """One program's (n,) votes as labels: sure where it voted, the (k,) prior elsewhere."""
    covered = np.asarray(column) >= 0
    proba = np.tile(np.asarray(prior, dtype=np.float64), (len(covered), 1))
    proba[covered] = np.eye(len(prior))[np.asarray(column)[covered]]
    return Labels(proba, covered)


@dataclass(frozen=True, slots=True, eq=False)
class _TableScores:
    """Scores of confusion tables (…, k, k): balanced and macro_f1 (…), f1 (…, k)."""

    balanced: Floats
    macro_f1: Floats
    f1: Floats

    @classmethod
    def of(cls, tables: Floats) -> "_TableScores":
        right = np.diagonal(tables, axis1=-2, axis2=-1)
        in_gold, labeled = tables.sum(axis=-1), tables.sum(axis=-2)
        recall = _ratio(right, in_gold)
        f1 = _ratio(2 * right, in_gold + labeled)
        return cls(_mean_of_known(recall), _mean_of_known(f1), f1)


def _confusion(shares: Floats, gold: Ints) -> Floats:
    """(k, k) table of gold × label, shared labels counted in parts."""
    k = shares.shape[1]
    columns = [np.bincount(gold, weights=shares[:, c], minlength=k) for c in range(k)]
    return np.stack(columns, axis=1)


def _redraw(table: Floats, seed: int) -> Floats:
    """(draws, k, k) shares of tables that could have been seen instead of this one."""
    in_gold, labeled = table.sum(axis=1) > 0, table.sum(axis=0) > 0
    occurs = in_gold | labeled
    spread = in_gold[:, None] * occurs[None, :] / max(1, occurs.sum())
    # Independent gammas are a Dirichlet up to scale, and every score here is a ratio.
    rng = np.random.default_rng(seed)
    return rng.standard_gamma(table + spread, size=(_DRAWS, *table.shape))


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def _mean_of_known(values: Floats) -> Floats:
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1).astype(np.float64))


def _worst(credit: Floats, groups: NDArray[np.str_]) -> Group | None:
    names, place = np.unique(groups.astype(str), return_inverse=True)
    sizes = np.bincount(place, minlength=len(names))
    hits = np.bincount(place, weights=credit, minlength=len(names))
    if not len(names):
        return None
    worst = int(np.argmin(hits / sizes))
    n = int(sizes[worst])
    return Group(str(names[worst]), n, estimate.share(float(hits[worst]), n))


def _check(
    proba: Floats,
    covered: NDArray[np.bool_],
    gold: Ints,
    k: int,
    groups: Sequence[str] | None,
) -> None:
    n = len(gold)
    if np.shape(proba) != (n, k) or np.shape(covered) != (n,):
        raise BadVotes(
            f"Scoring {n} gold labels of {k} classes needs ({n}, {k}) probabilities and ({n},) "
            f"covered, not {np.shape(proba)} and {np.shape(covered)}."
        )
    if groups is not None and len(groups) != n:
        raise BadVotes(f"Scoring {n} rows by group needs {n} group names, not {len(groups)}.")
    if n and int(np.max(gold)) >= k:
        raise BadVotes(f"Gold holds class {int(np.max(gold))}; classes are 0 … {k - 1}.")
