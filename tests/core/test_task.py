from collections.abc import Callable
from typing import Any

import pytest

from alchemist.core.errors import BadTask
from alchemist.core.task import Task


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"modle": "x"}, "modle is not a setting", id="unknown key"),
        pytest.param({"rows__pth": "x"}, "rows.pth is not a setting. Did you mean 'path'", id="unknown key in a table"),
        pytest.param({"classes": [{"name": "a"}]}, "at least two classes", id="one class"),
        pytest.param({"classes": [{"name": "A"}, {"name": "a"}]}, "'A' and 'a' both answer to 'a'", id="two classes of one name"),
        pytest.param(
            {"classes": [{"name": "a"}, {"name": "b", "aliases": ["A"]}]}, "'a' and 'b' both answer to 'a'", id="an alias that is a name"
        ),
        pytest.param({"classes": [{"nam": "a"}, {"name": "b"}]}, "classes.0.nam is not a setting. Did you mean 'name'", id="misspelt field of a class"),
        pytest.param({"rows__inputs": "text"}, "rows.inputs = 'text' must be a list", id="text for a list"),
        pytest.param({"rows__inputs": []}, "rows.inputs is empty", id="no input"),
        pytest.param({"rows__inputs": ["id"]}, "names the column 'id'", id="the id as input"),
        pytest.param({"rows__gold": "text"}, "both an input and rows.gold", id="gold as input"),
        pytest.param({"rows__evaluation_only": ["text"]}, "both an input and rows.evaluation_only", id="hidden column as input"),
        pytest.param({"rows__on_bad_row": "ignore"}, "rows.on_bad_row = 'ignore' is not one we know", id="unknown choice"),
        pytest.param({"modality": "txt"}, "Did you mean 'text'", id="modality"),
        pytest.param({"metric": "f1:spma"}, "Did you mean 'spam'", id="metric of a class that is not there"),
        pytest.param({"metric": "acuracy"}, "Did you mean 'accuracy'", id="metric"),
        pytest.param({"metric": "worst_group:place"}, "needs the column 'place'", id="groups that are not there"),
        pytest.param({"vote__min_level": "kernle"}, "Did you mean 'kernel'", id="level"),
        pytest.param({"synthesis__temperature": 9}, "between 0 and 2", id="temperature"),
        pytest.param({"synthesis__prompts": 0}, "between 1 and 1000", id="no prompts"),
        pytest.param({"synthesis__max_cost_usd": -1}, "must not be negative", id="negative money"),
        pytest.param({"synthesis__strategies": []}, "synthesis.strategies is empty", id="no strategy"),
        pytest.param({"aggregate__class_balance": {"ham": 0.5}}, "leaves out 'spam'", id="half a balance"),
        pytest.param({"aggregate__class_balance": {"hm": 1}}, "Did you mean 'ham'", id="balance of no class"),
        pytest.param({"aggregate__class_balance": {"ham": 0, "spam": 1}}, "must be above 0", id="no share"),
        pytest.param({"privacy__send_rows": "perhaps"}, "must be true or false", id="no boolean"),
        pytest.param({"rows": 3}, "rows must be a table", id="no table"),
        pytest.param({"modality": "image", "concepts__viwe": "full"}, "concepts.viwe is not a setting. Did you mean 'view'", id="unknown key of concepts"),
        pytest.param({"modality": "image", "concepts__view": "objct"}, "Did you mean 'object'", id="view"),
        pytest.param({"modality": "image", "concepts__rule": "median"}, "concepts.rule = 'median' is not one we know", id="rule"),
        pytest.param({"modality": "image", "concepts__max_problems": 5}, "is a share between 0 and 1", id="no share of problems"),
        pytest.param({"concepts__view": "crop"}, "so take the table out", id="concepts of text"),
    ],
)  # fmt: skip
def test_a_bad_task_is_told_by_field(
    make_task: Callable[..., Task], changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BadTask) as caught:
        make_task(**changes)
    assert complaint in str(caught.value)


def test_classes_answer_to_any_case_and_to_aliases(make_task: Callable[..., Task]) -> None:
    table = make_task(classes=[{"name": "Ham", "aliases": ["OK mail"]}, {"name": "spam"}]).spellings
    assert table == {"ham": 0, "ok mail": 0, "spam": 1}


@pytest.mark.parametrize(("modality", "suits"), [("text", "tfidf"), ("image", "linear")])
def test_the_student_suits_the_modality_unless_one_is_named(
    make_task: Callable[..., Task], modality: str, suits: str
) -> None:
    assert make_task(modality=modality).distill.end_model == suits
    assert make_task(modality=modality, distill__end_model="mine").distill.end_model == "mine"
