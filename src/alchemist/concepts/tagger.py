"""Any classifier in ONNX, for pictures or sound, as judge of concepts.

Its vocabulary is fixed; a language model says which of its tags speak for an option.

    score(option) = log(sum of its tags' probabilities + FLOOR)

All tag probabilities of an item are kept, so new concepts cost a sum and no second look.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts import Opening
from alchemist.concepts.cache import Cache
from alchemist.concepts.folders import ModelFolder, Session, pixel_input, read_model_folder, softmax
from alchemist.concepts.front_end import front_end
from alchemist.concepts.pictures import open_picture, quiet
from alchemist.concepts.reading import Raw, Unreadable, extract_all
from alchemist.concepts.sounds import open_sound
from alchemist.concepts.views import open_view
from alchemist.core.concepts import (
    Concept,
    Extracted,
    Feature,
    check_concepts,
    score_features,
    tag_places,
)
from alchemist.core.errors import BadConcepts, BadModel, nearest_hint

VERSION = 1
FLOOR = 1e-6
BATCH = 8

Floats = NDArray[np.float32]


class Tagger:
    """Scores concept options by the tags that speak for them."""

    def __init__(self, opening: Opening) -> None:
        folder = read_model_folder(opening.model, "tagger", "The extractor 'tagger'")
        if folder.modality != opening.modality:
            raise BadModel(
                f"{folder.path} tags {folder.modality}, and the task's rows are {opening.modality}."
            )
        self._folder = folder
        self._session = Session(folder.file)
        self._names = (str(folder.input["name"]), str(folder.output["name"]))
        self._session.require(inputs=self._names[:1], outputs=self._names[1:])
        self._logits = _meaning(folder)
        self._places = tag_places(folder.labels)
        self._eye = _eye(opening, folder)
        self._cache = Cache(opening.cache) if opening.cache else None
        self.width = len(folder.labels)
        self.fingerprint = f"tagger {VERSION} {folder.fingerprint} {self._eye.fingerprint}"

    def vocabulary(self) -> tuple[str, ...]:
        """Every tag the model knows."""
        return self._folder.labels

    def features(self, concepts: Sequence[Concept]) -> tuple[Feature, ...]:
        """One raw score per option."""
        self._tags_of(concepts)
        return score_features(concepts)

    def extract(self, items: Sequence[bytes | None], concepts: Sequence[Concept]) -> Extracted:
        """Score every option for every item."""
        options = self._tags_of(concepts)

        def score(values: Floats) -> Floats:
            sums = [values[:, places].sum(axis=1, dtype=np.float64) for places in options]
            return np.log(np.stack(sums, axis=1) + FLOOR).astype(np.float32)

        return extract_all(self, items, self._cache, len(options), score)

    def probabilities(self, items: Sequence[bytes | None]) -> Extracted:
        """(n, tags) what the model says of every tag, concepts aside."""
        return extract_all(self, items, self._cache, self.width, lambda values: values)

    def read(self, items: Sequence[bytes]) -> Sequence[Raw | str]:
        """Run the model over some items; one that cannot be read is its reason."""
        seen = [self._look(item) for item in items]
        inputs = [tensor for one in seen if not isinstance(one, str) for tensor in one[0]]
        outputs = self._run(inputs)
        found: list[Raw | str] = []
        for one in seen:
            if isinstance(one, str):
                found.append(one)
                continue
            # A long sound comes in several pieces; a tag counts by its mean.
            pieces = np.stack([next(outputs) for _ in one[0]])
            found.append(Raw(pieces.mean(axis=0), one[1]))
        return found

    def _look(self, item: bytes) -> tuple[Floats, str] | str:
        try:
            return self._eye.look(item)
        except Unreadable as error:
            return str(error)

    def _run(self, inputs: Sequence[Floats]) -> Iterator[Floats]:
        name, output = self._names
        fixed = self._session.inputs[name][0]
        batch = fixed if isinstance(fixed, int) else BATCH
        for start in range(0, len(inputs), batch):
            some = np.stack(inputs[start : start + batch])
            short = batch - len(some) if isinstance(fixed, int) else 0
            filled = np.concatenate((some, np.zeros((short, *some.shape[1:]), np.float32)))
            scores = self._session.run(output, {name: filled})[: len(some)]
            if scores.shape != (len(some), self.width):
                raise BadModel(
                    f"{self._folder.path}: the model gives {scores.shape[1:]} numbers an item, and "
                    f"labels.txt has {self.width} lines."
                )
            yield from softmax(scores, axis=1) if self._logits else scores

    def _tags_of(self, concepts: Sequence[Concept]) -> list[list[int]]:
        check_concepts(concepts)
        if not concepts:
            raise BadConcepts(
                "A tagger scores concepts, and there are none; ask with: alchemist concepts."
            )
        options = []
        for concept in concepts:
            for option in concept.options:
                where = f"{concept.name}.{option.name}"
                options.append(sorted({p for tag in option.tags for p in self._place(tag, where)}))
                if not options[-1]:
                    raise BadConcepts(f"The option {where!r} names no tag of the tagger.")
        return options

    def _place(self, tag: str, where: str) -> tuple[int, ...]:
        found = self._places.get(tag.strip().casefold())
        if found is None:
            hint = nearest_hint(tag, self._places) if len(self._places) < 5000 else ""
            hint = hint if hint.startswith("Did") else "Its tags are in labels.txt."
            raise BadConcepts(f"The option {where!r} names {tag!r}, no tag of the tagger. {hint}")
        return found


class _PictureEye:
    """Pictures as the model wants them, through a view."""

    def __init__(self, opening: Opening, folder: ModelFolder) -> None:
        self._input = pixel_input(folder)
        self._view = open_view(opening.view, opening.segmenter)
        # Half as large again as the model looks at loses nothing by the draft's scaling.
        self._enough = (
            2 * max(self._input.width, self._input.height) if opening.view == "full" else 0
        )
        self.fingerprint = self._view.fingerprint

    def look(self, item: bytes) -> tuple[Floats, str]:
        with quiet():
            picture = open_picture(item, self._enough)
            seen = self._view.look(picture.image)
        note = "; ".join(filter(None, (picture.note, seen.note)))
        return self._input.tensor(seen.image)[None], note


class _SoundEye:
    """Sound as the log-mel pictures the model wants."""

    fingerprint = "sound"

    def __init__(self, opening: Opening, folder: ModelFolder) -> None:
        if opening.view != "full":
            raise BadConcepts(f"There is no view {opening.view!r} of a sound; take full.")
        self._front = front_end(folder)

    def look(self, item: bytes) -> tuple[Floats, str]:
        sound = open_sound(item)
        return self._front.patches(sound), sound.note


def _eye(opening: Opening, folder: ModelFolder) -> _PictureEye | _SoundEye:
    if opening.modality == "image":
        return _PictureEye(opening, folder)
    if opening.modality == "audio":
        return _SoundEye(opening, folder)
    raise BadModel(f"A tagger reads image or audio, not {opening.modality}.")


def _meaning(folder: ModelFolder) -> bool:
    """Whether the output is logits. Raises BadModel where model.json does not say."""
    meaning = str(folder.output.get("meaning", "")).casefold()
    logits, shares = "logit" in meaning, "probabilit" in meaning
    if logits == shares:
        raise BadModel(
            f"{folder.path / 'model.json'}: output.meaning must say either 'logits' (of exclusive "
            "tags) or 'probabilities'."
        )
    return logits
