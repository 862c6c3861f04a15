"""What a program's return value means, and the loop that asks it for every row.

A class name or alias (case and outer space aside) or a class index is a vote, None and -1
abstain. Anything else, True and 1.0 included, is an invalid return.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from . import wire

_SPELLINGS_LEARNT = 10_000
_UNSET = object()


class RowTimeout(BaseException):
    """Raised by the row timer; a BaseException so that `except Exception` lets it pass."""


class InvalidReturn(Exception):
    """A program returned what is no vote."""


class Ballot:
    """Cells for return values; exact types first, so that True never counts as class 1.

    Args:
        spellings: Case-folded accepted spellings to class indices.
        classes: Names in vote order, as users spell them.
    """

    def __init__(self, spellings: dict[str, int], classes: list[str]) -> None:
        self._spellings = spellings
        self._classes = classes
        first = wire.FIRST_CLASS
        indices = {i: i + first for i in range(len(classes))}
        self.tables: dict[type, dict[Any, int]] = {
            str: {word: i + first for word, i in spellings.items()},
            int: {**indices, -1: wire.ABSTAINED},
            type(None): {None: wire.ABSTAINED},
        }

    def cell(self, value: object) -> int:
        """The cell of one return value, remembered for spellings not met before.

        Raises:
            InvalidReturn: It is no vote; the message says what would be.
        """
        if isinstance(value, str):
            text = str.__str__(value)
            index = self._spellings.get(text.strip().casefold())
            if index is None:
                raise InvalidReturn(f"label() returned {_short(text)}, {self._expected()}")
            cell = index + wire.FIRST_CLASS
            learnt = self.tables[str]
            if type(value) is str and len(learnt) < _SPELLINGS_LEARNT:
                learnt[text] = cell
            return cell
        if isinstance(value, int) and not isinstance(value, bool):
            number = int.__index__(value)
            if number in self.tables[int]:
                return self.tables[int][number]
            raise InvalidReturn(f"label() returned {_short(number)}, {self._expected()}")
        if value is None:
            return wire.ABSTAINED
        # Never the value's own text: its __repr__ is the program's code.
        raise InvalidReturn(f"label() returned a {type(value).__name__}, {self._expected()}")

    def _expected(self) -> str:
        names = ", ".join(map(repr, self._classes[:12])) + (
            ", …" if len(self._classes) > 12 else ""
        )
        return f"which is no class. Return {names}, or None to abstain."


def _short(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 64:
        return "a huge number"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


@dataclass(slots=True)
class Position:
    """Where the loop is; the row timer reads it. -1 is the set-up before the first row."""

    row: int = wire.WHOLE_PROGRAM


class Recorder(Protocol):
    """Takes failures; returns whether the program may go on."""

    def failed(self, row: int, error: BaseException) -> bool:
        """Record one failed row."""


def ask_all(
    label: Callable[[Any], object],
    rows: list[Any],
    start: int,
    cells: Any,
    ballot: Ballot,
    recorder: Recorder,
    watch: Callable[[Callable[[], int]], None] = lambda _: None,
) -> bool:
    """Call `label` on rows[start:] and write a cell for each.

    Args:
        label: The program's function of one row.
        rows: What it is called with.
        start: First row to ask; later than 0 after a row that had to be killed.
        cells: (n,) writable int16, in place.
        ballot: Turns return values into cells.
        recorder: Told of every failure.
        watch: Receives a function that tells the row now running.

    Returns:
        Whether every row was asked.
    """
    tables = ballot.tables
    # Survives an exception: the next `for` goes on after the row that failed.
    remaining: Iterator[tuple[int, Any]] = enumerate(islice(rows, start, None), start)
    i = start
    value: object = _UNSET
    watch(lambda: i)
    while True:
        try:
            for i, row in remaining:
                value = _UNSET
                value = label(row)
                cells[i] = tables[type(value)][value]
        except BaseException as error:  # noqa: BLE001 - a program's failure is data
            if isinstance(error, KeyError) and value is not _UNSET:
                try:
                    cells[i] = ballot.cell(value)
                    continue
                except BaseException as refusal:  # noqa: BLE001
                    error = refusal
            if not recorder.failed(i, error):
                return False
        else:
            return True
