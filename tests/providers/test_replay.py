"""replay: recorded answers, by exactly what was asked."""

import asyncio
import json
from pathlib import Path

import pytest

from alchemist.core.errors import ProviderError, StaleRecording
from alchemist.core.exchange import Message, Reply, Request
from alchemist.core.wire import batch_line
from alchemist.providers.calls import CallStore, Stored
from alchemist.providers.replay import Replay


def ask(text: str, model: str = "m", sample: int = 0, temperature: float = 0.7) -> Request:
    return Request((Message("user", text),), model, temperature, sample=sample)


def record(folder: Path, *pairs: tuple[Request, str], split: bool = True) -> Path:
    requests = [json.dumps(batch_line(f"r{i}", one)) for i, (one, _) in enumerate(pairs)]
    answers = [json.dumps(answer_line(f"r{i}", text)) for i, (_, text) in enumerate(pairs)]
    if not split:
        path = folder / "both.jsonl"
        path.write_text("\n".join([*answers, *requests]))
        return path
    (folder / "requests.jsonl").write_text("\n".join(requests) + "\n")
    # Batch services answer in any order.
    (folder / "responses.jsonl").write_text("\n".join(reversed(answers)) + "\n")
    return folder


def answer_line(custom_id: str, text: str) -> dict[str, object]:
    message = {"role": "assistant", "content": text}
    body = {"model": "recorded", "choices": [{"message": message, "finish_reason": "stop"}]}
    return {"custom_id": custom_id, "response": {"status_code": 200, "body": body}, "error": None}


def replay(path: Path, request: Request) -> Reply:
    return asyncio.run(Replay(path).complete(request))


@pytest.mark.parametrize("split", [True, False], ids=["two files", "one file"])
def test_answers_are_joined_on_their_ids(tmp_path: Path, split: bool) -> None:
    path = record(tmp_path, (ask("a"), "A"), (ask("b"), "B"), split=split)
    assert replay(path, ask("b")).text == "B"
    assert replay(path, ask("a", model="another", temperature=0)).text == "A"
    assert replay(path, ask("a")).model == "recorded"


def test_each_sample_has_its_own_answer(tmp_path: Path) -> None:
    path = record(tmp_path, (ask("a"), "first"), (ask("a"), "second"))
    assert replay(path, ask("a", sample=1)).text == "second"
    with pytest.raises(StaleRecording, match="no answer to sample 3 of this request"):
        replay(path, ask("a", sample=2))


def test_a_changed_word_makes_a_recording_stale(tmp_path: Path) -> None:
    path = record(tmp_path, (ask("Decide the class."), "A"))
    with pytest.raises(StaleRecording, match="task or a prompt has changed since"):
        replay(path, ask("Decide the label."))


def test_a_folder_of_kept_calls_is_a_recording(tmp_path: Path) -> None:
    store = CallStore(tmp_path)
    store.keep(Stored(ask("a", "one"), Reply("by one"), "test"))
    store.keep(Stored(ask("a", "two"), Reply("by two"), "test"))
    assert replay(tmp_path, ask("a", "two")).text == "by two"
    assert replay(tmp_path, ask("a", "one")).text == "by one"


def test_a_broken_recording_names_its_line(tmp_path: Path) -> None:
    record(tmp_path, (ask("a"), "A"))
    (tmp_path / "responses.jsonl").write_text('{"custom_id": "r0"}\n{"custom')
    with pytest.raises(ProviderError, match=r"Line 2 of the recording 'responses.jsonl'"):
        Replay(tmp_path)
