"""One locked-down process: one program over the rows of one chunk.

Nothing here may fall back into the zygote: every way out is os._exit.
"""

import gc
import marshal
import os
import signal
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from . import audit, wire
from .ballot import Ballot, InvalidReturn, RowTimeout, ask_all

ENTRY = "label"
_EXAMPLES = 100
ROWS_BEFORE_STOPPING = 200


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one child is to do.

    Attributes:
        code: The compiled program, marshalled.
        rows: One object per row.
        start: First row to ask.
        keywords: Rows are dictionaries of keyword arguments.
        limits: row_s, hard_s, memory, strikes, max_failed_share.
        strikes: Timeouts, memory failures and crashes that killed earlier children.
        modules: The program's stand-in modules; None leaves the language wall out.
        builtins: The program's builtins.
        audited: Whether the audit wall stands.
    """

    code: bytes
    rows: list[Any]
    start: int
    keywords: bool
    limits: dict[str, Any]
    strikes: int
    ballot: Ballot
    builtins: dict[str, Any]
    modules: dict[str, types.ModuleType]
    audited: bool


class Slot:
    """A program's piece of shared memory, as its child writes it."""

    def __init__(self, view: memoryview, rows: int) -> None:
        self.words = view[: wire.LOG_START].cast("q")
        self.header = view[: wire.HEADER]
        self.cells = view[wire.HEADER : wire.HEADER + 2 * rows].cast("h")

    def log(self, row: int, line: int, cell: int, message: str) -> None:
        """Append one record; a full header drops it, since the cells still count it."""
        printable = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in message)
        text = printable[: wire.MESSAGE_CHARS].encode("utf-8", "replace")
        at = self.words[wire.LOG_END] or wire.LOG_START
        end = at + wire.RECORD.size + len(text)
        if at >= wire.LOG_START and end <= wire.HEADER:
            wire.RECORD.pack_into(self.header, at, row, line, cell, len(text))
            self.header[at + wire.RECORD.size : end] = text
            self.words[wire.LOG_END] = end


class Recorder:
    """Failures of one program: cells, examples, strikes."""

    def __init__(self, slot: Slot, task: Assignment, switch: Callable[[bool], None]) -> None:
        self._slot = slot
        self._limits = task.limits
        self._switch = switch
        self._asked_from = task.start
        self._counts: dict[int, int] = {}
        self._strikes = task.strikes

    def failed(self, row: int, error: BaseException) -> bool:
        """Record one failed row; False when the program has used up its strikes."""
        self._switch(False)
        # The row is marked before the error is asked for its text, which may hang.
        cell = self._slot.cells[row] = cell_of(error)
        sentence = self._sentence(error)
        if sentence is None:
            cell = self._slot.cells[row] = wire.INVALID_RETURN
            sentence = "label() raised an error whose text cannot be made"
            self._strikes += 1
        count = self._counts[cell] = self._counts.get(cell, 0) + 1
        if count <= _EXAMPLES:
            self._slot.log(row, line_of(error), cell, sentence)
        stop = self._verdict(row, cell, sentence)
        if stop:
            self._slot.log(wire.WHOLE_PROGRAM, line_of(error), cell, stop)
            return False
        self._switch(True)
        return True

    def _verdict(self, row: int, cell: int, sentence: str) -> str:
        if cell == wire.SECURITY:
            return f"stopped for good: {sentence}"
        if cell in (wire.TIMEOUT, wire.MEMORY):
            self._strikes += 1
        if self._strikes >= self._limits["strikes"]:
            return f"stopped after {self._strikes} rows ran out of time or memory"
        asked, failed = row + 1 - self._asked_from, sum(self._counts.values())
        if asked >= ROWS_BEFORE_STOPPING and failed > self._limits["max_failed_share"] * asked:
            return f"stopped after failing on {failed} of {asked} rows, last with: {sentence}"
        return ""

    def _sentence(self, error: BaseException) -> str | None:
        if isinstance(error, RowTimeout):
            return f"the row took more than {self._limits['row_s']:g} s of processor time"
        if isinstance(error, MemoryError):
            return f"the row needed more than {self._limits['memory'] >> 20} MB"
        return describe(error)


def describe(error: BaseException) -> str | None:
    """An error in words; None where its own text, which is the program's code, cannot be had."""
    if isinstance(error, InvalidReturn | audit.Forbidden):
        return str(error)
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001
        return None
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def run(task: Assignment, slot: Slot, seal: Callable[[], str]) -> NoReturn:
    """Run the program and end the process.

    Args:
        task: What to do.
        slot: Where the votes go.
        seal: Raises the last wall; called before a single line of the program runs.
    """
    try:
        _run(task, slot, seal)
        os._exit(wire.EXIT_OK)
    except MemoryError:
        os._exit(wire.EXIT_MEMORY)
    except RowTimeout:
        # The timer fired inside our own handling of a failure.
        os._exit(wire.EXIT_TIMEOUT)
    finally:
        os._exit(wire.EXIT_OURS)


def _run(task: Assignment, slot: Slot, seal: Callable[[], str]) -> None:
    words = slot.words
    words[wire.PHASE], words[wire.ROW] = wire.SETTING_UP, wire.WHOLE_PROGRAM
    timer = _RowTimer(task.limits, words)
    switch = audit.arm() if task.audited else lambda _on: None
    module = types.ModuleType("program")
    sys.modules["program"] = module
    names = module.__dict__
    names["__builtins__"] = task.builtins
    names["<modules>"] = task.modules
    trouble = seal()
    if trouble != "ok":
        slot.log(wire.WHOLE_PROGRAM, 0, wire.CRASH, f"the sandbox could not be sealed: {trouble}")
        os._exit(wire.EXIT_OURS)
    recorder = Recorder(slot, task, switch)
    label = _set_up(task, slot, names, switch)
    words[wire.PHASE] = wire.RUNNING
    finished = ask_all(label, task.rows, task.start, slot.cells, task.ballot, recorder, timer.watch)
    words[wire.PHASE] = wire.DONE if finished else wire.STOPPED


def _set_up(
    task: Assignment, slot: Slot, names: dict[str, Any], switch: Callable[[bool], None]
) -> Callable[[Any], object]:
    try:
        code = marshal.loads(task.code)  # noqa: S302 - compiled by our own parent process
        gc.enable()
        switch(True)
        exec(code, names)  # noqa: S102 - what this process exists for
        label: Callable[[Any], object] = names[ENTRY]
    except BaseException as error:  # noqa: BLE001
        switch(False)
        slot.words[wire.PHASE] = wire.BROKEN
        cell, line = cell_of(error), line_of(error)
        message = "setting up took too long" if cell == wire.TIMEOUT else describe(error)
        slot.log(wire.WHOLE_PROGRAM, line, cell, message or type(error).__name__)
        os._exit(wire.EXIT_OK)
    return by_keyword(label) if task.keywords else label


def by_keyword(label: Callable[..., object]) -> Callable[[Any], object]:
    """The function of one row that passes its inputs by name."""
    return lambda row: label(**row)


class _RowTimer:
    """Ticks on this process's CPU clock and ends a row that two ticks found running.

    A tick also writes the row down, which is the heartbeat the zygote watches.
    """

    def __init__(self, limits: dict[str, Any], words: memoryview) -> None:
        tick_s = limits["row_s"] / 2
        self._words = words
        self._set_up_ticks = max(2, round(limits["hard_s"] / tick_s))
        self._where: Callable[[], int] = lambda: wire.WHOLE_PROGRAM
        self._last, self._same = wire.WHOLE_PROGRAM, 0
        signal.signal(signal.SIGPROF, self._tick)
        signal.setitimer(signal.ITIMER_PROF, tick_s, tick_s)

    def watch(self, where: Callable[[], int]) -> None:
        """Ask `where` for the running row from now on."""
        self._where = where

    def _tick(self, _signal: int, _frame: object) -> None:
        row = self._where()
        self._words[wire.ROW] = row
        if row != self._last:
            self._last, self._same = row, 0
            return
        self._same += 1
        if self._same >= (self._set_up_ticks if row == wire.WHOLE_PROGRAM else 2):
            self._same = 0
            raise RowTimeout


def cell_of(error: BaseException) -> int:
    """The failure code of an error."""
    if isinstance(error, RowTimeout):
        return wire.TIMEOUT
    if isinstance(error, MemoryError):
        return wire.MEMORY
    if isinstance(error, InvalidReturn):
        return wire.INVALID_RETURN
    if isinstance(error, audit.Forbidden):
        return wire.SECURITY
    return wire.EXCEPTION


def line_of(error: BaseException) -> int:
    """The innermost line of the program that an error passed through, or 0."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<program>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
