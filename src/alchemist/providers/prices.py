"""Prices: what a call costs, whose price that is and of which day; never a made-up 0.

First match wins:

    1. the user's prices.toml            [models."my-model"] input = 0.25  output = 2.0
    2. genai-prices                      that package's table, batch prices included; only for
                                         providers that bill
    3. price_as                          as that model, by 1 or 2; printed as such
    4. free                              a local server or a recording: 0

Nothing matching is None: "unknown". User prices are dollars per million tokens; an optional
batch_share (0.5 when left out) is what a batch costs of that.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from alchemist.core.errors import InputError, nearest_hint

_FIELDS = ("input", "output", "batch_share", "date")


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for one amount of tokens.

    Attributes:
        usd: The price, None when unknown.
        priced_as: The model whose price it is, where that is another one.
        date: The day the price was taken, ISO 8601.
        source: "prices.toml", "free", "genai-prices 0.2.3" or "unknown".
    """

    usd: float | None
    priced_as: str = ""
    date: str = ""
    source: str = "unknown"


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """A line of the user's price file: dollars per million tokens."""

    input: float
    output: float
    batch_share: float = 0.5
    date: str = ""


@dataclass(frozen=True, slots=True)
class Tariff:
    """Whose price applies to the calls of one run.

    Attributes:
        model: The model asked.
        price_as: Another model to take the price of, or empty.
        free: The provider bills nothing.
        batch: Batch prices apply.
    """

    model: str
    price_as: str = ""
    free: bool = False
    batch: bool = False


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Looks prices up; holds the user's own."""

    own: Mapping[str, OwnPrice] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "PriceTable":
        """Read the user's price file; a missing one is an empty one.

        Raises:
            InputError: The file, a model or a number in it makes no sense.
        """
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path.name} is no TOML: {error}.") from None
        return cls({name: _own(path.name, name, facts) for name, facts in _models(path, tables)})

    def price(self, tariff: Tariff, input_tokens: int, output_tokens: int) -> Price:
        """What these tokens cost under this tariff."""
        own = self._of(
            tariff.model, "", tariff, input_tokens, output_tokens, listed=not tariff.free
        )
        if own.usd is not None:
            return own
        if tariff.price_as:
            name = tariff.price_as
            return self._of(name, name, tariff, input_tokens, output_tokens, listed=True)
        return Price(0.0, "", _today(), "free") if tariff.free else own

    def _of(
        self, model: str, priced_as: str, tariff: Tariff, sent: int, written: int, *, listed: bool
    ) -> Price:
        own = self.own.get(model)
        if own is not None:
            usd = (sent * own.input + written * own.output) / 1e6
            share = own.batch_share if tariff.batch else 1.0
            return Price(usd * share, priced_as, own.date or _today(), "prices.toml")
        if listed:
            return _listed(model, priced_as, tariff.batch, sent, written)
        return Price(None, priced_as)


def _models(path: Path, tables: Mapping[str, object]) -> list[tuple[str, object]]:
    for key in tables:
        if key != "models":
            raise InputError(f"{path.name} has a table {key!r}. {nearest_hint(key, ['models'])}")
    models = tables.get("models", {})
    if not isinstance(models, dict):
        raise InputError(f'{path.name}: write one [models."NAME"] table per model.')
    return list(models.items())


def _own(file: str, model: str, facts: object) -> OwnPrice:
    if not isinstance(facts, dict) or not {"input", "output"} <= facts.keys():
        raise InputError(
            f"{file}: model {model!r} needs input and output, in dollars per million tokens."
        )
    for key, value in facts.items():
        if key not in _FIELDS:
            raise InputError(f"{file}: model {model!r} has {key!r}. {nearest_hint(key, _FIELDS)}")
        bad = isinstance(value, bool) or not isinstance(value, int | float)
        if key != "date" and (bad or not 0 <= value < float("inf")):
            raise InputError(f"{file}: {key} = {value!r} of model {model!r} must be 0 or more.")
    return OwnPrice(**{**facts, "date": str(facts.get("date", ""))})


def _listed(model: str, priced_as: str, batch: bool, sent: int, written: int) -> Price:
    import genai_prices

    usage = genai_prices.Usage(input_tokens=sent, output_tokens=written)
    context = {"processing": "batch"} if batch else None
    try:
        found = genai_prices.calc_price(usage, model, price_context=context)
    except (LookupError, ValueError):
        return Price(None, priced_as)
    usd = float(found.total_price)
    if usd == 0.0 and sent + written and not model.endswith(":free"):
        # The table lists models whose rates it does not know; they are not gifts.
        return Price(None, priced_as)
    return Price(usd, priced_as, _today(), f"genai-prices {genai_prices.__version__}")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
