"""concepts.toml: what to look for in an item, where a person can read and edit it.

[[concepts]]
name = "foot"
question = "What are its feet like?"
nuisance = false
[[concepts.options]]
name = "toed"
phrases = ["a bird with grasping toes"]
tags = ["hen", "cock"]
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alchemist.core.concepts import Concept, check_concepts
from alchemist.core.errors import BadConcepts, nearest_hint
from alchemist.core.files import write_atomically

FILE = "concepts.toml"
SCHEMA = 1
_FIELDS = ("name", "question", "nuisance", "options", "phrases", "tags", "concepts", "schema")
_HEAD = """\
# What to look for in an item: each concept is a question with options that exclude each other.
# Edit freely before scoring. Phrases are read by two-tower models, tags by taggers (and name
# columns of given scores). A nuisance concept is a spurious difference: programs never see it,
# it only tells how far the result follows it.
"""


def read_concepts(path: Path) -> tuple[Concept, ...]:
    """Read and check a concepts file.

    Raises:
        BadConcepts: One sentence that names the file, the place and what to change.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadConcepts(f"There is no {path}. Ask for one with: alchemist concepts.") from None
    except (OSError, ValueError) as error:
        raise BadConcepts(f"{path} cannot be read: {error}.") from None
    if (raw.get("schema", SCHEMA)) != SCHEMA:
        raise BadConcepts(f"{path} has schema = {raw['schema']!r}; this Alchemist knows {SCHEMA}.")
    for key in raw.keys() - {"schema", "concepts"}:
        raise BadConcepts(f"{path}: unknown key {key!r}. {nearest_hint(key, _FIELDS)}")
    try:
        concepts = TypeAdapter(tuple[Concept, ...]).validate_python(raw.get("concepts", []))
        check_concepts(concepts)
    except ValidationError as error:
        # A misspelt field is told before the one it leaves missing.
        found = sorted(error.errors(), key=lambda one: "missing" in one["type"])
        raise BadConcepts(f"{path}: {_sentence(found[0])}") from None
    except BadConcepts as error:
        raise BadConcepts(f"{path}: {error}") from None
    return concepts


def write_concepts(path: Path, concepts: Sequence[Concept]) -> None:
    """Write a concepts file, whole."""
    import tomlkit

    document = tomlkit.parse(_HEAD)
    document.add("schema", tomlkit.item(SCHEMA))
    tables = tomlkit.aot()
    for concept in concepts:
        table = tomlkit.table()
        table.add("name", concept.name)
        table.add("question", concept.question)
        table.add("nuisance", concept.nuisance)
        options = tomlkit.aot()
        for option in concept.options:
            one = tomlkit.table()
            one.add("name", option.name)
            for key, words in (("phrases", option.phrases), ("tags", option.tags)):
                if words:
                    one.add(key, list(words))
            options.append(one)
        table.add("options", options)
        tables.append(table)
    document.add("concepts", tables)
    write_atomically(path, tomlkit.dumps(document).encode())


def _sentence(error: Any) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    place, field = error["loc"][:-1], str(error["loc"][-1])
    where = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in place)
    where = f"concepts{where}"
    if error["type"] == "missing":
        return f"{where} has no {field!r}; add it."
    if error["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        return f"{where} has the unknown key {field!r}. {nearest_hint(field, _FIELDS[:6])}"
    return f"{where}.{field} = {error['input']!r}: {error['msg'].lower()}."
