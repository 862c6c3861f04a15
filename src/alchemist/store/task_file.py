"""task.toml: read, checked and written.

Precedence: command line > ALCHEMIST_* environment > task.toml > defaults. The environment
variable of a setting is its table and key in capitals: ALCHEMIST_SYNTHESIS_MODEL. Unknown keys
are errors that name the nearest known one.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from alchemist.core.errors import BadTask, nearest_hint
from alchemist.core.files import write_atomically
from alchemist.core.task import Task

FILE = "task.toml"
SCHEMA = 1
PREFIX = "ALCHEMIST_"


def load_task(
    path: Path,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Task:
    """Read and check a task file.

    Args:
        path: The task.toml.
        overrides: Dotted settings ("synthesis.model") that win over everything.
        environment: Variables to look for ALCHEMIST_* in; the process's own by default.

    Raises:
        BadTask: One sentence that names the file, the field, the value and the nearest right one.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadTask(
            f"There is no {path}. Make one with: alchemist init {path.parent} --data FILE …"
        ) from None
    except UnicodeDecodeError as error:
        raise BadTask(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8.") from None
    except OSError as error:
        raise BadTask(f"{path} cannot be read: {error.strerror}.") from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadTask(f"{path} is not valid TOML: {error}.") from None
    _refuse_newer(path, raw)
    for key, value in _from_environment(os.environ if environment is None else environment):
        _put(raw, key, value)
    for key, value in (overrides or {}).items():
        _put(raw, key, value)
    try:
        return check_task(raw)
    except BadTask as error:
        raise BadTask(f"{path}: {error}") from None


def check_task(raw: Mapping[str, Any]) -> Task:
    """Build a Task from the tables of a task file.

    Raises:
        BadTask: An unknown, missing or ill-typed field, or values that do not fit together.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Task).validate_python(dict(raw))
    except ValidationError as error:
        # A misspelt field is told before the one it leaves missing.
        found = sorted(error.errors(), key=lambda one: "missing" in one["type"])
        raise BadTask(_sentence(found[0])) from None


def write_task(path: Path, tables: Mapping[str, Any], comments: Mapping[str, str]) -> None:
    """Write a new task file; comments are put behind the dotted fields they name."""
    import tomlkit

    document = tomlkit.document()
    for key, value in tables.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            array = tomlkit.aot()
            for one in value:
                array.append(_table(tomlkit.table(), one, f"{key}.", comments))
            document.add(key, array)
        elif isinstance(value, Mapping):
            document.add(key, _table(tomlkit.table(), value, f"{key}.", comments))
        else:
            document.add(key, tomlkit.item(value))
            if key in comments:
                document[key].comment(comments[key])
    write_atomically(path, tomlkit.dumps(document).encode("utf-8"))


def _table(table: Any, values: Mapping[str, Any], prefix: str, comments: Mapping[str, str]) -> Any:
    for key, value in values.items():
        table.add(key, value)
        if prefix + key in comments:
            table[key].comment(comments[prefix + key])
    return table


def _refuse_newer(path: Path, raw: Mapping[str, Any]) -> None:
    schema = raw.get("schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        raise BadTask(
            f"{path} has schema = {schema}, and this Alchemist knows up to {SCHEMA}. "
            "Upgrade with: pip install -U alchemist-label."
        )


def _settings() -> Iterator[str]:
    """Dotted names of every scalar setting a task file may hold."""
    for key, kind in get_type_hints(Task).items():
        if is_dataclass(kind):
            yield from (f"{key}.{one.name}" for one in fields(kind))
        elif kind in (str, int):
            yield key


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for key in _settings():
        text = environment.get(PREFIX + key.replace(".", "_").upper())
        if text is not None:
            yield key, _parse(key, text)


def _parse(key: str, text: str) -> Any:
    """Read a setting given as text, by the type its field has."""
    kind: Any = Task
    for part in key.split("."):
        kind = get_type_hints(kind)[part]
    if get_origin(kind) is tuple:
        return [one.strip() for one in text.split(",") if one.strip()]
    return text  # pydantic turns "3" and "true" into what the field needs


def _put(raw: dict[str, Any], key: str, value: Any) -> None:
    table, _, name = key.rpartition(".")
    target = raw.setdefault(table, {}) if table else raw
    if isinstance(target, dict):
        target[name] = value


def _sentence(error: Mapping[str, Any]) -> str:
    """Turn pydantic's first complaint into one of our sentences."""
    where = ".".join(str(part) for part in error["loc"])
    value = error.get("input")
    match error["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden":
            key = str(error["loc"][-1])
            return f"{where} is not a setting. {nearest_hint(key, _known_beside(error['loc']))}"
        case "missing" | "missing_argument" | "missing_keyword_only_argument":
            return f"{where} is missing; add it to the file."
        case "dataclass_type":
            return f"{where} must be a table, not {value!r}."
    if isinstance(error.get("ctx", {}).get("error"), BadTask):
        return str(error["ctx"]["error"])
    expected = {
        "string_type": "text in quotes",
        "tuple_type": "a list in [ ]",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "mapping_type": "a table of class names and shares",
    }.get(error["type"])
    if expected is None:
        expected = "a whole number" if error["type"].startswith("int") else None
    if expected is None:
        expected = "a number" if error["type"].startswith("float") else None
    if expected is None:
        return f"{where} = {value!r} does not fit: {error['msg']}."
    return f"{where} = {value!r} must be {expected}."


def _known_beside(location: tuple[Any, ...]) -> list[str]:
    """The settings that may stand where an unknown one was found."""
    kind: Any = Task
    for part in location[:-1]:
        kind = get_args(kind)[0] if isinstance(part, int) else get_type_hints(kind)[part]
    return [one.name for one in fields(kind)]
