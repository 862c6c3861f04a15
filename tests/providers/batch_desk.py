"""The slow desk of the fake service: files and batches of both wire formats.

A batch ends when the test calls `finish`; until then it is under way.
"""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.providers.fake_server import Scenario


def answer_batch_call(
    scenario: "Scenario", method: str, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, Any]:
    """The status and content of one call."""
    fate = scenario.fate()
    scenario.happened[fate] += 1
    if fate == "broken":
        return 500, {"error": {"message": "no"}}
    parts = path.split("/")
    if path.endswith("v1/files"):
        name = f"file-{len(scenario.files)}"
        scenario.files[name] = _uploaded(headers, body)
        return 200, {"id": name, "object": "file", "bytes": len(body), "purpose": "batch"}
    if path.endswith("/content"):
        return 200, scenario.files[parts[-2]]
    if path.endswith("v1/batches") and method == "POST":
        lines = scenario.files[json.loads(body)["input_file_id"]].decode().splitlines()
        return 200, _new(scenario, [json.loads(line) for line in lines])
    if path.endswith("messages/batches") and method == "POST":
        return 200, _new(scenario, json.loads(body)["requests"])
    if path.endswith("/results"):
        return 200, scenario.files[parts[-2]]
    address = f"http://{headers['host']}/{scenario.name}"
    return 200, _state(scenario.batches[parts[-1]], address, path)


def finish(scenario: "Scenario", *, skip: int = 0, fail: int = 0, twice: bool = False) -> None:
    """End every batch: answer its requests, last first, but for a few."""
    from tests.providers.fake_server import chat_body, message_body

    for name, batch in scenario.batches.items():
        requests = batch["requests"]
        good, bad = [], []
        for number, line in enumerate(reversed(requests[skip:])):
            chat = "body" in line
            asked = line["body" if chat else "params"]
            question = asked["messages"][-1]["content"]
            if number < fail:
                bad.append(_failure(line["custom_id"], chat=chat))
                continue
            tokens = scenario.tokens()
            scenario.billed.append(tokens)
            scenario.delivered.setdefault(question, []).append(tokens)
            make = chat_body if chat else message_body
            answer = make(scenario.answer(question), asked["model"], tokens, "answered")
            good.append(_success(line["custom_id"], answer, chat=chat))
        good += good[:1] if twice else []
        chat = bool(requests) and "body" in requests[0]
        if chat:
            scenario.files[f"out-{name}"] = _lines(good)
            scenario.files[f"err-{name}"] = _lines(bad)
        else:
            scenario.files[name] = _lines([*good, *bad])
        batch.update(done=True, failed=bool(bad))


def _new(scenario: "Scenario", requests: list[dict[str, Any]]) -> dict[str, Any]:
    name = f"batch_{len(scenario.batches)}"
    scenario.batches[name] = {"id": name, "requests": requests, "done": False, "failed": False}
    return {"id": name, "object": "batch", "status": "validating", "type": "message_batch"}


def _state(batch: Mapping[str, Any], address: str, path: str) -> dict[str, Any]:
    name, done = batch["id"], batch["done"]
    if "messages/batches" in path:
        url = f"{address}/v1/messages/batches/{name}/results"
        return {
            "id": name,
            "type": "message_batch",
            "processing_status": "ended" if done else "in_progress",
            "results_url": url if done else None,
            "request_counts": {
                "processing": 0, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 0
            },
            "created_at": "2026-01-01T00:00:00Z",
            "expires_at": "2026-01-02T00:00:00Z",
        }  # fmt: skip
    return {
        "id": name,
        "object": "batch",
        "status": "completed" if done else "in_progress",
        "output_file_id": f"out-{name}" if done else None,
        "error_file_id": f"err-{name}" if batch["failed"] else None,
    }


def _success(custom_id: str, answer: dict[str, Any], *, chat: bool) -> dict[str, Any]:
    if chat:
        response = {"status_code": 200, "request_id": "r", "body": answer}
        return {"id": "b", "custom_id": custom_id, "response": response, "error": None}
    return {"custom_id": custom_id, "result": {"type": "succeeded", "message": answer}}


def _failure(custom_id: str, *, chat: bool) -> dict[str, Any]:
    if chat:
        return {"custom_id": custom_id, "response": None, "error": {"message": "batch_expired"}}
    return {"custom_id": custom_id, "result": {"type": "expired"}}


def _lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(record)}\n" for record in records).encode()


def _uploaded(headers: Mapping[str, str], body: bytes) -> bytes:
    """The file in a multipart form."""
    match = re.search(r"boundary=([^;]+)", headers["content-type"])
    assert match is not None
    for part in body.split(b"--" + match[1].strip('"').encode()):
        head, _, content = part.partition(b"\r\n\r\n")
        if b'name="file"' in head:
            return content.removesuffix(b"\r\n")
    raise AssertionError("the form holds no file")
