"""Scores a user brings: columns of numbers, as they are or as evidence for concept options.

An item is its columns' numbers as little-endian float64, in the order of Opening.columns; NaN
where one is missing. Without concepts every column is a feature. With concepts an option's
score is the mean of the columns its tags name, by default the column `<concept>.<option>`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts import Opening
from alchemist.concepts.reading import Raw, extract_all
from alchemist.core.concepts import Concept, Extracted, Feature, check_concepts, score_features
from alchemist.core.errors import BadConcepts, nearest_hint

Floats = NDArray[np.float32]


class Precomputed:
    """Hands a user's numbers on."""

    def __init__(self, opening: Opening) -> None:
        if not opening.columns:
            raise BadConcepts("The extractor 'precomputed' needs the names of the score columns.")
        self._columns = opening.columns
        self.width = len(opening.columns)
        self.fingerprint = "precomputed 1 " + "\x1f".join(opening.columns)

    def vocabulary(self) -> tuple[str, ...]:
        """The columns."""
        return self._columns

    def features(self, concepts: Sequence[Concept]) -> tuple[Feature, ...]:
        """One raw score per option; without concepts, the columns."""
        self._places(concepts)
        if concepts:
            return score_features(concepts)
        return tuple(
            Feature(c, "given", "a number given with the row", family=c) for c in self._columns
        )

    def extract(self, items: Sequence[bytes | None], concepts: Sequence[Concept]) -> Extracted:
        """Take the numbers out of the items."""
        places = self._places(concepts)

        def score(values: Floats) -> Floats:
            return np.stack([values[:, some].mean(axis=1) for some in places], axis=1)

        return extract_all(self, items, None, len(places), score)

    def read(self, items: Sequence[bytes]) -> list[Raw | str]:
        """Read some items."""
        wanted = 8 * self.width
        return [
            Raw(np.frombuffer(item, dtype="<f8").astype(np.float32))
            if len(item) == wanted
            else f"{len(item)} bytes, where {self.width} columns take {wanted}"
            for item in items
        ]

    def _places(self, concepts: Sequence[Concept]) -> list[list[int]]:
        check_concepts(concepts)
        if not concepts:
            return [[i] for i in range(self.width)]
        place = {name: i for i, name in enumerate(self._columns)}
        found = []
        for concept in concepts:
            for option in concept.options:
                names = option.tags or (f"{concept.name}.{option.name}",)
                for name in names:
                    if name not in place:
                        raise BadConcepts(
                            f"The option '{concept.name}.{option.name}' needs the column {name!r}, "
                            f"which there is not. {nearest_hint(name, place)}"
                        )
                found.append([place[name] for name in names])
        return found
