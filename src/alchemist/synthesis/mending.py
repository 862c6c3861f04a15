"""Mending: a program that does not work goes back with its faults and comes back as a revision.

A fault's message may quote a row (`invalid literal for int(): '…'`). Unless rows may be sent,
only what the program's own text explains leaves: the kind of fault, the exception's name, the
line.
"""

import re
from collections.abc import Sequence

from alchemist.core.exchange import Message, Request
from alchemist.core.faults import Fault
from alchemist.core.program import Origin, Program
from alchemist.synthesis.harvest import Answered
from alchemist.synthesis.policy import MODULES
from alchemist.synthesis.reading import Rejected, read_answer
from alchemist.synthesis.strategies import Ask, Brief, request_digest, task_facts

_MOST_COMPLAINTS = 6
_MOST_TOKENS = 8_000
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


def mend_ask(brief: Brief, program: Program, faults: Sequence[Fault], attempt: int = 1) -> Ask:
    """Ask for a revision of a program.

    Args:
        brief: What prompts are made from.
        program: The program as it is.
        faults: What it failed at; the first few of different kinds are told.
        attempt: 1 for the first time it goes back.
    """
    send_rows = brief.task.privacy.send_rows
    facts = {
        **task_facts(brief),
        "source": program.source.strip(),
        "complaints": complaints(faults, quote=send_rows),
        "modules": ", ".join(MODULES),
    }
    quotes = send_rows and any(not _about_source(fault) for fault in faults)
    request = Request(
        messages=(
            Message("system", brief.templates.render("system", facts)),
            Message("user", brief.templates.render("mend", facts)),
        ),
        model=_model_of(brief, program),
        temperature=brief.task.synthesis.temperature,
        max_tokens=_MOST_TOKENS,
        purpose="mend",
        holds=("task", "rows") if quotes else ("task",),
    )
    custom_id = f"mend-{program.id}-{attempt}-{request_digest(request)}"
    return Ask(custom_id, program.origin.strategy, "mend", attempt, 0, request)


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


def mended(brief: Brief, program: Program, answered: Answered) -> Program | Rejected:
    """The revision an answer holds, under the old name and with the old one as its parent."""
    parsed = read_answer(answered.text, brief.parameters, answered.finish_reason)
    if not parsed.sources:
        return parsed.rejected[0]
    source = parsed.sources[0].source
    origin = Origin(
        origin=f"{answered.provider}:{answered.model}",
        strategy=program.origin.strategy,
        prompt=f"sha256:{answered.ask.request.hash}",
        created=answered.created,
        cost_usd=_sum(program.origin.cost_usd, answered.cost_usd),
        parent=program.id,
    )
    revision = Program(program.name, source, origin)
    if revision.id == program.id:
        return Rejected("duplicate", "The answer repeats the program unchanged.", source[:160])
    return revision


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
