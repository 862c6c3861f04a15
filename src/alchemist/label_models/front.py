"""The NumPy front door: a label model for a bare Snorkel-style matrix.

    MatrixModel("default").fit(L).predict_proba(L)

L is (n, m), -1 where a program abstains, NaN or -2 where there is no answer. Rows are counted
and labeled in blocks, so a matrix of millions of rows costs little beyond itself.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Floats, GoldVotes, LabelModel
from alchemist.core.errors import BadVotes, NotReady
from alchemist.core.labels import Labels
from alchemist.core.patterns import PatternCounts, find_patterns
from alchemist.core.votes import Votes
from alchemist.label_models import LABEL_MODELS
from alchemist.label_models.thinning import (
    find_repeats,
    hash_rows,
    identify_rows,
    most_patterns,
    thin,
)

# Blocks that stay in the cache are faster than larger ones.
_BLOCK = 8_000
_MANY_ROWS = 200_000


class MatrixModel:
    """A label model by name, for matrices instead of our own types.

    Args:
        name: One of LABEL_MODELS.
        n_classes: k; the highest vote in fit + 1 when None.
    """

    def __init__(self, name: str = "default", *, n_classes: int | None = None) -> None:
        self._make = LABEL_MODELS.load(name)
        self._k = n_classes
        self._model: LabelModel | None = None

    def fit(
        self,
        L: NDArray[Any],  # noqa: N803
        *,
        class_balance: Sequence[float] | Floats | None = None,
        gold: tuple[NDArray[Any], NDArray[np.integer]] | None = None,
    ) -> Self:
        """Estimate how far to trust each column of L.

        Args:
            L: (n, m) votes.
            class_balance: (k,) shares, when known.
            gold: Votes (g, m) and classes (g,) of rows whose class is known.

        Raises:
            BadVotes: L is no vote matrix, or the rest does not fit it.
        """
        matrix = _matrix(L)
        if self._k is None:
            self._k = max(2, int(np.nan_to_num(matrix.max(initial=1))) + 1)
        k = self._k
        known = None
        if gold is not None:
            known = GoldVotes(Votes.from_matrix(gold[0], k), np.asarray(gold[1], dtype=np.int16))
        counts = count_rows(matrix, k)
        self._model = self._make().fit(counts, class_balance=class_balance, gold=known)
        return self

    def predict_proba(self, L: NDArray[Any]) -> Floats:  # noqa: N803
        """(n, k) class probabilities; the prior where no program votes.

        Raises:
            BadVotes: L is no matrix of votes of the programs fitted on.
            NotReady: The model is not fitted.
        """
        matrix = _matrix(L)
        proba = np.empty((len(matrix), self._k or 0))
        for start in range(0, len(matrix), _BLOCK):
            proba[start : start + _BLOCK] = self._labels(matrix[start : start + _BLOCK]).proba
        return proba

    def predict(self, L: NDArray[Any]) -> NDArray[np.int16]:  # noqa: N803
        """(n,) most probable class, -1 where no program votes."""
        matrix = _matrix(L)
        best = np.empty(len(matrix), dtype=np.int16)
        for start in range(0, len(matrix), _BLOCK):
            labels = self._labels(matrix[start : start + _BLOCK])
            best[start : start + _BLOCK] = np.where(labels.covered, labels.best, -1)
        return best

    def _labels(self, block: NDArray[Any]) -> Labels:
        if self._model is None:
            raise NotReady("This label model has not been fitted yet; call fit first.")
        return self._model.predict(Votes.from_matrix(block, self._k))


def count_rows(matrix: NDArray[Any], n_classes: int) -> PatternCounts:
    """Pattern counts of a bare matrix, thinned when the patterns are too many to fit on."""
    n, m = matrix.shape
    if n <= _MANY_ROWS:
        return PatternCounts.of(Votes.from_matrix(matrix, n_classes))
    names = tuple(f"p{j}" for j in range(m))

    def votes(rows: slice | NDArray[np.intp]) -> NDArray[np.int16]:
        return Votes.from_matrix(matrix[rows], n_classes).matrix

    blocks = [slice(at, at + _BLOCK) for at in range(0, n, _BLOCK)]
    kinds = find_repeats(np.concatenate([identify_rows(votes(b), n_classes) for b in blocks]))
    rows, times = kinds.rows, kinds.times
    cap = most_patterns(m, n_classes)
    if len(rows) > cap:
        few = thin(np.concatenate([hash_rows(votes(rows[b]), names) for b in blocks]), times, cap)
        rows, times = rows[few.keep], (times * few.factor)[few.keep]
    found = find_patterns(votes(rows))
    counts = np.zeros(len(rows), dtype=np.int64)
    counts[found.inverse] = times
    return PatternCounts(found.patterns, counts, names, n_classes)


def _matrix(given: NDArray[Any]) -> NDArray[Any]:
    matrix = np.asarray(given)
    if matrix.ndim != 2:
        raise BadVotes(f"A vote matrix has two dimensions, not {matrix.ndim}.")
    return matrix
