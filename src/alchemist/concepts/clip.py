"""Two towers, one for items and one for captions, whose vectors can be compared.

    score(option) = scale * cosine(item, mean of the option's wordings)

Every phrase is put in a few frames; the unit vectors of all wordings are averaged and made unit
again. Vectors of items are kept, so new concepts cost one matrix product; vectors of wordings
are kept too. Works with CLIP, SigLIP, SigLIP 2, MobileCLIP and, for sound, CLAP.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts import Opening
from alchemist.concepts.cache import Cache
from alchemist.concepts.captions import Captions
from alchemist.concepts.frames import sample_frames
from alchemist.concepts.pictures import open_picture, quiet
from alchemist.concepts.preprocessing import clap_steps, pixel_steps
from alchemist.concepts.reading import Raw, Unreadable, extract_all
from alchemist.concepts.sounds import open_sound
from alchemist.concepts.towers import Tower, TowerFolder, read_tower_folder
from alchemist.concepts.views import open_view
from alchemist.core.concepts import Concept, Extracted, Feature, check_concepts, score_features
from alchemist.core.errors import BadConcepts, BadModel

VERSION = 1
BATCH = 8
SCALE = 100.0
WORDINGS = {
    "image": ("{}", "a photo of {}", "a picture that shows {}"),
    "video": ("{}", "a photo of {}", "a video that shows {}"),
    "audio": ("{}", "the sound of {}", "a recording of {}"),
}

Floats = NDArray[np.float32]


class Clip:
    """Scores concept options by how near their captions are to an item."""

    def __init__(self, opening: Opening) -> None:
        if opening.modality not in WORDINGS:
            raise BadConcepts(f"clip reads image, audio or video, not {opening.modality}.")
        folder = read_tower_folder(opening.model, opening.modality)
        self._wordings = WORDINGS[opening.modality]
        captions = Captions(folder)
        self._items = _ItemTower(folder, opening, captions)
        self._texts = _TextTower(folder, captions, self._items.spare)
        if self._items.width != self._texts.width:
            raise BadModel(
                f"{folder.path}: items become {self._items.width} numbers and captions "
                f"{self._texts.width}; one tower was exported without its projection head."
            )
        self._scale = float(folder.config.get("logit_scale", SCALE))
        self._cache = Cache(opening.cache) if opening.cache else None
        towers = f"{self._items.fingerprint} {self._texts.fingerprint}"
        self.fingerprint = f"clip {self._scale} {self._wordings} {towers}"

    def vocabulary(self) -> tuple[str, ...]:
        """None: any phrase can be scored."""
        return ()

    def features(self, concepts: Sequence[Concept]) -> tuple[Feature, ...]:
        """One raw score per option."""
        check_concepts(concepts)
        if not concepts:
            raise BadConcepts(
                "clip scores concepts, and there are none; ask with: alchemist concepts."
            )
        return score_features(concepts)

    def extract(self, items: Sequence[bytes | None], concepts: Sequence[Concept]) -> Extracted:
        """Score every option for every item."""
        self.features(concepts)
        captions = np.stack(
            [self._vector(o.phrases or (o.name,)) for c in concepts for o in c.options]
        )
        weights = (captions * self._scale).T

        def score(values: Floats) -> Floats:
            # Row by row: a product over many rows at once may round otherwise than over few.
            return np.stack([row @ weights for row in values])

        return extract_all(self._items, items, self._cache, weights.shape[1], score)

    def _vector(self, phrases: Sequence[str]) -> Floats:
        wordings = [frame.format(p.replace("_", " ")) for p in phrases for frame in self._wordings]
        said = [wording.encode() for wording in wordings]
        width = self._texts.width
        vectors = extract_all(self._texts, said, self._cache, width, lambda values: values).values
        mean = vectors.mean(axis=0)
        return mean / max(float(np.linalg.norm(mean)), 1e-12)


class _ItemTower:
    """Items to unit vectors."""

    def __init__(self, folder: TowerFolder, opening: Opening, captions: Captions) -> None:
        where = folder.path / "preprocessor_config.json"
        self._modality = opening.modality
        self._view = open_view(opening.view, opening.segmenter)
        # A file with both towers in it wants both fed.
        ids, mask = captions.rows(["a"])
        spare = {"input_ids": ids, "attention_mask": mask}
        if opening.modality == "audio":
            self._sound = clap_steps(folder.preprocessor, where)
            self._tower = Tower(folder.items, "audio", spare)
            self._input = self._tower.input_named("input_features")
            shape = (1, 1, 1 + self._sound.samples // self._sound.hop, self._sound.mels)
        else:
            self._pixels = pixel_steps(folder.preprocessor, where)
            self._tower = Tower(folder.items, "image", spare)
            self._input = self._tower.input_named("pixel_values", "input")
            shape = (1, 3, *self._pixels.box)
        self.spare = {self._input: np.zeros(shape, dtype=np.float32)}
        self.width = self._tower.embed(self.spare).shape[1]
        self.fingerprint = f"items {VERSION} {folder.items_fingerprint} {self._view.fingerprint}"

    def read(self, items: Sequence[bytes]) -> list[Raw | str]:
        """Embed some items; one that cannot be read is its reason."""
        seen = [self._look(item) for item in items]
        inputs = [tensor for one in seen if not isinstance(one, str) for tensor in one[0]]
        vectors = iter(
            [
                vector
                for start in range(0, len(inputs), BATCH)
                for vector in self._tower.embed(
                    {self._input: np.stack(inputs[start : start + BATCH])}
                )
            ]
        )
        found: list[Raw | str] = []
        for one in seen:
            if isinstance(one, str):
                found.append(one)
                continue
            mean = np.stack([next(vectors) for _ in one[0]]).mean(axis=0)
            found.append(Raw(mean / max(float(np.linalg.norm(mean)), 1e-12), one[1]))
        return found

    def _look(self, item: bytes) -> tuple[Sequence[Floats], str] | str:
        try:
            with quiet():
                return self._tensors(item)
        except Unreadable as error:
            return str(error)

    def _tensors(self, item: bytes) -> tuple[Sequence[Floats], str]:
        if self._modality == "audio":
            sound = open_sound(item)
            return list(self._sound.pieces(sound)), sound.note
        if self._modality == "video":
            film = sample_frames(item)
            return [self._pixels.tensor(self._view.look(f).image) for f in film.frames], film.note
        picture = open_picture(item)
        seen = self._view.look(picture.image)
        note = "; ".join(filter(None, (picture.note, seen.note)))
        return [self._pixels.tensor(seen.image)], note


class _TextTower:
    """Wordings, as UTF-8, to unit vectors."""

    def __init__(
        self, folder: TowerFolder, captions: Captions, spare: Mapping[str, Floats]
    ) -> None:
        self._captions = captions
        self._tower = Tower(folder.texts, "text", spare)
        self._input = self._tower.input_named("input_ids", "input")
        self.fingerprint = f"texts {VERSION} {folder.texts_fingerprint}"
        self.width = self._embed(["a"]).shape[1]

    def read(self, items: Sequence[bytes]) -> list[Raw | str]:
        """Embed some wordings."""
        return [Raw(vector) for item in items for vector in self._embed([item.decode()])]

    def _embed(self, wordings: Sequence[str]) -> Floats:
        ids, mask = self._captions.rows(wordings)
        feeds = {self._input: ids}
        if self._tower.takes("attention_mask"):
            feeds["attention_mask"] = mask
        return self._tower.embed(feeds)
