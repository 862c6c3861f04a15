"""Rows whose gold programs were learned from: nothing is ever scored on them."""

import json
from collections.abc import Iterable

from alchemist.core.files import write_atomically
from alchemist.store.workspace import Workspace


def mark_learned(workspace: Workspace, ids: Iterable[str]) -> None:
    """Add rows to those learned from."""
    together = sorted(learned_rows(workspace) | set(ids))
    content = json.dumps(together, ensure_ascii=False).encode("utf-8", "surrogatepass")
    write_atomically(workspace.inner / "learned.json", content)


def learned_rows(workspace: Workspace) -> frozenset[str]:
    """Ids of all rows learned from so far."""
    try:
        return frozenset(json.loads((workspace.inner / "learned.json").read_bytes()))
    except FileNotFoundError:
        return frozenset()
