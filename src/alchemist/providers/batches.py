"""Batches: many requests handed over at once, collected by a later run, at a lower price.

    sending ──▶ sent ──▶ collected
       └──▶ failed            surely not taken; its reservations are released

batches/<id>.json holds the requests before anything is sent, so that every state can be taken
up again. A batch that died while sending may exist at the provider: it is told, and its
reservations stay. Collecting twice changes nothing.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from alchemist.core.clock import utc_now
from alchemist.core.contracts import BatchProvider
from alchemist.core.errors import ProviderError
from alchemist.core.exchange import Collected, Reply, Request
from alchemist.core.files import write_atomically
from alchemist.providers.calls import request_of
from alchemist.providers.failures import CallFailed
from alchemist.providers.ledger import Entry, entry_of
from alchemist.providers.runner import Runner, close_provider, run_blocking

SENDING, SENT, COLLECTED, FAILED = "sending", "sent", "collected", "failed"


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch on disk.

    Attributes:
        id: Our name for it.
        provider: Who has it.
        state: sending · sent · collected · failed.
        requests: What was asked, by custom id.
        entries: The reservation of each.
        job: The provider's name for it.
        time: When it was sent, UTC.
    """

    id: str
    provider: str
    state: str
    requests: Mapping[str, Request]
    entries: Mapping[str, Entry]
    job: str = ""
    time: str = ""


@dataclass(frozen=True, slots=True)
class Collection:
    """What collecting brought.

    Attributes:
        replies: New and earlier answers by custom id.
        failed: Requests without an answer, with the reason.
        missing: Ids an ended batch says nothing about; their reservations stay.
        waiting: Batches still at work: id and the provider's word for how they stand.
        lost: Batches that died while being sent, and may exist at the provider.
        cost_usd: Dollars settled now, None when a price is unknown.
    """

    replies: Mapping[str, Reply] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    waiting: tuple[tuple[str, str], ...] = ()
    lost: tuple[str, ...] = ()
    cost_usd: float | None = 0.0


class Batches:
    """The batches of one workspace.

    Raises:
        ProviderError: The runner's provider takes no batches.
    """

    def __init__(self, runner: Runner, folder: Path) -> None:
        if not isinstance(runner.provider, BatchProvider):
            raise ProviderError(
                f"Provider {runner.name!r} takes no batches; ask without --submit, or export the "
                "prompts and send them to a batch service."
            )
        self._provider: BatchProvider = runner.provider
        self._runner = runner
        self._folder = folder

    def pending(self) -> tuple[Batch, ...]:
        """Batches that are sent, or died while being sent, in order of sending."""
        batches = (load_batch(path) for path in sorted(self._folder.glob("*.json")))
        return tuple(b for b in batches if b.state in (SENDING, SENT))

    def submit(self, requests: Mapping[str, Request]) -> Batch | None:
        """Send requests whose answer is neither kept nor under way; None when none is left.

        Raises:
            OverBudget: Together they could pass the wall; nothing is sent.
            CallFailed: The provider did not take them, or whether it did is unknown.
        """
        under_way = {r.hash for batch in self.pending() for r in batch.requests.values()}
        wanted = {
            name: request
            for name, request in requests.items()
            if request.hash not in under_way and self._runner.store.find(request) is None
        }
        if not wanted:
            return None
        reserved = self._runner.budget.reserve(tuple(wanted.values()), batch=True)
        batch = Batch(
            id=f"{utc_now().replace(':', '').replace('-', '')}-{secrets.token_hex(3)}",
            provider=self._runner.name,
            state=SENDING,
            requests=wanted,
            entries=dict(zip(wanted, reserved, strict=True)),
            time=utc_now(),
        )
        self._save(batch)
        try:
            job = run_blocking(self._then_close(self._provider.submit(wanted)))
        except CallFailed as failure:
            if not failure.may_be_billed:
                self._runner.budget.close(reserved, "released")
                self._save(replace(batch, state=FAILED))
            raise
        sent = replace(batch, state=SENT, job=job)
        self._save(sent)
        return sent

    def collect(self) -> Collection:
        """Take the answers of every batch that has ended.

        Raises:
            CallFailed: The provider does not say how a batch stands.
        """
        found = Collection()
        for batch in self.pending():
            if batch.state == SENDING:
                found = replace(found, lost=(*found.lost, batch.id))
                continue
            state = run_blocking(self._then_close(self._provider.collect(batch.job)))
            if not state.done:
                found = replace(found, waiting=(*found.waiting, (batch.id, state.status)))
                continue
            found = self._take(found, batch, state)
            self._save(replace(batch, state=COLLECTED))
        return found

    def forget(self, batch_id: str) -> None:
        """Give up a batch that died while being sent; its reservations stay."""
        self._save(replace(load_batch(self._path(batch_id)), state=FAILED))

    def _take(self, found: Collection, batch: Batch, state: Collected) -> Collection:
        budget, store = self._runner.budget, self._runner.store
        mine = {name: reply for name, reply in state.replies.items() if name in batch.requests}
        # An earlier collect may have died half-way; what it settled stays as it is.
        still_open = {e.call for e in self._runner.ledger.open_entries()}
        fresh = [
            (batch.entries[name], batch.requests[name], reply)
            for name, reply in mine.items()
            if batch.entries[name].call in still_open
        ]
        stored = budget.settle(fresh) if fresh else ()
        failed = {name: why for name, why in state.failed.items() if name in batch.requests}
        unbilled = [batch.entries[n] for n in failed if batch.entries[n].call in still_open]
        if unbilled:
            budget.close(unbilled, "released")
        prices = [one.price_usd for one in stored]
        known = found.cost_usd is not None and all(price is not None for price in prices)
        kept = {n: s.reply for n in mine if (s := store.find(batch.requests[n])) is not None}
        return replace(
            found,
            replies={**found.replies, **kept},
            failed={**found.failed, **failed},
            missing=(
                *found.missing,
                *(n for n in batch.requests if n not in mine and n not in failed),
            ),
            cost_usd=(found.cost_usd or 0.0) + sum(p or 0.0 for p in prices) if known else None,
        )

    async def _then_close(self, work: Any) -> Any:
        try:
            return await work
        finally:
            await close_provider(self._provider)

    def _save(self, batch: Batch) -> None:
        record = {
            **asdict(batch),
            "requests": {name: asdict(request) for name, request in batch.requests.items()},
        }
        write_atomically(self._path(batch.id), json.dumps(record).encode())

    def _path(self, batch_id: str) -> Path:
        return self._folder / f"{batch_id}.json"


def load_batch(path: Path) -> Batch:
    """Read one batch.

    Raises:
        ProviderError: The file is damaged.
    """
    try:
        record = json.loads(path.read_bytes())
        record["requests"] = {n: request_of(r) for n, r in record["requests"].items()}
        record["entries"] = {n: entry_of(e) for n, e in record["entries"].items()}
        return Batch(**record)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ProviderError(
            f"The batch file {path.name!r} is damaged; collect the batch at the provider and "
            "import its output with `alchemist programs import`."
        ) from None
