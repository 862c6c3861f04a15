"""Answers that come as files: batch outputs of several services, or text pasted by a person.

Read alike, told apart line by line:

    OpenAI, vLLM   {"custom_id", "response": {"status_code", "body"}, "error"}
    Anthropic      {"custom_id", "result": {"type": "succeeded", "message"}}
    plain          {"custom_id", "text"}
    folder         <custom_id>.md, .txt or .py

Order means nothing; the id joins an answer to its prompt. Reading twice gives the same.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alchemist.core.errors import BadAnswers, ProviderError
from alchemist.core.exchange import Reply
from alchemist.core.wire import reply_of_line

_SUFFIXES = (".md", ".txt", ".py")


@dataclass(frozen=True, slots=True)
class Answers:
    """What a file or folder of answers held, against the ids that were asked.

    Attributes:
        replies: Answers to known ids.
        unknown: Answers to ids nobody asked.
        missing: Asked ids without an answer or a failure.
        duplicate: Ids answered more than once; the first answer counts.
        failed: Ids whose answer is an error, with the reason.
        broken: Places that cannot be read, "line 12" or a file name, with the reason.
    """

    replies: Mapping[str, Reply] = field(default_factory=dict)
    unknown: Mapping[str, Reply] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    duplicate: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    broken: tuple[tuple[str, str], ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """What a person should know, worst first."""
        told = [f"{where} cannot be read: {why}" for where, why in self.broken[:5]]
        if len(self.broken) > 5:
            told.append(f"… and {len(self.broken) - 5} more that cannot be read.")
        told += [f"{i} failed: {why}" for i, why in list(self.failed.items())[:5]]
        for word, ids in (
            ("without an answer", self.missing),
            ("answered twice; the first answer counts", self.duplicate),
            ("answered but never asked here", tuple(self.unknown)),
        ):
            if ids:
                names = ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")
                told.append(f"{len(ids)} {word}: {names}")
        return tuple(told)


def read_answers(path: Path, known: Collection[str]) -> Answers:
    """Read an answers file or folder.

    Args:
        path: A .jsonl file, one pasted .md, .txt or .py file, or a folder of those.
        known: The custom ids that were asked.

    Raises:
        BadAnswers: There is nothing at this path, or nothing of a kind we read.
    """
    if not path.exists():
        raise BadAnswers(f"There is no answers file {str(path)!r}.")
    collector = _Collector(set(known))
    if path.is_dir():
        files = [p for p in sorted(path.iterdir()) if p.suffix in (*_SUFFIXES, ".jsonl")]
        if not files:
            raise BadAnswers(
                f"The folder {str(path)!r} holds no .jsonl, .md, .txt or .py file with answers."
            )
    else:
        files = [path]
    for file in files:
        if file.suffix in _SUFFIXES:
            collector.take_file(file)
        else:
            prefix = f"{file.name}, " if path.is_dir() else ""
            collector.take_lines(file, prefix)
    return collector.answers(known)


class _Collector:
    def __init__(self, known: set[str]) -> None:
        self._known = known
        self._replies: dict[str, Reply] = {}
        self._duplicate: dict[str, None] = {}
        self._failed: dict[str, str] = {}
        self._broken: list[tuple[str, str]] = []

    def take_file(self, file: Path) -> None:
        # The prompt's own file may lie beside its answer, as exported.
        custom_id = file.stem.removesuffix(".answer")
        try:
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            self._broken.append((file.name, f"it is not UTF-8 (byte {error.start})"))
            return
        if text.strip() and PROMPT_MARK not in text[:200]:
            self._take(custom_id, Reply(text=text))

    def take_lines(self, file: Path, prefix: str) -> None:
        for number, line in _json_lines(file):
            where = f"{prefix}line {number}"
            if not isinstance(line, dict):
                self._broken.append((where, "it is no JSON object"))
            elif not isinstance(line.get("custom_id"), str):
                self._broken.append((where, "it has no custom_id"))
            elif "body" in line and "method" in line:
                continue  # a request, exported into the same folder
            else:
                self._take_line(line, where)

    def _take_line(self, line: Mapping[str, Any], where: str) -> None:
        custom_id = line["custom_id"]
        try:
            reply = reply_of_line(line)
        except ProviderError as error:
            self._failed.setdefault(custom_id, str(error))
            return
        if reply is None:
            self._broken.append((where, "it holds neither response, result nor text"))
        else:
            self._take(custom_id, reply)

    def _take(self, custom_id: str, reply: Reply) -> None:
        if custom_id in self._replies:
            self._duplicate[custom_id] = None
        else:
            self._replies[custom_id] = reply

    def answers(self, known: Collection[str]) -> Answers:
        failed = {i: why for i, why in self._failed.items() if i not in self._replies}
        return Answers(
            replies={i: r for i, r in self._replies.items() if i in self._known},
            unknown={i: r for i, r in self._replies.items() if i not in self._known},
            missing=tuple(i for i in known if i not in self._replies and i not in failed),
            duplicate=tuple(self._duplicate),
            failed=failed,
            broken=tuple(self._broken),
        )


PROMPT_MARK = "<!-- alchemist prompt"


def _json_lines(file: Path) -> Iterator[tuple[int, Any]]:
    with file.open("rb") as lines:
        for number, text in enumerate(lines, start=1):
            if not text.strip():
                continue
            try:
                yield number, json.loads(text.decode("utf-8-sig" if number == 1 else "utf-8"))
            except (ValueError, RecursionError):
                yield number, None
