"""Plans: bands that hold, prices that are known or said not to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.core.exchange import Expected, Message, Request
from alchemist.core.task import SynthesisSettings
from alchemist.providers.plan import plan_calls
from alchemist.providers.prices import OwnPrice, PriceTable
from alchemist.providers.tokens import Band, estimate_request, estimate_tokens, most_tokens

PRICES = PriceTable({"m": OwnPrice(1e6, 1e6), "n": OwnPrice(3e6, 3e6)})
SETTINGS = SynthesisSettings(model="m")


def expected(text: str = "one two three", model: str = "m") -> Expected:
    return Expected(Request((Message("user", text),), model), 10, 20, 40)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("one two three", 3),
        ("2026-11-22", 6),
        ("def label(text):\n    return None\n", 9),
        ("internationalization", 4),
        ("垃圾邮件", 3),
        ("мошенничество", 4),
    ],
)
def test_common_texts_come_to_about_what_vocabularies_say(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@given(st.text(max_size=200))
def test_no_estimate_passes_the_bound_that_is_reserved(text: str) -> None:
    request = Request((Message("user", text),), "m")
    assert estimate_request(request) <= most_tokens(request)


@given(st.text(max_size=60), st.text(max_size=60))
def test_more_text_is_not_fewer_tokens(text: str, more: str) -> None:
    assert estimate_tokens(f"{text}\n{more}") >= estimate_tokens(text) - 1


def test_a_plan_adds_up_its_calls() -> None:
    plan = plan_calls([expected(), expected(model="n")], settings=SETTINGS, prices=PRICES)
    assert plan.calls == 2
    assert plan.input.likely == 14
    assert plan.output == Band(20, 40, 80)
    assert plan.cost_usd is not None
    assert plan.cost_usd.likely == pytest.approx(27 + 3 * 27)
    assert plan.cost_usd.low < plan.cost_usd.likely < plan.cost_usd.high


def test_the_other_way_costs_a_call_per_row() -> None:
    plan = plan_calls(
        [expected()],
        settings=SETTINGS,
        prices=PRICES,
        per_row=expected("which class?"),
        n_rows=1000,
        row_bytes=400,
    )
    assert plan.per_row_calls == 1000
    assert plan.per_row_cost_usd is not None
    one = estimate_request(expected("which class?").request) + 100 + 20
    assert plan.per_row_cost_usd.likely == pytest.approx(1000 * one)
    assert plan.ratio == pytest.approx(1000 * one / 27)


def test_an_unknown_price_is_said_and_never_zero() -> None:
    plan = plan_calls([expected(model="x")], settings=SETTINGS, prices=PRICES)
    assert (plan.cost_usd, plan.ratio, plan.price_source) == (None, None, "unknown")


def test_one_unknown_price_makes_the_sum_unknown() -> None:
    plan = plan_calls([expected(), expected(model="x")], settings=SETTINGS, prices=PRICES)
    assert plan.cost_usd is None


def test_batches_cost_their_share() -> None:
    plan = plan_calls([expected()], settings=SETTINGS, prices=PRICES, batch=True)
    assert plan.cost_usd is not None
    assert plan.cost_usd.likely == pytest.approx(27 / 2)


def test_a_local_model_is_free_and_its_ratio_unknown() -> None:
    plan = plan_calls([expected(model="x")], settings=SETTINGS, prices=PRICES, free=True)
    assert plan.cost_usd is not None
    assert plan.cost_usd.high == 0
    assert plan.ratio is None
