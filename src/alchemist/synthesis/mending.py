"""Mending: a program that does not work goes back with its faults and comes back as a revision.

A fault's message may quote a row (`invalid literal for int(): '…'`). Unless rows may be sent,
only what the program's own text explains leaves: the kind of fault, the exception's name, the
line. Several programs share a prompt: the task is told once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from alchemist.core.exchange import Message, Request
from alchemist.core.faults import Fault
from alchemist.core.program import Origin, Program
from alchemist.synthesis.harvest import Answered
from alchemist.synthesis.reading import Rejected, read_answer
from alchemist.synthesis.strategies import Ask, Brief, request_digest, task_facts

_MOST_COMPLAINTS = 6
MOST_TOGETHER = 10
OUTPUT_TOKENS = (200, 500, 1200)
_MOST_TOKENS = 24_000
_LEAST_ALIKE = 0.2
_WORD = re.compile(r"\w+")
_EXCEPTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*(?:Error|Exception|Iteration|Exit|Warning)\b")
# Kinds whose messages speak of the source alone.
_ABOUT_THE_SOURCE = ("syntax", "policy.", "silent")
_PLAINLY = {
    "timeout": "it takes too long on some rows",
    "memory": "it uses too much memory on some rows",
    "invalid_return": "on some rows it returns something that is no class name, index or None",
    "nondeterministic": "it gives different answers to the same row",
    "silent": "it never votes, whatever the row",
    "crash": "it ends the process it runs in",
    "security": "it tries something programs may not do",
}


@dataclass(frozen=True, slots=True)
class Broken:
    """A program and what it fails at; the first few of different kinds are told."""

    program: Program
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Mended:
    """What an answer gave: revisions by the id of the program they mend, and what gave none."""

    revisions: dict[str, Program]
    rejected: dict[str, Rejected]


def mend_ask(brief: Brief, broken: Sequence[Broken], attempt: int = 1) -> Ask:
    """Ask for revisions of one to MOST_TOGETHER programs.

    Args:
        brief: What prompts are made from.
        broken: The programs as they are, with their faults.
        attempt: 1 for the first time they go back.
    """
    send_rows = brief.task.privacy.send_rows
    facts = {
        **task_facts(brief),
        "broken": [
            {
                "source": one.program.source.strip(),
                "complaints": complaints(one.faults, quote=send_rows),
            }
            for one in broken
        ],
    }
    faults = [fault for one in broken for fault in one.faults]
    quotes = send_rows and any(not _about_source(fault) for fault in faults)
    request = Request(
        messages=(
            Message("system", brief.templates.render("system", facts)),
            Message("user", brief.templates.render("mend", facts)),
        ),
        model=_model_of(brief, broken[0].program),
        temperature=brief.task.synthesis.temperature,
        max_tokens=_MOST_TOKENS,
        # The same program may go back with the same fault; that is another question.
        sample=attempt - 1,
        purpose="mend",
        holds=("task", "rows") if quotes else ("task",),
    )
    custom_id = f"mend-{attempt}-{request_digest(request)}"
    return Ask(custom_id, broken[0].program.origin.strategy, "mend", attempt, 0, request)


def complaints(faults: Sequence[Fault], *, quote: bool = False) -> list[str]:
    """What a model needs to know of faults, each once, with its line.

    Args:
        faults: What failed.
        quote: Messages may be told in full, even if they hold words of a row.
    """
    told: dict[str, None] = {}
    for fault in faults:
        where = f"line {fault.line}: " if fault.line else ""
        told[f"{where}{_sentence(fault, quote=quote)}"] = None
    return list(told)[:_MOST_COMPLAINTS]


def mended(brief: Brief, programs: Sequence[Program], answered: Answered) -> Mended:
    """The revisions an answer holds, each under its old name and with the old one as its parent.

    Which source mends which program is told by the words they share, so that neither order nor
    number has to be right.
    """
    parsed = read_answer(answered.text, brief.parameters, answered.finish_reason)
    why = parsed.rejected[0] if parsed.rejected else Rejected("no_code", "It was left out.")
    pairs = _matched(programs, [one.source for one in parsed.sources])
    share = None if answered.cost_usd is None else answered.cost_usd / len(programs)
    revisions: dict[str, Program] = {}
    rejected: dict[str, Rejected] = {}
    for program in programs:
        source = pairs.get(program.id)
        if source is None:
            rejected[program.id] = why
            continue
        origin = Origin(
            origin=f"{answered.provider}:{answered.model}",
            strategy=program.origin.strategy,
            prompt=f"sha256:{answered.ask.request.hash}",
            created=answered.created,
            cost_usd=_sum(program.origin.cost_usd, share),
            parent=program.id,
        )
        revision = Program(program.name, source, origin)
        if revision.id == program.id:
            same = "The answer repeats the program unchanged."
            rejected[program.id] = Rejected("duplicate", same, source[:160])
        else:
            revisions[program.id] = revision
    return Mended(revisions, rejected)


def _matched(programs: Sequence[Program], sources: Sequence[str]) -> dict[str, str]:
    """For each program's id the source most like it, each source once."""
    if len(programs) == len(sources) == 1:
        return {programs[0].id: sources[0]}
    found: dict[str, str] = {}
    taken: set[int] = set()
    alike = sorted(
        (-_alike(program.source, source), i, j)
        for i, program in enumerate(programs)
        for j, source in enumerate(sources)
    )
    for score, i, j in alike:
        if -score >= _LEAST_ALIKE and j not in taken and programs[i].id not in found:
            found[programs[i].id] = sources[j]
            taken.add(j)
    return found


def _alike(one: str, other: str) -> float:
    """Share of words two sources have in common."""
    words, others = set(_WORD.findall(one)), set(_WORD.findall(other))
    return len(words & others) / max(len(words | others), 1)


def _sentence(fault: Fault, *, quote: bool) -> str:
    if quote or _about_source(fault):
        return fault.message
    if fault.kind == "exception":
        name = _EXCEPTION.match(fault.message)
        return f"it raises {name.group() if name else 'an exception'} on some rows"
    return _PLAINLY.get(fault.kind, f"it fails on some rows ({fault.kind})")


def _about_source(fault: Fault) -> bool:
    # A policy finding has no row; a message about a row may quote it.
    return fault.row is None and fault.kind.startswith(_ABOUT_THE_SOURCE)


def _model_of(brief: Brief, program: Program) -> str:
    """The model that wrote it where the task still asks that one, else the task's first."""
    wrote = program.origin.origin.partition(":")[2]
    return wrote if wrote in brief.models else brief.models[0]


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second
