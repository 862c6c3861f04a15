"""Labels: one soft label per row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alchemist.core.errors import BadVotes


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Class probabilities per row, and which rows any program spoke for.

    Attributes:
        proba: (n, k) float64, each row sums to 1; the prior where uncovered. Read-only.
        covered: (n,) bool. Read-only.
    """

    proba: NDArray[np.float64]
    covered: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.proba.ndim != 2 or self.covered.shape != (len(self.proba),):
            raise BadVotes(
                f"Labels need (n, k) probabilities and (n,) covered, not {self.proba.shape} "
                f"and {self.covered.shape}."
            )
        for name in ("proba", "covered"):
            array = getattr(self, name).copy()
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.proba)

    @property
    def best(self) -> NDArray[np.int16]:
        """(n,) index of the most probable class; the first of tied ones."""
        return self.proba.argmax(axis=1).astype(np.int16)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(n,) probability of the best class."""
        return self.proba.max(axis=1)
