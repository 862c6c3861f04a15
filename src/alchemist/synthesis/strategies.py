"""Asking in rounds: the answers known so far decide which asks come next.

A strategy is a small state machine without state. Asking a provider, exporting prompts for a
chat window and importing pasted answers all walk it the same way, over as many runs as they
like.

    plain       one round:   programs
    knowledge   two rounds:  what an expert knows, then programs that quote it

Several models (`model = "one, two"`) each walk it on their own.
"""

import hashlib
import json
import keyword
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace

from alchemist.core.errors import BadTask
from alchemist.core.exchange import Expected, Message, Request
from alchemist.core.task import Task
from alchemist.synthesis.catalogue import STRATEGIES, Strategy, strategies_of
from alchemist.synthesis.policy import MODULES
from alchemist.synthesis.templates import Templates, load_templates

__all__ = ["STRATEGIES", "Ask", "Brief", "Passage", "Step", "expected_calls", "next_asks"]

# Ten long programs run to 18,000 tokens, and hidden reasoning comes on top; a provider lowers
# this where a model allows less.
_MOST_TOKENS = {"knowledge": 10_000, "programs": 24_000}

# About as long as the notes models write; stands in for them when a plan is made.
_STAND_IN = "notes on how an expert decides, with words and rules for each class; " * 120
_KNOWLEDGE_OUTPUT = (1000, 2200, 4500)


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, and where it stands."""

    source: str
    text: str


@dataclass(frozen=True)
class Brief:
    """Everything prompts are made from.

    Attributes:
        task: The task; its synthesis settings name strategies, prompts and programs.
        description: What a row holds, from the modality; quotes no row.
        templates: The prompt templates.
        passages: Pieces of documents to quote, for strategies that do.
        rows: Rows to quote, for strategies that do and tasks that allow it.
    """

    task: Task
    description: str
    templates: Templates = field(default_factory=load_templates)
    passages: tuple[Passage, ...] = ()
    rows: tuple[Mapping[str, str], ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """The models asked, each once; a single empty name where none is set yet."""
        names = (name.strip() for name in self.task.synthesis.model.split(","))
        return tuple(dict.fromkeys(name for name in names if name)) or ("",)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameter names of a program."""
        if self.task.as_mapping:
            return ("row",)
        return tuple(parameter_name(column) for column in self.task.rows.inputs)

    @property
    def kind(self) -> str:
        """What rows hold: "text", or "values" that programs read by name."""
        return "text" if self.task.modality == "text" else "values"

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
    for thread in _threads(brief):
        first = thread.first()
        asks += first
        missing = [ask.custom_id for ask in first if ask.custom_id not in answers]
        if any(name in given_up for name in missing):
            lost += len(thread.sides())
        elif missing:
            waiting += len(thread.sides())
        else:
            asks += thread.programs(first, [answers[ask.custom_id] for ask in first])
    ready = tuple(a for a in asks if a.custom_id not in answers and a.custom_id not in given_up)
    done = tuple(a for a in asks if a.custom_id in answers)
    return Step(ready, waiting, bool(ready) + bool(waiting), done, lost)


def expected_calls(brief: Brief) -> tuple[Expected, ...]:
    """Every call a synthesis will make, with stand-ins where an answer is not known yet."""
    calls: list[Expected] = []
    count = brief.task.synthesis.programs_per_prompt
    for thread in _threads(brief):
        first = thread.first()
        calls += (Expected(ask.request, *_KNOWLEDGE_OUTPUT) for ask in first)
        low, likely, high = (count * tokens for tokens in thread.strategy.output)
        for ask in thread.programs(first, [_STAND_IN] * len(first)):
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


@dataclass(frozen=True, slots=True)
class _Side:
    """What one prompt looks at: a class alone, an angle, or the same again."""

    only_class: str = ""
    angle: str = ""
    sample: int = 0


@dataclass(frozen=True, slots=True)
class _Thread:
    """One strategy put to one model."""

    brief: Brief
    strategy: Strategy
    model: str

    def first(self) -> list[Ask]:
        """The asks whose answers the programs prompts quote."""
        return [self._ask(name, "knowledge", 0, _Side()) for name in self.strategy.first]

    def programs(self, first: list[Ask], notes: list[str]) -> list[Ask]:
        """The asks for programs, given the notes of the first round."""
        background = "\n\n".join(note.strip() for note in notes)
        needs = tuple(ask.custom_id for ask in first)
        return [
            replace(
                self._ask("programs", "programs", number, side, background),
                needs=needs,
                round=1 + bool(needs),
            )
            for number, side in enumerate(self.sides())
        ]

    def sides(self) -> list[_Side]:
        """One per programs prompt."""
        prompts = range(self.brief.task.synthesis.prompts)
        names = self.brief.task.class_names if self.strategy.per_class else ("",)
        if self.strategy.samples:
            return [_Side(name, "", p) for name in names for p in prompts]
        angles = _angles(self.brief)
        return [_Side(name, *_angle(angles, p)) for name in names for p in prompts]

    def _ask(self, template: str, kind: str, number: int, side: _Side, background: str = "") -> Ask:
        brief, strategy = self.brief, self.strategy
        facts = {
            **task_facts(brief),
            "background": background,
            "angle": side.angle,
            "only_class": side.only_class,
            "weighing": strategy.weighing,
            "passages": [asdict(p) for p in brief.passages] if strategy.documents else [],
            "rows": list(brief.rows) if strategy.rows else [],
        }
        request = Request(
            messages=(
                Message("system", brief.templates.render("system", facts)),
                Message("user", brief.templates.render(template, facts)),
            ),
            model=self.model,
            temperature=brief.task.synthesis.temperature,
            max_tokens=_MOST_TOKENS[kind],
            sample=side.sample,
            holds=strategy.holds if kind == "programs" else ("task",),
        )
        word = "notes" if kind == "knowledge" else kind
        stem = f"{re.sub('[^a-z-]', '_', strategy.name)[:24]}-{word}-{number + 1}"
        apart = self.model if len(brief.models) > 1 else ""
        return Ask(
            f"{stem}-{request_digest(request, apart)}", strategy.name, kind, 1, number, request
        )


def _threads(brief: Brief) -> Iterator[_Thread]:
    for strategy in strategies_of(brief.task):
        if strategy.documents and not brief.passages:
            raise BadTask(
                f"Strategy {strategy.name!r} quotes documents, and the documents/ folder of the "
                "workspace holds no text about this task."
            )
        for model in brief.models:
            yield _Thread(brief, strategy, model)


def _angles(brief: Brief) -> list[str]:
    name = "angles" if brief.kind == "text" else "angles-row"
    return [line for line in brief.templates.render(name, {}).splitlines() if line.strip()]


def _angle(angles: list[str], prompt: int) -> tuple[str, int]:
    """The side a prompt is asked from, and how often that side was taken before."""
    if prompt == 0 or not angles:
        return "", prompt
    return angles[(prompt - 1) % len(angles)], (prompt - 1) // len(angles)


def task_facts(brief: Brief) -> dict[str, object]:
    """What every template may say about the task."""
    task = brief.task
    return {
        "instruction": task.instruction.strip(),
        "kind": brief.kind,
        "language": task.language if brief.kind == "text" else "",
        "classes": [asdict(one) for one in task.classes],
        "description": brief.description.strip(),
        "inputs": task.rows.inputs,
        "signature": brief.signature,
        "modules": ", ".join(MODULES),
        "programs": task.synthesis.programs_per_prompt,
    }


def request_digest(request: Request, apart: str = "") -> str:
    """16 hex digits for a custom id."""
    # Over the words alone: answers pasted from a chat window fit whatever model is set later.
    turns = json.dumps([[m.role, m.content] for m in request.messages])
    return hashlib.sha256(f"{turns}{request.sample}{apart}".encode()).hexdigest()[:16]
