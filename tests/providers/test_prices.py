"""Prices: the user's first, never a made-up zero."""

from pathlib import Path

import pytest

from alchemist.core.errors import InputError
from alchemist.providers.prices import OwnPrice, PriceTable, Tariff

OWN = PriceTable({"mine": OwnPrice(1.0, 10.0, date="2026-01-01"), "gpt-5-mini": OwnPrice(0, 0)})
LISTED = PriceTable()
HAIKU = "claude-haiku-4-5"
MINI = "gpt-5-mini"
HALF = "[models.a]\ninput=1\n"


@pytest.mark.parametrize(
    ("table", "tariff", "usd", "priced_as", "source"),
    [
        pytest.param(OWN, Tariff("mine"), 11.0, "", "prices.toml", id="own price"),
        pytest.param(OWN, Tariff("mine", batch=True), 5.5, "", "prices.toml", id="own batch price"),
        pytest.param(OWN, Tariff(MINI), 0.0, "", "prices.toml", id="own zero is a zero"),
        pytest.param(OWN, Tariff("x", "mine"), 11.0, "mine", "prices.toml", id="as an own price"),
        pytest.param(LISTED, Tariff(MINI), 2.25, "", "genai", id="listed"),
        pytest.param(LISTED, Tariff(HAIKU, batch=True), 3.0, "", "genai", id="listed batch"),
        pytest.param(LISTED, Tariff("x", MINI), 2.25, MINI, "genai", id="as a listed"),
        pytest.param(
            LISTED,
            Tariff(MINI, HAIKU),
            2.25,
            "",
            "genai",
            id="known stays itself",
        ),
        pytest.param(
            LISTED,
            Tariff(MINI, HAIKU, free=True),
            6.0,
            HAIKU,
            "genai",
            id="local but famous",
        ),
        pytest.param(LISTED, Tariff(MINI, free=True), 0.0, "", "free", id="local"),
        pytest.param(LISTED, Tariff("x"), None, "", "unknown", id="unknown"),
        pytest.param(LISTED, Tariff("x", "y"), None, "y", "unknown", id="unknown as unknown"),
    ],
)
def test_whose_price_it_is(
    table: PriceTable, tariff: Tariff, usd: float | None, priced_as: str, source: str
) -> None:
    price = table.price(tariff, 1_000_000, 1_000_000)
    assert price.usd == (None if usd is None else pytest.approx(usd))
    assert price.priced_as == priced_as
    assert price.source.startswith(source)


def test_a_price_carries_its_day() -> None:
    assert OWN.price(Tariff("mine"), 1, 1).date == "2026-01-01"
    assert len(LISTED.price(Tariff(MINI), 1, 1).date) == len("2026-01-01")


def test_a_missing_price_file_is_an_empty_one(tmp_path: Path) -> None:
    assert PriceTable.read(tmp_path / "prices.toml") == PriceTable()


def test_a_price_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('[models."llama3.1:8b"]\ninput = 0.1\noutput = 2\nbatch_share = 1.0\n')
    assert PriceTable.read(path).own == {"llama3.1:8b": OwnPrice(0.1, 2, 1.0)}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("[models.a]\ninput = 1\n", "'a' needs input and output", id="half a price"),
        pytest.param("[models.a]\ninput=1\noutput=-1\n", "output = -1 of model 'a'", id="negative"),
        pytest.param("[models.a]\ninput='1'\noutput=1\n", "input = '1' of model 'a'", id="text"),
        pytest.param("[models.a]\ninput=1\noutput=nan\n", "output = nan", id="not a number"),
        pytest.param(HALF + "output=1\nbach_share=1\n", "mean 'batch_share'", id="typo"),
        pytest.param("[model.a]\ninput=1\noutput=1\n", "mean 'models'", id="other table"),
        pytest.param("models = 3\n", "one .* table per model", id="no table"),
        pytest.param("[models", "no TOML", id="no TOML"),
    ],
)
def test_a_bad_price_file_names_the_culprit(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=complaint):
        PriceTable.read(path)
