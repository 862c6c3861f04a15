"""openai: every way an answer can fail to come, told apart over a real connection."""

import asyncio
import logging
from pathlib import Path

import pytest

from alchemist.core.errors import NoWayOn
from alchemist.core.exchange import Message, Request, Usage
from alchemist.core.task import SynthesisSettings
from alchemist.providers.failures import (
    CallFailed,
    NotSent,
    Rejected,
    ServerTrouble,
    Throttled,
    Unclear,
)
from alchemist.providers.openai import OpenAI
from alchemist.providers.opening import open_runner, ready_to_ask
from alchemist.providers.settings import ProviderSettings
from tests.providers.fake_server import FakeServer, Scenario

KEY = "sk-planted-4242"
ASK = Request((Message("system", "Be brief."), Message("user", "the weather")), model="m")


def provider(url: str, timeout_s: float = 5, **environ: str) -> OpenAI:
    return OpenAI.open(ProviderSettings(url, timeout_s=timeout_s, environ=environ))


def complete(one: OpenAI, request: Request = ASK) -> object:
    async def once() -> object:
        try:
            return await one.complete(request)
        except CallFailed as failure:
            return failure
        finally:
            await one.close()

    return asyncio.run(once())


def test_an_answer_brings_text_model_and_billed_tokens(server: FakeServer) -> None:
    scenario = Scenario()
    reply = complete(provider(server.url("plain", scenario)))
    assert reply.text == "about the weather"
    assert reply.model == "m-2026"
    assert reply.usage == Usage(*scenario.billed[0])
    assert [m["role"] for m in scenario.requests[0]["messages"]] == ["system", "user"]


@pytest.mark.parametrize(
    ("fate", "kind"),
    [
        ("throttled", Throttled),
        ("overloaded", Throttled),
        ("broken", ServerTrouble),
        ("bad key", Rejected),
        ("bad request", Rejected),
        ("cut before", Unclear),
        ("cut after", Unclear),
        ("garbled", Unclear),
        ("misshapen", Unclear),
    ],
)
def test_each_misfortune_is_told_apart(
    server: FakeServer, fate: str, kind: type[CallFailed]
) -> None:
    url = server.url(f"fate-{fate.replace(' ', '-')}", Scenario(script=[fate]))
    assert type(complete(provider(url))) is kind


def test_slow_servers_time_out(server: FakeServer) -> None:
    outcome = complete(provider(server.url("slow", Scenario(script=["slow"])), timeout_s=0.1))
    assert isinstance(outcome, Unclear)


def test_an_absent_server_was_never_sent_anything() -> None:
    outcome = complete(provider("http://127.0.0.1:9/v1"))
    assert isinstance(outcome, NotSent)
    assert "is the server running?" in str(outcome)


@pytest.mark.parametrize(
    ("fate", "finish"), [("refusal", "refusal"), ("truncated", "length"), ("same id", "stop")]
)
def test_a_refusal_or_a_cut_answer_is_an_answer(server: FakeServer, fate: str, finish: str) -> None:
    reply = complete(provider(server.url(f"finish-{fate[:4]}", Scenario(script=[fate]))))
    assert reply.finish_reason == finish
    assert reply.text


def test_retry_after_is_read(server: FakeServer) -> None:
    outcome = complete(provider(server.url("banned", Scenario(script=["banned"]))))
    assert outcome.retry_after == 86_400


OWN_SERVICE = {
    "https://api.openai.com/v1": "OPENAI_API_KEY",
    "https://openrouter.ai/api/v1": "OPENROUTER_API_KEY",
    "https://x.openai.azure.com/openai/v1": "AZURE_OPENAI_API_KEY",
    "https://generativelanguage.googleapis.com/v1beta/openai": "GEMINI_API_KEY",
    "https://anybody.example/v1": "ALCHEMIST_API_KEY",
    "http://127.0.0.1:1/v1": "OPENAI_API_KEY",
}
STRANGERS = ("https://evil.example/v1", "https://api.openai.com.evil.example/v1")
PAIRED = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://evil.example/v1/"}


@pytest.mark.parametrize(
    ("url", "environ", "sent"),
    [
        *((url, {name: KEY}, True) for url, name in OWN_SERVICE.items()),
        *((url, {"OPENAI_API_KEY": KEY}, False) for url in STRANGERS),
        pytest.param(STRANGERS[0], PAIRED, True, id="paired by the user"),
    ],
)
def test_a_key_goes_to_its_own_service_only(url: str, environ: dict[str, str], sent: bool) -> None:
    settings = ProviderSettings(url, environ=environ)
    if sent:
        OpenAI.open(settings)
    else:
        with pytest.raises(NoWayOn, match="set ALCHEMIST_API_KEY"):
            OpenAI.open(settings)


@pytest.mark.parametrize(
    ("url", "free"),
    [
        ("http://localhost:11434/v1", True),
        ("http://127.0.0.1:8000/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://192.168.1.7:8000/v1", True),
        ("http://ollama:11434/v1", True),
        ("http://box.local/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://8.8.8.8/v1", False),
        ("https://localhost.example.com/v1", False),
    ],
)
def test_only_servers_of_ones_own_are_free(url: str, free: bool) -> None:
    assert OpenAI(url, None, 1).free is free


def test_without_key_model_or_recording_the_ways_on_are_named(tmp_path: Path) -> None:
    for settings in (
        SynthesisSettings(model="gpt-5-mini"),
        SynthesisSettings(base_url="http://localhost:1/v1"),
        SynthesisSettings(provider="replay", base_url="nowhere"),
    ):
        error = ready_to_ask(settings, base=tmp_path, environ={})
        assert error is not None
        for way in ("OPENAI_API_KEY", "localhost", "prompts export", "programs/"):
            assert way in str(error)


def test_a_local_server_needs_no_key(tmp_path: Path) -> None:
    settings = SynthesisSettings(model="llama", base_url="http://localhost:11434/v1")
    assert ready_to_ask(settings, base=tmp_path, environ={}) is None


class Strict(Scenario):
    """A server that takes neither a temperature nor the older name of the limit."""

    def fate(self) -> str:
        for name in ("temperature", "max_tokens"):
            if name in self.requests[-1]:
                self.complaint = f"Unsupported parameter: {name!r}"
                return "bad request"
        return "answered"


def test_stricter_servers_get_the_parameters_they_know(server: FakeServer) -> None:
    scenario = Strict()
    one = provider(server.url("strict", scenario))
    assert complete(one).text == "about the weather"
    assert complete(one).text == "about the weather"
    # What was learned from the first call holds for the second.
    assert len(scenario.requests) == 4
    assert "max_completion_tokens" in scenario.requests[-1]


class Small(Scenario):
    """A model that writes fewer tokens than it is asked for."""

    words = "max_tokens is too large: {}. This model supports at most 70 completion tokens."
    most = 70

    def fate(self) -> str:
        body = self.requests[-1]
        asked = body.get("max_tokens") or body["max_completion_tokens"]
        self.complaint = self.words.format(asked)
        return "bad request" if asked > self.most else "answered"


class Narrow(Small):
    """A server whose context is small, in vLLM's words."""

    words = (
        "'max_tokens' is too large: {}. This model's maximum context length is 100 tokens and "
        "your request has 29 input tokens"
    )


@pytest.mark.parametrize("kind", [Small, Narrow], ids=["output limit", "context length"])
def test_a_lower_output_limit_is_learned(server: FakeServer, kind: type[Small]) -> None:
    scenario = kind()
    one = provider(server.url(f"small-{kind.__name__}", scenario))
    assert complete(one).text == "about the weather"
    assert complete(one).text == "about the weather"
    assert [r["max_tokens"] for r in scenario.requests] == [8000, 70, 70]


@pytest.mark.parametrize("fate", ["bad key", "broken", "throttled", "cut after", "garbled"])
def test_a_server_that_repeats_the_key_gives_nothing_away(
    server: FakeServer, tmp_path: Path, fate: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scenario = Scenario(script=[fate, "answered"], echo_key=True)
    runner = open_runner(
        SynthesisSettings(
            model="m", base_url=server.url(f"echo-{fate.rsplit(maxsplit=1)[-1]}", scenario)
        ),
        base=tmp_path,
        inner=tmp_path,
        environ={"OPENAI_API_KEY": KEY},
    )
    calls = runner.ask_blocking([ASK])
    written = [p.read_text() for p in tmp_path.rglob("*") if p.is_file()]
    assert len(written) >= 1
    assert KEY not in "".join([*written, repr(calls), repr(runner), caplog.text])
