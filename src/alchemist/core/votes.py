"""Votes: what every program said about every row.

A cell is a class index; ABSTAIN when the program had no opinion; MISSING when there is no
answer at all, because it failed or never ran (a Fault says why). On disk and in Arrow a
missing answer is null. A label model may learn from silence; from MISSING it learns nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.errors import BadVotes

ABSTAIN = -1
MISSING = -2


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """The votes of m programs on n rows, over k classes.

    Attributes:
        matrix: (n, m) int16, MISSING, ABSTAIN or a class index. Read-only.
        programs: m program names, in column order.
        n_classes: k, at least 2.
    """

    matrix: NDArray[np.int16]
    programs: tuple[str, ...]
    n_classes: int

    def __post_init__(self) -> None:
        if self.n_classes < 2:
            raise BadVotes(f"Votes need at least 2 classes, not {self.n_classes}.")
        if self.matrix.ndim != 2 or self.matrix.shape[1] != len(self.programs):
            raise BadVotes(
                f"A matrix must be (rows, {len(self.programs)} programs), not {self.matrix.shape}."
            )
        if not np.issubdtype(self.matrix.dtype, np.integer):
            raise BadVotes(f"Votes are whole numbers, but the matrix holds {self.matrix.dtype}.")
        if self.matrix.size and (
            self.matrix.min() < MISSING or self.matrix.max() >= self.n_classes
        ):
            outside = (self.matrix < MISSING) | (self.matrix >= self.n_classes)
            row, column = np.argwhere(outside)[0].tolist()
            raise BadVotes(
                f"Program {self.programs[column]!r} voted {self.matrix[row, column]} on row "
                f"{row}; votes are {ABSTAIN} (abstain) or 0 … {self.n_classes - 1}."
            )
        matrix = self.matrix.astype(np.int16)  # a copy: the caller keeps their array
        matrix.flags.writeable = False
        object.__setattr__(self, "matrix", matrix)

    def __len__(self) -> int:
        return len(self.matrix)

    @classmethod
    def from_matrix(cls, matrix: Any, n_classes: int | None = None) -> "Votes":
        """Votes from a bare Snorkel-style matrix; k is the highest vote + 1 unless given.

        Floats are taken when they are whole; NaN means no answer.
        """
        array = np.asarray(matrix)
        if array.ndim != 2:
            raise BadVotes(f"A vote matrix has two dimensions, not {array.ndim}.")
        if np.issubdtype(array.dtype, np.floating):
            whole = np.where(np.isnan(array), MISSING, array)
            if not np.array_equal(whole, np.trunc(whole)):
                raise BadVotes("Votes are whole numbers, but the matrix holds fractions.")
            array = whole.astype(np.int64)
        k = n_classes if n_classes is not None else max(2, int(array.max(initial=1)) + 1)
        return cls(array, tuple(f"p{j}" for j in range(array.shape[1])), k)
