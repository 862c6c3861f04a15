from typing import Any

import pytest

from alchemist.flow.audit import cautions


def scores(votes: float, student: float, n: int = 200) -> dict[str, dict[str, Any]]:
    return {
        "test": {
            name: {"worst_group": {"group": "land bird at sea", "n": n, "value": value}}
            for name, value in (("label_model", votes), ("student", student))
        }
    }


def test_a_student_that_brings_the_shortcut_back_is_told() -> None:
    (sentence,) = cautions(scores(0.81, 0.59))
    assert "On test" in sentence
    assert "'land bird at sea') reaches 0.59 and its votes' 0.81" in sentence


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(scores(0.81, 0.79), id="a small loss"),
        pytest.param(scores(0.60, 0.80), id="a gain"),
        pytest.param(scores(0.81, 0.59, n=20), id="few rows"),
        pytest.param({"test": {"label_model": {"n": 3}}}, id="no groups"),
    ],
)
def test_nothing_else_is_told(found: dict[str, dict[str, Any]]) -> None:
    assert cautions(found) == ()
