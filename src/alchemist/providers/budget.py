"""The budget around calls: reserve before, settle after, and keep a record of what was sent.

Spent plus reserved never passes the wall. A call is reserved at an upper bound before it is
sent, its answer is stored before its price counts, and a call whose outcome is unknown keeps
its reservation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alchemist.core.clock import utc_now
from alchemist.core.errors import OverBudget
from alchemist.core.exchange import Reply, Request
from alchemist.core.files import append_lines
from alchemist.providers.calls import CallStore, Stored
from alchemist.providers.ledger import Entry, Ledger
from alchemist.providers.prices import Price, PriceTable, Tariff
from alchemist.providers.tokens import estimate_request, estimate_tokens, most_tokens

# From this many answers on, one wait for the disk replaces one wait each.
_MANY = 20


@dataclass(frozen=True, slots=True)
class Payer:
    """Who is paid, how, and how much at most.

    Attributes:
        provider: The provider's name.
        free: It bills nothing.
        destination: Where requests go, as it may be printed; empty when they stay here.
        price_as: Model whose price to take for unpriced ones.
        max_cost_usd: The wall over everything in the ledger; None for no wall.
        sent: File of the record of what left the machine; None to keep none.
    """

    provider: str
    free: bool = False
    destination: str = ""
    price_as: str = ""
    max_cost_usd: float | None = None
    sent: Path | None = None


class Budget:
    """Reserves, settles and records the calls of one workspace."""

    def __init__(
        self, payer: Payer, *, store: CallStore, ledger: Ledger, prices: PriceTable
    ) -> None:
        self.payer = payer
        self.store = store
        self.ledger = ledger
        self._prices = prices

    def reserve(self, requests: Sequence[Request], *, batch: bool = False) -> tuple[Entry, ...]:
        """Hold back the most these calls can cost, all of them or none, and note that they go out.

        Raises:
            OverBudget: They could pass the wall, or no price is known to tell.
        """
        entries = tuple(self._entry(request, batch=batch) for request in requests)
        if self.payer.max_cost_usd is not None:
            self._check_wall(entries, self.payer.max_cost_usd)
        self.ledger.append(*entries)
        if self.payer.sent is not None and self.payer.destination:
            append_lines(
                self.payer.sent,
                (self._sent(e, r) for e, r in zip(entries, requests, strict=True)),
            )
        return entries

    def settle(self, answered: Sequence[tuple[Entry, Request, Reply]]) -> tuple[Stored, ...]:
        """Store answers, then turn their reservations into prices."""
        stored = tuple(self._stored(*one) for one in answered)
        if len(stored) >= _MANY:
            self.store.keep_all(stored)
        else:
            for one in stored:
                self.store.keep(one)
        entries = (entry for entry, _, _ in answered)
        self.ledger.append(*(settled(e, s) for e, s in zip(entries, stored, strict=True)))
        return stored

    def close(self, entries: Sequence[Entry], outcome: str) -> None:
        """Note how calls ended that brought no answer: "released" or "unknown"."""
        self.ledger.append(*(replace(e, time=utc_now(), outcome=outcome) for e in entries))

    def _entry(self, request: Request, *, batch: bool) -> Entry:
        bound = self._price(request, most_tokens(request), request.max_tokens, batch=batch)
        return Entry(
            time=utc_now(),
            call=self.ledger.next_call(request.hash),
            provider=self.payer.provider,
            model=request.model,
            reserved_usd=bound.usd,
            price_as=bound.priced_as,
            price_date=bound.date,
            batch=batch,
            bought=request.purpose,
        )

    def _check_wall(self, entries: Sequence[Entry], wall: float) -> None:
        for entry in entries:
            if entry.reserved_usd is None:
                raise OverBudget(
                    f"The price of model {entry.model!r} is unknown, so the cost limit of "
                    f"${wall:g} cannot be kept: set synthesis.price_as to a priced model, add it "
                    "to prices.toml, or take the limit away."
                )
        bound = sum(entry.reserved_usd or 0.0 for entry in entries)
        if self.ledger.committed_usd + bound <= wall:
            return
        standing = self.ledger.standing()
        what = "The next call" if len(entries) == 1 else f"These {len(entries)} calls"
        raise OverBudget(
            f"{what} could cost up to ${bound:.4f} and pass the limit of ${wall:g}: "
            f"${standing.spent_usd:.4f} are spent and ${standing.reserved_usd:.4f} held back "
            "for calls whose outcome is open. Raise --max-cost to go on."
        )

    def _stored(self, entry: Entry, request: Request, reply: Reply) -> Stored:
        usage = reply.usage
        sent = usage.input_tokens if usage else estimate_request(request)
        written = usage.output_tokens if usage else estimate_tokens(reply.text)
        price = self._price(request, sent, written, batch=entry.batch)
        return Stored(
            request=request,
            reply=reply,
            provider=self.payer.provider,
            call=entry.call,
            input_tokens=sent,
            output_tokens=written,
            tokens_are="billed" if usage else "estimated",
            price_usd=price.usd,
            price_as=price.priced_as,
            price_date=price.date,
            time=utc_now(),
            batch=entry.batch,
        )

    def _price(self, request: Request, sent: int, written: int, *, batch: bool) -> Price:
        payer = self.payer
        tariff = Tariff(request.model, payer.price_as, free=payer.free, batch=batch)
        return self._prices.price(tariff, sent, written)

    def _sent(self, entry: Entry, request: Request) -> dict[str, object]:
        return {
            "time": entry.time,
            "call": entry.call,
            "to": self.payer.destination,
            "model": request.model,
            "purpose": request.purpose,
            "holds": list(request.holds),
            "bytes": sum(len(m.content.encode("utf-8", "surrogatepass")) for m in request.messages),
        }


def settled(entry: Entry, stored: Stored) -> Entry:
    """The ledger line that closes a reservation with the price of a stored answer."""
    return replace(
        entry,
        time=utc_now(),
        input_tokens=stored.input_tokens,
        output_tokens=stored.output_tokens,
        tokens_are=stored.tokens_are,
        price_usd=stored.price_usd,
        price_as=stored.price_as,
        price_date=stored.price_date,
        outcome="answered",
    )
