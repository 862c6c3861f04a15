"""The promises every provider keeps. Plug-in authors run these too.

Each check takes a Bench: a provider at work, one in trouble, and a request it can answer. It
raises AssertionError when a promise is broken.
"""

import asyncio
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from alchemist.core.contracts import Provider
from alchemist.core.errors import ProviderError
from alchemist.core.exchange import Message, Reply, Request


@dataclass(frozen=True, slots=True)
class Bench:
    """A provider to try.

    Attributes:
        make: Opens one that answers.
        requests: At least two different requests it can answer.
        broken: Opens one that fails at every request, if it can be arranged.
        key: The key both were opened with, if any.
    """

    make: Callable[[], Provider]
    requests: tuple[Request, ...]
    broken: Callable[[], Provider] | None = None
    key: str = field(default="", repr=False)


Check = Callable[[Bench], None]


def check_answers_are_replies(bench: Bench) -> None:
    """An answer is text with a finish reason, and billed tokens are counts or absent."""
    (reply,) = asyncio.run(_answers(bench.make(), bench.requests[:1]))
    _require(isinstance(reply, Reply), f"complete returned {type(reply).__name__}")
    _require(isinstance(reply.text, str), "the text is no str")
    _require(bool(reply.finish_reason), "the finish reason is empty")
    usage = reply.usage
    _require(
        usage is None or min(usage.input_tokens, usage.output_tokens) >= 0,
        "a token count is negative",
    )


def check_calls_side_by_side(bench: Bench) -> None:
    """Requests asked at once get the answers they get one by one."""

    async def both() -> tuple[list[Reply], list[Reply]]:
        provider = bench.make()
        one_by_one = [await provider.complete(request) for request in bench.requests]
        return one_by_one, await _answers(provider, bench.requests)

    one_by_one, at_once = asyncio.run(both())
    texts = [reply.text for reply in one_by_one]
    _require([reply.text for reply in at_once] == texts, "answers asked at once got mixed up")
    _require(len(set(texts)) > 1, "different requests got one answer; the bench proves nothing")


def check_a_second_event_loop(bench: Bench) -> None:
    """After its connections are closed a provider answers again, in another event loop."""
    provider = bench.make()

    first, second = (asyncio.run(_answers(provider, bench.requests[:1])) for _ in range(2))
    same = first[0].text == second[0].text
    _require(same, "a second event loop got another answer")


def check_failures_are_provider_errors(bench: Bench) -> None:
    """A failure is a ProviderError with a sentence, whose traceback shows no key."""
    if bench.broken is None:
        return
    provider = bench.broken()
    try:
        asyncio.run(_answers(provider, bench.requests[:1]))
    except ProviderError as error:
        _require(bool(str(error)), "the error says nothing")
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        _require(
            not bench.key or bench.key not in "".join(told.format()), "the error shows the key"
        )
        return
    raise AssertionError("a provider in trouble answered")


def check_key_is_hidden(bench: Bench) -> None:
    """Neither the provider nor what it holds prints its key."""
    provider = bench.make()
    shown = f"{provider!r} {getattr(provider, '__dict__', '')!r}"
    _require(not bench.key or bench.key not in shown, "the provider prints its key")


def check_long_and_odd_texts(bench: Bench) -> None:
    """Whatever a prompt holds, the outcome is a Reply or a ProviderError."""
    odd = ("", "\x00", "\ud800", "ß漢🚲", "x" * 200_000, '"}]\n{"')
    for text in odd:
        request = replace(bench.requests[0], messages=(Message("user", text),))
        try:
            (reply,) = asyncio.run(_answers(bench.make(), [request]))
        except ProviderError:
            continue
        _require(isinstance(reply, Reply), f"a prompt of {text[:5]!r} gave no Reply")


async def _answers(provider: Provider, requests: Sequence[Request]) -> list[Reply]:
    """Ask all at once, then close the provider's connections."""
    try:
        return list(await asyncio.gather(*(provider.complete(r) for r in requests)))
    finally:
        close = getattr(provider, "close", None)
        if close is not None:
            await close()


def _require(holds: bool, complaint: str) -> None:
    if not holds:
        raise AssertionError(complaint)


PROVIDER_CHECKS: tuple[Check, ...] = (
    check_answers_are_replies,
    check_calls_side_by_side,
    check_a_second_event_loop,
    check_failures_are_provider_errors,
    check_key_is_hidden,
    check_long_and_odd_texts,
)
