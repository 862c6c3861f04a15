"""The strategies by name: which knowledge is asked for first, and what programs rest on.

A task may join several with a plus sign: "keywords+weighing" asks for keywords first, then
for programs that weigh evidence and quote them. To add one, give it a line in STRATEGIES and,
where it asks for knowledge of a new kind, a template in prompts/.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from alchemist.core.errors import BadTask, UnknownName
from alchemist.core.task import Task

Weighing = Literal["", "some", "all"]


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way of asking.

    Attributes:
        name: As in task.toml.
        summary: What it does, in a line.
        first: Templates asked before, whose answers the programs prompt quotes.
        weighing: Whether some or all programs must weigh evidence for all classes.
        per_class: Each class has prompts of its own.
        documents: Passages of the workspace's documents/ are quoted.
        rows: Real rows are quoted; needs privacy.send_rows.
        samples: Further prompts are the same question again, not another side of it.
    """

    name: str
    summary: str
    first: tuple[str, ...] = ()
    weighing: Weighing = ""
    per_class: bool = False
    documents: bool = False
    rows: bool = False
    samples: bool = False

    @property
    def output(self) -> tuple[int, int, int]:
        """Output tokens per program, as recorded answers ran: low, likely, high."""
        return (450, 1100, 2000) if self.first or self.weighing else (250, 600, 1200)

    @property
    def holds(self) -> tuple[str, ...]:
        """Kinds of content its prompts quote."""
        kinds = {"documents": self.documents, "rows": self.rows}
        return ("task", *(kind for kind, quoted in kinds.items() if quoted))

    def __add__(self, other: "Strategy") -> "Strategy":
        return Strategy(
            name=f"{self.name}+{other.name}",
            summary=f"{self.summary}; {other.summary}",
            first=tuple(dict.fromkeys((*self.first, *other.first))),
            weighing=max(self.weighing, other.weighing, key=("", "some", "all").index),
            per_class=self.per_class or other.per_class,
            documents=self.documents or other.documents,
            rows=self.rows or other.rows,
            samples=self.samples or other.samples,
        )


STRATEGIES: Mapping[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        Strategy("plain", "asks for programs straight away"),
        Strategy(
            "knowledge",
            "has the model write what an expert knows, then programs from that",
            first=("knowledge",),
            weighing="some",
        ),
        Strategy("description", "has the model describe the data first", first=("description",)),
        Strategy("keywords", "has the model list words for each class first", first=("keywords",)),
        Strategy("rules", "has the model write an expert's rules first", first=("rules",)),
        Strategy("exemplars", "has the model invent typical rows first", first=("exemplars",)),
        Strategy("documents", "quotes passages from documents/, which are sent", documents=True),
        Strategy("rows", "quotes some real rows; needs privacy.send_rows", rows=True),
        Strategy("per-class", "asks for each class in prompts of its own", per_class=True),
        Strategy("weighing", "asks for programs that weigh all classes", weighing="all"),
        Strategy("paper", "asks the same plain question again and again", samples=True),
    )
}


def strategies_of(task: Task) -> list[Strategy]:
    """The strategies a task names, each once, in order.

    Raises:
        UnknownName: One of them does not exist.
        BadTask: One quotes rows, and the task does not allow that.
    """
    found = [_find(name) for name in dict.fromkeys(task.synthesis.strategies)]
    for strategy in found:
        if strategy.rows and not task.privacy.send_rows:
            raise BadTask(
                f"Strategy {strategy.name!r} quotes rows to the provider, and privacy.send_rows "
                "is false: set it to true in task.toml if that is allowed."
            )
    return found


def _find(name: str) -> Strategy:
    parts = [part.strip() for part in name.split("+")]
    for part in parts:
        if part not in STRATEGIES:
            raise UnknownName.among("strategy", part, STRATEGIES)
    strategy = STRATEGIES[parts[0]]
    for part in parts[1:]:
        strategy = strategy + STRATEGIES[part]
    return strategy
