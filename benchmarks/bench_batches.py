"""Ten thousand requests out and their answers in, in the lines of three services."""

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.report import peak_pss_mb, write_table

COMMAND = "make bench-batches"
REQUESTS = 10_000
SHAPES = ("openai", "vllm", "anthropic")


def answer(shape: str, custom_id: str, text: str) -> dict[str, Any]:
    """One answer line as a service writes it."""
    if shape == "anthropic":
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 400, "output_tokens": 200},
        }
        return {"custom_id": custom_id, "result": {"type": "succeeded", "message": message}}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 400, "completion_tokens": 200, "total_tokens": 600},
    }
    response = {"status_code": 200, "request_id": "r", "body": body}
    return {"id": f"{shape}-1", "custom_id": custom_id, "response": response, "error": None}


def round_trip(folder: Path, shape: str) -> float:
    """Seconds to write the requests, and to read, keep and find the answers."""
    from alchemist.core.exchange import Message, Request
    from alchemist.providers.calls import CallStore, Stored
    from alchemist.synthesis.answers import read_answers
    from alchemist.synthesis.export import export_prompts
    from alchemist.synthesis.strategies import Ask, Step

    asks = []
    for n in range(REQUESTS):
        turns = (Message("system", "Be brief."), Message("user", f"{n} " + "x" * 1500))
        asks.append(Ask(f"ask-{n}", "plain", "programs", 1, n, Request(turns, "m")))
    began = time.perf_counter()
    style: Any = "anthropic" if shape == "anthropic" else "openai"
    export_prompts(Step(tuple(asks), 0, 1, ()), folder, folder, shape=style)
    spent = time.perf_counter() - began

    order = random.Random(7).sample(range(REQUESTS), REQUESTS)  # services answer in any order
    with (folder / "out.jsonl").open("w") as out:
        for n in order:
            line = answer(shape, f"ask-{n}", f"answer {n} " + "y" * 800)
            out.write(json.dumps(line) + "\n")

    began = time.perf_counter()
    found = read_answers(folder / "out.jsonl", [ask.custom_id for ask in asks])
    store = CallStore(folder / "calls")
    store.keep_all(Stored(ask.request, found.replies[ask.custom_id], "import") for ask in asks)
    spent += time.perf_counter() - began
    kept = store.find(asks[77].request)
    if found.sentences() or kept is None or not kept.reply.text.startswith("answer 77 "):
        raise SystemExit(f"the round trip lost something: {found.sentences()}")
    return spent


def main() -> None:
    """Measure each shape in a process of its own."""
    if len(sys.argv) > 1:
        print(round_trip(Path(sys.argv[1]), sys.argv[2]))
        return
    rows = []
    for shape in SHAPES:
        with tempfile.TemporaryDirectory() as folder, peak_pss_mb() as peak:
            words = [sys.executable, "-m", "benchmarks.bench_batches", folder, shape]
            said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        rows.append(
            {
                "shape": shape,
                "requests": REQUESTS,
                "seconds": round(float(said), 1),
                "peak_mb": round(peak.mb),
            }
        )
    write_table("batches", COMMAND, rows)


if __name__ == "__main__":
    main()
