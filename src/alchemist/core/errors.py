"""Every error a caller can meet.

AlchemistError
├── InputError              the caller can fix it
│   ├── BadTask                 task.toml, or what it says, does not hold together
│   ├── BadRows                 the data file, or one of its rows
│   ├── BadProgram              a program file that cannot be used
│   ├── BadAnswers              an answers file that cannot be read
│   ├── BadVotes                a vote matrix that breaks its own rules
│   ├── BadConcepts             concepts.toml, or what it says, does not hold together
│   ├── BadModel                a local model folder that cannot be used
│   ├── UnknownName             no such label model, engine, provider …
│   ├── MissingExtra            known, but its optional packages are not installed
│   └── NotReady                an earlier stage has to run first
├── ProviderError           a language-model service did not answer as it should
│   ├── NoWayOn                 no provider, no key, no recorded answer: names the ways on
│   ├── StaleRecording          a recording holds no answer to this exact request
│   └── OverBudget              the next call could pass the cost limit
├── SandboxError            programs cannot be run safely here
└── StoreError              the workspace on disk
    ├── Locked                  another command is at work in it
    └── WrongVersion            made by a newer Alchemist

Anything else that escapes is a bug of ours and keeps its traceback. A program's own
failure is never an exception here: it is a Fault (see core.faults).
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Self


class AlchemistError(Exception):
    """Base of every error Alchemist raises on purpose; the message is one clear sentence."""


class InputError(AlchemistError, ValueError):
    """Something the caller passed in; the message says what to change."""


class BadTask(InputError):
    """task.toml, or what it says, does not hold together."""


class BadRows(InputError):
    """The data file, or one of its rows."""


class BadProgram(InputError):
    """A program file that cannot be used."""


class BadAnswers(InputError):
    """An answers file that cannot be read."""


class BadVotes(InputError):
    """A vote matrix that breaks its own rules."""


class BadConcepts(InputError):
    """concepts.toml, or what it says, does not hold together."""


class BadModel(InputError):
    """A local model folder that cannot be used."""


class UnknownName(InputError):
    """No entry of that kind has this name."""

    # Named constructors leave __init__ with the message alone, so that an error raised
    # in a worker process survives pickling on its way home.
    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str]) -> Self:
        """Build the message from the names that do exist."""
        return cls(f"There is no {kind} called {name!r}. {nearest_hint(name, known)}")


class MissingExtra(InputError):
    """Known, but its optional packages are not installed."""

    @classmethod
    def needed_by(cls, kind: str, name: str, extra: str) -> Self:
        """Build the message with the command that installs the extra."""
        return cls(
            f"The {kind} {name!r} needs optional packages: pip install 'alchemist-label[{extra}]'."
        )


class NotReady(InputError):
    """An earlier stage has to run first."""


class ProviderError(AlchemistError):
    """A language-model service did not answer as it should."""


class NoWayOn(ProviderError):
    """No provider, no key, no recorded answer; the message names the ways on."""


class StaleRecording(ProviderError):
    """A recording holds no answer to this exact request."""


class OverBudget(ProviderError):
    """The next call could pass the cost limit."""


class SandboxError(AlchemistError):
    """Programs cannot be run safely here."""


class StoreError(AlchemistError):
    """The workspace on disk."""


class Locked(StoreError):
    """Another command is at work in the workspace."""


class WrongVersion(StoreError):
    """The workspace was made by a newer Alchemist."""


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """Say which known name is meant, or list them: the end of an error sentence."""
    known = sorted(known)
    # Case never matters to a reader who asks what was meant.
    by_fold = {k.casefold(): k for k in known}
    near = get_close_matches(name.casefold(), by_fold, n=1)
    return f"Did you mean {by_fold[near[0]]!r}?" if near else f"Known: {', '.join(known)}."
