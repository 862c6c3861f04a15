import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemist.measures.calibration import calibration_error, reliability

rows = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=40
)


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(1, 12))
def test_bins_and_error_are_those_of_the_definition(
    pairs: list[tuple[float, float]], n_bins: int
) -> None:
    confidence, credit = (np.array(column) for column in zip(*pairs, strict=True))
    bins = reliability(confidence, credit, n_bins)

    gap = 0.0
    assert sum(one.n for one in bins) == len(pairs)
    for one in bins:
        inside = [(c, r) for c, r in pairs if one.low < c <= one.high or (c == 0 and one.low == 0)]
        # A confidence on an edge may fall either side of it by rounding.
        if len(inside) == one.n:
            assert one.confidence == pytest.approx(np.mean([c for c, _ in inside]))
            assert one.accuracy == pytest.approx(np.mean([r for _, r in inside]))
        gap += one.n / len(pairs) * abs(one.confidence - one.accuracy)
    assert calibration_error(confidence, credit, seed=0, n_bins=n_bins).value == pytest.approx(gap)


def test_kept_confidence_has_no_error() -> None:
    confidence = np.full(1000, 0.75)
    credit = np.repeat([1.0, 0.0], [750, 250])
    found = calibration_error(confidence, credit, seed=0)
    assert found.value == pytest.approx(0)
    assert found.low == 0


@pytest.mark.slow
def test_interval_covers_a_real_gap() -> None:
    rng = np.random.default_rng(2)
    held = []
    for _ in range(300):
        confidence = rng.choice([0.65, 0.85, 0.95], size=300)
        right = (rng.random(300) < confidence - 0.15).astype(float)
        found = calibration_error(confidence, right, seed=0)
        held.append(found.low <= 0.15 <= found.high)
    assert np.mean(held) > 0.92


def test_no_rows_have_no_error() -> None:
    assert math.isnan(calibration_error(np.zeros(0), np.zeros(0), seed=0).value)
