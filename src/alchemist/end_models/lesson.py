"""What a student is handed to learn from, checked once on entry."""

import numpy as np
from numpy.typing import NDArray

from alchemist.core.errors import BadRows

Floats = NDArray[np.float64]


def checked_labels(labels: Floats, n: int) -> Floats:
    """(n, k) probabilities that sum to 1 exactly. Raises BadRows."""
    labels = np.asarray(labels, dtype=np.float64)
    if labels.ndim != 2 or len(labels) != n or labels.shape[1] < 2:
        raise BadRows(f"Labels must be ({n} rows, at least 2 classes), not {labels.shape}.")
    totals = labels.sum(axis=1)
    if not np.isfinite(labels).all() or labels.min(initial=0) < 0 or (abs(totals - 1) > 1e-3).any():
        raise BadRows("Each row of labels must be probabilities that sum to 1.")
    return labels / totals[:, None]


def checked_weights(weights: Floats | None, n: int) -> Floats:
    """(n,) weights, 1 each when None, at least one above 0. Raises BadRows."""
    weights = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    if weights.shape != (n,):
        raise BadRows(f"Weights must be one per row, ({n},), not {weights.shape}.")
    if not np.isfinite(weights).all() or weights.min(initial=0) < 0:
        raise BadRows("Weights must be finite and not below 0.")
    if not weights.any():
        raise BadRows(
            "There is no row to learn from: none was given, or all weights are 0. "
            "Let programs cover some rows first."
        )
    return weights
