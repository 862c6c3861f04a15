"""replay: answers recorded earlier, found by what was asked.

A recording is a folder with requests.jsonl and responses.jsonl (OpenAI batch lines joined on
custom_id), one file holding both kinds of line, or a calls/ folder of ours. The messages are
the key: a changed word in a prompt is another question, and its answer is stale.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from alchemist.core.errors import NoWayOn, ProviderError, StaleRecording
from alchemist.core.exchange import Reply, Request
from alchemist.core.wire import reply_of_line
from alchemist.providers.calls import decode
from alchemist.providers.settings import ProviderSettings


class Replay:
    """Answers from a recording, offline.

    Attributes:
        free: Nothing is billed.
    """

    free = True

    def __init__(self, recording: Path) -> None:
        self._recording = recording
        self._answers = _read(recording)

    @classmethod
    def open(cls, settings: ProviderSettings) -> Self:
        """Read the recording that base_url names, relative to the workspace.

        Raises:
            NoWayOn: There is none.
        """
        path = settings.base / settings.base_url
        if not settings.base_url or not path.exists():
            raise NoWayOn(
                f"The replay provider finds no recording at {settings.base_url!r}: set "
                "synthesis.base_url to its file or folder."
            )
        return cls(path)

    async def complete(self, request: Request) -> Reply:
        """Look the answer up; the n-th sample takes the n-th answer to the same messages.

        Raises:
            StaleRecording: This exact question was never recorded.
        """
        key = _key([m.role, m.content] for m in request.messages)
        # A recording of several models answers for each; of one, for whichever is named.
        answers = self._answers.get((key, request.model)) or self._answers.get((key, ""), [])
        if request.sample >= len(answers):
            which = f"sample {request.sample + 1} of " if answers else ""
            raise StaleRecording(
                f"The recording {self._recording.name!r} holds no answer to {which}this request "
                f"({request.purpose}, {request.hash[:12]}): the task or a prompt has changed since "
                "it was recorded. Record again, or restore what changed."
            )
        return answers[request.sample]


Answers = dict[tuple[str, str], list[Reply]]


def _read(recording: Path) -> Answers:
    if recording.is_dir() and not (recording / "requests.jsonl").exists():
        return _read_calls(recording)
    files = sorted(recording.glob("*.jsonl")) if recording.is_dir() else [recording]
    asked: dict[str, tuple[str, str]] = {}
    replies: dict[str, Reply] = {}
    for file in files:
        for line in _lines(file):
            custom_id = str(line.get("custom_id"))
            if isinstance(body := line.get("body"), dict):
                turns = body.get("messages", [])
                key = _key([m.get("role"), m.get("content")] for m in turns)
                asked[custom_id] = key, str(body.get("model", ""))
            elif reply := _answer(line):
                replies.setdefault(custom_id, reply)
    return _by_question((*asked[i], replies[i]) for i in asked if i in replies)


def _read_calls(folder: Path) -> Answers:
    kept = [decode(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    whole = sorted((s for s in kept if s), key=lambda s: s.request.sample)
    return _by_question(
        (_key([m.role, m.content] for m in s.request.messages), s.request.model, s.reply)
        for s in whole
    )


def _by_question(recorded: Iterable[tuple[str, str, Reply]]) -> Answers:
    found: Answers = {}
    for key, model, reply in recorded:
        for name in {model, ""}:
            found.setdefault((key, name), []).append(reply)
    return found


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for number, text in enumerate(lines, start=1):
            if not text.strip():
                continue
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            if not isinstance(line, dict):
                raise ProviderError(
                    f"Line {number} of the recording {file.name!r} is no JSON object."
                )
            yield line


def _answer(line: dict[str, Any]) -> Reply | None:
    try:
        return reply_of_line(line)
    except ProviderError:
        return None  # a request that failed was recorded without an answer


def _key(turns: Any) -> str:
    text = json.dumps(list(turns), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
