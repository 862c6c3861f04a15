"""Every provider keeps its promises, and the kit catches those that do not."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alchemist.core.exchange import Message, Reply, Request
from alchemist.core.wire import batch_line
from alchemist.providers import PROVIDERS
from alchemist.providers.opening import open_provider
from alchemist.providers.scripted import Function
from alchemist.testing.provider import (
    PROVIDER_CHECKS,
    Bench,
    Check,
    check_a_second_event_loop,
    check_answers_are_replies,
    check_calls_side_by_side,
    check_failures_are_provider_errors,
    check_key_is_hidden,
)
from tests.providers.fake_server import FakeServer, Scenario, serving

KEY = "sk-planted-1717"
REQUESTS = tuple(Request((Message("user", text),), "m", max_tokens=50) for text in ("a", "b", "c"))
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


def bench(name: str, server: FakeServer, folder: Path) -> Bench:
    if name == "replay":
        return replay_bench(folder)
    environ = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}
    good = server.url(f"good-{next(NUMBERS)}", Scenario(echo_key=True))
    bad = server.url(f"bad-{next(NUMBERS)}", Scenario(trouble=1, kinds=["bad key"], echo_key=True))
    return Bench(
        make=lambda: open_provider(name, base_url=good, environ=environ),
        requests=REQUESTS,
        broken=lambda: open_provider(name, base_url=bad, environ=environ),
        key=KEY,
    )


def replay_bench(folder: Path) -> Bench:
    lines = []
    for request in REQUESTS:
        text = request.messages[0].content
        lines.append({"custom_id": text, "text": f"answer {text}"})
        lines.append(batch_line(text, request))
    (folder / "all.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (folder / "none.jsonl").write_text("")
    return Bench(
        make=lambda: open_provider("replay", base_url="all.jsonl", base=folder),
        requests=REQUESTS,
        broken=lambda: open_provider("replay", base_url="none.jsonl", base=folder),
    )


NAMES = [
    pytest.param(name, marks=[pytest.mark.extra(entry.extra)] if entry.extra else [])
    for name, entry in PROVIDERS.ours.items()
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", PROVIDER_CHECKS, ids=lambda check: check.__name__)
def test_every_provider_keeps_its_promises(
    name: str, check: Check, server: FakeServer, tmp_path: Path
) -> None:
    check(bench(name, server, tmp_path))


@pytest.mark.parametrize("check", PROVIDER_CHECKS, ids=lambda check: check.__name__)
def test_a_callable_keeps_them_too(check: Check) -> None:
    def answer(request: Request) -> str:
        return request.messages[0].content.upper()

    check(Bench(make=lambda: Function(answer), requests=REQUESTS))


class Shouting(Function):
    """Says its key when printed, and when it fails."""

    def __init__(self) -> None:
        super().__init__(lambda request: "yes")
        self.key = KEY

    async def complete(self, request: Request) -> Reply:
        from alchemist.core.errors import ProviderError

        raise ProviderError(f"{self.key} is no good")


class Forgetful(Function):
    """Answers with what was asked last."""

    def __init__(self) -> None:
        super().__init__(lambda request: "")
        self.last = ""

    async def complete(self, request: Request) -> Reply:
        self.last = request.messages[0].content
        await asyncio.sleep(0.001)
        return Reply(self.last)


class OneLoop(Function):
    """Holds on to the first event loop it meets."""

    def __init__(self) -> None:
        super().__init__(lambda request: "yes")
        self.loop: object = None

    async def complete(self, request: Request) -> Reply:
        loop = asyncio.get_running_loop()
        self.loop = self.loop or loop
        return Reply(str(self.loop is loop))


class Bare(Function):
    """Returns a bare string."""

    def __init__(self) -> None:
        super().__init__(lambda request: "")

    async def complete(self, request: Request) -> Reply:
        return request.messages[0].content  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("make", "check"),
    [
        pytest.param(Forgetful, check_calls_side_by_side, id="mixes up answers"),
        pytest.param(OneLoop, check_a_second_event_loop, id="works in one loop only"),
        pytest.param(Shouting, check_key_is_hidden, id="prints its key"),
        pytest.param(Shouting, check_failures_are_provider_errors, id="fails with its key"),
        pytest.param(Bare, check_answers_are_replies, id="returns no Reply"),
        pytest.param(
            lambda: Function(lambda request: "same"), check_calls_side_by_side, id="says one thing"
        ),
        pytest.param(
            lambda: Function(lambda request: "fine"),
            check_failures_are_provider_errors,
            id="hides trouble",
        ),
    ],
)
def test_the_kit_catches(make: Callable[[], Function], check: Check) -> None:
    broken = Bench(make=make, requests=REQUESTS, key=KEY)
    with pytest.raises(AssertionError):
        check(replace(broken, broken=make))
