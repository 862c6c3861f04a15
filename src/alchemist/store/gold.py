"""Classes given to single rows since the files were read, by people and by models."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alchemist.core.clock import utc_now
from alchemist.core.files import append_line, read_lines
from alchemist.store.workspace import Workspace

MODEL = "model:"


@dataclass(frozen=True, slots=True)
class GivenLabels:
    """What gold.jsonl says; the last word on a row counts.

    Attributes:
        gold: Class name by row id, as people said it; this is gold.
        models: Class name by row id, by "model:<name>"; a check, never gold.
    """

    gold: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_given(workspace: Workspace) -> GivenLabels:
    """Read gold.jsonl; where a row was given twice by one source, the later label counts."""
    gold: dict[str, str] = {}
    models: dict[str, dict[str, str]] = {}
    for record in read_lines(workspace.gold).records:
        source, row, label = (str(record.get(key, "")) for key in ("source", "id", "label"))
        if source.startswith(MODEL):
            models.setdefault(source, {})[row] = label
        else:
            gold[row] = label
    return GivenLabels(gold, models)


def give(workspace: Workspace, row: str, label: str, *, source: str, author: str = "") -> None:
    """Add one line to gold.jsonl."""
    record = {"id": row, "label": label, "source": source, "author": author, "time": utc_now()}
    append_line(workspace.gold, record)
