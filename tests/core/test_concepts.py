import pytest

from alchemist.core.concepts import Concept, Option, check_concepts, score_features
from alchemist.core.errors import BadConcepts

FOOT = Concept("foot", "What are its feet like?", (Option("toed"), Option("webbed")))
SCENE = Concept("scene", "Where is it?", (Option("sea"), Option("wood")), nuisance=True)


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        pytest.param("Foot", ("a", "b"), "concept name 'Foot'", id="capitals"),
        pytest.param(
            "foot", ("a", "long toes"), "option name 'long toes'", id="space in an option"
        ),
        pytest.param("foot", ("a.b", "c"), "option name 'a.b'", id="dot in an option"),
        pytest.param("foot", ("a",), "two or more options", id="one option"),
        pytest.param("foot", ("a", "a"), "two or more options of different names", id="one twice"),
    ],
)
def test_a_concept_that_cannot_be_used_says_why(
    name: str, options: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(BadConcepts, match=complaint):
        Concept(name, "?", tuple(Option(one) for one in options))


def test_two_concepts_of_one_name_are_refused() -> None:
    with pytest.raises(BadConcepts, match="Two concepts are called 'foot'"):
        check_concepts([FOOT, SCENE, FOOT])


def test_every_option_has_a_score_of_its_concept_s_family() -> None:
    features = score_features([FOOT, SCENE])
    assert [f.name for f in features] == ["foot.toed", "foot.webbed", "scene.sea", "scene.wood"]
    assert [f.family for f in features] == ["foot", "foot", "scene", "scene"]
    assert [f.nuisance for f in features] == [False, False, True, True]
