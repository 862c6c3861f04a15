"""Wire: bodies of both formats, read whatever servers make of them."""

from typing import Any

import pytest

from alchemist.core.errors import ProviderError
from alchemist.core.exchange import Message, Request, Usage
from alchemist.core.wire import batch_line, chat_body, chat_reply, messages_body, messages_reply

ASK = Request(
    (Message("system", "one"), Message("system", "two"), Message("user", "ask")), "m", 0.3, 99
)


def chat(message: Any, finish: Any = "stop", **more: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"message": message, "finish_reason": finish}], **more}


@pytest.mark.parametrize(
    ("model", "temperature"),
    [
        ("gpt-4o-mini", True),
        ("gpt-5-chat-latest", True),
        ("llama3.1:8b", True),
        ("o3-mini", False),
        ("gpt-5-mini", False),
        ("openai/gpt-5.1", False),
    ],
)
def test_a_temperature_is_named_where_it_is_taken(model: str, temperature: bool) -> None:
    request = Request((Message("user", "x"),), model)
    assert ("temperature" in chat_body(request)) is temperature
    assert "temperature" not in messages_body(request)


def test_system_turns_stand_apart_in_messages() -> None:
    body = messages_body(ASK)
    assert body["system"] == "one\n\ntwo"
    assert body["messages"] == [{"role": "user", "content": "ask"}]
    assert "system" not in messages_body(Request((Message("user", "x"),), "m"))


def test_a_batch_line_is_the_call_it_stands_for() -> None:
    line = batch_line("id-1", ASK)
    assert (line["custom_id"], line["method"], line["url"]) == (
        "id-1",
        "POST",
        "/v1/chat/completions",
    )
    assert line["body"] == chat_body(ASK)


@pytest.mark.parametrize(
    ("body", "text", "finish"),
    [
        pytest.param(chat({"content": "yes"}), "yes", "stop", id="plain"),
        pytest.param(chat({"content": "ye"}, "length"), "ye", "length", id="cut off"),
        pytest.param(chat({"content": "yes"}, None), "yes", "stop", id="no reason given"),
        pytest.param(chat({"content": "yes"}, "weird"), "yes", "weird", id="a word of its own"),
        pytest.param(chat({"content": None}), "", "stop", id="no content"),
        pytest.param(chat({"content": None, "refusal": "no"}), "no", "refusal", id="refusal"),
        pytest.param(chat({"content": ""}, "content_filter"), "", "refusal", id="filtered"),
        pytest.param(
            chat(
                {"content": [{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "yes"}]}
            ),
            "yes",
            "stop",
            id="parts",
        ),
    ],
)
def test_chat_completions_are_read(body: dict[str, Any], text: str, finish: str) -> None:
    reply = chat_reply(body)
    assert (reply.text, reply.finish_reason) == (text, finish)


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, Usage(3, 4)),
        ({"prompt_tokens": 3}, None),
        ({"prompt_tokens": -3, "completion_tokens": 4}, None),
        ({"prompt_tokens": "3", "completion_tokens": 4}, None),
        (None, None),
        ([], None),
    ],
    ids=str,
)
def test_usage_is_taken_where_it_makes_sense(usage: Any, read: Usage | None) -> None:
    assert chat_reply(chat({"content": "x"}, usage=usage)).usage == read


def test_cached_input_of_a_message_is_input_too() -> None:
    usage = {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 10}
    body = {
        "content": [{"type": "text", "text": "yes"}],
        "stop_reason": "max_tokens",
        "usage": usage,
    }
    reply = messages_reply(body)
    assert (reply.text, reply.finish_reason, reply.usage) == ("yes", "length", Usage(13, 4))


@pytest.mark.parametrize(
    "body", [None, [], {}, {"choices": []}, {"choices": [3]}, "x" * 500], ids=repr
)
def test_anything_else_is_no_answer(body: Any) -> None:
    with pytest.raises(ProviderError, match="no chat completion") as caught:
        chat_reply(body)
    assert len(str(caught.value)) < 150
    with pytest.raises(ProviderError, match="no message"):
        messages_reply(body)
