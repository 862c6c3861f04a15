"""Opening a provider from the settings of a task, or saying which ways lead on without one."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from alchemist.core.contracts import Provider
from alchemist.core.errors import NoWayOn
from alchemist.core.progress import Progress
from alchemist.core.task import SynthesisSettings
from alchemist.providers import PROVIDERS
from alchemist.providers.prices import PriceTable
from alchemist.providers.runner import Runner, RunnerSettings
from alchemist.providers.settings import OpenableProvider, ProviderSettings

WAYS_ON = (
    "Ways on: a key (export OPENAI_API_KEY=…, and synthesis.model in task.toml); "
    'a local server (synthesis.base_url = "http://localhost:11434/v1"); '
    "answers pasted from a chat window (alchemist prompts export, then alchemist programs "
    "import); programs from 20 or more rows whose class is known, without any model (alchemist "
    "induce); or programs of your own in programs/."
)


def open_provider(
    name: str, *, base_url: str = "", base: Path = Path(), environ: Mapping[str, str] | None = None
) -> Provider:
    """Open one provider by name.

    Args:
        name: As in task.toml.
        base_url: The server's address; for "replay" the recording.
        base: Folder that relative paths start from.
        environ: Where keys are looked up; the process's environment unless given.

    Raises:
        UnknownName: There is no such provider.
        NoWayOn: It lacks a key or a recording.
    """
    provider = cast("type[OpenableProvider]", PROVIDERS.load(name))
    settings = ProviderSettings(base_url, base, environ=os.environ if environ is None else environ)
    if not hasattr(provider, "open"):
        raise NoWayOn(f"Provider {name!r} cannot be opened from task.toml; pass it from Python.")
    return provider.open(settings)


def open_runner(
    synthesis: SynthesisSettings,
    *,
    base: Path,
    inner: Path,
    max_cost_usd: float | None = None,
    prices: PriceTable | None = None,
    progress: Progress | None = None,
    environ: Mapping[str, str] | None = None,
    provider: Provider | None = None,
) -> Runner:
    """Open the runner a task asks with.

    Args:
        synthesis: Which provider and model, and whose price.
        base: The workspace's folder.
        inner: Its folder for calls/ and ledger.jsonl.
        max_cost_usd: The wall, None for none.
        prices: The user's prices.
        progress: Who hears about cache hits and counts.
        environ: Where keys are looked up.
        provider: One made in Python, used in place of the named one.

    Raises:
        NoWayOn: There is no provider, key, model or recording; the message names the ways on.
    """
    if provider is None:
        try:
            provider = open_provider(
                synthesis.provider, base_url=synthesis.base_url, base=base, environ=environ
            )
        except NoWayOn as error:
            raise NoWayOn(f"{error} {WAYS_ON}") from None
        if not synthesis.model and synthesis.provider != "replay":
            raise NoWayOn(f"synthesis.model is empty: name the model to ask. {WAYS_ON}")
    settings = RunnerSettings(
        provider=synthesis.provider,
        calls=inner / "calls",
        ledger=inner / "ledger.jsonl",
        sent=inner / "sent.jsonl",
        max_cost_usd=max_cost_usd,
        price_as=synthesis.price_as,
        free=bool(getattr(provider, "free", False)),
    )
    return Runner(provider, settings, prices=prices, progress=progress)


def ready_to_ask(
    synthesis: SynthesisSettings, *, base: Path, environ: Mapping[str, str] | None = None
) -> NoWayOn | None:
    """Why nothing can be asked, or None: lets a run stop before synthesis begins."""
    try:
        open_runner(synthesis, base=base, inner=base / ".alchemist", environ=environ)
    except NoWayOn as error:
        return error
    return None
