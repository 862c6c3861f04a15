"""A language-model service on this machine that speaks both wire formats and misbehaves on cue.

Each scenario has a path prefix of its own, decides by its own seed what happens to a request,
and keeps its own books: what it billed, and what it handed over whole.
"""

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

TROUBLES = (
    "throttled",
    "overloaded",
    "broken",
    "slow",
    "cut before",
    "cut after",
    "garbled",
    "misshapen",
    "refusal",
    "truncated",
    "same id",
)


@dataclass
class Scenario:
    """How one client is treated.

    Attributes:
        seed: Decides every misfortune.
        trouble: Share of requests that meet one.
        kinds: Which ones may happen.
        answer: The text of an answer, from the last user turn.
        echo_key: Repeat the client's key in everything said.
        billed: Tokens (input, output) of every answer that was computed, delivered or not.
        delivered: The same, by the text of the question, where the answer went out whole.
        happened: How often each thing happened.
    """

    seed: int = 0
    trouble: float = 0.0
    kinds: Sequence[str] = TROUBLES
    answer: Callable[[str], str] = "about {}".format
    echo_key: bool = False
    script: list[str] = field(default_factory=list)
    complaint: str = "no"
    name: str = ""
    billed: list[tuple[int, int]] = field(default_factory=list)
    delivered: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)
    requests: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def fate(self) -> str:
        """What happens to the next request."""
        if self.script:
            return self.script.pop(0)
        if self._random.random() < self.trouble:
            return self._random.choice(list(self.kinds))
        return "answered"

    def tokens(self) -> tuple[int, int]:
        """The size of the next answer; no larger than a short question and its limit allow."""
        return self._random.randint(5, 30), self._random.randint(1, 60)


class FakeServer:
    """The service; `url(name)` is the base_url of a scenario."""

    def __init__(self) -> None:
        self.scenarios: dict[str, Scenario] = {}
        self.port = 0

    def url(self, name: str, scenario: Scenario) -> str:
        """Register a scenario and return its OpenAI base_url."""
        self.scenarios[name] = scenario
        scenario.name = name
        return f"http://127.0.0.1:{self.port}/{name}/v1"

    async def start(self) -> asyncio.Server:
        """Listen on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {k.casefold(): v for k, _, v in (line.partition(": ") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        name, _, path = target.lstrip("/").partition("/")
        scenario = self.scenarios[name]
        key = headers.get("authorization", "").removeprefix("Bearer ") or headers.get(
            "x-api-key", ""
        )
        if path.endswith(("chat/completions", "v1/messages")) and method == "POST":
            return await self._complete(writer, scenario, path, json.loads(body), key)
        from tests.providers.batch_desk import answer_batch_call  # the slow desk: files and batches

        status, content = answer_batch_call(scenario, method, path, headers, body)
        await _send(writer, status, content)
        return True

    async def _complete(
        self,
        writer: asyncio.StreamWriter,
        scenario: Scenario,
        path: str,
        body: dict[str, Any],
        key: str,
    ) -> bool:
        scenario.requests.append(body)
        fate = scenario.fate()
        scenario.happened[fate] += 1
        said = scenario.complaint + (f"; your key is {key}" if scenario.echo_key else "")
        if fate in _REFUSED:
            status, extra = _REFUSED[fate]
            await _send(writer, status, {"error": {"message": said, "type": fate}}, extra)
            return True
        if fate == "cut before":
            return False
        question = body["messages"][-1]["content"]
        tokens = scenario.tokens()
        scenario.billed.append(tokens)
        if fate == "slow":
            await asyncio.sleep(30)
        make = chat_body if path.endswith("completions") else message_body
        text = scenario.answer(question) + (f" {key}" if scenario.echo_key else "")
        answer = json.dumps(make(text, body["model"], tokens, fate)).encode()
        if fate == "cut after":
            writer.write(_head(200, len(answer)) + answer[: len(answer) // 2])
            await writer.drain()
            return False
        if fate == "garbled":
            answer = answer[: len(answer) // 2]
        if fate == "misshapen":
            answer = b'{"object": "something else"}'
        if fate not in ("garbled", "misshapen"):
            scenario.delivered.setdefault(question, []).append(tokens)
        writer.write(_head(200, len(answer)) + answer)
        await writer.drain()
        return True


_REFUSED: dict[str, tuple[int, dict[str, str]]] = {
    "throttled": (429, {"retry-after": "0.005"}),
    "overloaded": (529, {"retry-after-ms": "3"}),
    "broken": (500, {}),
    "banned": (429, {"retry-after": "86400"}),
    "bad key": (401, {}),
    "bad request": (400, {}),
}


def chat_body(text: str, model: str, tokens: tuple[int, int], fate: str) -> dict[str, Any]:
    """A chat completion, as OpenAI and its kin send it."""
    refused = fate == "refusal"
    return {
        "id": "chatcmpl-same" if fate == "same id" else f"chatcmpl-{tokens}",
        "object": "chat.completion",
        "created": 1764000000,
        "model": f"{model}-2026",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None if refused else text,
                    "refusal": "I cannot." if refused else None,
                },
                "finish_reason": "length" if fate == "truncated" else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": tokens[0],
            "completion_tokens": tokens[1],
            "total_tokens": sum(tokens),
        },
    }


def message_body(text: str, model: str, tokens: tuple[int, int], fate: str) -> dict[str, Any]:
    """A message, as Anthropic sends it."""
    reason = {"refusal": "refusal", "truncated": "max_tokens"}.get(fate, "end_turn")
    return {
        "id": "msg_same" if fate == "same id" else f"msg_{tokens[0]}_{tokens[1]}",
        "type": "message",
        "role": "assistant",
        "model": f"{model}-2026",
        "content": [{"type": "text", "text": "I cannot." if fate == "refusal" else text}],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": tokens[0], "output_tokens": tokens[1]},
    }


def _head(status: int, length: int, extra: dict[str, str] | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} X", "content-type: application/json", f"content-length: {length}"]
    lines += [f"{name}: {value}" for name, value in (extra or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _send(
    writer: asyncio.StreamWriter, status: int, content: Any, extra: dict[str, str] | None = None
) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    writer.write(_head(status, len(body), extra) + body)
    await writer.drain()


@contextmanager
def serving() -> Iterator[FakeServer]:
    """The service in a thread of its own."""
    fake = FakeServer()
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(fake.start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:

        async def stop() -> None:
            server.close()
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
