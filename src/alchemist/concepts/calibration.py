"""Raw concept scores to numbers from 0 to 1 that mean the same for every concept and view.

For option o of a concept, with raw scores s:

    margin(o)  = s(o) - log sum of exp(s) over the other options        (two options: difference)
    value(o)   = Phi((margin(o) - split(o)) / spread(o))

Split and spread come from unlabeled rows and are then frozen. The spread is the standard
deviation. The split is Otsu's cut in two groups, found on the margin squeezed to 0..1 around its
median, Phi(sharpness * (margin - median) / spread): logarithms have long tails, and unsqueezed
they drag the cut along. Sharpness 1 is the rule "otsu", sharpness 2, which keeps the cut nearer
the median, is "centred": better where the classes are about equally frequent, worse where one is
rare (chosen on validation rows of four sets, whole and thinned to one row of a class in four).

So 0.5 is the split; from .4 to .6 an item lies within a quarter of a standard deviation of it,
where a program should abstain. The two options of a pair add up to 1.

The raw comparison s(a) > s(b) fails on per-wording offsets, one-sided scores fail as soon as
the surroundings shift all of them; the centred margin survives both.

Source: Otsu, A threshold selection method from gray-level histograms (1979).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alchemist.core.concepts import SCORE, Feature
from alchemist.core.errors import BadConcepts, StoreError

RULES: Mapping[str, float] = MappingProxyType({"otsu": 1.0, "centred": 2.0})  # sharpness
# Below this share of the variance explained by the split, the margin has no two groups, only
# outliers; an even spread has .75, a bell .64.
LEAST_SEPARATION = 0.5
LEAST_SHARE = 0.005  # of the rows, in the smaller group
SCHEMA = 1

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Split:
    """Where one option's margin is cut, and by what it is scaled."""

    at: float
    spread: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A frozen calibration.

    Attributes:
        rule: otsu or centred.
        rows: How many rows with an answer it was fitted on.
        features: What the extractor gives, in order.
        splits: By the name of a score feature; one that is missing was dropped.
        dropped: Why a concept gives no values, by its name.
    """

    rule: str
    rows: int
    features: tuple[Feature, ...]
    splits: Mapping[str, Split]
    dropped: Mapping[str, str]

    @classmethod
    def fit(cls, features: Sequence[Feature], values: Floats, rule: str = "otsu") -> Self:
        """Find the splits on unlabeled rows.

        Args:
            features: The extractor's, in order.
            values: (n, d) raw values; rows with NaN in a concept teach it nothing.
            rule: One of RULES.

        Raises:
            BadConcepts: There is no such rule.
        """
        if rule not in RULES:
            raise BadConcepts(f"There is no calibration rule {rule!r}; take otsu or centred.")
        splits: dict[str, Split] = {}
        dropped: dict[str, str] = {}
        for concept, columns in _concepts(features):
            margin = margins(values[:, columns])
            margin = margin[np.isfinite(margin).all(axis=1)]
            reason = _unusable(margin)
            if reason:
                dropped[concept] = reason
                continue
            for j, column in enumerate(columns):
                splits[features[column].name] = _split(margin[:, j], rule)
        rows = int(np.isfinite(values).any(axis=1).sum()) if values.size else 0
        return cls(rule, rows, tuple(features), splits, dropped)

    @property
    def shown(self) -> tuple[Feature, ...]:
        """What `apply` gives, in order: local features as they are, one value per option kept."""
        options = {family: _names(self.features, cs) for family, cs in _concepts(self.features)}
        return tuple(
            f if f.unit != SCORE else _calibrated(f, options[f.family])
            for f in self.features
            if f.unit != SCORE or f.name in self.splits
        )

    def apply(self, values: Floats) -> NDArray[np.float32]:
        """(n, d) raw values to (n, len(shown)) calibrated ones; NaN stays NaN.

        Raises:
            BadConcepts: The values have another number of columns than it was fitted on.
        """
        from scipy.special import ndtr

        if values.ndim != 2 or values.shape[1] != len(self.features):
            raise BadConcepts(
                f"The calibration is of {len(self.features)} features, and the values have shape "
                f"{values.shape}; calibrate anew."
            )
        out = np.asarray(values, dtype=np.float64).copy()
        for _, columns in _concepts(self.features):
            names = _names(self.features, columns)
            if names[0] not in self.splits:
                continue
            splits = [self.splits[name] for name in names]
            at, spread = np.array([(s.at, s.spread) for s in splits]).T
            out[:, columns] = ndtr((margins(values[:, columns]) - at) / spread)
        kept = [i for i, f in enumerate(self.features) if f.unit != SCORE or f.name in self.splits]
        return out[:, kept].astype(np.float32)

    def to_json(self) -> str:
        """As text, with every number exact."""
        features = [
            {k: v for k, v in asdict(f).items() if v not in (float("inf"), float("-inf"))}
            for f in self.features
        ]
        table = {
            "schema": SCHEMA,
            "rule": self.rule,
            "rows": self.rows,
            "features": features,
            "splits": {name: asdict(split) for name, split in self.splits.items()},
            "dropped": dict(self.dropped),
        }
        return json.dumps(table, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what to_json wrote.

        Raises:
            StoreError: It is none.
        """
        try:
            table = json.loads(text)
            if table["schema"] != SCHEMA:
                raise StoreError("The calibration was made by a newer Alchemist; upgrade it.")
            features = tuple(Feature(**one) for one in table["features"])
            splits = {name: Split(**one) for name, one in table["splits"].items()}
            return cls(table["rule"], table["rows"], features, splits, table["dropped"])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"The calibration cannot be read ({error}); calibrate anew.") from None


def margins(scores: Floats) -> NDArray[np.float64]:
    """(n, k) log-odds of every option's share in the softmax of (n, k) scores."""
    scores = scores.astype(np.float64)
    out = np.empty(scores.shape)
    for j in range(scores.shape[1]):
        others = np.delete(scores, j, axis=1)
        top = others.max(axis=1)
        out[:, j] = scores[:, j] - top - np.log(np.exp(others - top[:, None]).sum(axis=1))
    return out


@dataclass(frozen=True, slots=True)
class Cut:
    """Where values fall in two groups, and the share of their variance that explains, 0 to 1."""

    at: float
    separation: float


def otsu_cut(values: Floats) -> Cut:
    """Cut values in two groups that differ most, halfway between the values next to the cut.

    Args:
        values: (n,) with two different values at least.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    below = np.arange(1, n)
    centred = ordered - ordered.mean()
    mass = np.cumsum(centred)[:-1]
    between = mass**2 / (below * (n - below))
    # A cut between equal values is none.
    between = np.where(np.diff(ordered) > 0, between, -1.0)
    cut = int(between.argmax())
    share = between[cut] * n / (centred @ centred)
    return Cut(float(ordered[cut] + ordered[cut + 1]) / 2, float(share))


def _concepts(features: Sequence[Feature]) -> Iterator[tuple[str, list[int]]]:
    columns: dict[str, list[int]] = {}
    for i, feature in enumerate(features):
        if feature.unit == SCORE:
            columns.setdefault(feature.family, []).append(i)
    yield from columns.items()


def _names(features: Sequence[Feature], columns: Sequence[int]) -> list[str]:
    return [features[i].name for i in columns]


def _unusable(margin: NDArray[np.float64]) -> str:
    if len(margin) < 2:
        return f"only {len(margin)} rows have an answer"
    if (margin.std(axis=0) < 1e-4 * (1 + np.abs(margin).max(axis=0))).any():
        return "it says the same of nearly every row"
    cuts = [otsu_cut(column) for column in margin.T]
    if max(cut.separation for cut in cuts) < LEAST_SEPARATION:
        return "its rows fall in no two groups"
    apart = max(
        min(np.mean(m > c.at), np.mean(m <= c.at)) for m, c in zip(margin.T, cuts, strict=True)
    )
    if apart < LEAST_SHARE:
        return f"all but {apart:.1%} of the rows are alike"
    return ""


def _split(margin: NDArray[np.float64], rule: str) -> Split:
    from scipy.special import ndtr, ndtri

    spread, middle = float(margin.std()), float(np.median(margin))
    # Beyond six spreads the squeezed values are equal, and could not be told back apart.
    scaled = np.clip(RULES[rule] * (margin - middle) / spread, -6, 6)
    cut = otsu_cut(ndtr(scaled)).at
    return Split(middle + spread * float(ndtri(cut)) / RULES[rule], spread)


def _calibrated(feature: Feature, names: Sequence[str]) -> Feature:
    option = feature.name.rpartition(".")[2]
    others = " or ".join(n.rpartition(".")[2] for n in names if n != feature.name)
    question = feature.meaning.partition(" Evidence for ")[0]
    return replace(
        feature,
        unit="0-1",
        meaning=(
            f"{question} Towards 1: {option}; towards 0: {others}. 0.5 is the split between the "
            "two groups of rows; from 0.4 to 0.6 it is too close to tell."
        ),
        low=0.0,
        high=1.0,
    )
