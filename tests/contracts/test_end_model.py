import numpy as np
import pytest

from alchemist.end_models import END_MODELS
from alchemist.testing.end_model import END_MODEL_CHECKS, Check, Lesson


def two_topics() -> Lesson:
    rng = np.random.default_rng(1)
    words = (["saddle", "wheel", "brake", "gear"], ["soup", "bread", "cheese", "tea"])
    truth = rng.integers(0, 2, 60)
    texts = [" ".join(rng.choice(words[y], 5)) for y in truth]
    return Lesson(texts, np.where(truth[:, None] == [0, 1], 0.8, 0.2))


def a_class_nobody_has() -> Lesson:
    return Lesson(["yes", "no", "yes!"], np.array([[1.0, 0, 0], [0, 1, 0], [1, 0, 0]]))


def one_row() -> Lesson:
    return Lesson(["only me"], np.array([[0.3, 0.7]]))


def empty_texts() -> Lesson:
    return Lesson(["", "   ", "", "\n"], np.array([[1.0, 0], [0, 1], [0.5, 0.5], [1, 0]]))


def odd_texts() -> Lesson:
    texts = ["\x00", "\ud800 broken", "ﷺ" * 50, "🚲🚲 ok", "自行车坏了", "a" * 30_000, "İ"]
    return Lesson(texts, np.tile([0.25, 0.75], (7, 1)))


CASES = (two_topics, a_class_nobody_has, one_row, empty_texts, odd_texts)


@pytest.mark.parametrize("lesson", [pytest.param(case(), id=case.__name__) for case in CASES])
@pytest.mark.parametrize("check", END_MODEL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["tfidf"])
def test_every_end_model_of_texts_keeps_its_promises(
    name: str, check: Check, lesson: Lesson
) -> None:
    check(END_MODELS.load(name), lesson)


def two_bells() -> Lesson:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 60)
    numbers = rng.normal(truth[:, None] * [3.0, 0.0, -2.0], 1.0)
    numbers[::7, 0] = np.nan
    return Lesson(numbers, np.where(truth[:, None] == [0, 1], 0.8, 0.2))


def odd_numbers() -> Lesson:
    rows = [[np.nan] * 3, [1e300, -1e300, 0], [np.inf, 5, 5], [0, 0, 0], [1, np.nan, 0]]
    return Lesson(np.array(rows), np.tile([0.25, 0.75], (5, 1)))


def one_column_of_one_value() -> Lesson:
    return Lesson(
        np.full((4, 1), 7.0), np.array([[1.0, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [1, 0, 0]])
    )


NUMBERS = (two_bells, odd_numbers, one_column_of_one_value)


@pytest.mark.parametrize("lesson", [pytest.param(case(), id=case.__name__) for case in NUMBERS])
@pytest.mark.parametrize("check", END_MODEL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["linear"])
def test_every_end_model_of_numbers_keeps_its_promises(
    name: str, check: Check, lesson: Lesson
) -> None:
    check(END_MODELS.load(name), lesson)
