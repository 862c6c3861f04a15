"""Costs: what was bought, from whom, for how much, and what left the machine for it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from alchemist.core.files import read_lines
from alchemist.core.program import Program
from alchemist.providers.ledger import Entry, entry_of, last_entries, reserved, spent


@dataclass(frozen=True, slots=True)
class Line:
    """What one stage, model or program cost.

    Attributes:
        name: Which.
        calls: Answered calls that cost something or could have.
        cached: Answers taken from the cache.
        input_tokens: Tokens sent.
        output_tokens: Tokens written.
        usd: Known prices together.
        reserved_usd: Held back for calls whose outcome is open.
        unpriced: Calls whose price is unknown; `usd` leaves them out.
        estimated: Calls whose tokens are estimated, because the provider does not say.
        price_as: Models whose price was taken in place of their own.
    """

    name: str
    calls: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    reserved_usd: float = 0.0
    unpriced: int = 0
    estimated: int = 0
    price_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProgramCost:
    """A program's share of the calls that wrote it; None when unknown."""

    name: str
    origin: str
    usd: float | None


@dataclass(frozen=True, slots=True)
class Costs:
    """The whole bill.

    Attributes:
        total: Everything together.
        stages: By what was bought.
        models: By provider and model.
        programs: By program, as their headers say.
        per_label_usd: Dollars per labeled row; None without labels or with unpriced calls.
        n_labels: Labeled rows.
        broken: Ledger lines that cannot be read.
    """

    total: Line
    stages: tuple[Line, ...] = ()
    models: tuple[Line, ...] = ()
    programs: tuple[ProgramCost, ...] = ()
    per_label_usd: float | None = None
    n_labels: int = 0
    broken: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The bill as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that left the machine.

    Attributes:
        time: When, UTC.
        call: The ledger's id of the call; its first 64 digits name the file in calls/.
        to: Scheme and host.
        model: The model asked.
        purpose: Why.
        holds: Kinds of content: task, knowledge, documents, terms, rows, votes.
        bytes: Size of the text.
    """

    time: str
    call: str
    to: str
    model: str
    purpose: str
    holds: tuple[str, ...] = field(default=())
    bytes: int = 0


def read_costs(ledger: Path, programs: Sequence[Program] = (), n_labels: int = 0) -> Costs:
    """Sum up a ledger."""
    lines = read_lines(ledger)
    entries = last_entries(entry_of(record) for record in lines.records)
    total = _line("total", entries)
    # Zero calls cost nothing; unpriced ones cost nobody knows what.
    per_label = total.usd / n_labels if n_labels and not total.unpriced else None
    return Costs(
        total=total,
        stages=_grouped(entries, lambda entry: entry.bought or "unknown"),
        models=_grouped(entries, lambda entry: f"{entry.provider}:{entry.model}"),
        programs=tuple(ProgramCost(p.name, p.origin.origin, p.origin.cost_usd) for p in programs),
        per_label_usd=per_label,
        n_labels=n_labels,
        broken=lines.broken,
    )


def read_sent(path: Path) -> tuple[Sent, ...]:
    """Every request that left the machine, oldest first."""
    known = Sent.__dataclass_fields__
    found = []
    for record in read_lines(path).records:
        facts = {name: value for name, value in record.items() if name in known}
        facts["holds"] = tuple(facts.get("holds", ()))
        found.append(Sent(**facts))
    return tuple(found)


def _grouped(entries: Iterable[Entry], key: Callable[[Entry], str]) -> tuple[Line, ...]:
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[key(entry)].append(entry)
    lines = (_line(name, group) for name, group in groups.items())
    return tuple(sorted(lines, key=lambda line: (-line.usd, line.name)))


def _line(name: str, entries: Iterable[Entry]) -> Line:
    entries = list(entries)
    answered = [e for e in entries if e.outcome == "answered" and not e.cached]
    return Line(
        name=name,
        calls=len(answered),
        cached=sum(e.cached for e in entries),
        input_tokens=sum(e.input_tokens or 0 for e in answered),
        output_tokens=sum(e.output_tokens or 0 for e in answered),
        usd=sum(spent(e) for e in answered),
        reserved_usd=sum(reserved(e) for e in entries),
        unpriced=sum(e.price_usd is None for e in answered),
        estimated=sum(e.tokens_are == "estimated" for e in answered),
        price_as=tuple(sorted({e.price_as for e in answered if e.price_as})),
    )
