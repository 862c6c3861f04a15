"""Progress: how a long stage tells a person where it is, without knowing who listens."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Bar(Protocol):
    """One running count."""

    def advance(self, amount: int) -> None:
        """Count on."""


class Progress(Protocol):
    """Where stages report what they do; the command line draws bars, tests draw nothing."""

    def bar(self, title: str, total: int | None) -> AbstractContextManager[Bar]:
        """Open a bar; total is None when it is not known beforehand."""

    def say(self, sentence: str) -> None:
        """Tell one thing worth knowing now, such as a stage that was skipped."""


class _NoBar:
    def advance(self, amount: int) -> None:
        """Count nothing."""


class Silent:
    """Progress for callers who did not ask for any."""

    @contextmanager
    def bar(self, title: str, total: int | None) -> Iterator[Bar]:
        """Open a bar nobody sees."""
        yield _NoBar()

    def say(self, sentence: str) -> None:
        """Say nothing."""
