"""The default student for numbers: logistic regression over columns brought to one scale.

    scaled = clip((x - median) / spread, -LIMIT, LIMIT)      0 where x is missing
    rows   = [scaled, missing]                               a flag per column that lacks some

Spread is half the distance between the 16 % and 84 % quantiles, one standard deviation of a
bell curve, so a few huge values neither stretch the scale nor carry the day.
"""

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alchemist.core.errors import BadRows, NotReady
from alchemist.end_models.keeping import keep, revive
from alchemist.end_models.lesson import checked_labels, checked_weights
from alchemist.end_models.softmax import Linear, fit_softmax, softmax

Floats = NDArray[np.float64]

LIMIT = 4.0
_FORMAT = "alchemist linear student"
_VERSION = 1
_NAMES = ("middle", "spread", "lacking", "weights", "intercept")


class LinearStudent:
    """Softmax regression over an (n, d) float array; NaN is a missing number.

    Args:
        strength: How closely to fit the labels (C of logistic regression).
    """

    def __init__(self, *, strength: float = 1.0) -> None:
        self.strength = strength
        self._card: dict[str, Any] = {}

    def fit(self, features: Floats, labels: Floats, weights: Floats | None = None) -> Self:
        """Learn from (n, d) numbers with (n, k) soft labels and (n,) weights.

        Only the proportions of weights count. Rows of weight 0 are left out.

        Raises:
            BadRows: No row has weight, or the shapes or values do not fit.
        """
        numbers = _checked(features)
        labels = checked_labels(labels, len(numbers))
        weights = checked_weights(weights, len(numbers))
        chosen = np.flatnonzero(weights)
        taught, labels, weights = numbers[chosen], labels[chosen], weights[chosen]
        self._middle, self._spread = _scale(taught)
        self._lacking = np.flatnonzero(np.isnan(taught).any(axis=0))
        self._linear = fit_softmax(
            self._rows(taught),
            labels,
            weights / weights.mean(),
            strength=self.strength,
        )
        self._card = {
            "rows": len(numbers),
            "trained_on": len(taught),
            "columns": numbers.shape[1],
            "strength": self.strength,
        }
        return self

    @property
    def trained_on(self) -> int:
        """How many of the rows handed over it learned from; 0 before fit."""
        return int(self._card.get("trained_on", 0))

    def predict_proba(self, features: Floats) -> Floats:
        """(n, k) class probabilities.

        Raises:
            NotReady: Neither fitted nor loaded.
            BadRows: Another number of columns than it learned from.
        """
        linear, numbers = self._fitted(), _checked(features)
        if numbers.shape[1] != len(self._middle):
            raise BadRows(
                f"The student knows {len(self._middle)} columns, not {numbers.shape[1]}; "
                "run `alchemist distill` to train it on what programs see now."
            )
        return softmax(self._rows(numbers) @ linear.weights.astype(np.float64) + linear.intercept)

    def save(self, folder: Path) -> None:
        """Write the arrays to student.npz and what they are to card.json."""
        linear = self._fitted()
        arrays: dict[str, NDArray[Any]] = {
            "middle": self._middle,
            "spread": self._spread,
            "lacking": self._lacking,
            "weights": linear.weights,
            "intercept": linear.intercept,
        }
        keep(folder, arrays, {"format": _FORMAT, "version": _VERSION, **self._card})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what save wrote; runs no code from the folder.

        Raises:
            StoreError: The folder holds no such model, a damaged one, or a newer format.
        """
        return revive(folder, _NAMES, cls._revive)

    @classmethod
    def _revive(cls, card: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        if (card.pop("format"), card.pop("version")) != (_FORMAT, _VERSION):
            raise ValueError("it is of another kind or version")
        middle, spread, lacking, weights, intercept = (arrays[name] for name in _NAMES)
        d, k = len(middle), len(intercept)
        if spread.shape != (d,) or weights.shape != (d + len(lacking), k) or k < 2:
            raise ValueError("its arrays do not fit together")
        if len(lacking) and (lacking.min() < 0 or lacking.max() >= d):
            raise ValueError("it names columns it does not have")
        if not all(np.isfinite(one).all() for one in (middle, spread, weights, intercept)):
            raise ValueError("it holds numbers that are not finite")
        student = cls(strength=float(card["strength"]))
        student._card = card
        student._middle, student._spread, student._lacking = middle, spread, lacking
        student._linear = Linear(weights, intercept)
        return student

    def _rows(self, numbers: Floats) -> Floats:
        missing = np.isnan(numbers)
        scaled = np.clip((numbers - self._middle) / self._spread, -LIMIT, LIMIT)
        return np.hstack([np.where(missing, 0.0, scaled), missing[:, self._lacking]])

    def _fitted(self) -> Linear:
        if not self._card:
            raise NotReady("This student has learned nothing yet; call fit or load first.")
        return self._linear


def _checked(features: Floats) -> Floats:
    numbers = np.asarray(features, dtype=np.float64)
    if numbers.ndim != 2:
        raise BadRows(f"Features must be (rows, columns) of numbers, not {numbers.shape}.")
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _scale(numbers: Floats) -> tuple[Floats, Floats]:
    """Median and spread of each column over its known values; 0 and 1 where there are none."""
    middle, spread = np.zeros(numbers.shape[1]), np.ones(numbers.shape[1])
    for column in range(numbers.shape[1]):
        known = numbers[~np.isnan(numbers[:, column]), column]
        if len(known):
            low, middle[column], high = np.quantile(known, [0.16, 0.5, 0.84])
            wide = (high - low) / 2 or known.std()  # mostly one value: the others still differ
            spread[column] = wide or 1.0
    return middle, spread
