"""What extractors without a model share: fixed features, measured item by item."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from alchemist.concepts import Opening
from alchemist.concepts.cache import Cache
from alchemist.concepts.reading import Raw, Unreadable, extract_all
from alchemist.core.concepts import Concept, Extracted, Feature
from alchemist.core.errors import BadConcepts


class Local:
    """Measures `named` features of items of one modality.

    Attributes:
        name: In EXTRACTORS.
        modality: What it reads.
        version: Raised whenever a number could come out differently.
        named: The features, in order.
    """

    name: ClassVar[str]
    modality: ClassVar[str]
    version: ClassVar[int]
    named: ClassVar[tuple[Feature, ...]]

    def __init__(self, opening: Opening) -> None:
        if opening.modality != self.modality:
            raise BadConcepts(
                f"{self.name} reads {self.modality}, and the task's rows are {opening.modality}."
            )
        if opening.view != "full":
            raise BadConcepts(
                f"{self.name} has no view {opening.view!r}; it looks at the whole item."
            )
        self.fingerprint = f"{self.name} {self.version}"
        self.width = len(self.named)
        self._cache = Cache(opening.cache) if opening.cache else None

    def vocabulary(self) -> tuple[str, ...]:
        """None: the features need no concepts."""
        return ()

    def features(self, concepts: Sequence[Concept]) -> tuple[Feature, ...]:
        """The named features; concepts add nothing."""
        return self.named

    def extract(self, items: Sequence[bytes | None], concepts: Sequence[Concept]) -> Extracted:
        """Measure every item."""
        return extract_all(self, items, self._cache, self.width, lambda values: values)

    def read(self, items: Sequence[bytes]) -> list[Raw | str]:
        """Measure some items; one that cannot be read is its reason."""
        return [self._read(item) for item in items]

    def measure_item(self, item: bytes) -> tuple[dict[str, float], str]:
        """Every feature by name, and a note. Raises Unreadable."""
        raise NotImplementedError

    def _read(self, item: bytes) -> Raw | str:
        try:
            found, note = self.measure_item(item)
        except Unreadable as error:
            return str(error)
        return Raw(np.array([found[f.name] for f in self.named], dtype=np.float32), note)
