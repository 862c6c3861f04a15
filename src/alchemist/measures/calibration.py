"""Whether a stated confidence is kept: reliability bins and their mean gap."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alchemist.measures.estimate import Estimate

Floats = NDArray[np.float64]

N_BINS = 10
_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose confidence lies in (low, high]: how many, what they claim, what they keep."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def reliability(confidence: Floats, credit: Floats, n_bins: int = N_BINS) -> tuple[Bin, ...]:
    """Sort rows into bins of equal width by confidence; empty bins are left out.

    Args:
        confidence: (n,) probability of the best class.
        credit: (n,) 1 where it was right, 0 where wrong, a share where classes tied.
        n_bins: Bins between 0 and 1.
    """
    place = _places(confidence, n_bins)
    counts = np.bincount(place, minlength=n_bins)
    claimed = np.bincount(place, weights=confidence, minlength=n_bins)
    kept = np.bincount(place, weights=credit, minlength=n_bins)
    return tuple(
        Bin(b / n_bins, (b + 1) / n_bins, int(n), float(claimed[b] / n), float(kept[b] / n))
        for b, n in enumerate(counts)
        if n
    )


def calibration_error(
    confidence: Floats, credit: Floats, *, seed: int, n_bins: int = N_BINS
) -> Estimate:
    """Expected calibration error: the mean gap between confidence and accuracy over bins.

    The interval redraws how many rows fall in each bin and how many of them are right, and
    mirrors the draws around the value (basic bootstrap), because redrawing can only add gap.

    Source:
        Naeini, Cooper and Hauskrecht, 2015, AAAI. doi:10.1609/aaai.v29i1.9602
    """
    n = len(confidence)
    if n == 0:
        return Estimate()
    bins = reliability(confidence, credit, n_bins)
    shares = np.array([b.n / n for b in bins])
    claimed, kept = np.array([b.confidence for b in bins]), np.array([b.accuracy for b in bins])
    value = float(shares @ abs(claimed - kept))

    rng = np.random.default_rng(seed)
    sizes = rng.multinomial(n, shares / shares.sum(), size=_DRAWS)
    right = rng.binomial(sizes, np.clip(kept, 0, 1)) / np.maximum(sizes, 1)
    draws = (sizes / n * abs(claimed - right)).sum(axis=1)
    low, high = 2 * value - np.quantile(draws, [0.975, 0.025])
    return Estimate(value, float(np.clip(low, 0, value)), float(np.clip(high, value, 1)))


def _places(confidence: Floats, n_bins: int) -> NDArray[np.int64]:
    return np.clip(np.ceil(confidence * n_bins) - 1, 0, n_bins - 1).astype(np.int64)
