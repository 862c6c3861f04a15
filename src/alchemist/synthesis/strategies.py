"""Strategies: in which rounds a model is asked for programs, and with which templates.

A strategy is a small state machine without state: the answers known so far decide which asks
come next. Asking a provider, exporting prompts for a chat window and importing pasted
answers all walk it the same way, over as many runs as they like.

    plain       one round:   programs
    knowledge   two rounds:  what an expert knows, then programs that quote it
"""

import hashlib
import json
import keyword
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field

from alchemist.core.errors import UnknownName
from alchemist.core.exchange import Expected, Message, Request
from alchemist.core.task import Task
from alchemist.synthesis.policy import MODULES
from alchemist.synthesis.templates import Templates, load_templates

# Room for hidden reasoning on top of what is expected; still below common output limits.
_MOST_TOKENS = {"knowledge": 10_000, "programs": 16_000}

# About as long as the notes models write; stands in for them when a plan is made.
_STAND_IN = "notes on how an expert decides, with words and rules for each class; " * 120


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way of asking.

    Attributes:
        name: As in task.toml.
        summary: What it does, in a line.
        programs: The template that asks for programs.
        first: The template asked before it, whose answer it quotes as `background`.
        output: Expected output tokens per program: low, likely, high.
    """

    name: str
    summary: str
    programs: str
    first: str | None = None
    output: tuple[int, int, int] = (200, 500, 1100)


STRATEGIES: Mapping[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        Strategy("plain", "asks for programs straight away", "plain"),
        Strategy(
            "knowledge",
            "has the model write what an expert knows, then programs from that",
            "knowledge-programs",
            first="knowledge",
            output=(350, 850, 1700),
        ),
    )
}
_KNOWLEDGE_OUTPUT = (1000, 2200, 4500)


@dataclass(frozen=True)
class Brief:
    """Everything prompts are made from.

    Attributes:
        task: The task; its synthesis settings name strategies, prompts and programs.
        description: What a row holds, from the modality; quotes no row.
        templates: The prompt templates.
    """

    task: Task
    description: str
    templates: Templates = field(default_factory=load_templates)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameter names of a program."""
        if self.task.as_mapping:
            return ("row",)
        return tuple(parameter_name(column) for column in self.task.rows.inputs)

    @property
    def signature(self) -> str:
        """The line every program starts its function with."""
        if self.task.as_mapping:
            return "def label(row: dict) -> str | None:"
        return f"def label({', '.join(f'{name}: str' for name in self.parameters)}) -> str | None:"


@dataclass(frozen=True, slots=True)
class Ask:
    """One prompt of a strategy.

    Attributes:
        custom_id: Names it in batch files and pasted answers; at most 64 safe characters.
        strategy: The strategy's name.
        kind: "knowledge" or "programs".
        round: 1 for what can be asked at once, 2 for what quotes an answer of round 1.
        prompt: Which of the strategy's prompts, from 0.
        request: The request itself.
        needs: Ids of the asks whose answers it quotes.
    """

    custom_id: str
    strategy: str
    kind: str
    round: int
    prompt: int
    request: Request
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Where a synthesis stands.

    Attributes:
        ready: Asks that can be sent now and have no answer yet.
        waiting: How many asks come once these are answered.
        rounds_left: Rounds still to go, this one included.
        done: Asks that are answered.
        lost: How many asks will never come, because one they build on was given up.
    """

    ready: tuple[Ask, ...]
    waiting: int
    rounds_left: int
    done: tuple[Ask, ...]
    lost: int = 0


def next_asks(brief: Brief, answers: Mapping[str, str], given_up: Collection[str] = ()) -> Step:
    """What to ask next, given the answers so far.

    Args:
        brief: What prompts are made from.
        answers: Answer texts by custom id.
        given_up: Ids that failed for good.

    Raises:
        UnknownName: The task names a strategy that does not exist.
        BadTask: A template cannot be filled in.
    """
    asks: list[Ask] = []
    waiting = lost = 0
    prompts = range(brief.task.synthesis.prompts)
    for strategy in _strategies(brief.task):
        first = None if strategy.first is None else _first_ask(brief, strategy)
        if first is not None:
            asks.append(first)
            if first.custom_id in given_up:
                lost += len(prompts)
                continue
            if first.custom_id not in answers:
                waiting += len(prompts)
                continue
        background = "" if first is None else answers[first.custom_id]
        asks += [_programs_ask(brief, strategy, p, first, background) for p in prompts]
    ready = tuple(a for a in asks if a.custom_id not in answers and a.custom_id not in given_up)
    done = tuple(a for a in asks if a.custom_id in answers)
    return Step(ready, waiting, bool(ready) + bool(waiting), done, lost)


def expected_calls(brief: Brief) -> tuple[Expected, ...]:
    """Every call a synthesis will make, with stand-ins where an answer is not known yet."""
    calls: list[Expected] = []
    count = brief.task.synthesis.programs_per_prompt
    for strategy in _strategies(brief.task):
        first = None if strategy.first is None else _first_ask(brief, strategy)
        if first is not None:
            calls.append(Expected(first.request, *_KNOWLEDGE_OUTPUT))
        low, likely, high = (count * tokens for tokens in strategy.output)
        for prompt in range(brief.task.synthesis.prompts):
            ask = _programs_ask(brief, strategy, prompt, first, _STAND_IN)
            calls.append(Expected(ask.request, low, likely, high))
    return tuple(calls)


def parameter_name(column: str) -> str:
    """A column's name as a Python parameter in ASCII."""
    plain = unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode()
    name = re.sub(r"\W", "_", plain)
    if not name.strip("_"):
        return "text"
    if not name.isidentifier():
        name = f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def _strategies(task: Task) -> list[Strategy]:
    for name in task.synthesis.strategies:
        if name not in STRATEGIES:
            raise UnknownName.among("strategy", name, STRATEGIES)
    return [STRATEGIES[name] for name in dict.fromkeys(task.synthesis.strategies)]


def _first_ask(brief: Brief, strategy: Strategy) -> Ask:
    request = _request(brief, str(strategy.first), "knowledge", angle="", background="")
    return Ask(_id(strategy.name, "notes", 0, request), strategy.name, "knowledge", 1, 0, request)


def _programs_ask(
    brief: Brief, strategy: Strategy, prompt: int, first: Ask | None, background: str
) -> Ask:
    angle, lap = _angle(brief.templates, prompt)
    request = _request(
        brief, strategy.programs, "programs", angle=angle, background=background, sample=lap
    )
    custom_id = _id(strategy.name, "programs", prompt, request)
    needs = () if first is None else (first.custom_id,)
    return Ask(custom_id, strategy.name, "programs", 1 + len(needs), prompt, request, needs)


def _angle(templates: Templates, prompt: int) -> tuple[str, int]:
    """The side a prompt is asked from, and how often that side was taken before."""
    angles = [line for line in templates.render("angles", {}).splitlines() if line.strip()]
    if prompt == 0 or not angles:
        return "", prompt
    return angles[(prompt - 1) % len(angles)], (prompt - 1) // len(angles)


def _request(
    brief: Brief, template: str, kind: str, *, angle: str, background: str, sample: int = 0
) -> Request:
    task = brief.task
    facts = {
        "instruction": task.instruction.strip(),
        "language": task.language,
        "classes": [asdict(one) for one in task.classes],
        "description": brief.description.strip(),
        "inputs": task.rows.inputs,
        "signature": brief.signature,
        "modules": ", ".join(MODULES),
        "programs": task.synthesis.programs_per_prompt,
        "angle": angle,
        "background": background.strip(),
    }
    turns = (
        Message("system", brief.templates.render("system", facts)),
        Message("user", brief.templates.render(template, facts)),
    )
    return Request(
        messages=turns,
        model=task.synthesis.model,
        temperature=task.synthesis.temperature,
        max_tokens=_MOST_TOKENS[kind],
        sample=sample,
    )


def _id(strategy: str, kind: str, prompt: int, request: Request) -> str:
    # Over the words alone: answers pasted from a chat window fit whatever model is set later.
    turns = json.dumps([[m.role, m.content] for m in request.messages])
    digest = hashlib.sha256(f"{turns}{request.sample}".encode()).hexdigest()
    return f"{strategy[:24]}-{kind}-{prompt + 1}-{digest[:16]}"
