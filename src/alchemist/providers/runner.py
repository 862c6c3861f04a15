"""The one runner around every provider: cache, budget wall, retries, ledger.

    cached? ──yes──▶ a cache line, price 0
       │no
    reserve an upper bound on disk ──over the wall──▶ OverBudget
       │
    ask ──▶ store the answer ──▶ settle the reservation ──▶ use it
       └──▶ failed: release it if surely unbilled, else leave it; wait; again

Whatever happens in between, an answer that arrived is on disk before it counts, and spent
plus reserved never passes the wall.
"""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from alchemist.core.clock import utc_now
from alchemist.core.contracts import Provider
from alchemist.core.errors import AlchemistError, OverBudget
from alchemist.core.exchange import Reply, Request
from alchemist.core.progress import Progress, Silent
from alchemist.providers.budget import Budget, Payer, settled
from alchemist.providers.calls import CallStore
from alchemist.providers.failures import CallFailed, Unclear
from alchemist.providers.ledger import Entry, Ledger
from alchemist.providers.prices import PriceTable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """How to ask.

    Attributes:
        provider: The provider's name, for ledger and program headers.
        calls: Folder of kept calls.
        ledger: The ledger's file.
        max_cost_usd: The wall over everything in the ledger, in dollars; None for no wall.
        price_as: Model whose price to take for unpriced ones.
        free: The provider bills nothing.
        sent: File of the record of what left the machine.
        concurrency: Calls in flight.
        attempts: Tries per request.
        timeout_s: Seconds for one try.
        first_pause_s: Pause before the second try; it doubles from try to try.
        longest_wait_s: A server that asks for a longer pause ends the request instead.
    """

    provider: str
    calls: Path
    ledger: Path
    max_cost_usd: float | None = None
    price_as: str = ""
    free: bool = False
    sent: Path | None = None
    concurrency: int = 8
    attempts: int = 5
    timeout_s: float = 600.0
    first_pause_s: float = 1.0
    longest_wait_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """How one request went: a reply or an error.

    Attributes:
        request: What was asked.
        reply: The answer, if there is one.
        error: Why there is none; its message is one sentence for the user.
        cached: The answer was kept from before and cost nothing now.
        price_usd: Dollars it cost now, None when unknown.
        paid_usd: Dollars the answer cost when it was fetched, None when unknown.
        price_as: The model whose price was taken, where that is another one.
        seconds: Time from asking to answer.
    """

    request: Request
    reply: Reply | None = None
    error: AlchemistError | None = None
    cached: bool = False
    price_usd: float | None = None
    paid_usd: float | None = None
    price_as: str = ""
    seconds: float = 0.0


class Runner:
    """Asks a provider many requests, and loses nothing that was paid for.

    Attributes:
        name: The provider's name.
        provider: Who answers.
        store: The kept calls.
        ledger: The ledger.
        budget: Reserves and settles.
    """

    def __init__(
        self,
        provider: Provider,
        settings: RunnerSettings,
        *,
        prices: PriceTable | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.name = settings.provider
        self.provider = provider
        self._progress = progress or Silent()
        self._settings = settings
        self.store = CallStore(settings.calls, self._progress.say)
        self.ledger = Ledger(settings.ledger)
        payer = Payer(
            provider=settings.provider,
            free=settings.free,
            destination=str(getattr(provider, "destination", "")),
            price_as=settings.price_as,
            max_cost_usd=settings.max_cost_usd,
            sent=settings.sent,
        )
        self.budget = Budget(
            payer, store=self.store, ledger=self.ledger, prices=prices or PriceTable()
        )
        self._limit = asyncio.Semaphore(settings.concurrency)
        self._in_flight = 0
        self._settled = asyncio.Event()

    def ask_blocking(self, requests: Sequence[Request]) -> tuple[Call, ...]:
        """`ask` for callers without an event loop, or inside somebody else's (a notebook)."""
        return run_blocking(self.ask(requests))

    async def ask(self, requests: Sequence[Request]) -> tuple[Call, ...]:
        """Ask every request and return how each went, in order.

        A failed request is a Call with an error; the others go on.
        """
        # Both belong to one event loop, and every ask may run in another.
        self._limit = asyncio.Semaphore(self._settings.concurrency)
        self._settled = asyncio.Event()
        running: dict[str, asyncio.Task[Call]] = {}
        try:
            with self._progress.bar("asking", len(requests)) as bar:
                for request in requests:
                    # The same question twice in one go is one call.
                    if request.hash not in running:
                        task = asyncio.create_task(self._one(request))
                        task.add_done_callback(lambda _: bar.advance(1))
                        running[request.hash] = task
                await asyncio.gather(*running.values())
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)
            await close_provider(self.provider)
        calls = tuple(running[request.hash].result() for request in requests)
        self._say_cached(calls)
        return calls

    def _say_cached(self, calls: Sequence[Call]) -> None:
        if hits := sum(call.cached for call in calls):
            self._progress.say(
                f"{hits} of {len(calls)} answers were kept from before; they cost nothing now."
            )

    async def _one(self, request: Request) -> Call:
        if (kept := self.find(request)) is not None:
            return kept
        async with self._limit:
            for attempt in range(1, self._settings.attempts + 1):
                try:
                    return await self._attempt(request)
                except CallFailed as failure:
                    pause = self._pause(failure, attempt)
                    if pause is None:
                        return Call(request, error=failure)
                except AlchemistError as error:
                    return Call(request, error=error)
                await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns")

    def _pause(self, failure: CallFailed, attempt: int) -> float | None:
        """Seconds before the next attempt, None when there is no use in one."""
        if not failure.worth_retrying or attempt == self._settings.attempts:
            return None
        longest = self._settings.longest_wait_s
        if failure.retry_after is not None:
            # Coming back early only lengthens a ban; a later run can take it up again.
            return failure.retry_after if failure.retry_after <= longest else None
        return min(
            self._settings.first_pause_s * 2.0 ** (attempt - 1), self._settings.longest_wait_s
        )

    def find(self, request: Request) -> Call | None:
        """The kept answer as a call that costs nothing, with its ledger line."""
        stored = self.store.find(request)
        if stored is None:
            return None
        open_calls = {entry.call: entry for entry in self.ledger.open_calls(request.hash)}
        if stored.call in open_calls:
            # We died between storing this answer and settling it; its price is in the file.
            self.ledger.append(settled(open_calls[stored.call], stored))
        self.ledger.append(
            Entry(
                time=utc_now(),
                call=request.hash,
                provider=self.name,
                model=request.model,
                tokens_are=stored.tokens_are,
                price_usd=0.0,
                cached=True,
                outcome="answered",
                bought=request.purpose,
            )
        )
        return Call(request, stored.reply, None, True, 0.0, stored.price_usd, stored.price_as, 0.0)

    async def _attempt(self, request: Request) -> Call:
        entry = await self._reserve(request)
        self._in_flight += 1
        try:
            return await self._ask_reserved(request, entry)
        finally:
            self._in_flight -= 1
            self._settled.set()
            self._settled = asyncio.Event()

    async def _reserve(self, request: Request) -> Entry:
        """Reserve a call; while others are in flight, wait for what they leave of the budget."""
        while True:
            try:
                return self.budget.reserve([request])[0]
            except OverBudget:
                if not self._in_flight:
                    raise
            await self._settled.wait()

    async def _ask_reserved(self, request: Request, entry: Entry) -> Call:
        started = monotonic()
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                reply = await self.provider.complete(request)
        except TimeoutError:
            failure: AlchemistError = Unclear(
                f"Provider {self.name!r} gave no answer within {self._settings.timeout_s:g} s."
            )
        except AlchemistError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - a provider may be anybody's code
            # Its message may quote anything, a key included; the kind must do.
            failure = Unclear(f"Provider {self.name!r} failed with {type(error).__name__}.")
        else:
            (stored,) = self.budget.settle([(entry, request, reply)])
            return Call(
                request,
                reply,
                price_usd=stored.price_usd,
                paid_usd=stored.price_usd,
                price_as=stored.price_as,
                seconds=monotonic() - started,
            )
        self.budget.close([entry], "unknown" if self._may_be_billed(failure) else "released")
        raise failure

    def _may_be_billed(self, failure: AlchemistError) -> bool:
        if isinstance(failure, CallFailed):
            return failure.may_be_billed
        return not self._settings.free


def raise_first(calls: Sequence[Call]) -> None:
    """Raise the first error among calls, for a stage that needs every answer."""
    for call in calls:
        if call.error is not None:
            raise call.error


async def close_provider(provider: Provider) -> None:
    """Close a provider's connections, if it has any to close."""
    close = getattr(provider, "close", None)
    if close is not None:
        # Its connections belong to this event loop, and the next `ask` may run in another.
        with suppress(Exception):
            await close()


def run_blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, in a thread of its own where a loop is already running."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread, raised there
            failure.append(error)

    thread = threading.Thread(target=run, name="alchemist-ask")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
