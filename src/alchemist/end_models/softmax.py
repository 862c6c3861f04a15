"""Multinomial logistic regression on soft labels, over sparse rows.

The cross-entropy between soft labels and predictions, plus an L2 penalty, minimised by
L-BFGS on the soft targets directly: same optimum as repeating each row once per class with
its probability as weight, at a k-th of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Scores of k classes: weights (v, k) float32, intercept (k,) float32."""

    weights: NDArray[np.float32]
    intercept: NDArray[np.float32]


def softmax(scores: Floats) -> Floats:
    """Rows of scores to rows that sum to 1."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def fit_softmax(
    rows: csr_matrix, labels: Floats, weights: Floats, *, strength: float, max_steps: int = 200
) -> Linear:
    """Minimise Σ weight · cross-entropy + ‖W‖² / (2 · strength).

    One empty row with uniform labels and weight 1 is added to the data: it keeps the
    intercept finite for a class that nobody has.

    Args:
        rows: (n, v) float32.
        labels: (n, k), rows sum to 1.
        weights: (n,), at least 0.
        strength: C of scikit-learn; larger fits closer.
        max_steps: L-BFGS iterations at most.
    """
    from scipy.optimize import minimize

    v, k = rows.shape[1], labels.shape[1]
    columns = rows.T  # a view: no second copy of the data

    def loss(flat: Floats) -> tuple[float, Floats]:
        parameters = flat.reshape(v + 1, k)
        table, intercept = parameters[:v], parameters[v]
        scores = rows @ table.astype(np.float32) + intercept
        proba = softmax(scores)
        empty = softmax(intercept[None])[0]
        value = -(weights @ (labels * np.log(np.maximum(proba, 1e-30))).sum(axis=1))
        value += -np.log(np.maximum(empty, 1e-30)).mean() + (table**2).sum() / (2 * strength)
        error = (proba - labels) * weights[:, None]
        slope = np.empty_like(parameters)
        slope[:v] = columns @ error.astype(np.float32) + table / strength
        slope[v] = error.sum(axis=0) + empty - 1 / k
        return float(value), slope.ravel()

    found = minimize(
        loss,
        np.zeros((v + 1) * k),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_steps, "ftol": 1e-5, "gtol": 1e-4 * max(1.0, weights.sum() ** 0.5)},
    )
    best = found.x.reshape(v + 1, k).astype(np.float32)
    return Linear(best[:v], best[v])
