"""calls/<sha256>.json: every request with its answer, under the request's hash.

A file is written whole before its answer is used, carries a checksum over what it holds, and
is readable without us. A folder of them serves as a recording for the `replay` provider.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alchemist.core.exchange import Message, Reply, Request, Usage
from alchemist.core.files import sync_all, write_atomically


@dataclass(frozen=True, slots=True)
class Stored:
    """A request and its answer as they were kept.

    Attributes:
        request: What was asked.
        reply: What came back.
        provider: Who was asked; "import" for pasted answers.
        call: The ledger's id of the call that paid for it.
        input_tokens: Tokens sent, as billed or estimated.
        output_tokens: Tokens written, likewise.
        price_usd: What it cost then, None when unknown.
        price_as: The model whose price was taken, if not its own.
        price_date: The day of that price, ISO 8601.
        tokens_are: "billed" or "estimated".
        time: UTC time of the answer, ISO 8601.
        batch: It came from a batch.
    """

    request: Request
    reply: Reply
    provider: str
    call: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    price_usd: float | None = None
    price_as: str = ""
    price_date: str = ""
    tokens_are: str = "estimated"
    time: str = ""
    batch: bool = False


def _tell_nobody(sentence: str) -> None:
    """Drop a sentence."""


@dataclass(frozen=True, slots=True)
class CallStore:
    """The folder of kept calls.

    Attributes:
        folder: Holds one file per request hash.
        tell: Receives a sentence about a file that cannot be used.
    """

    folder: Path
    tell: Callable[[str], None] = _tell_nobody

    def path(self, request: Request) -> Path:
        """Where the answer to a request is kept."""
        return self.folder / f"{request.hash}.json"

    def keep(self, stored: Stored, *, durable: bool = True) -> Path:
        """Write a call so that it is whole on disk when this returns.

        Without `durable` it may be lost in a power cut until core.files.sync_all; for answers
        of which another copy exists until then.
        """
        path = self.path(stored.request)
        write_atomically(path, encode(stored), durable=durable)
        return path

    def keep_all(self, calls: Iterable[Stored]) -> None:
        """Write many calls and wait for the disk once."""
        for stored in calls:
            self.keep(stored, durable=False)
        sync_all()

    def find(self, request: Request) -> Stored | None:
        """The kept answer, or None; a damaged file is told and counts as none."""
        path = self.path(request)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        stored = decode(content)
        if stored is None or stored.request.hash != request.hash:
            self.tell(f"The kept answer {path.name} is damaged; it is asked for again.")
            return None
        return stored


def encode(stored: Stored) -> bytes:
    """A call as JSON text with a checksum, a field a line."""
    # dataclasses.asdict copies deeply, which is most of the time of a large import.
    facts = {name: getattr(stored, name) for name in _FIELDS}
    request, reply = stored.request, stored.reply
    facts["request"] = {name: getattr(request, name) for name in _REQUEST_FIELDS}
    facts["request"]["messages"] = [
        {"role": m.role, "content": m.content} for m in request.messages
    ]
    facts["reply"] = {name: getattr(reply, name) for name in _REPLY_FIELDS}
    facts["reply"]["usage"] = None if reply.usage is None else asdict(reply.usage)
    record = {"schema": 1, "sha256": _checksum(facts), **facts}
    fields = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in record.items())
    return ("{\n" + ",\n".join(fields) + "\n}\n").encode()


_FIELDS = tuple(Stored.__dataclass_fields__)
_REQUEST_FIELDS = tuple(Request.__dataclass_fields__)
_REPLY_FIELDS = tuple(Reply.__dataclass_fields__)


def decode(content: bytes) -> Stored | None:
    """Read what encode wrote; None when anything about it is off."""
    try:
        record = json.loads(content)
        if record.pop("schema") != 1 or record.pop("sha256") != _checksum(record):
            return None
        request, reply = record.pop("request"), record.pop("reply")
        return Stored(request=request_of(request), reply=_reply(reply), **record)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _checksum(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def request_of(facts: dict[str, Any]) -> Request:
    """A request from its plain values."""
    messages = tuple(Message(**message) for message in facts.pop("messages"))
    return Request(messages=messages, **{**facts, "holds": tuple(facts["holds"])})


def _reply(facts: dict[str, Any]) -> Reply:
    usage = facts.pop("usage")
    return Reply(**facts, usage=None if usage is None else Usage(**usage))
