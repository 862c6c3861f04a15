"""Requests out and their answers in, in the lines of each service."""

import json
from pathlib import Path
from typing import Any

import pytest

from alchemist.core.exchange import Message, Request
from alchemist.core.wire import batch_line, message_batch
from alchemist.synthesis.answers import read_answers
from alchemist.synthesis.export import export_prompts
from alchemist.synthesis.strategies import Ask, Step


def asked(number: int, size: int = 10) -> Ask:
    turns = (Message("system", "Be brief."), Message("user", f"{number} " + "x" * size))
    return Ask(f"ask-{number}", "plain", "programs", 1, number, Request(turns, "m"))


def openai_answer(custom_id: str, text: str) -> dict[str, Any]:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1764000000,
        "model": "gpt-5-mini-2025-08-07",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 400, "completion_tokens": 200, "total_tokens": 600},
        "system_fingerprint": None,
    }
    response = {"status_code": 200, "request_id": "req_1", "body": body}
    return {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": None}


def vllm_answer(custom_id: str, text: str) -> dict[str, Any]:
    line = openai_answer(custom_id, text)
    line["id"] = "vllm-7b0e"
    line["response"]["body"] |= {"prompt_logprobs": None, "kv_transfer_params": None}
    return line


def anthropic_answer(custom_id: str, text: str) -> dict[str, Any]:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 400, "output_tokens": 200, "cache_read_input_tokens": 0},
    }
    return {"custom_id": custom_id, "result": {"type": "succeeded", "message": message}}


ANSWERS = {"openai": openai_answer, "vllm": vllm_answer, "anthropic": anthropic_answer}


@pytest.mark.parametrize("shape", ANSWERS)
def test_what_goes_out_is_what_was_asked(tmp_path: Path, shape: str) -> None:
    asks = [asked(n) for n in range(3)]
    step = Step(tuple(asks), 0, 1, ())
    if shape == "anthropic":
        export_prompts(step, tmp_path, tmp_path, shape="anthropic")
        sent = json.loads((tmp_path / "batch.json").read_text())
        assert sent == message_batch({ask.custom_id: ask.request for ask in asks})
        first = sent["requests"][0]
        assert first["params"]["system"] == "Be brief."
        assert [m["role"] for m in first["params"]["messages"]] == ["user"]
    else:
        export_prompts(step, tmp_path, tmp_path)
        lines = (tmp_path / "requests.jsonl").read_text().splitlines()
        assert [json.loads(li) for li in lines] == [
            batch_line(a.custom_id, a.request) for a in asks
        ]


@pytest.mark.parametrize("shape", ANSWERS)
def test_usage_and_model_come_back(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(json.dumps(ANSWERS[shape]("a", "yes")))
    reply = read_answers(path, ["a"]).replies["a"]
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (400, 200)
    assert reply.model.startswith(("gpt", "claude"))
