import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from alchemist.concepts.calibration import Calibration, margins, otsu_cut
from alchemist.core.concepts import Concept, Feature, Option, score_features
from alchemist.core.errors import BadConcepts, StoreError

FOOT = Concept("foot", "Feet?", (Option("toed"), Option("webbed")))
BILL = Concept("bill", "Bill?", (Option("long"), Option("short"), Option("hooked")))
AREA = Feature("area", "share", "how much it covers", 0, 1, family="object")
FEATURES = (*score_features([FOOT]), AREA, *score_features([BILL]))


def two_groups(n: int = 300) -> NDArray[np.float32]:
    """Raw values of FEATURES whose margins fall in two groups, off centre."""
    rng = np.random.default_rng(3)
    webbed = rng.random(n) < 0.3
    long = rng.integers(0, 3, n)
    columns = [
        7 - 2 * webbed + 0.2 * rng.normal(size=n),
        3 + 2 * webbed + 0.2 * rng.normal(size=n),
        rng.random(n),
        *(4.0 * (long == o) + 0.2 * rng.normal(size=n) for o in range(3)),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def heavy_tails(n: int) -> NDArray[np.float64]:
    """Evenly drawn from a two-sided exponential, then stretched: one lump, far outliers."""
    even = (np.arange(n) + 0.5) / n - 0.5
    return np.sign(even) * np.log(1 - 2 * np.abs(even) + 1e-9) ** 2


values = arrays(np.float64, st.integers(2, 40), elements=st.floats(-1e3, 1e3, width=32))


@pytest.mark.slow
@given(values.filter(lambda v: np.ptp(v) > 1e-3))
def test_otsu_cuts_where_the_two_groups_vary_least(x: NDArray[np.float64]) -> None:
    def within(at: float) -> float:
        low, high = x[x <= at], x[x > at]
        return float(sum(((part - part.mean()) ** 2).sum() for part in (low, high) if len(part)))

    ordered = np.unique(x)
    least = min(within(at) for at in ordered[:-1])
    cut = otsu_cut(x)
    total = float(((x - x.mean()) ** 2).sum())
    assert within(cut.at) <= least + 1e-6 * total
    assert cut.separation == pytest.approx(1 - least / total, abs=1e-5)


@given(arrays(np.float64, (5, 3), elements=st.floats(-20, 20)))
def test_a_margin_is_the_log_odds_of_the_softmax_share(scores: NDArray[np.float64]) -> None:
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(1 / (1 + np.exp(-margins(scores))), shares, atol=1e-12)


@pytest.mark.parametrize("rule", ["otsu", "centred"])
def test_an_offset_of_one_wording_changes_no_value(rule: str) -> None:
    raw = two_groups()
    shifted = raw + np.array([5, 0, 0, 0, 0, 0], dtype=np.float32)
    plain, moved = (Calibration.fit(FEATURES, v, rule).apply(v) for v in (raw, shifted))
    np.testing.assert_allclose(plain[:, :2], moved[:, :2], atol=1e-4)


def test_what_raises_both_options_of_a_pair_alike_changes_no_value() -> None:
    raw = two_groups()
    leak = np.random.default_rng(5).normal(size=(len(raw), 1)) * [3, 3, 0, 0, 0, 0]
    fitted = Calibration.fit(FEATURES, raw)
    np.testing.assert_allclose(fitted.apply(raw + leak), fitted.apply(raw), atol=1e-4)


def test_values_say_which_group_a_row_is_in() -> None:
    raw = two_groups()
    shown = Calibration.fit(FEATURES, raw).apply(raw)
    webbed = raw[:, 1] > 4
    assert ((shown[:, 1] > 0.6) == webbed).all()
    assert ((shown[:, 1] < 0.4) == ~webbed).all()
    np.testing.assert_allclose(shown[:, 0] + shown[:, 1], 1, atol=1e-6)


def test_options_of_three_each_have_a_split_of_their_own() -> None:
    raw = two_groups()
    shown = Calibration.fit(FEATURES, raw).apply(raw)[:, 3:]
    np.testing.assert_array_equal(shown > 0.5, raw[:, 3:] > 2)


def test_local_features_pass_as_they_are() -> None:
    raw = two_groups()
    fitted = Calibration.fit(FEATURES, raw)
    np.testing.assert_array_equal(fitted.apply(raw)[:, 2], raw[:, 2])
    assert fitted.shown[2] == AREA


def test_a_shown_feature_tells_how_to_read_it() -> None:
    shown = Calibration.fit(FEATURES, two_groups()).shown[1]
    assert (shown.name, shown.unit, shown.low, shown.high) == ("foot.webbed", "0-1", 0, 1)
    assert shown.meaning.startswith("Feet? Towards 1: webbed; towards 0: toed. 0.5 is the split")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda v: 1.0, "the same of nearly every row", id="constant"),
        pytest.param(lambda v: np.nan, "only 0 rows have an answer", id="no answers"),
        pytest.param(lambda v: np.arange(len(v)) == 7, "all but 0.3% of", id="one row apart"),
        pytest.param(lambda v: heavy_tails(len(v)), "no two groups", id="tails on both sides"),
    ],
)
def test_a_concept_that_tells_nothing_is_dropped_and_named(spoil: object, reason: str) -> None:
    raw = two_groups()
    raw[:, 0], raw[:, 1] = spoil(raw), 0  # type: ignore[operator]
    fitted = Calibration.fit(FEATURES, raw)
    assert list(fitted.dropped) == ["foot"]
    assert reason in fitted.dropped["foot"]
    assert [f.name for f in fitted.shown] == ["area", "bill.long", "bill.short", "bill.hooked"]
    assert fitted.apply(raw).shape == (len(raw), 4)


def test_no_rows_drop_every_concept() -> None:
    fitted = Calibration.fit(FEATURES, np.empty((0, 6), dtype=np.float32))
    assert set(fitted.dropped) == {"foot", "bill"}
    assert fitted.rows == 0


def test_a_row_without_an_answer_stays_without() -> None:
    raw = two_groups()
    fitted = Calibration.fit(FEATURES, raw)
    raw[0] = np.nan
    assert np.isnan(fitted.apply(raw)[0]).all()
    assert np.isfinite(fitted.apply(raw)[1:]).all()


def test_a_frozen_calibration_is_read_back_exactly() -> None:
    raw = two_groups()
    fitted = Calibration.fit(FEATURES, raw)
    again = Calibration.from_json(fitted.to_json())
    assert again == fitted
    np.testing.assert_array_equal(again.apply(raw[:7]), fitted.apply(raw)[:7])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', '{"schema": 9}'])
def test_a_damaged_calibration_is_refused(text: str) -> None:
    with pytest.raises(StoreError, match="calibration"):
        Calibration.from_json(text)


def test_values_of_other_features_are_refused() -> None:
    fitted = Calibration.fit(FEATURES, two_groups())
    with pytest.raises(BadConcepts, match="6 features"):
        fitted.apply(np.zeros((3, 5), dtype=np.float32))
    with pytest.raises(BadConcepts, match="no calibration rule 'best'"):
        Calibration.fit(FEATURES, two_groups(), "best")
