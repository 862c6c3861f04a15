import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.measures.estimate import from_draws, mean, share

Z = 1.959963984540054


@given(st.integers(1, 10_000), st.data())
def test_share_limits_are_where_the_test_just_accepts(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    found = share(hits, n)
    for limit in (found.low, found.high):
        if 0 < limit < 1:
            distance = abs(hits / n - limit) / math.sqrt(limit * (1 - limit) / n)
            assert distance == pytest.approx(Z, rel=1e-6)


def test_nothing_measured_is_nan_and_none_in_json() -> None:
    for empty in (share(0, 0), mean(np.zeros(0)), from_draws(math.nan, np.ones(3))):
        assert empty.to_dict() == {"value": None, "low": None, "high": None}


def test_mean_has_the_textbook_interval() -> None:
    found = mean(np.array([1.0, 2, 3, 4]))
    assert found.value == 2.5
    assert found.high - found.value == pytest.approx(Z * math.sqrt(5 / 3) / 2)
    assert math.isnan(mean(np.array([1.0])).low)


def test_draws_are_cut_at_the_middle_95_percent_and_hold_the_value() -> None:
    draws = np.linspace(0, 1, 1001)
    assert from_draws(0.5, draws).low == pytest.approx(0.025)
    assert from_draws(1.0, draws).high == 1.0
    assert from_draws(0.5, np.append(draws, math.nan)).high == pytest.approx(0.975)
