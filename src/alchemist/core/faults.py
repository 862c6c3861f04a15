"""Faults: what programs failed at. A failure is data; an abstention is a choice.

Kinds: syntax · policy.<rule> · exception · timeout · memory · invalid_return ·
nondeterministic · security · crash · infra. Counts are exact; examples are capped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

EXAMPLES_KEPT = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure of one program.

    Attributes:
        program: The program's name.
        kind: See the module's list.
        message: A sentence a person or a model can act on.
        row: Id of the row, or None when the whole program failed.
        line: Line of the program's source, when known.
    """

    program: str
    kind: str
    message: str
    row: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Faults:
    """Exact counts per (program, kind) and at most EXAMPLES_KEPT examples of each."""

    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    examples: tuple[Fault, ...] = ()

    @classmethod
    def of(
        cls, faults: Iterable[Fault], counts: Mapping[tuple[str, str], int] | None = None
    ) -> "Faults":
        """Collect faults; counts given apart may exceed the examples handed in."""
        kept: list[Fault] = []
        seen: dict[tuple[str, str], int] = {}
        for fault in faults:
            key = (fault.program, fault.kind)
            seen[key] = seen.get(key, 0) + 1
            if seen[key] <= EXAMPLES_KEPT:
                kept.append(fault)
        return cls(dict(seen if counts is None else counts), tuple(kept))

    def __add__(self, other: "Faults") -> "Faults":
        counts = dict(self.counts)
        for key, count in other.counts.items():
            counts[key] = counts.get(key, 0) + count
        return Faults.of((*self.examples, *other.examples), counts)

    @property
    def total(self) -> int:
        """How many failures, all kinds and programs together."""
        return sum(self.counts.values())

    def of_program(self, name: str) -> "Faults":
        """The faults of one program alone."""
        return Faults(
            {key: count for key, count in self.counts.items() if key[0] == name},
            tuple(fault for fault in self.examples if fault.program == name),
        )
