"""What the same extractor says of the classes themselves, without any program.

    zero_shot        one entry per class; the best one wins
    group_prompting  one entry per class and group of rows ("a waterbird", "on water"); the class
                     of the best one wins

Entries are phrases for a two-tower model or tags for a tagger, kept in baselines.toml where a
person can edit them:

    [[baselines]]
    name = "zero_shot"
    [[baselines.entries]]
    class = "waterbird"
    phrases = ["waterbird"]

Source: the baselines of Huang et al., Alchemist (2024), multimodal part; the wording of groups
follows Adila et al., Zero-Shot Robustification of Zero-Shot Models (ICLR 2024).
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from alchemist.core.concepts import Concept, Option
from alchemist.core.errors import BadConcepts, nearest_hint
from alchemist.core.files import write_atomically
from alchemist.core.task import LabelClass

FILE = "baselines.toml"
SCHEMA = 1
ZERO_SHOT, GROUP_PROMPTING = "zero_shot", "group_prompting"
_STRICT: Mapping[str, Any] = {"extra": "forbid"}
_HEAD = """\
# What the extractor is asked of the classes themselves, to be compared with the programs. The
# class of the entry that scores best is the label. Phrases are read by two-tower models, tags by
# taggers (and name columns of given scores).
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One way to say a class, perhaps as one group of rows shows it.

    Attributes:
        class_: Name of the class; `class` in the file.
        group: Which rows, in a word; empty where all are meant.
        phrases: How a caption would say it.
        tags: Which names of a tagger's vocabulary speak for it.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    class_: str
    group: str = ""
    phrases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Baseline:
    """A named way to label without programs."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    name: str
    entries: tuple[Entry, ...]

    def concept(self, number: int) -> Concept:
        """The question an extractor scores: which entry is it?"""
        options = tuple(
            Option(f"entry_{i}", one.phrases, one.tags) for i, one in enumerate(self.entries)
        )
        return Concept(f"baseline_{number}", "Which class is it?", options)

    def proba(
        self, scores: NDArray[np.float32], classes: Sequence[LabelClass]
    ) -> NDArray[np.float64]:
        """(n, k) class probabilities from (n, entries) raw scores; rows of NaN stay NaN.

        The best entry of each class stands for it, so the class of the best of all wins.
        """
        names = [one.name for one in classes]
        best = np.full((len(scores), len(names)), -np.inf)
        for column, entry in zip(scores.T.astype(np.float64), self.entries, strict=True):
            at = names.index(entry.class_)
            best[:, at] = np.maximum(best[:, at], column)
        odds = np.exp(best - best.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)


def draft_baselines(
    classes: Sequence[LabelClass], groups: Sequence[str], concepts: Sequence[Concept]
) -> tuple[Baseline, ...]:
    """Baselines as far as names and concepts give them.

    A class or group that is the option of some concept takes its tags; phrases are the words
    themselves, a group's behind those of the class ("waterbird on water").

    Args:
        classes: Of the task.
        groups: How rows of one class differ, such as "on water" and "on land".
        concepts: What concepts.toml holds, nuisance ones too.
    """
    named: dict[str, tuple[str, ...]] = {}
    for concept in concepts:
        for option in concept.options:
            named.setdefault(option.name, option.tags)
    tags = {word: named.get(_slug(word), ()) for word in (*(c.name for c in classes), *groups)}
    said = {one.name: one.name.replace("_", " ") for one in classes}
    plain = [Entry(c.name, "", (said[c.name],), tags[c.name]) for c in classes]
    found = [Baseline(ZERO_SHOT, tuple(plain))]
    if groups:
        crossed = tuple(
            Entry(
                one.class_,
                group,
                (f"{said[one.class_]} {group.replace('_', ' ')}",),
                tuple(dict.fromkeys((*one.tags, *tags[group]))),
            )
            for one in plain
            for group in groups
        )
        found.append(Baseline(GROUP_PROMPTING, crossed))
    return tuple(found)


def check_baselines(
    baselines: Sequence[Baseline], classes: Sequence[LabelClass], path: Path, *, tags: bool
) -> None:
    """Check that every class has its say in every baseline.

    Args:
        baselines: What is about to be scored.
        classes: Of the task.
        path: Where a person can mend it.
        tags: The extractor reads tags rather than phrases.

    Raises:
        BadConcepts: An entry names no class, a class has no entry, or an entry has no tags.
    """
    names = [one.name for one in classes]
    for baseline in baselines:
        for entry in baseline.entries:
            if entry.class_ not in names:
                hint = nearest_hint(entry.class_, names)
                raise BadConcepts(
                    f"{path}: {baseline.name} has an entry for {entry.class_!r}, no class of this "
                    f"task. {hint}"
                )
            if tags and not entry.tags:
                raise BadConcepts(
                    f"{path}: the entry for {entry.class_!r} of {baseline.name} needs tags, names "
                    "of what this extractor knows; add them there."
                )
        for name in names:
            if name not in {entry.class_ for entry in baseline.entries}:
                raise BadConcepts(f"{path}: {baseline.name} has no entry for class {name!r}.")


def read_baselines(path: Path) -> tuple[Baseline, ...]:
    """Read a baselines file.

    Raises:
        BadConcepts: One sentence that names the file and what to change.
    """
    from pydantic import Field, TypeAdapter, ValidationError

    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadConcepts(f"{path} cannot be read: {error}.") from None
    if raw.get("schema", SCHEMA) != SCHEMA:
        raise BadConcepts(f"{path} has schema = {raw['schema']!r}; this Alchemist knows {SCHEMA}.")
    try:
        listed = TypeAdapter(Annotated[tuple[Baseline, ...], Field(min_length=1)])
        return listed.validate_python(tuple(_renamed(raw.get("baselines", []))))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(one) for one in first["loc"]).replace("class_", "class")
        raise BadConcepts(f"{path}: baselines.{where}: {first['msg'].lower()}.") from None


def write_baselines(path: Path, baselines: Sequence[Baseline]) -> None:
    """Write a baselines file, whole."""
    import tomlkit

    document = tomlkit.parse(_HEAD)
    document.add("schema", tomlkit.item(SCHEMA))
    tables = tomlkit.aot()
    for baseline in baselines:
        table = tomlkit.table()
        table.add("name", baseline.name)
        entries = tomlkit.aot()
        for entry in baseline.entries:
            one = tomlkit.table()
            one.add("class", entry.class_)
            for key, value in (
                ("group", entry.group),
                ("phrases", list(entry.phrases)),
                ("tags", list(entry.tags)),
            ):
                if value:
                    one.add(key, value)
            entries.append(one)
        table.add("entries", entries)
        tables.append(table)
    document.add("baselines", tables)
    write_atomically(path, tomlkit.dumps(document).encode())


def _renamed(raw: Any) -> Iterator[Any]:
    """The tables with `class`, a word Python keeps for itself, under the field's own name."""
    for table in raw if isinstance(raw, list) else []:
        if isinstance(table, dict) and isinstance(table.get("entries"), list):
            entries = [
                {"class_" if k == "class" else k: v for k, v in e.items()}
                if isinstance(e, dict)
                else e
                for e in table["entries"]
            ]
            yield {**table, "entries": entries}
        else:
            yield table


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", words.casefold()).strip("_")
