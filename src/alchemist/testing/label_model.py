"""The promises every label model keeps. Plug-in authors run these too.

Each check takes a function that makes an unfitted model, and votes to try it on; it raises
AssertionError when the promise is broken.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import LabelModel
from alchemist.core.labels import Labels
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import ABSTAIN, MISSING, Votes

Make = Callable[[], LabelModel]
Check = Callable[[Make, Votes], None]

_CLOSE = 1e-6


def fitted(make: Make, votes: Votes) -> LabelModel:
    """A fresh model, fitted on the patterns of the votes."""
    return make().fit(PatternCounts.of(votes))


def labels_of(make: Make, votes: Votes) -> Labels:
    """The labels a fresh model gives the votes it was fitted on."""
    return fitted(make, votes).predict(votes)


def check_probabilities(make: Make, votes: Votes) -> None:
    """Every row is a distribution over k classes; covered says where a program spoke."""
    labels = labels_of(make, votes)
    _require(labels.proba.shape == (len(votes), votes.n_classes), "labels are not (n, k)")
    _require(bool(np.isfinite(labels.proba).all()), "a probability is not finite")
    _require(bool((labels.proba >= 0).all()), "a probability is below zero")
    np.testing.assert_allclose(labels.proba.sum(axis=1), 1, atol=_CLOSE)
    np.testing.assert_array_equal(labels.covered, (votes.matrix >= 0).any(axis=1))


def check_repeatable(make: Make, votes: Votes) -> None:
    """Fitting twice gives the same labels."""
    first, second = labels_of(make, votes), labels_of(make, votes)
    np.testing.assert_array_equal(first.proba, second.proba)


def check_row_order(make: Make, votes: Votes) -> None:
    """Shuffled rows get the same labels, shuffled."""
    order = np.random.default_rng(0).permutation(len(votes))
    shuffled = Votes(votes.matrix[order], votes.programs, votes.n_classes)
    _same(labels_of(make, shuffled).proba, labels_of(make, votes).proba[order])


def check_program_order(make: Make, votes: Votes) -> None:
    """The order of the programs changes no label."""
    order = np.arange(len(votes.programs))[::-1]
    names = tuple(votes.programs[j] for j in order)
    shuffled = Votes(votes.matrix[:, order], names, votes.n_classes)
    _same(labels_of(make, shuffled).proba, labels_of(make, votes).proba)


def check_class_names(make: Make, votes: Votes) -> None:
    """Renumbering the classes renumbers the columns and changes nothing else."""
    # Every class moves: a drawn order of two classes may be the old one.
    order = np.roll(np.arange(votes.n_classes), 1)
    renamed = np.where(votes.matrix >= 0, order[votes.matrix], votes.matrix)
    other = Votes(renamed, votes.programs, votes.n_classes)
    _same(labels_of(make, other).proba[:, order], labels_of(make, votes).proba)


def check_silent_program_is_harmless(make: Make, votes: Votes) -> None:
    """A program that always abstains moves no label."""
    _check_extra_column(make, votes, ABSTAIN)


def check_failed_program_is_harmless(make: Make, votes: Votes) -> None:
    """A program without a single answer moves no label."""
    _check_extra_column(make, votes, MISSING)


def check_counts_merge(make: Make, votes: Votes) -> None:
    """Fitting on the merged counts of two parts equals fitting on the whole."""
    half = len(votes) // 2
    first, second = (
        PatternCounts.of(Votes(part, votes.programs, votes.n_classes))
        for part in (votes.matrix[:half], votes.matrix[half:])
    )
    merged = make().fit(first + second).predict(votes)
    _same(merged.proba, labels_of(make, votes).proba)


def check_caller_keeps_arrays(make: Make, votes: Votes) -> None:
    """Neither fit nor predict writes to what it is given."""
    counts = PatternCounts.of(votes)
    before = (counts.patterns.copy(), counts.counts.copy(), votes.matrix.copy())
    make().fit(counts).predict(votes)
    for kept, now in zip(before, (counts.patterns, counts.counts, votes.matrix), strict=True):
        np.testing.assert_array_equal(kept, now)


def check_balance_is_heard(make: Make, votes: Votes) -> None:
    """A given class balance is the answer where nobody votes."""
    balance = np.arange(1, votes.n_classes + 1, dtype=np.float64)
    balance /= balance.sum()
    model = make().fit(PatternCounts.of(votes), class_balance=balance)
    silence = np.full((1, len(votes.programs)), ABSTAIN)
    blank = Votes(silence, votes.programs, votes.n_classes)
    np.testing.assert_allclose(model.predict(blank).proba[0], balance, atol=1e-3)


def check_evidence_adds_up(make: Make, votes: Votes) -> None:
    """Where a model explains itself, the softmax of its evidence is its posterior."""
    model = fitted(make, votes)
    explain = getattr(model, "evidence", None)
    if explain is None:
        return
    parts = explain(votes)
    wanted = (len(votes), len(votes.programs) + 1, votes.n_classes)
    _require(parts.shape == wanted, f"evidence is {parts.shape}, not {wanted}")
    total = parts.sum(axis=1)
    proba = np.exp(total - total.max(axis=1, keepdims=True))
    _same(proba / proba.sum(axis=1, keepdims=True), model.predict(votes).proba)


def check_arrays_restore(make: Make, votes: Votes) -> None:
    """A model rebuilt from its plain arrays predicts the same."""
    model = fitted(make, votes)
    if not hasattr(model, "to_arrays"):
        return
    arrays = model.to_arrays()
    plain = all(array.dtype != object for array in arrays.values())
    _require(plain, "an array needs pickle")
    restored = type(model).from_arrays(arrays)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(restored.predict(votes).proba, model.predict(votes).proba)


def _check_extra_column(make: Make, votes: Votes, value: int) -> None:
    column: NDArray[np.int16] = np.full((len(votes), 1), value, dtype=np.int16)
    wider = Votes(np.hstack([votes.matrix, column]), (*votes.programs, "extra"), votes.n_classes)
    _same(labels_of(make, wider).proba, labels_of(make, votes).proba)


def _require(kept: bool, broken: str) -> None:
    # Not `assert`: a promise is also checked under python -O.
    if not kept:
        raise AssertionError(broken)


def _same(left: NDArray[np.float64], right: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(left, right, atol=_CLOSE)


LABEL_MODEL_CHECKS: tuple[Check, ...] = (
    check_probabilities,
    check_repeatable,
    check_row_order,
    check_program_order,
    check_class_names,
    check_silent_program_is_harmless,
    check_failed_program_is_harmless,
    check_counts_merge,
    check_caller_keeps_arrays,
    check_balance_is_heard,
    check_evidence_adds_up,
    check_arrays_restore,
)
