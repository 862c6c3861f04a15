"""A thousand runs against a service in trouble: nothing paid for is lost, the wall holds.

Every run asks a dozen questions, eight at a time, of a service that throttles, breaks, stalls,
cuts connections before and after answering, garbles, refuses, truncates and repeats ids; then
once more of the same service in good health, which is how a user goes on.
"""

import asyncio
import json
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alchemist.core.errors import OverBudget
from alchemist.core.exchange import Message, Request
from alchemist.providers.anthropic import Anthropic
from alchemist.providers.failures import CallFailed
from alchemist.providers.ledger import Ledger
from alchemist.providers.openai import OpenAI
from alchemist.providers.prices import OwnPrice, PriceTable
from alchemist.providers.runner import Call, Runner, RunnerSettings
from tests.providers.fake_server import TROUBLES, FakeServer, Scenario

PRICES = PriceTable({"m": OwnPrice(1e6, 1e6)})
QUESTIONS = 12
MOST_OUT = 60


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in memory, and no waiting for a disk: the order of writes is what is tested."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    base = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=base if base.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


def questions(seed: int) -> list[Request]:
    return [
        Request((Message("user", f"{seed}-{n}"),), "m", max_tokens=MOST_OUT)
        for n in range(QUESTIONS)
    ]


def bound(request: Request) -> int:
    """The most a call can cost at a dollar a token."""
    return len(request.messages[0].content) + 32 + MOST_OUT


def settings(folder: Path, wall: float | None) -> RunnerSettings:
    return RunnerSettings(
        provider="fake",
        calls=folder / "calls",
        ledger=folder / "ledger.jsonl",
        max_cost_usd=wall,
        concurrency=8,
        attempts=3,
        timeout_s=0.5,
        first_pause_s=0.002,
        longest_wait_s=1.0,
    )


async def storm(server: FakeServer, kind: type[Any], folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    # The wall sometimes stands in the way, sometimes not.
    wall = float(rng.choice([300, 900, 100_000, 100_000]))
    scenario = Scenario(seed=seed, trouble=rng.choice([0.2, 0.5, 0.8]))
    provider = kind(server.url(f"storm-{kind.__name__}-{seed}", scenario), None, 5.0)
    provider._open_client()  # importing an SDK takes a second, which is no trouble of the service's
    asked = questions(seed)
    rough = await Runner(provider, settings(folder, wall), prices=PRICES).ask(asked)
    check(rough, folder, scenario, wall)

    scenario.trouble = 0.0
    patient = replace(settings(folder, None), timeout_s=30.0, attempts=6)
    resumed = Runner(provider, patient, prices=PRICES)
    calm = await resumed.ask(asked)
    check(calm, folder, scenario, None)
    assert all(call.reply is not None for call in calm)
    for before, after in zip(rough, calm, strict=True):
        if before.reply is not None:
            assert after.cached
            assert after.reply == before.reply


def check(calls: tuple[Call, ...], folder: Path, scenario: Scenario, wall: float | None) -> None:
    entries = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
    last = {entry["call"]: entry for entry in entries if not entry["cached"]}
    answered = [entry for entry in last.values() if entry["outcome"] == "answered"]
    kept = {path.stem for path in (folder / "calls").glob("*.json")}

    for call in calls:
        assert (call.reply is None) == isinstance(call.error, CallFailed | OverBudget)
        assert (call.reply is not None) == (call.request.hash in kept)
    # The ledger says of every answer that arrived what the server says of it.
    for call in calls:
        text = call.request.messages[0].content
        mine = [e for e in answered if e["call"].partition("#")[0] == call.request.hash]
        assert len(mine) == (call.reply is not None)
        for entry in mine:
            tokens = (entry["input_tokens"], entry["output_tokens"])
            assert tokens in scenario.delivered[text]
            assert entry["price_usd"] == pytest.approx(sum(tokens))
    # Whatever the server billed is spent or held back: lost answers are not forgotten.
    standing = Ledger(folder / "ledger.jsonl").standing()
    billed = sum(map(sum, scenario.billed))
    assert billed <= standing.spent_usd + standing.reserved_usd + 1e-6
    assert all(entry["reserved_usd"] >= MOST_OUT for entry in last.values())
    if wall is not None:
        high = worst(entries)
        assert high <= wall + 1e-6


def worst(entries: list[dict[str, object]]) -> float:
    """The most that was ever spent and held back together, by replaying the ledger."""
    held: dict[object, float] = {}
    most = 0.0
    for entry in entries:
        if entry["cached"]:
            continue
        amount = {"answered": entry["price_usd"], "released": 0.0}.get(
            str(entry["outcome"]), entry["reserved_usd"]
        )
        held[entry["call"]] = float(amount)  # type: ignore[arg-type]
        most = max(most, sum(held.values()))
    return most


async def storms(server: FakeServer, kind: type[Any], folder: Path, seeds: range) -> None:
    gate = asyncio.Semaphore(4)

    async def one(seed: int) -> None:
        async with gate:
            await storm(server, kind, folder / str(seed), seed)

    await asyncio.gather(*(one(seed) for seed in seeds))


KINDS = [
    pytest.param(OpenAI, id="chat completions"),
    pytest.param(Anthropic, id="messages", marks=pytest.mark.extra("anthropic")),
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_twenty_storms(server: FakeServer, kind: type[Any], memory: Path) -> None:
    asyncio.run(storms(server, kind, memory, range(20)))
    assert sum(count_troubles(server).values()) > 50


@pytest.mark.stress
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_storms(server: FakeServer, kind: type[Any], memory: Path) -> None:
    asyncio.run(storms(server, kind, memory, range(1000)))
    happened = count_troubles(server)
    assert min(happened[name] for name in TROUBLES) > 100


def count_troubles(server: FakeServer) -> Counter[str]:
    """How often each misfortune struck, over all scenarios so far."""
    happened: Counter[str] = Counter()
    for scenario in server.scenarios.values():
        happened.update(scenario.happened)
    happened.pop("answered", None)
    return happened
