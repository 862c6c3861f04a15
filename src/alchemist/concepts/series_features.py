"""The names, units and meanings of what local_series measures."""

from alchemist.core.concepts import Feature

SEGMENTS = 10
LAGS = (1, 5, 10, 20)

# name, unit, meaning, low, high, family; "value" is the unit of the series itself.
_ANY = (float("-inf"), float("inf"))
_PLUS = (0.0, float("inf"))
_SHARE = (0.0, 1.0)
_ROWS: tuple[tuple[str, str, str, tuple[float, float], str], ...] = (
    ("length", "count", "how many values", _PLUS, "length"),
    ("mean", "value", "mean", _ANY, "level"),
    ("median", "value", "median", _ANY, "level"),
    ("std", "value", "standard deviation", _PLUS, "spread"),
    ("range", "value", "largest minus smallest", _PLUS, "spread"),
    ("minimum", "value", "smallest value", _ANY, "level"),
    ("maximum", "value", "largest value", _ANY, "level"),
    ("skewness", "ratio", "above 0: rare high values; below 0: rare low ones", _ANY, "shape"),
    ("kurtosis", "ratio", "above 0: rare extremes; below 0: flat or two-level", _ANY, "shape"),
    ("share_above_mean", "share", "share of the time above the mean", _SHARE, "shape"),
    ("first", "value", "first value", _ANY, "level"),
    ("last", "value", "last value", _ANY, "level"),
    ("slope", "value", "change over the whole length by a straight line", _ANY, "trend"),
    ("max_rise", "value", "steepest rise from one value to the next", _ANY, "rise"),
    ("max_fall", "value", "steepest fall from one value to the next, as a positive number", _ANY, "fall"),
    ("time_of_max", "share", "when the largest value comes", _SHARE, "timing"),
    ("time_of_min", "share", "when the smallest value comes", _SHARE, "timing"),
    ("time_of_max_rise", "share", "when the steepest rise comes", _SHARE, "timing"),
    ("time_of_max_fall", "share", "when the steepest fall comes", _SHARE, "timing"),
    ("rise_time", "share", "from 10 % to 90 % of the way up, the first time", _SHARE, "rise"),
    ("fall_time", "share", "from 90 % to 10 % of the way down, the last time", _SHARE, "fall"),
    ("rise_roughness", "ratio", "bends during the rise: 0 straight", _PLUS, "rise"),
    ("fall_roughness", "ratio", "bends during the fall: 0 straight", _PLUS, "fall"),
    ("plateau_length", "share", "from reaching 90 % first to leaving it last", _SHARE, "plateau"),
    ("plateau_std", "value", "standard deviation in between", _PLUS, "plateau"),
    ("level_before", "value", "median before the rise", _ANY, "before"),
    ("level_after", "value", "median after the fall", _ANY, "after"),
    ("std_before", "value", "standard deviation before the rise", _PLUS, "before"),
    ("std_after", "value", "standard deviation after the fall", _PLUS, "after"),
    ("dip_before_rise", "value", "how far below its level before the rise it dips", _PLUS, "before"),
    ("dip_after_fall", "value", "how far below its level after the fall it dips", _PLUS, "after"),
    *((f"autocorr_{lag}", "-1-1", f"likeness to itself {lag} steps later", (-1.0, 1.0), "rhythm") for lag in LAGS),
    ("dominant_period", "count", "length of the strongest wave, in values", _PLUS, "rhythm"),
    ("roughness", "ratio", "mean step from value to value, of the standard deviation", _PLUS, "rhythm"),
    ("direction_changes", "share", "share of the values where it turns", _SHARE, "rhythm"),
    *((f"segment{s}_mean", "value", f"mean of tenth {s} of 0 to 9", _ANY, f"segment{s}") for s in range(SEGMENTS)),
    *((f"segment{s}_slope", "value", f"change over tenth {s} of 0 to 9", _ANY, f"segment{s}") for s in range(SEGMENTS)),
)  # fmt: skip

FEATURES = tuple(
    Feature(name, unit, meaning, low, high, family=family)
    for name, unit, meaning, (low, high), family in _ROWS
)
