"""The eight text sets of the shared data as workspaces, with the recorded programs.

Everything goes through the product's own ways in: task.toml, and `alchemist programs import`
on the recorded answers. Gold stands in the rows file and is read for scoring alone.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from alchemist.core.progress import Silent
from alchemist.flow.synthesize import import_answers
from alchemist.store.task_file import write_task
from alchemist.store.workspace import Workspace, open_workspace

RECORDED = {
    "youtube": "youtube",
    "sms": "sms",
    "yelp": "yelp",
    "finance": "finance",
    "medabs": "medabs",
    "french_reviews": "french",
    "agnews": "agnews",
    "imdb": "imdb",
}
METRICS = {"sms": "f1:spam"}


@dataclass(frozen=True, slots=True)
class Source:
    """One data set and its recorded answers."""

    name: str
    data: Path
    recordings: Path

    @property
    def description(self) -> dict[str, object]:
        """dataset.json."""
        found: dict[str, object] = json.loads((self.data / self.name / "dataset.json").read_text())
        return found


def recordings_root(data: Path) -> Path:
    """Where the recorded answers lie: $ALCHEMIST_RECORDINGS, or beside the data."""
    return Path(os.environ.get("ALCHEMIST_RECORDINGS", str(data.parent / "recordings")))


def make_workspace(
    source: Source, root: Path, *, splits: tuple[str, ...] = ("train", "valid", "test")
) -> Workspace:
    """Write rows, task and programs of one data set into a folder."""
    root.mkdir(parents=True)
    _write_rows(source, root / "rows.parquet", splits)
    classes = source.description["classes"]
    tables = {
        "schema": 1,
        "name": source.name.replace("_", "-"),
        "instruction": str(source.description["task"]),
        "language": str(source.description["language"]),
        "metric": METRICS.get(source.name, "accuracy"),
        "classes": [{"name": c if isinstance(c, str) else c["name"]} for c in classes],  # type: ignore[attr-defined]
        "rows": {
            "path": "rows.parquet",
            "inputs": ["text"],
            "id": "id",
            "gold": "label",
            "split": "split",
        },
    }
    write_task(root / "task.toml", tables, {})
    import_recorded(source, root)
    return open_workspace(root)


def import_recorded(source: Source, root: Path) -> int:
    """Import a data set's recorded answers into a task folder; how many programs came of them."""
    workspace = open_workspace(root)
    answers = root / "answers.jsonl"
    answers.write_text("".join(_recorded_lines(source)), encoding="utf-8")
    return len(import_answers(workspace, workspace.task(), answers).written)


def _write_rows(source: Source, path: Path, splits: tuple[str, ...]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for split in splits:
        table = pq.read_table(source.data / source.name / f"{split}.parquet")
        table = table.select(["id", "text", "label"])
        tables.append(table.append_column("split", pa.array([split] * table.num_rows)))
    pq.write_table(pa.concat_tables(tables), path)


def _recorded_lines(source: Source) -> list[str]:
    lines: list[str] = []
    for strategy in ("plain", "knowledge"):
        path = source.recordings / strategy / "responses.jsonl"
        lines += [
            line
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
            if json.loads(line)["custom_id"].startswith(f"{RECORDED[source.name]}-")
        ]
    return lines


def run_stages(workspace: Workspace) -> dict[str, object]:
    """Vote, aggregate, distill and evaluate; the content of metrics.json."""
    from alchemist.flow.run import run

    run(workspace, workspace.task(), Silent())
    found: dict[str, object] = json.loads((workspace.results / "metrics.json").read_bytes())
    return found
