"""A number measured on a sample, with the range it could plausibly have come from."""

from dataclasses import dataclass
from math import isnan, nan, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_Z = 1.959963984540054  # two-sided 95 %


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its 95 % interval; NaN throughout where nothing could be measured."""

    value: float = nan
    low: float = nan
    high: float = nan

    def to_dict(self) -> dict[str, float | None]:
        """The three numbers under their names; NaN becomes None, as JSON has no NaN."""
        return {
            name: None if isnan(number) else round(number, 6)
            for name, number in (("value", self.value), ("low", self.low), ("high", self.high))
        }


def share(hits: float, n: float) -> Estimate:
    """A share of n rows, with the Wilson score interval.

    Fractional hits (shared ties) vary less than whole ones, so the interval is then a
    little wider than it need be.

    Source:
        Wilson, 1927, JASA 22(158). doi:10.1080/01621459.1927.10502953
    """
    if n <= 0:
        return Estimate()
    p, z2 = hits / n, _Z * _Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * sqrt(max(0.0, p * (1 - p) / n + z2 / (4 * n * n)))
    return Estimate(p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)))


def mean(values: Floats) -> Estimate:
    """The mean of (n,) values, with the interval of the central limit theorem."""
    n = len(values)
    if n == 0:
        return Estimate()
    value = float(values.mean())
    half = _Z * float(values.std(ddof=1)) / sqrt(n) if n > 1 else nan
    return Estimate(value, value - half, value + half)


def from_draws(value: float, draws: Floats) -> Estimate:
    """A value with the middle 95 % of draws around it, widened to hold the value itself."""
    seen = draws[~np.isnan(draws)]
    if isnan(value) or not len(seen):
        return Estimate(value)
    low, high = np.quantile(seen, [0.025, 0.975])
    return Estimate(value, min(value, float(low)), max(value, float(high)))
