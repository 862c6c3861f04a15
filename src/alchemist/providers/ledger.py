"""ledger.jsonl: what every call cost, or may have cost, written before it matters.

    reserved ──▶ answered   the answer is stored; its price counts as spent
        ├─────▶ released    it surely was not billed
        ├─────▶ unknown     it may have been billed: the reservation stays
        └─ (nothing)        the process died: the reservation stays

A line names its call, `<request hash>` with `#n` for the n-th attempt, and the last line of a
call is what holds. Spent plus reserved is what the budget wall compares.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alchemist.core.files import append_lines, read_lines

_STANDING = ("reserved", "unknown")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line; see INTERFACES for the fields. Prices are dollars, None when unknown."""

    time: str
    call: str
    provider: str
    model: str
    reserved_usd: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    tokens_are: str = "estimated"
    price_usd: float | None = None
    price_as: str = ""
    price_date: str = ""
    batch: bool = False
    cached: bool = False
    outcome: str = "reserved"
    bought: str = ""

    @property
    def request_hash(self) -> str:
        """The request this call asked, whichever attempt it was."""
        return self.call.partition("#")[0]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the money stands.

    Attributes:
        spent_usd: Sum of known prices of answered calls.
        reserved_usd: Upper bounds of calls in flight and of those whose outcome is unknown.
        calls: Calls that were answered, cache hits apart.
        unpriced: Answered calls whose price is unknown.
        cached: Answers that came from the cache.
        broken: Numbers of ledger lines that cannot be read.
    """

    spent_usd: float = 0.0
    reserved_usd: float = 0.0
    calls: int = 0
    unpriced: int = 0
    cached: int = 0
    broken: tuple[int, ...] = ()


class Ledger:
    """The ledger of one workspace, read once and kept in step with what is appended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = read_lines(path)
        self._broken = lines.broken
        self._last: dict[str, Entry] = {}
        self._attempts: dict[str, int] = {}
        self._spent = self._reserved = 0.0
        self._cached = 0
        for record in lines.records:
            self._count(entry_of(record))

    def append(self, *entries: Entry) -> None:
        """Put lines on disk, then count them."""
        append_lines(self._path, (asdict(entry) for entry in entries))
        for entry in entries:
            self._count(entry)

    def next_call(self, request_hash: str) -> str:
        """The id of a further attempt at a request."""
        number = self._attempts.get(request_hash, 0) + 1
        return request_hash if number == 1 else f"{request_hash}#{number}"

    def open_calls(self, request_hash: str) -> tuple[Entry, ...]:
        """Attempts at a request whose outcome no line tells."""
        mine = (e for e in self._last.values() if e.request_hash == request_hash)
        return tuple(e for e in mine if e.outcome == "reserved")

    def open_entries(self) -> tuple[Entry, ...]:
        """What is held back: calls in flight, lost, or waiting in a batch."""
        return tuple(e for e in self._last.values() if e.outcome in _STANDING)

    def standing(self) -> Standing:
        """Sum up, as of the last line."""
        answered = [e for e in self._last.values() if e.outcome == "answered"]
        return Standing(
            spent_usd=max(0.0, self._spent),
            reserved_usd=max(0.0, self._reserved),
            calls=len(answered),
            unpriced=sum(e.price_usd is None for e in answered),
            cached=self._cached,
            broken=self._broken,
        )

    @property
    def committed_usd(self) -> float:
        """Spent plus reserved."""
        return self._spent + self._reserved

    def _count(self, entry: Entry) -> None:
        if entry.cached:
            self._cached += 1
            return
        before = self._last.get(entry.call)
        if before is None:
            self._attempts[entry.request_hash] = self._attempts.get(entry.request_hash, 0) + 1
        else:
            self._spent -= spent(before)
            self._reserved -= reserved(before)
        self._last[entry.call] = entry
        self._spent += spent(entry)
        self._reserved += reserved(entry)


def spent(entry: Entry) -> float:
    """Dollars an entry counts as spent."""
    return entry.price_usd or 0.0 if entry.outcome == "answered" else 0.0


def reserved(entry: Entry) -> float:
    """Dollars an entry holds back."""
    return entry.reserved_usd or 0.0 if entry.outcome in _STANDING else 0.0


def entry_of(record: Mapping[str, Any]) -> Entry:
    """A line as an Entry; fields a later version may add are left aside."""
    facts: dict[str, Any] = dict.fromkeys(("time", "call", "provider", "model"), "")
    facts |= {name: record[name] for name in Entry.__dataclass_fields__ if name in record}
    return Entry(**facts)


def last_entries(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """What holds of each call, in order of first mention, and every cache hit."""
    held: dict[str, Entry] = {}
    hits: list[Entry] = []
    for entry in entries:
        if entry.cached:
            hits.append(entry)
        else:
            held[entry.call] = entry
    return (*held.values(), *hits)
