"""The promises every extractor keeps. Plug-in authors run these too.

Each check takes an Exam: how to make an extractor, good and broken items, and concepts to ask
it for; it raises AssertionError when the promise is broken.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alchemist.core.concepts import Concept, Extracted
from alchemist.core.contracts import Extractor


@dataclass(frozen=True, slots=True)
class Exam:
    """What to try an extractor on.

    Attributes:
        make: Opens the extractor; every call gives an equal one.
        items: At least three different items it can read.
        broken: Items it cannot read.
        concepts: What to ask for; empty where it needs none.
    """

    make: Callable[[], Extractor]
    items: tuple[bytes, ...]
    broken: tuple[bytes, ...] = (b"", b"no such item")
    concepts: tuple[Concept, ...] = ()

    def extract(self, *items: bytes | None) -> Extracted:
        """What a fresh extractor finds."""
        return self.make().extract(items, self.concepts)


Check = Callable[[Exam], None]


def check_columns_are_its_features(exam: Exam) -> None:
    """One float32 column per feature, of different names, within the limits it tells."""
    features = exam.make().features(exam.concepts)
    values = exam.extract(*exam.items).values
    names = [feature.name for feature in features]
    _require(len(set(names)) == len(names) > 0, "two features share a name, or there are none")
    _require(values.shape == (len(exam.items), len(names)), "the columns are not the features")
    _require(values.dtype == np.float32, "the values are not float32")
    _require(all(f.unit and f.meaning and f.family for f in features), "a feature is not explained")
    for feature, column in zip(features, values.T, strict=True):
        seen = column[np.isfinite(column)].astype(np.float64)
        inside = (seen >= feature.low - 1e-5) & (seen <= feature.high + 1e-5)
        _require(bool(inside.all()), f"{feature.name} leaves its limits")


def check_items_stand_alone(exam: Exam) -> None:
    """An item's row is the same alone, in another order, and among more."""
    together = exam.extract(*exam.items).values
    turned = exam.extract(*exam.items[::-1]).values[::-1]
    many = exam.extract(*exam.items * 5).values[-len(exam.items) :]
    for other in (turned, many):
        np.testing.assert_allclose(other, together, atol=1e-5, rtol=1e-5)
    for item, row in zip(exam.items, together, strict=True):
        np.testing.assert_allclose(exam.extract(item).values[0], row, atol=1e-5, rtol=1e-5)


def check_what_cannot_be_read_is_named(exam: Exam) -> None:
    """A missing or broken item is a row of NaN with a reason; the others go on."""
    good = exam.extract(*exam.items).values
    bad: tuple[bytes | None, ...] = (None, *exam.broken)
    mixed: list[bytes | None] = list(bad)
    for i, one in enumerate(exam.items):
        mixed += [one, bad[i % len(bad)]]
    found = exam.extract(*mixed)
    readable = [i for i, one in enumerate(mixed) if one in exam.items]
    np.testing.assert_allclose(found.values[readable], good, atol=1e-5, rtol=1e-5)
    for i in range(len(mixed)):
        if i not in readable:
            _require(bool(np.isnan(found.values[i]).all()), f"broken item {i} has a value")
            _require(bool(found.problems.get(i)), f"broken item {i} has no reason")
    _require(len(found.problems) == len(mixed) - len(readable), "a good item has a problem")


def check_nothing_in_nothing_out(exam: Exam) -> None:
    """No items give no rows, with every column."""
    found = exam.extract()
    width = len(exam.make().features(exam.concepts))
    _require(found.values.shape == (0, width), "no items did not give no rows")
    _require(not found.problems, "no items had problems")


def check_equal_ones_share_a_fingerprint(exam: Exam) -> None:
    """Opened twice it has one fingerprint, one vocabulary and the same numbers."""
    first, second = exam.make(), exam.make()
    _require(bool(first.fingerprint), "there is no fingerprint")
    _require(first.fingerprint == second.fingerprint, "the fingerprint changes by itself")
    _require(first.vocabulary() == second.vocabulary(), "the vocabulary changes by itself")
    a, b = (one.extract(exam.items, exam.concepts).values for one in (first, second))
    np.testing.assert_array_equal(a, b)


def _require(kept: bool, complaint: str) -> None:
    # Not `assert`: a promise is also checked under python -O.
    if not kept:
        raise AssertionError(complaint)


EXTRACTOR_CHECKS: tuple[Check, ...] = (
    check_columns_are_its_features,
    check_items_stand_alone,
    check_what_cannot_be_read_is_named,
    check_nothing_in_nothing_out,
    check_equal_ones_share_a_fingerprint,
)
