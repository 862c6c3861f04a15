"""The promises every end model keeps. Plug-in authors run these too.

Each check takes a function that makes an unfitted model, and a lesson to try it on; it
raises AssertionError when the promise is broken.
"""

import copy
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import EndModel

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What to learn from: n features as the modality yields them, (n, k) soft labels."""

    features: Any
    labels: Floats

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> "Lesson":
        """Some of the rows."""
        if isinstance(self.features, np.ndarray):
            return Lesson(self.features[rows], self.labels[rows])
        return Lesson([self.features[i] for i in rows], self.labels[rows])


Make = Callable[[], EndModel]
Check = Callable[[Make, Lesson], None]


def probabilities_of(make: Make, lesson: Lesson) -> Floats:
    """What a fresh model, fitted on the lesson, says about the same rows."""
    return make().fit(lesson.features, lesson.labels).predict_proba(lesson.features)


def check_probabilities(make: Make, lesson: Lesson) -> None:
    """Every row is a distribution over k classes, none of them impossible."""
    proba = probabilities_of(make, lesson)
    _require(proba.shape == lesson.labels.shape, "predictions are not (n, k)")
    _require(bool(np.isfinite(proba).all()), "a probability is not finite")
    _require(bool((proba > 0).all()), "a class is ruled out")
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)


def check_repeatable(make: Make, lesson: Lesson) -> None:
    """Fitting twice gives the same predictions."""
    np.testing.assert_array_equal(probabilities_of(make, lesson), probabilities_of(make, lesson))


def check_rows_stand_alone(make: Make, lesson: Lesson) -> None:
    """A row's prediction does not depend on the rows beside it."""
    model = make().fit(lesson.features, lesson.labels)
    together = model.predict_proba(lesson.features)
    for i in range(min(3, len(lesson.labels))):
        alone = model.predict_proba(lesson.take([i]).features)
        np.testing.assert_allclose(alone[0], together[i], atol=1e-5)


def check_nothing_to_predict(make: Make, lesson: Lesson) -> None:
    """No rows in, no rows out."""
    model = make().fit(lesson.features, lesson.labels)
    proba = model.predict_proba(lesson.take(np.zeros(0, dtype=np.int64)).features)
    _require(proba.shape == (0, lesson.labels.shape[1]), "no rows did not give no predictions")


def check_weight_zero_is_absence(make: Make, lesson: Lesson) -> None:
    """A row of weight 0 teaches as much as a row that is not there."""
    kept = np.arange(0, len(lesson.labels), 2)
    weights = np.zeros(len(lesson.labels))
    weights[kept] = 1
    part = lesson.take(kept)
    silenced = make().fit(lesson.features, lesson.labels, weights)
    removed = make().fit(part.features, part.labels, np.ones(len(kept)))
    np.testing.assert_allclose(
        silenced.predict_proba(lesson.features), removed.predict_proba(lesson.features), atol=1e-5
    )


def check_caller_keeps_their_data(make: Make, lesson: Lesson) -> None:
    """Fitting and predicting change nothing that was passed in."""
    weights = np.linspace(1, 2, len(lesson.labels))
    before = copy.deepcopy((lesson.features, lesson.labels, weights))
    make().fit(lesson.features, lesson.labels, weights).predict_proba(lesson.features)
    # Unlike array_equal, it takes a missing number for itself, and texts too.
    np.testing.assert_array_equal(before[0], lesson.features, "the features were changed")
    np.testing.assert_array_equal(before[1], lesson.labels)
    np.testing.assert_array_equal(before[2], weights)


def check_save_and_load(make: Make, lesson: Lesson) -> None:
    """A loaded model predicts the same, and can be saved again."""
    model = make().fit(lesson.features, lesson.labels)
    with tempfile.TemporaryDirectory() as name:
        first, second = Path(name, "first"), Path(name, "deeper", "second")
        model.save(first)
        type(model).load(first).save(second)
        again = type(model).load(second)
    np.testing.assert_array_equal(
        model.predict_proba(lesson.features), again.predict_proba(lesson.features)
    )


def check_files_hold_no_code(make: Make, lesson: Lesson) -> None:
    """A saved model is arrays and JSON: nothing that has to be unpickled."""
    with tempfile.TemporaryDirectory() as name:
        make().fit(lesson.features, lesson.labels).save(Path(name))
        files = sorted(path for path in Path(name).rglob("*") if path.is_file())
        _require(bool(files), "nothing was saved")
        for path in files:
            _require(path.suffix in {".npz", ".npy", ".json", ".onnx"}, f"{path.name} is neither")
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".npz":
                with np.load(path, allow_pickle=False) as stored:
                    _require(all(stored[key].dtype != object for key in stored), path.name)


def _require(kept: bool, complaint: str) -> None:
    # Not `assert`: a promise is also checked under python -O.
    if not kept:
        raise AssertionError(complaint)


END_MODEL_CHECKS: tuple[Check, ...] = (
    check_probabilities,
    check_repeatable,
    check_rows_stand_alone,
    check_nothing_to_predict,
    check_weight_zero_is_absence,
    check_caller_keeps_their_data,
    check_save_and_load,
    check_files_hold_no_code,
)
