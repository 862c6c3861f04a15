"""What a provider is opened with."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from alchemist.core.contracts import Provider


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What a provider may need to start.

    Attributes:
        base_url: Address of the server; for "replay" the recording's file or folder.
        base: Folder that relative paths start from.
        timeout_s: Seconds one answer may take.
        environ: Where keys are looked up; never printed.
    """

    base_url: str = ""
    base: Path = Path()
    timeout_s: float = 600.0
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)


@runtime_checkable
class OpenableProvider(Provider, Protocol):
    """A provider that opens itself from settings.

    Attributes:
        free: Its answers are never billed (a local server, a recording).
    """

    free: bool

    @classmethod
    def open(cls, settings: ProviderSettings) -> Self:
        """Start, or raise NoWayOn with a sentence that says what is missing."""
