"""Named numbers of a series without any model: level, rise, plateau, fall, rhythm, segments.

An item is the series as little-endian float64. Times are shares of its length, so that series
of different lengths compare. Rise and fall are read between 10 % and 90 % of the way from the
5 % to the 95 % quantile.
"""

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts.local import Local
from alchemist.concepts.reading import Unreadable
from alchemist.concepts.series_features import FEATURES, LAGS, SEGMENTS

SHORTEST = 10
LONGEST = 5_000_000

Floats = NDArray[np.float64]


class LocalSeries(Local):
    """Extractor of FEATURES."""

    name = "local_series"
    modality = "series"
    version = 1
    named = FEATURES

    def measure_item(self, item: bytes) -> tuple[dict[str, float], str]:
        """Measure one series."""
        return measure(open_series(item)), ""


def open_series(item: bytes) -> Floats:
    """Read a series.

    Raises:
        Unreadable: With the reason.
    """
    if len(item) % 8:
        raise Unreadable(f"no series: {len(item)} bytes are no whole number of values")
    values = np.frombuffer(item, dtype="<f8")
    if not SHORTEST <= len(values) <= LONGEST:
        raise Unreadable(f"series of {len(values)} values; {SHORTEST} to {LONGEST:,} can be read")
    odd = np.count_nonzero(~np.isfinite(values))
    if odd:
        raise Unreadable(f"series with {odd} of {len(values)} values that are no number")
    if np.abs(values).max() > 1e30:
        raise Unreadable("series with a value beyond 1e30")
    return values.astype(np.float64)


def measure(values: Floats) -> dict[str, float]:
    """Every feature of one series, by name; NaN where it has none."""
    found = dict.fromkeys((f.name for f in FEATURES), float("nan"))
    for part in (_levels, _steps, _phases, _rhythm, _segments):
        found |= part(values)
    return found


def _levels(x: Floats) -> dict[str, float]:
    mean, std = float(x.mean()), float(x.std())
    found = {
        "length": len(x),
        "mean": mean,
        "median": float(np.median(x)),
        "std": std,
        "range": float(np.ptp(x)),
        "minimum": float(x.min()),
        "maximum": float(x.max()),
        "share_above_mean": float((x > mean).mean()),
        "first": float(x[0]),
        "last": float(x[-1]),
        "slope": line(x),
    }
    if std > 0:
        scaled = (x - mean) / std
        found |= {
            "skewness": float((scaled**3).mean()),
            "kurtosis": float((scaled**4).mean()) - 3,
        }
    return found


def line(x: Floats) -> float:
    """Change over the length of x by a least-squares line; 0 for a single value."""
    n = len(x)
    at = np.arange(n) - (n - 1) / 2
    return float(at @ x) / float(at @ at) * (n - 1) if n > 1 else 0.0


def _steps(x: Floats) -> dict[str, float]:
    steps = np.diff(x)
    last = len(x) - 1
    turns = np.diff(np.sign(steps[steps != 0])) != 0
    return {
        "max_rise": float(steps.max()),
        "max_fall": float(-steps.min()),
        "time_of_max": float(x.argmax()) / last,
        "time_of_min": float(x.argmin()) / last,
        "time_of_max_rise": float(steps.argmax() + 0.5) / last,
        "time_of_max_fall": float(steps.argmin() + 0.5) / last,
        "direction_changes": float(turns.sum()) / last,
    }


def _phases(x: Floats) -> dict[str, float]:
    low, high = np.quantile(x, (0.05, 0.95))
    if high <= low:
        return {}
    up = np.flatnonzero(x >= low + 0.9 * (high - low))
    down = x <= low + 0.1 * (high - low)
    first, last, n = int(up[0]), int(up[-1]), len(x)
    before, after = np.flatnonzero(down[:first]), np.flatnonzero(down[last:])
    found = {
        "plateau_length": (last - first) / (n - 1),
        "plateau_std": float(x[first : last + 1].std()),
    }
    if len(before):
        start = int(before[-1])
        found |= _phase(x[: start + 1], "before", "dip_before_rise")
        found["rise_time"] = (first - start) / (n - 1)
        found["rise_roughness"] = _bends(x[start : first + 1])
    if len(after):
        end = last + int(after[0])
        found |= _phase(x[end:], "after", "dip_after_fall")
        found["fall_time"] = (end - last) / (n - 1)
        found["fall_roughness"] = _bends(x[last : end + 1])
    return found


def _phase(part: Floats, name: str, dip: str) -> dict[str, float]:
    level = float(np.median(part))
    return {
        f"level_{name}": level,
        f"std_{name}": float(part.std()),
        dip: level - float(part.min()),
    }


def _bends(part: Floats) -> float:
    """Sum of the changes of step, of the height climbed."""
    return float(np.abs(np.diff(part, 2)).sum() / abs(part[-1] - part[0]))


def _rhythm(x: Floats) -> dict[str, float]:
    from scipy import fft

    centred = x - x.mean()
    power = float(centred @ centred)
    if power <= 0:
        return {"roughness": 0.0}
    found = {
        f"autocorr_{lag}": float(centred[lag:] @ centred[:-lag]) / power
        for lag in LAGS
        if lag < len(x)
    }
    spectrum = np.abs(fft.rfft(centred))[1:]
    found["dominant_period"] = len(x) / (int(spectrum.argmax()) + 1)
    found["roughness"] = float(np.abs(np.diff(x)).mean() / x.std())
    return found


def _segments(x: Floats) -> dict[str, float]:
    found = {}
    for s, part in enumerate(np.array_split(x, SEGMENTS)):
        found[f"segment{s}_mean"] = float(part.mean())
        found[f"segment{s}_slope"] = line(part)
    return found
