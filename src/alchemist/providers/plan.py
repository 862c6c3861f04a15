"""Plan: what a synthesis will ask, cost and save, before anything is sent."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alchemist.core.exchange import Expected, Request
from alchemist.core.task import SynthesisSettings
from alchemist.providers.prices import PriceTable, Tariff
from alchemist.providers.tokens import Band, estimate_request


@dataclass(frozen=True, slots=True)
class Money:
    """Dollars that are not known exactly: hardly less than low, hardly more than high."""

    low: float
    likely: float
    high: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What is about to happen.

    Attributes:
        calls: Requests that will be sent.
        cached: Requests whose answer is kept; they cost nothing and are not in `calls`.
        input: Input tokens.
        output: Output tokens.
        cost_usd: Dollars, None when the price is unknown.
        per_row_calls: Calls if a model labeled every row instead, None when rows are unknown.
        per_row_cost_usd: Dollars for those, None when unknown.
        ratio: How many times dearer labeling per row is, None when unknown or free.
        model: The model asked.
        price_as: The model whose price was taken, where that is another one.
        price_source: Where the price comes from.
    """

    calls: int
    cached: int
    input: Band
    output: Band
    cost_usd: Money | None
    per_row_calls: int | None
    per_row_cost_usd: Money | None
    ratio: float | None
    model: str
    price_as: str
    price_source: str

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values."""
        return asdict(self)


def plan_calls(
    expected: Sequence[Expected],
    *,
    settings: SynthesisSettings,
    prices: PriceTable,
    free: bool = False,
    batch: bool = False,
    cached: int = 0,
    per_row: Expected | None = None,
    n_rows: int | None = None,
    row_bytes: float = 0.0,
) -> Plan:
    """Add up the calls to come.

    Args:
        expected: The calls, those that are cached left out.
        settings: Model and price_as.
        prices: Where prices are looked up.
        free: The provider bills nothing.
        batch: Batch prices apply.
        cached: How many calls were left out because their answer is kept.
        per_row: The call that would label one row, with an empty row in it.
        n_rows: Rows to label.
        row_bytes: Mean UTF-8 size of a row's inputs.
    """

    def money(call: Expected) -> Money | None:
        tariff = Tariff(call.request.model, settings.price_as, free=free, batch=batch)
        return _money(prices, tariff, _input(call.request), _output(call))

    sent, written = _sum(_input(e.request) for e in expected), _sum(_output(e) for e in expected)
    # Call by call: some prices rise with the size of one call.
    cost = _total(money(call) for call in expected)
    row_cost = None
    if per_row is not None and n_rows is not None:
        # English runs at about four bytes a token; other scripts are within the band.
        one = _input(per_row.request) + Band.around(round(row_bytes / 4))
        tariff = Tariff(per_row.request.model, settings.price_as, free=free, batch=batch)
        row_cost = _money(prices, tariff, one, _output(per_row))
        row_cost = row_cost and _total([row_cost], n_rows)
    known = cost is not None and row_cost is not None and cost.likely > 0
    first = expected[0].request.model if expected else settings.model
    price = prices.price(Tariff(first, settings.price_as, free=free, batch=batch), 1000, 1000)
    return Plan(
        calls=len(expected),
        cached=cached,
        input=sent,
        output=written,
        cost_usd=cost,
        per_row_calls=n_rows,
        per_row_cost_usd=row_cost,
        ratio=row_cost.likely / cost.likely if known and cost and row_cost else None,
        model=settings.model,
        price_as=price.priced_as,
        price_source=price.source,
    )


def _input(request: Request) -> Band:
    return Band.around(estimate_request(request))


def _output(call: Expected) -> Band:
    return Band(call.output_low, call.output_likely, call.output_high)


def _sum(bands: Iterable[Band]) -> Band:
    return sum(bands, start=Band(0, 0, 0))


def _total(parts: Iterable[Money | None], times: int = 1) -> Money | None:
    known = list(parts)
    if any(part is None for part in known):
        return None
    sums = (sum(getattr(part, name) for part in known) for name in ("low", "likely", "high"))
    return Money(*(times * amount for amount in sums))


def _money(prices: PriceTable, tariff: Tariff, sent: Band, written: Band) -> Money | None:
    low = prices.price(tariff, sent.low, written.low).usd
    likely = prices.price(tariff, sent.likely, written.likely).usd
    high = prices.price(tariff, sent.high, written.high).usd
    if low is None or likely is None or high is None:
        return None
    return Money(low, likely, high)
