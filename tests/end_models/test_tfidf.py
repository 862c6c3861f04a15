import json
import re
from pathlib import Path

import numpy as np
import pytest

from alchemist.core.errors import BadRows, NotReady, StoreError
from alchemist.end_models.keeping import ARRAYS, CARD
from alchemist.end_models.tfidf import TfidfStudent

GOOD = ["lovely saddle", "great ride, thanks", "thanks a lot", "great bike"]
BAD = ["brakes broken", "chain broken again", "flat tyre, refund", "refund please"]
TEXTS = GOOD + BAD
LABELS = np.repeat(np.array([[0.9, 0.1], [0.1, 0.9]]), 4, axis=0)


@pytest.fixture(scope="module")
def student() -> TfidfStudent:
    return TfidfStudent().fit(TEXTS, LABELS)


def test_learns_words_it_has_seen(student: TfidfStudent) -> None:
    proba = student.predict_proba(["thanks, great", "broken, refund", "zzz"])
    assert proba[0, 0] > 0.6
    assert proba[1, 1] > 0.6
    assert abs(proba[2, 0] - 0.5) < 0.1


def test_learns_from_parts_of_words(student: TfidfStudent) -> None:
    assert student.predict_proba(["brokenness"])[0, 1] > 0.6


def test_soft_labels_stay_soft() -> None:
    texts = ["maybe so"] * 300
    proba = TfidfStudent().fit(texts, np.tile([0.3, 0.7], (300, 1))).predict_proba(texts[:1])
    np.testing.assert_allclose(proba, [[0.3, 0.7]], atol=0.01)


def test_only_proportions_of_weights_count() -> None:
    weights = np.arange(1.0, 9)
    small = TfidfStudent().fit(TEXTS, LABELS, weights * 1e-9).predict_proba(TEXTS)
    large = TfidfStudent().fit(TEXTS, LABELS, weights * 1e9).predict_proba(TEXTS)
    np.testing.assert_allclose(small, large, atol=1e-6)


def test_a_heavier_row_pulls_harder() -> None:
    texts, labels = ["same words", "same words"], np.eye(2)
    proba = TfidfStudent().fit(texts, labels, np.array([1.0, 9.0])).predict_proba(texts)
    assert (proba[:, 1] > 0.6).all()


def test_large_tasks_are_sampled_by_seed() -> None:
    texts = [f"row {i}" for i in range(400)]
    labels = np.tile([0.5, 0.5], (400, 1))

    def card_of(seed: int, folder: Path) -> dict[str, int]:
        TfidfStudent(max_chars=4000, seed=seed).fit(texts, labels).save(folder)
        return json.loads((folder / CARD).read_text())

    student = TfidfStudent(max_chars=4000)
    chosen = student._choose(texts, np.arange(400))
    assert 90 < len(chosen) < 110
    np.testing.assert_array_equal(chosen, student._choose(texts, np.arange(400)))
    other = TfidfStudent(max_chars=4000, seed=1)._choose(texts, np.arange(400))
    assert not np.array_equal(chosen, other)


def test_card_tells_what_it_was_trained_on(tmp_path: Path) -> None:
    weights = np.array([0.0] + [1.0] * 7)
    TfidfStudent(strength=2.0).fit(TEXTS, LABELS, weights).save(tmp_path)
    card = json.loads((tmp_path / CARD).read_text(encoding="utf-8"))
    assert (card["rows"], card["trained_on"], card["n_classes"]) == (8, 7, 2)
    assert TfidfStudent.load(tmp_path).strength == 2.0


@pytest.mark.parametrize(
    ("labels", "weights", "complaint"),
    [
        pytest.param(LABELS[:3], None, r"\(8 rows, at least 2 classes\), not \(3, 2\)", id="short"),
        pytest.param(LABELS[:, :1], None, r"not \(8, 1\)", id="one class"),
        pytest.param(LABELS * 2, None, "sum to 1", id="no distribution"),
        pytest.param(LABELS + np.nan, None, "sum to 1", id="nan"),
        pytest.param(LABELS, np.zeros(8), "no row to learn from", id="all weights 0"),
        pytest.param(LABELS, np.full(8, -1.0), "not below 0", id="negative weight"),
        pytest.param(LABELS, np.full(8, np.inf), "finite", id="infinite weight"),
        pytest.param(LABELS, np.ones(3), r"\(8,\), not \(3,\)", id="weights short"),
    ],
)
def test_bad_lessons_are_refused(
    labels: np.ndarray, weights: np.ndarray | None, complaint: str
) -> None:
    with pytest.raises(BadRows, match=complaint):
        TfidfStudent().fit(TEXTS, labels, weights)


def test_no_rows_is_said_plainly() -> None:
    with pytest.raises(BadRows, match="no row to learn from"):
        TfidfStudent().fit([], np.zeros((0, 2)))


def test_predicting_before_learning_is_refused() -> None:
    with pytest.raises(NotReady, match="call fit or load first"):
        TfidfStudent().predict_proba(["x"])


def _spoil_card(folder: Path, **changes: object) -> None:
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, **changes}))


def _spoil_arrays(folder: Path, **changes: np.ndarray) -> None:
    with np.load(folder / ARRAYS) as stored:
        arrays = {**stored, **changes}
    np.savez(folder / ARRAYS, **arrays)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda f: (f / CARD).unlink(), id="no card"),
        pytest.param(lambda f: (f / CARD).write_text("{"), id="torn card"),
        pytest.param(lambda f: (f / CARD).write_text("[]"), id="card is a list"),
        pytest.param(lambda f: (f / ARRAYS).unlink(), id="no arrays"),
        pytest.param(lambda f: (f / ARRAYS).write_bytes(b"PK\x03\x04junk"), id="torn arrays"),
        pytest.param(lambda f: (f / ARRAYS).write_bytes(b""), id="empty arrays"),
        pytest.param(lambda f: _spoil_card(f, version=2), id="newer"),
        pytest.param(lambda f: _spoil_card(f, n_classes=3), id="other classes"),
        pytest.param(lambda f: _spoil_arrays(f, idf=np.ones(2)), id="shapes"),
        pytest.param(lambda f: _spoil_arrays(f, intercept=np.full(2, np.nan)), id="nan"),
        pytest.param(
            lambda f: _spoil_arrays(f, idf=np.array([None], dtype=object)), id="pickled objects"
        ),
    ],
)
def test_a_damaged_model_is_not_loaded(student: TfidfStudent, tmp_path: Path, spoil) -> None:
    student.save(tmp_path)
    spoil(tmp_path)
    with pytest.raises(StoreError, match=re.escape(str(tmp_path)) + r".*alchemist distill"):
        TfidfStudent.load(tmp_path)


def test_out_of_range_vocabulary_is_refused(student: TfidfStudent, tmp_path: Path) -> None:
    student.save(tmp_path)
    with np.load(tmp_path / ARRAYS) as stored:
        buckets = stored["buckets"]
    _spoil_arrays(tmp_path, buckets=buckets[::-1])
    with pytest.raises(StoreError, match="not sorted"):
        TfidfStudent.load(tmp_path)


def test_predicts_long_and_many_texts_alike() -> None:
    model = TfidfStudent().fit(TEXTS, LABELS)
    many = model.predict_proba(TEXTS * 2_000 + ["refund " * 20_000])
    np.testing.assert_allclose(many[:8], model.predict_proba(TEXTS), atol=1e-6)
    assert many[-1, 1] > 0.5
