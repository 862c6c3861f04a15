"""Pending: prompts that were written out for a person, kept until their answer comes.

What a prompt was about may have changed when it is answered, so the ask itself is kept, in
.alchemist/pending/<custom id>.json.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from alchemist.core.exchange import Message, Request
from alchemist.core.files import write_atomically
from alchemist.store.workspace import Workspace
from alchemist.synthesis.strategies import Ask


@dataclass(frozen=True, slots=True)
class Pending:
    """An ask without an answer, and the ids of the programs it is about."""

    ask: Ask
    programs: tuple[str, ...] = ()


def keep_pending(workspace: Workspace, pending: Iterable[Pending]) -> None:
    """Keep asks until they are answered."""
    for one in pending:
        content = json.dumps(asdict(one), ensure_ascii=False, indent=1)
        write_atomically(_path(workspace, one), content.encode("utf-8", "surrogatepass"))


def load_pending(workspace: Workspace, kind: str = "") -> tuple[Pending, ...]:
    """The asks of one purpose ("mend", "refine"), or all; a damaged file counts as none."""
    found = []
    for path in sorted(_folder(workspace).glob("*.json")):
        try:
            one = _decode(json.loads(path.read_bytes()))
        except (ValueError, KeyError, TypeError):
            continue
        if not kind or one.ask.request.purpose == kind:
            found.append(one)
    return tuple(found)


def drop_pending(workspace: Workspace, pending: Sequence[Pending]) -> None:
    """Forget asks that were answered, or overtaken."""
    for one in pending:
        _path(workspace, one).unlink(missing_ok=True)


def _folder(workspace: Workspace) -> Path:
    return workspace.inner / "pending"


def _path(workspace: Workspace, one: Pending) -> Path:
    return _folder(workspace) / f"{one.ask.custom_id}.json"


def _decode(raw: dict[str, dict[str, object]]) -> Pending:
    ask = dict(raw["ask"])
    request = dict(ask["request"])  # type: ignore[call-overload]
    request["messages"] = tuple(Message(**one) for one in request["messages"])
    request["holds"] = tuple(request["holds"])
    ask["request"] = Request(**request)
    ask["needs"] = tuple(ask["needs"])  # type: ignore[arg-type]
    return Pending(Ask(**ask), tuple(raw["programs"]))  # type: ignore[arg-type]
