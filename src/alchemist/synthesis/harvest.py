"""Harvest: programs with their provenance, out of the answers to a strategy's asks."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from alchemist.core.exchange import Reply
from alchemist.core.program import Origin, Program
from alchemist.synthesis.reading import ParsedAnswer, Rejected, read_answer
from alchemist.synthesis.strategies import Ask, Brief

_LONGEST_NAME = 40
_NAME_WORDS = 5


@dataclass(frozen=True, slots=True)
class Answered:
    """An ask with its answer.

    Attributes:
        ask: What was asked.
        text: The answer.
        finish_reason: Why it ended.
        provider: Who was asked.
        model: Which model answered.
        cost_usd: What the answer cost when it was fetched, None when unknown.
        created: UTC time, ISO 8601.
    """

    ask: Ask
    text: str
    finish_reason: str = "stop"
    provider: str = ""
    model: str = ""
    cost_usd: float | None = None
    created: str = ""

    @classmethod
    def of(
        cls, ask: Ask, reply: Reply, *, provider: str, cost_usd: float | None, created: str
    ) -> "Answered":
        """Join an ask with a provider's reply."""
        model = reply.model or ask.request.model
        return cls(ask, reply.text, reply.finish_reason, provider, model, cost_usd, created)


@dataclass(frozen=True, slots=True)
class Unused:
    """A part of an answer that is no program: which answer, why, and where it comes from."""

    custom_id: str
    rejected: Rejected
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, slots=True)
class Harvest:
    """Programs, and what could not be used."""

    programs: tuple[Program, ...] = ()
    rejected: tuple[Unused, ...] = ()


def harvest(brief: Brief, answered: Iterable[Answered]) -> Harvest:
    """Turn the answers of a synthesis into named programs.

    A program's cost is its share of its own call and of the calls that one quotes.
    """
    answered = list(answered)
    asked = [one for one in answered if one.ask.kind == "programs"]
    parsed = [read_answer(one.text, brief.parameters, one.finish_reason) for one in asked]
    shares = _shares(answered, asked, parsed)
    return _collect(
        (
            one.ask.custom_id,
            answer,
            Origin(
                origin=f"{one.provider}:{one.model}",
                strategy=one.ask.strategy,
                prompt=f"sha256:{one.ask.request.hash}",
                created=one.created,
                cost_usd=share,
            ),
        )
        for one, answer, share in zip(asked, parsed, shares, strict=True)
    )


def harvest_loose(
    brief: Brief, texts: Mapping[str, str], *, provider: str, model: str, created: str = ""
) -> Harvest:
    """Programs out of answers to prompts we never exported; their prompt stays unknown."""
    origin = Origin(origin=f"{provider}:{model}", created=created)
    parsed = {name: read_answer(text, brief.parameters) for name, text in texts.items()}
    # Notes of a first round come along in such files; they hold no program and are no failure.
    return _collect(
        (name, answer, origin)
        for name, answer in parsed.items()
        if answer.sources or answer.rejected[0].kind != "no_code"
    )


def _collect(parts: Iterable[tuple[str, ParsedAnswer, Origin]]) -> Harvest:
    programs: list[Program] = []
    rejected: list[Unused] = []
    taken: set[str] = set()
    seen: set[str] = set()
    for custom_id, answer, origin in parts:
        rejected += [Unused(custom_id, one, origin) for one in answer.rejected]
        for source in answer.sources:
            name = program_name(source.idea, taken, fallback=origin.strategy or "program")
            program = Program(name, source.source, origin)
            if program.id in seen:
                reason = "Another answer holds the same program."
                rejected.append(Unused(custom_id, Rejected("duplicate", reason, name, source.line)))
                continue
            seen.add(program.id)
            taken.add(name)
            programs.append(program)
    return Harvest(tuple(programs), tuple(rejected))


def _shares(
    answered: Sequence[Answered], asked: Sequence[Answered], parsed: Sequence[ParsedAnswer]
) -> list[float | None]:
    """What one program of each answer cost; None where any part of that is unknown."""
    costs = {one.ask.custom_id: one.cost_usd for one in answered}
    yields = [len(answer.sources) for answer in parsed]
    quoting: dict[str, int] = {}
    for one, count in zip(asked, yields, strict=True):
        for need in one.ask.needs:
            quoting[need] = quoting.get(need, 0) + count
    shares: list[float | None] = []
    for one, count in zip(asked, yields, strict=True):
        parts = [(one.cost_usd, count)]
        parts += [(costs.get(need), quoting[need]) for need in one.ask.needs]
        known = [cost / max(among, 1) for cost, among in parts if cost is not None]
        shares.append(sum(known) if len(known) == len(parts) else None)
    return shares


def program_name(idea: str, taken: Collection[str], *, fallback: str = "program") -> str:
    """A file stem out of a docstring's idea, unlike those taken."""
    title = idea.partition(":")[0] if ":" in idea else idea
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.replace("'", "").casefold())[:_NAME_WORDS]
    while len("_".join(words)) > _LONGEST_NAME and len(words) > 1:
        words.pop()
    stem = "_".join(words)[:_LONGEST_NAME] or re.sub(r"\W", "_", fallback)
    if stem[0].isdigit():
        stem = f"p_{stem}"
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}_{number}", number + 1
    return name
