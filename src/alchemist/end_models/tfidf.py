"""The default student for text: TF-IDF of words and characters, and logistic regression."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alchemist.core.errors import NotReady
from alchemist.end_models.grams import N_BUCKETS, Vocabulary, learn_vocabulary, weigher
from alchemist.end_models.keeping import keep, revive
from alchemist.end_models.lesson import checked_labels, checked_weights
from alchemist.end_models.softmax import Linear, fit_softmax, softmax

Floats = NDArray[np.float64]

_FORMAT = "alchemist tfidf student"
_VERSION = 1
_FEW_ROWS = 200
_ROW_OVERHEAD = 32  # characters an empty row counts for in the training budget


class TfidfStudent:
    """TF-IDF of one- and two-word grams and three- to five-character grams, and softmax.

    Deterministic: the seed only chooses rows when there are more than it trains on.
    How the defaults were chosen is told in docs/decisions/student.md.

    Args:
        strength: How closely to fit the labels (C of logistic regression).
        max_features: Most n-grams to keep, of words and of characters each.
        max_chars: Characters to train on at most; of a larger task, a random sample of rows.
        seed: Of that sample.
    """

    def __init__(
        self,
        *,
        strength: float = 3.0,
        max_features: int = 20_000,
        max_chars: int = 10_000_000,
        seed: int = 0,
    ) -> None:
        self.strength = strength
        self.max_features = max_features
        self.max_chars = max_chars
        self.seed = seed
        self._card: dict[str, Any] = {}

    def fit(self, features: Sequence[str], labels: Floats, weights: Floats | None = None) -> Self:
        """Learn from n texts with (n, k) soft labels and (n,) weights.

        Only the proportions of weights count. Rows of weight 0 are left out.

        Raises:
            BadRows: No row has weight, or the shapes or values of labels or weights are wrong.
        """
        labels = checked_labels(labels, len(features))
        weights = checked_weights(weights, len(features))
        chosen = self._choose(features, np.flatnonzero(weights))
        texts, labels, weights = [features[i] for i in chosen], labels[chosen], weights[chosen]
        vocabulary = learn_vocabulary(
            texts, max_features=self.max_features, min_rows=1 if len(texts) < _FEW_ROWS else 2
        )
        self._adopt(vocabulary, self._solve(vocabulary, texts, labels, weights))
        self._card = {
            "rows": len(features),
            "trained_on": len(texts),
            "strength": self.strength,
            "max_features": self.max_features,
            "max_chars": self.max_chars,
            "seed": self.seed,
        }
        return self

    def _choose(self, texts: Sequence[str], candidates: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows to train on, in their order: all of them, or a sample within the budget."""
        sizes = np.array([len(texts[i]) + _ROW_OVERHEAD for i in candidates])
        if sizes.sum() <= self.max_chars:
            return candidates
        order = np.random.default_rng(self.seed).permutation(len(candidates))
        within = np.cumsum(sizes[order]) <= self.max_chars
        within[0] = True
        return np.sort(candidates[order[within]])

    def _solve(
        self, vocabulary: Vocabulary, texts: Sequence[str], labels: Floats, weights: Floats
    ) -> Linear:
        from scipy.sparse import vstack

        rows = vstack([chunk for _, chunk in weigher(vocabulary)(texts)], format="csr")
        return fit_softmax(rows, labels, weights / weights.mean(), strength=self.strength)

    def _adopt(self, vocabulary: Vocabulary, linear: Linear) -> None:
        self._vocabulary, self._linear = vocabulary, linear
        self._weigh = weigher(vocabulary)

    @property
    def trained_on(self) -> int:
        """How many of the rows handed over it learned from; 0 before fit."""
        return int(self._card.get("trained_on", 0))

    def predict_proba(self, features: Sequence[str]) -> Floats:
        """(n, k) class probabilities; memory grows with n · k alone.

        Raises:
            NotReady: Neither fitted nor loaded.
        """
        linear = self._fitted()
        scores = np.empty((len(features), len(linear.intercept)))
        for first, rows in self._weigh(features):
            scores[first : first + rows.shape[0]] = rows @ linear.weights + linear.intercept
        return softmax(scores)

    def save(self, folder: Path) -> None:
        """Write the arrays to student.npz and what they are to card.json."""
        linear = self._fitted()
        arrays = {
            "buckets": self._vocabulary.buckets,
            "idf": self._vocabulary.idf,
            "weights": linear.weights,
            "intercept": linear.intercept,
        }
        card = {
            "format": _FORMAT,
            "version": _VERSION,
            "n_classes": len(linear.intercept),
            "word_grams": [1, 2],
            "character_grams": [3, 5],
            "n_buckets": N_BUCKETS,
            "features": len(self._vocabulary),
            **self._card,
        }
        keep(folder, arrays, card)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what save wrote; runs no code from the folder.

        Raises:
            StoreError: The folder holds no such model, a damaged one, or a newer format.
        """
        return revive(folder, ("buckets", "idf", "weights", "intercept"), cls._revive)

    @classmethod
    def _revive(cls, card: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        if (card["format"], card["version"]) != (_FORMAT, _VERSION):
            raise ValueError(f"it is {card['format']!r}, version {card['version']!r}")
        buckets, weights = arrays["buckets"], arrays["weights"]
        shapes = [a.shape for a in arrays.values()]
        v, k = len(buckets), int(card["n_classes"])
        if shapes != [(v,), (v,), (v, k), (k,)] or k < 2:
            raise ValueError(f"its arrays do not fit together: {shapes}")
        if v and not (buckets.min() >= 0 and buckets.max() < N_BUCKETS and _rising(buckets)):
            raise ValueError("its vocabulary is not sorted or out of range")
        if not all(np.isfinite(arrays[name]).all() for name in ("idf", "weights", "intercept")):
            raise ValueError("it holds numbers that are not finite")
        settings = {n: card[n] for n in ("strength", "max_features", "max_chars", "seed")}
        student = cls(**settings)
        student._card = {"rows": card["rows"], "trained_on": card["trained_on"], **settings}
        student._adopt(
            Vocabulary(buckets.astype(np.int32), arrays["idf"].astype(np.float32)),
            Linear(weights.astype(np.float32), arrays["intercept"].astype(np.float32)),
        )
        return student

    def _fitted(self) -> Linear:
        if not self._card:
            raise NotReady("This student has learned nothing yet; call fit or load first.")
        return self._linear


def _rising(values: NDArray[Any]) -> bool:
    return bool((np.diff(values.astype(np.int64)) > 0).all())
