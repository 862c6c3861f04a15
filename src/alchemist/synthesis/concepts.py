"""Concepts: asking which differences between the classes an item shows, and reading the answer.

Two questions, each on its own: the true differences, and the spurious ones that only go with a
class. The second list is flagged as nuisance. For a tagger the language model plays the text
tower: it is shown the vocabulary and answers each option with a set of names.

Source: the two questions follow Adila et al., Zero-Shot Robustification of Zero-Shot Models
(ICLR 2024); differences as questions follow Huang et al., Alchemist (2024), multimodal part.
"""

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alchemist.core.concepts import Concept, Option, tag_places
from alchemist.core.errors import BadConcepts
from alchemist.core.exchange import Message, Request
from alchemist.core.task import Task
from alchemist.synthesis.strategies import Ask, request_digest
from alchemist.synthesis.templates import Templates

TRUE, SPURIOUS = "true", "spurious"
_MOST_TOKENS = 16_000
_SIZES = {TRUE: (8, 12), SPURIOUS: (3, 6)}
_FENCE = re.compile(r"```[a-z]*\n(.*?)```", re.DOTALL)
_TRAILING_COMMA = re.compile(r",(?=\s*[\]}])")


@dataclass(frozen=True, slots=True)
class Sense:
    """How concepts of a modality are spoken of."""

    thing: str
    things: str
    sense: str
    shows: str
    true_sides: str
    circumstances: str
    spurious_sides: str
    tags_mean: str


_SEEN = Sense(
    "picture",
    "pictures",
    "visual",
    "looks like",
    "Parts, shape, proportions, posture, size, surface, pattern and colour of the thing are such "
    "differences.",
    "place, background, light, season, viewpoint and picture quality",
    "Place and background, company, light, season, weather, viewpoint, and the source of the "
    "picture are such differences.",
    "look like that",
)
_HEARD = Sense(
    "recording",
    "recordings",
    "audible",
    "sounds like",
    "Kind, pitch, timbre, rhythm, length, loudness over time and articulation are such "
    "differences.",
    "room, background noise, equipment and recording quality",
    "Background sounds, room, equipment, loudness of the recording, and the speaker or place it "
    "was made at are such differences.",
    "sound like that",
)
SENSES: Mapping[str, Sense] = {
    "image": _SEEN,
    "video": Sense("film", "films", *list(asdict(_SEEN).values())[2:]),
    "audio": _HEARD,
    "series": Sense(
        "series",
        "series",
        "measurable",
        "does over time",
        "Level, shape, order, duration and rhythm of what happens are such differences.",
        "sensor, scale, offset and when or where it was measured",
        "Sensor, scale, offset, noise, length, and when or where it was measured are such "
        "differences.",
        "speak for that",
    ),
}


@dataclass(frozen=True, slots=True)
class Listed:
    """What an answer held: concepts, and what was left out or mended, one sentence each."""

    concepts: tuple[Concept, ...]
    notes: tuple[str, ...] = ()


def concept_asks(
    task: Task, templates: Templates, vocabulary: Sequence[str], model: str
) -> tuple[Ask, ...]:
    """The two questions: true differences first, then spurious ones.

    Args:
        task: Its instruction and classes are told, and no row.
        templates: Ours, or a workspace's.
        vocabulary: The names a tagger knows; empty where phrases are scored.
        model: Whom to ask.
    """
    return tuple(_ask(task, templates, vocabulary, model, side) for side in (TRUE, SPURIOUS))


def read_concepts_answer(
    text: str, vocabulary: Sequence[str], *, nuisance: bool, taken: Collection[str] = ()
) -> Listed:
    """The concepts of an answer.

    Args:
        text: What the model wrote.
        vocabulary: Names that tags must be among; any where it is empty.
        nuisance: Whether it answers the question for spurious differences.
        taken: Names of concepts there are already.

    Raises:
        BadConcepts: It holds no list of concepts at all.
    """
    places = tag_places(vocabulary)
    names = set(taken)
    concepts: list[Concept] = []
    notes: list[str] = []
    for entry in _entries(text):
        try:
            concept, told = _concept(entry, places, names, nuisance=nuisance)
        except BadConcepts as error:
            notes.append(str(error))
            continue
        names.add(concept.name)
        concepts.append(concept)
        notes += told
    return Listed(tuple(concepts), tuple(notes))


def _ask(task: Task, templates: Templates, vocabulary: Sequence[str], model: str, side: str) -> Ask:
    fewest, most = _SIZES[side]
    facts = {
        "instruction": task.instruction.strip(),
        "classes": [asdict(one) for one in task.classes],
        **asdict(SENSES[task.modality]),
        "spurious": side == SPURIOUS,
        "fewest": fewest,
        "most": most,
        "vocabulary": list(vocabulary),
        "key": "tags" if vocabulary else "phrases",
    }
    request = Request(
        messages=(Message("user", templates.render("concepts", facts)),),
        model=model,
        temperature=task.synthesis.temperature,
        max_tokens=_MOST_TOKENS,
        purpose="concepts",
    )
    custom_id = f"concepts-{side}-{request_digest(request)}"
    return Ask(custom_id, "concepts", side, 1, int(side == SPURIOUS), request)


def _entries(text: str) -> list[Any]:
    for block in (*_FENCE.findall(text), text[text.find("[") : text.rfind("]") + 1]):
        try:
            found = json.loads(_TRAILING_COMMA.sub("", block))
        except ValueError:
            continue
        if isinstance(found, dict):
            found = found.get("concepts", [found])
        if isinstance(found, list) and found:
            return found
    raise BadConcepts(
        "The answer holds no JSON list of concepts; ask again, or write concepts.toml by hand."
    )


def _concept(
    entry: Any, places: Mapping[str, Any], taken: Collection[str], *, nuisance: bool
) -> tuple[Concept, list[str]]:
    """A concept, and what was mended in it."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("options"), list):
        raise BadConcepts(f"An entry is no concept with options: {str(entry)[:80]!r}.")
    question = str(entry.get("question") or "").strip()
    name = _free(_name(str(entry.get("name") or question)), taken)
    options: list[Option] = []
    told: list[str] = []
    seen: set[str] = set()
    for one in entry["options"]:
        option, lost = _option(one, places, seen)
        if lost:
            told.append(f"In the concept {name!r}, these names do not count: {', '.join(lost)}.")
        if places and not option.tags:
            raise BadConcepts(
                f"The concept {name!r} is left out: its option {option.name!r} has no name of its "
                "own that the model knows."
            )
        seen |= {tag.casefold() for tag in option.tags}
        options.append(option)
    return Concept(name, question or f"Which {name}?", tuple(options), nuisance), told


def _option(
    entry: Any, places: Mapping[str, Any], seen: Collection[str]
) -> tuple[Option, list[str]]:
    """An option, and the tags that are unknown or stand in an option before it."""
    if isinstance(entry, str):
        entry = {"name": entry}
    if not isinstance(entry, Mapping):
        raise BadConcepts(f"An option is no table with a name: {str(entry)[:80]!r}.")
    phrases, tags = (_words(entry.get(key)) for key in ("phrases", "tags"))
    lost = [
        tag for tag in tags if (places and tag.casefold() not in places) or tag.casefold() in seen
    ]
    kept = tuple(tag for tag in tags if tag not in lost)
    return Option(_name(str(entry.get("name") or "")), phrases, kept), lost


def _words(found: Any) -> tuple[str, ...]:
    values: Iterable[Any] = found if isinstance(found, list) else ()
    return tuple(dict.fromkeys(str(one).strip() for one in values if str(one).strip()))


def _name(words: str) -> str:
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().casefold()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40].strip("_")
    return name if name[:1].isalpha() else f"c_{name}".strip("_")


def _free(name: str, taken: Collection[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free
