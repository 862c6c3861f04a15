"""Init: look at a file and write the task that fits it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from alchemist.core.errors import BadTask, InputError, UnknownName, nearest_hint
from alchemist.flow import waterbirds
from alchemist.label_models import LABEL_MODELS
from alchemist.modalities import MODALITIES
from alchemist.modalities.sources import FOLDER_COLUMNS
from alchemist.store.task_file import check_task, write_task
from alchemist.store.workspace import Workspace

_IDS = ("id", "row_id", "uuid", "key")

# Settings that go together, by name; they are written out, so that every later command and the
# reader of task.toml see them.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {
        "synthesis": {"strategies": ["paper"], "prompts": 10, "programs_per_prompt": 1},
        "aggregate": {"label_model": "snorkel"},
        "distill": {"end_model": "tfidf"},
    },
    "waterbirds": waterbirds.SETTINGS,
}


@dataclass(frozen=True, slots=True)
class InitReport:
    """What was written, and what a person should still fill in."""

    task_path: Path
    columns: tuple[str, ...]
    to_fill: tuple[str, ...]


def init(
    root: Path,
    *,
    data: Path,
    inputs: tuple[str, ...],
    classes: tuple[str, ...],
    instruction: str,
    gold: str | None = None,
    id_column: str | None = None,
    split: str | None = None,
    modality: str = "text",
    preset: str | None = None,
) -> InitReport:
    """Write task.toml for a data file.

    Raises:
        InputError: The folder holds a task already, a column is not in the file, or the
            classes do not make a task.
        BadRows: The file cannot be read.
        UnknownName: There is no such preset.
    """
    if preset is not None and preset not in PRESETS:
        raise UnknownName.among("preset", preset, PRESETS)
    workspace = Workspace(root)
    if workspace.task_path.exists():
        raise InputError(
            f"{workspace.task_path} is there already; edit it, or choose a new folder."
        )
    columns = MODALITIES.load(modality)().columns(str(data.resolve()), Path.cwd())
    for role, name in (("--id", id_column), ("--gold", gold), ("--split", split)):
        if name is not None and name not in columns:
            raise InputError(
                f"{role}: {data} has no column {name!r}. {nearest_hint(name, columns)}"
            )
    if id_column is None:
        id_column = _guess_id(columns, data, inputs)
    used = [name for name in (id_column, gold, split) if name]
    chosen = inputs or _guess_inputs(columns, data, modality, used)
    for name in chosen:
        # A series may lie in columns side by side, named by a pattern.
        if not any(fnmatchcase(column, name) for column in columns):
            raise InputError(
                f"--input: {data} has no column {name!r}. {nearest_hint(name, columns)}"
            )
    rows = {
        "path": _relative(data, root),
        "inputs": list(chosen),
        **({"id": id_column} if id_column else {}),
        **({"gold": gold} if gold else {}),
        **({"split": split} if split else {}),
    }
    tables: dict[str, Any] = {
        "schema": 1,
        "name": _name(root),
        "instruction": instruction,
        "modality": modality,
        **({"language": "en"} if modality == "text" else {}),
        "metric": "accuracy",
        "classes": [{"name": name.strip(), "description": ""} for name in classes],
        "rows": rows,
        "synthesis": {"strategies": ["knowledge"], "provider": "openai", "model": ""},
    }
    for key, settings in PRESETS.get(preset or "", {}).items():
        table = isinstance(settings, Mapping)
        tables[key] = {**tables.get(key, {}), **settings} if table else settings
    check_task(tables)
    try:
        root.mkdir(parents=True, exist_ok=True)
        workspace.programs.mkdir(exist_ok=True)
        write_task(workspace.task_path, tables, _COMMENTS)
    except OSError as error:
        raise InputError(f"{root} cannot be written: {error.strerror}.") from None
    return InitReport(workspace.task_path, columns, _to_fill(tables))


def init_waterbirds(root: Path, *, data: Path) -> InitReport:
    """Write the task of Waterbirds for its published folder; alchemist.csv is put beside it.

    Raises:
        BadRows: The folder is not laid out like Waterbirds.
        InputError: It cannot be written, or the task is there already.
    """
    return init(
        root,
        data=waterbirds.waterbirds_table(data),
        inputs=("image",),
        classes=waterbirds.CLASSES,
        instruction=waterbirds.INSTRUCTION,
        gold="label",
        id_column="id",
        split="split",
        modality="image",
        preset="waterbirds",
    )


_COMMENTS = {
    "metric": "accuracy | balanced_accuracy | macro_f1 | f1:<class>",
    "language": "the language of the rows",
    "classes.description": "one line: what belongs here",
    "synthesis.model": "such as gpt-5-mini; for a local server set base_url too",
}


_USUAL = {
    "text": ("text", "sentence", "content", "message", "comment", "body"),
    "image": ("image", "picture", "photo", "img", "file_name", "filename", "file", "path"),
    "audio": ("audio", "sound", "recording", "file_name", "filename", "file", "path"),
    "video": ("video", "film", "clip", "file_name", "filename", "file", "path"),
    "series": ("series", "values", "signal"),
}


def _guess_id(columns: tuple[str, ...], data: Path, inputs: tuple[str, ...]) -> str | None:
    if data.is_dir() and columns == FOLDER_COLUMNS:
        return columns[0]  # a file's own path is the best name it has
    return next((c for c in columns if c.casefold() in _IDS and c not in inputs), None)


def _guess_inputs(
    columns: tuple[str, ...], data: Path, modality: str, used: list[str]
) -> tuple[str, ...]:
    if modality == "tabular":
        return tuple(column for column in columns if column not in used)
    for name in _USUAL[modality]:
        for column in columns:
            if column.casefold() == name:
                return (column,)
    raise InputError(
        f"Which column of {data} should programs read? Say --input COLUMN; "
        f"it has {', '.join(columns)}."
    )


def _to_fill(tables: dict[str, Any]) -> tuple[str, ...]:
    found = [
        f"a description for class {one['name']!r}"
        for one in tables["classes"]
        if not one["description"]
    ]
    if not tables["instruction"].strip():
        raise BadTask("The instruction is empty; say in one sentence what is to be decided.")
    if not tables["synthesis"]["model"]:
        found.append("synthesis.model, the language model to ask (or paste answers by hand)")
    if tables.get("concepts", {}).get("extractor") == "clip":
        found.append("concepts.model, the folder of a two-tower model")
    label_model = tables.get("aggregate", {}).get("label_model", "default")
    if not LABEL_MODELS.installed(label_model):
        extra = LABEL_MODELS.ours[label_model].extra
        found.append(
            f"the packages of label model {label_model!r}: pip install 'alchemist-label[{extra}]'"
        )
    return tuple(found)


def _relative(data: Path, root: Path) -> str:
    """The path as the task file should hold it: relative where both lie close together."""
    full, base = data.resolve(), root.resolve()
    for up in (base, base.parent):
        if full.is_relative_to(up):
            return str(Path("." if up == base else "..") / full.relative_to(up))
    return str(full)


def _name(root: Path) -> str:
    return re.sub(r"[^a-z0-9]+", "-", root.resolve().name.casefold()).strip("-") or "task"
