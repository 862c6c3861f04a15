from pathlib import Path

import numpy as np
import pytest

from alchemist.core.errors import BadRows, NotReady, StoreError
from alchemist.end_models.linear import LinearStudent


def lesson(seed: int = 0, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    numbers = rng.normal(truth[:, None] * [2.0, 0.0], 1.0)
    return numbers, truth, np.where(truth[:, None] == [0, 1], 0.9, 0.1)


def test_it_finds_the_column_that_tells_the_classes_apart() -> None:
    numbers, _, labels = lesson()
    student = LinearStudent().fit(numbers, labels)
    fresh, truth, _ = lesson(seed=1)
    assert (student.predict_proba(fresh).argmax(axis=1) == truth).mean() > 0.8


def test_a_scale_changes_nothing() -> None:
    numbers, _, labels = lesson()
    plain = LinearStudent().fit(numbers, labels).predict_proba(numbers)
    scaled = numbers * [1000.0, 0.001] + [5.0, -7.0]
    np.testing.assert_allclose(
        LinearStudent().fit(scaled, labels).predict_proba(scaled), plain, atol=1e-3
    )


def test_a_few_huge_values_do_not_carry_the_day() -> None:
    numbers, truth, labels = lesson()
    numbers[:3, 0] = 1e9
    student = LinearStudent().fit(numbers, labels)
    assert (student.predict_proba(numbers[3:]).argmax(axis=1) == truth[3:]).mean() > 0.8


def test_what_is_missing_can_tell_a_class() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200)
    numbers = np.where(truth == 1, np.nan, rng.normal(size=200))[:, None]
    student = LinearStudent().fit(numbers, np.where(truth[:, None] == [0, 1], 0.9, 0.1))
    assert (student.predict_proba(numbers).argmax(axis=1) == truth).all()


def test_another_number_of_columns_is_refused() -> None:
    numbers, _, labels = lesson()
    student = LinearStudent().fit(numbers, labels)
    with pytest.raises(BadRows, match="knows 2 columns, not 3"):
        student.predict_proba(np.zeros((1, 3)))


def test_a_student_that_learned_nothing_and_a_damaged_one_say_so(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="learned nothing"):
        LinearStudent().predict_proba(np.zeros((1, 2)))
    numbers, _, labels = lesson()
    LinearStudent().fit(numbers, labels).save(tmp_path)
    (tmp_path / "student.npz").write_bytes(b"PK torn")
    with pytest.raises(StoreError, match="cannot be read"):
        LinearStudent.load(tmp_path)
