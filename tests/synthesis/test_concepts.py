import json
from collections.abc import Callable

import pytest

from alchemist.core.errors import BadConcepts
from alchemist.core.task import Task
from alchemist.synthesis.concepts import concept_asks, read_concepts_answer
from alchemist.synthesis.templates import load_templates

NAMES = ("tench, Tinca tinca", "hen", "cock", "flamingo", "ibis", "seashore, coast")
FEET = {
    "name": "Feet!",
    "question": "What are its feet like?",
    "options": [{"name": "toed", "tags": ["hen", "Cock"]}, {"name": "webbed", "tags": ["ibis"]}],
}


def answer(*entries: object) -> str:
    return f"Here they are:\n```json\n{json.dumps(entries)}\n```\nGood luck."


def test_an_answer_becomes_concepts_with_names_programs_can_spell() -> None:
    (concept,) = read_concepts_answer(answer(FEET), NAMES, nuisance=False).concepts
    assert (concept.name, concept.nuisance) == ("feet", False)
    assert [(one.name, one.tags) for one in concept.options] == [
        ("toed", ("hen", "Cock")),
        ("webbed", ("ibis",)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps([FEET]), id="no fence"),
        pytest.param(answer(FEET).replace("]}", "],}"), id="trailing commas"),
        pytest.param(json.dumps({"concepts": [FEET]}), id="in a table"),
        pytest.param(f"```\nfirst thoughts\n```\n{answer(FEET)}", id="a second fence"),
    ],
)
def test_answers_are_read_as_models_write_them(text: str) -> None:
    assert [one.name for one in read_concepts_answer(text, NAMES, nuisance=True).concepts] == [
        "feet"
    ]


def test_names_outside_the_vocabulary_and_in_two_options_do_not_count() -> None:
    entry = {
        "name": "size",
        "question": "How big is it?",
        "options": [
            {"name": "large", "tags": ["flamingo", "emu", "coast"]},
            {"name": "small", "tags": ["hen", "flamingo"]},
        ],
    }
    listed = read_concepts_answer(answer(entry), NAMES, nuisance=False)
    assert [one.tags for one in listed.concepts[0].options] == [("flamingo", "coast"), ("hen",)]
    assert listed.notes == (
        "In the concept 'size', these names do not count: emu.",
        "In the concept 'size', these names do not count: flamingo.",
    )


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        pytest.param(
            {**FEET, "options": [{"name": "a", "tags": ["emu"]}, {"name": "b", "tags": ["hen"]}]},
            "option 'a' has no name of its own",
            id="no known name",
        ),
        pytest.param({**FEET, "options": FEET["options"][:1]}, "two or more", id="one option"),
        pytest.param("just words", "no concept with options", id="no table"),
    ],
)
def test_a_concept_that_cannot_be_scored_is_left_out_and_told(
    entry: object, complaint: str
) -> None:
    listed = read_concepts_answer(answer(entry, FEET), NAMES, nuisance=False)
    assert [one.name for one in listed.concepts] == ["feet"]
    assert len(listed.notes) == 1
    assert complaint in listed.notes[0]


def test_two_lists_never_share_a_name() -> None:
    (concept,) = read_concepts_answer(answer(FEET), NAMES, nuisance=True, taken=["feet"]).concepts
    assert concept.name == "feet_2"


def test_an_answer_without_a_list_says_what_to_do() -> None:
    with pytest.raises(BadConcepts, match="no JSON list of concepts; ask again"):
        read_concepts_answer("I would rather not.", NAMES, nuisance=False)


def test_a_tagger_s_prompt_shows_the_vocabulary_and_a_two_tower_s_asks_for_phrases(
    make_task: Callable[..., Task],
) -> None:
    task = make_task(modality="image")
    tags = [ask.request for ask in concept_asks(task, load_templates(), NAMES, "m")]
    phrases = [ask.request for ask in concept_asks(task, load_templates(), (), "m")]
    for request in tags:
        assert all(name in request.messages[-1].content for name in NAMES)
        assert '"tags"' in request.messages[-1].content
    for request in phrases:
        assert '"phrases"' in request.messages[-1].content
        assert "tench" not in request.messages[-1].content


def test_both_questions_name_the_classes_and_only_one_asks_for_the_spurious(
    make_task: Callable[..., Task],
) -> None:
    asks = concept_asks(make_task(modality="audio"), load_templates(), (), "m")
    texts = [ask.request.messages[-1].content for ask in asks]
    assert [ask.kind for ask in asks] == ["true", "spurious"]
    assert ["spurious" in text for text in texts] == [False, True]
    assert all('"ham"' in text and '"spam"' in text for text in texts)
    assert all(len(ask.custom_id) <= 64 for ask in asks)
