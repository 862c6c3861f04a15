"""What an item shows, as named numbers: the words extractors, prompts and programs share.

A concept is a question with two or more options of which an item shows one. An extractor
answers with one raw score per option and item; a calibration makes it a number from 0 to 1.
Extractors without a model answer with features of their own and need no concepts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from alchemist.core.errors import BadConcepts

SCORE = "score"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_STRICT: Mapping[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Feature:
    """One named number a program may read as row[name]; None where the item has no answer.

    Attributes:
        name: Key in the row: `object_aspect`, or `<concept>.<option>`.
        unit: `share`, `Hz`, `s` …; `score` where it is a raw concept score.
        meaning: One line for a prompt and a person.
        low: Smallest possible value; -inf where there is none.
        high: Largest possible value; inf where there is none.
        nuisance: It reads the surroundings, not the thing; kept from programs.
        family: Features of one family tell the same story, so they share one vote.
    """

    name: str
    unit: str
    meaning: str
    low: float = float("-inf")
    high: float = float("inf")
    nuisance: bool = False
    family: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a concept's question.

    Attributes:
        name: Lower-case letters, digits and underscores.
        phrases: How a caption would say it, for a two-tower model; the name when empty.
        tags: Which names of a tagger's vocabulary, or columns of given scores, speak for it.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    name: str
    phrases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Concept:
    """A question with exclusive options.

    Raises BadConcepts when a name is no name, or there are fewer than two options.

    Attributes:
        name: Lower-case letters, digits and underscores; also the family of its features.
        question: What is asked of an item.
        options: In the order a person wrote them.
        nuisance: A spurious difference (background, lighting, source): audited, never voted on.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    name: str
    question: str
    options: tuple[Option, ...]
    nuisance: bool = False

    def __post_init__(self) -> None:
        names = [option.name for option in self.options]
        for kind, name in (("concept", self.name), *(("option", name) for name in names)):
            if not _NAME.fullmatch(name):
                raise BadConcepts(
                    f"The {kind} name {name!r} of concept {self.name!r} must be lower-case "
                    "letters, digits and underscores, and start with a letter."
                )
        if len(names) < 2 or len(set(names)) < len(names):
            raise BadConcepts(
                f"The concept {self.name!r} needs two or more options of different names, and "
                f"has {', '.join(names) or 'none'}."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Extracted:
    """What an extractor found in n items.

    Attributes:
        values: (n, d) float32, one column per feature; NaN where a feature has no answer.
        problems: Why an item gave nothing, by its index; its whole row is NaN.
        notes: What a person should know of an item that was read all the same, by its index.
    """

    values: NDArray[np.float32]
    problems: Mapping[int, str] = field(default_factory=dict)
    notes: Mapping[int, str] = field(default_factory=dict)


def check_concepts(concepts: Sequence[Concept]) -> None:
    """Check that no two concepts share a name.

    Raises:
        BadConcepts: Two do.
    """
    seen: set[str] = set()
    for concept in concepts:
        if concept.name in seen:
            raise BadConcepts(f"Two concepts are called {concept.name!r}; rename one of them.")
        seen.add(concept.name)


def score_features(concepts: Sequence[Concept]) -> tuple[Feature, ...]:
    """One raw score column per option, in order, before calibration."""
    return tuple(
        Feature(
            name=f"{concept.name}.{option.name}",
            unit=SCORE,
            meaning=f"{concept.question} Evidence for {option.name}, on no fixed scale.",
            nuisance=concept.nuisance,
            family=concept.name,
        )
        for concept in concepts
        for option in concept.options
    )


def tag_places(vocabulary: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Where each tag of a vocabulary is found, by its case-folded spellings.

    "tench, Tinca tinca" answers to the whole line and to each name between commas; the whole
    line wins where another entry has it as one of several names.
    """
    whole: dict[str, tuple[int, ...]] = {}
    parts: dict[str, tuple[int, ...]] = {}
    for place, line in enumerate(vocabulary):
        folded = line.strip().casefold()
        whole[folded] = (*whole.get(folded, ()), place)
        for part in {one.strip() for one in folded.split(",")}:
            parts[part] = (*parts.get(part, ()), place)
    return {**parts, **whole}
