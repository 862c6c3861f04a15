from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemist.concepts.files import read_concepts, write_concepts
from alchemist.core.concepts import Concept, Option
from alchemist.core.errors import BadConcepts

names = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
words = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12), max_size=3
)
options = st.builds(Option, names, words.map(tuple), words.map(tuple))
concepts = st.builds(
    Concept,
    names,
    words.map(" ".join),
    st.lists(options, min_size=2, max_size=4, unique_by=lambda o: o.name).map(tuple),
    st.booleans(),
)


@pytest.mark.slow
@settings(max_examples=20)
@given(many=st.lists(concepts, max_size=4, unique_by=lambda c: c.name))
def test_what_is_written_is_read_back(
    many: list[Concept], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("concepts") / "concepts.toml"
    write_concepts(path, many)
    assert read_concepts(path) == tuple(many)


GOOD = """
[[concepts]]
name = "foot"
question = "Feet?"
[[concepts.options]]
name = "toed"
[[concepts.options]]
name = "webbed"
"""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param(GOOD.replace("question", "qestion"), "unknown key 'qestion'. Did you mean 'question'", id="misspelt key"),
        pytest.param(GOOD.replace('question = "Feet?"', ""), "no 'question'", id="missing key"),
        pytest.param(GOOD.replace('"Feet?"', "7"), "question = 7", id="wrong type"),
        pytest.param(GOOD.replace('"webbed"', '"toed"'), "options of different names", id="one option twice"),
        pytest.param(GOOD + GOOD, "Two concepts are called 'foot'", id="one concept twice"),
        pytest.param(GOOD.replace("toed", "long toes"), "option name 'long toes'", id="bad name"),
        pytest.param("schema = 9\n" + GOOD, "schema = 9", id="newer schema"),
        pytest.param("concept = 1", "unknown key 'concept'. Did you mean 'concepts'", id="misspelt table"),
        pytest.param("[[concepts", "cannot be read", id="no TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "concepts.toml"
    path.write_text(text)
    with pytest.raises(BadConcepts, match=r"concepts\.toml") as told:
        read_concepts(path)
    assert complaint in str(told.value)


def test_without_a_file_the_way_to_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadConcepts, match="alchemist concepts"):
        read_concepts(tmp_path / "concepts.toml")
