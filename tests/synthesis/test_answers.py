"""Answer files: every service's lines and every person's pages, and a true account of gaps."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.core.errors import BadAnswers
from alchemist.synthesis.answers import PROMPT_MARK, read_answers


def openai(custom_id: str, text: str, status: int = 200) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
    }
    body: dict[str, Any] = {"model": "gpt", "choices": [choice], "usage": None}
    if status != 200:
        body = {"error": {"message": text, "type": "invalid_request_error"}}
    response = {"status_code": status, "request_id": "r", "body": body}
    return {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": None}


def vllm(custom_id: str, text: str) -> dict[str, Any]:
    line = openai(custom_id, text)
    line["response"]["body"]["usage"] = {"prompt_tokens": 3, "completion_tokens": 4}
    return {**line, "id": f"vllm-{custom_id}"}


def anthropic(custom_id: str, text: str) -> dict[str, Any]:
    message = {
        "model": "claude",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
    }
    message["usage"] = {"input_tokens": 3, "output_tokens": 4}
    return {"custom_id": custom_id, "result": {"type": "succeeded", "message": message}}


def plain(custom_id: str, text: str) -> dict[str, Any]:
    return {"custom_id": custom_id, "text": text}


SHAPES = {"openai": openai, "vllm": vllm, "anthropic": anthropic, "plain": plain}


def write(path: Path, *lines: Any) -> Path:
    path.write_text(
        "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    )
    return path


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_shape_of_line_is_read(tmp_path: Path, shape: Any) -> None:
    path = write(tmp_path / "a.jsonl", shape("b", "B\nB"), shape("a", "A"))
    found = read_answers(path, ["a", "b"])
    assert {i: reply.text for i, reply in found.replies.items()} == {"a": "A", "b": "B\nB"}
    assert found.sentences() == ()


def test_a_folder_of_pasted_pages_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("answer A")
    (tmp_path / "b.py").write_text("def label(text): return None")
    (tmp_path / "a.prompt.md").write_text(f"{PROMPT_MARK}: … -->\nthe prompt")
    (tmp_path / "empty.md").write_text(" \n")
    write(tmp_path / "requests.jsonl", {"custom_id": "a", "method": "POST", "body": {}})
    found = read_answers(tmp_path, ["a", "b", "empty"])
    assert {i: r.text for i, r in found.replies.items()} == {
        "a": "answer A",
        "b": "def label(text): return None",
    }
    assert found.missing == ("empty",)
    assert found.broken == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(openai("a", "too long", 400), "too long", id="openai status"),
        pytest.param(
            {"custom_id": "a", "response": None, "error": {"code": "x", "message": "expired"}},
            "expired",
            id="openai error",
        ),
        pytest.param(
            {
                "custom_id": "a",
                "result": {
                    "type": "errored",
                    "error": {"type": "error", "error": {"message": "bad"}},
                },
            },
            "bad",
            id="anthropic errored",
        ),
        pytest.param({"custom_id": "a", "result": {"type": "expired"}}, "expired", id="expired"),
        pytest.param({"custom_id": "a", "result": {"type": "canceled"}}, "canceled", id="canceled"),
        pytest.param(
            {"custom_id": "a", "response": {"status_code": 200, "body": {}}},
            "no chat",
            id="no answer",
        ),
    ],
)
def test_a_failed_request_keeps_its_reason(tmp_path: Path, line: Any, reason: str) -> None:
    found = read_answers(write(tmp_path / "a.jsonl", line), ["a"])
    assert reason in found.failed["a"]
    assert found.missing == ()


def test_an_answer_beats_a_failure_of_the_same_id(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", openai("a", "no", 500), openai("a", "yes"))
    found = read_answers(path, ["a"])
    assert found.replies["a"].text == "yes"
    assert found.failed == {}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("{torn", "no JSON object", id="torn"),
        pytest.param("[1]", "no JSON object", id="a list"),
        pytest.param({"text": "x"}, "no custom_id", id="no id"),
        pytest.param({"custom_id": 3, "text": "x"}, "no custom_id", id="a number for an id"),
        pytest.param({"custom_id": "a"}, "neither response, result nor text", id="nothing in it"),
    ],
)
def test_a_broken_line_is_told_by_its_number(tmp_path: Path, line: Any, reason: str) -> None:
    found = read_answers(write(tmp_path / "a.jsonl", plain("b", "B"), line), ["b"])
    ((where, why),) = found.broken
    assert where == "line 2"
    assert reason in why
    assert found.replies["b"].text == "B"


@given(
    asked=st.sets(st.sampled_from("abcdef")),
    lines=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), max_size=12),
)
def test_every_id_is_accounted_for_once(
    tmp_path_factory: pytest.TempPathFactory, asked: set[str], lines: list[tuple[str, bool]]
) -> None:
    path = tmp_path_factory.mktemp("a") / "a.jsonl"
    write(path, *(openai(i, f"{n}", 200 if good else 500) for n, (i, good) in enumerate(lines)))
    found = read_answers(path, sorted(asked))
    answered = [i for i, good in lines if good]
    assert set(found.replies) == asked & set(answered)
    assert set(found.unknown) == set(answered) - asked
    assert set(found.duplicate) == {i for i in answered if answered.count(i) > 1}
    assert set(found.failed) == {i for i, good in lines if not good} - set(answered)
    assert set(found.missing) == asked - set(answered) - set(found.failed)
    for i, reply in {**found.replies, **found.unknown}.items():
        assert reply.text == str(lines.index((i, True)))


def test_gaps_are_told_in_sentences(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", plain("a", "1"), plain("a", "2"), plain("z", "3"), "{")
    assert read_answers(path, ["a", "b"]).sentences() == (
        "line 4 cannot be read: it is no JSON object",
        "1 without an answer: b",
        "1 answered twice; the first answer counts: a",
        "1 answered but never asked here: z",
    )


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadAnswers, match="no answers file"):
        read_answers(tmp_path / "none.jsonl", [])
    with pytest.raises(BadAnswers, match=r"holds no \.jsonl"):
        read_answers(tmp_path, [])
