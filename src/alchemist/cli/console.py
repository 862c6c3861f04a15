"""Console: results to stdout, progress and remarks to stderr.

--json prints one JSON document and nothing else; --quiet leaves remarks out; NO_COLOR and a
pipe turn colours off.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any, Literal

from rich.console import Console as RichConsole
from rich.table import Table

from alchemist.core.progress import Bar

# 0.71 [0.64–0.77], 1,234, +0.5, 12.5%, 3–4, – or nothing at all.
_NUMBER = re.compile(r"[\d.,%+\[\]–\s-]*$")


class Console:
    """Where a command writes; also the Progress that stages report to."""

    def __init__(
        self, *, quiet: bool = False, as_json: bool = False, verbose: bool = False
    ) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.as_json = as_json
        # A pipe has no width: tables keep their shape for whoever reads the file.
        width = None if sys.stdout.isatty() else 110
        self._out = RichConsole(width=width, highlight=False, soft_wrap=True)
        self._err = RichConsole(stderr=True, highlight=False, soft_wrap=True)

    def tell(self, text: str = "") -> None:
        """A line of results."""
        if not self.as_json:
            self._out.print(text, markup=False)

    def say(self, sentence: str) -> None:
        """A remark on what is going on."""
        if not self.quiet:
            self._err.print(sentence, markup=False)

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table; columns of numbers are aligned right."""
        if self.as_json:
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for index, header in enumerate(headers):
            numbers = all(_NUMBER.match(row[index]) for row in rows)
            justify: Literal["left", "right"] = "right" if numbers else "left"
            table.add_column(header, justify=justify, overflow="fold", no_wrap=index == 0)
        for row in rows:
            table.add_row(*(_plain(cell) for cell in row))
        self._out.print(table)

    def document(self, value: Any) -> None:
        """The JSON document of a reporting command, when --json asks for it."""
        if self.as_json:
            print(json.dumps(_jsonable(value), indent=1, ensure_ascii=False))

    @contextmanager
    def bar(self, title: str, total: int | None) -> Iterator[Bar]:
        """A progress bar on stderr, where there is a person to see it."""
        if self.quiet or not self._err.is_terminal:
            yield _NoBar()
            return
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._err, transient=True) as progress:
            yield _RichBar(progress, progress.add_task(title, total=total))


class _NoBar:
    def advance(self, amount: int) -> None:
        """Nobody looks."""


class _RichBar:
    def __init__(self, progress: Any, task: Any) -> None:
        self._progress = progress
        self._task = task

    def advance(self, amount: int) -> None:
        self._progress.advance(self._task, amount)


def _plain(cell: str) -> Any:
    from rich.text import Text

    return Text(cell)


def _jsonable(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _jsonable(asdict(value))
    if isinstance(value, dict):
        return {
            str(key) if not isinstance(key, tuple) else " ".join(map(str, key)): _jsonable(v)
            for key, v in value.items()
        }
    if isinstance(value, list | tuple):
        return [_jsonable(one) for one in value]
    if hasattr(value, "item"):
        return value.item()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
