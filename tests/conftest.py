"""What several tests share: a small task in a folder, with programs by hand."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from alchemist.core.task import Task
from alchemist.store.task_file import check_task
from alchemist.store.workspace import Workspace

# Two busy cores are slow now and then; a deadline would say nothing about our code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

ROWS = [
    ("a", "win a free prize now", "spam"),
    ("b", "see you at lunch", "ham"),
    ("c", "free entry, call now", "spam"),
    ("d", "are you coming home", "ham"),
    ("e", "claim your prize", "spam"),
    ("f", "ok thanks", "ham"),
]
PROGRAMS = {
    "prize": 'def label(text):\n    """Prizes."""\n    return "spam" if "prize" in text else None\n',
    "free": 'def label(text):\n    """Free things."""\n    return "spam" if "free" in text else None\n',
    "you": 'def label(text):\n    """People."""\n    return "ham" if "you" in text.split() else None\n',
    "short": 'def label(text):\n    """Short."""\n    return "ham" if len(text) < 12 else None\n',
}
TASK = {
    "name": "messages",
    "instruction": "Decide whether a message is spam.",
    "classes": [{"name": "ham", "aliases": ["HAM"]}, {"name": "spam"}],
    "rows": {"path": "rows.csv", "inputs": ["text"], "id": "id", "gold": "label"},
}


@pytest.fixture
def make_task() -> Callable[..., Task]:
    """Build a task; dotted keys change single fields."""

    def make(**changes: Any) -> Task:
        import copy

        raw: dict[str, Any] = copy.deepcopy(TASK)
        for key, value in changes.items():
            *path, last = key.split("__")
            table = raw
            for step in path:
                table = table.setdefault(step, {})
            table[last] = value
        return check_task(raw)

    return make


def write_rows(path: Path, rows: list[tuple[str, str, str]] = ROWS) -> Path:
    """Write rows as csv."""
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        writer.writerows(rows)
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with six rows and four programs by hand."""
    root = tmp_path / "messages"
    (root / "programs").mkdir(parents=True)
    write_rows(root / "rows.csv")
    for name, source in PROGRAMS.items():
        (root / "programs" / f"{name}.py").write_text(source, encoding="utf-8")
    (root / "task.toml").write_text(
        textwrap.dedent(
            """\
            schema = 1
            name = "messages"
            instruction = "Decide whether a message is spam."
            [[classes]]
            name = "ham"
            aliases = ["HAM"]
            [[classes]]
            name = "spam"
            [rows]
            path = "rows.csv"
            inputs = ["text"]
            id = "id"
            gold = "label"
            """
        ),
        encoding="utf-8",
    )
    return Workspace(root)
