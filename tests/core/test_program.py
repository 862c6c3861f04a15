import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.core.program import Origin, Program, parse_program, render_program

SOURCE = 'def label(text):\n    """Links."""\n    return "spam" if "http" in text else None\n'
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)
origins = st.builds(
    Origin,
    origin=words.filter(bool),
    strategy=words,
    prompt=words,
    created=words,
    cost_usd=st.none() | st.floats(0, 10),
    parent=words,
)


@given(origins)
def test_a_written_program_reads_back_the_same(origin: Origin) -> None:
    program = Program("links", SOURCE, origin)
    assert parse_program("links", render_program(program)) == program


def test_the_header_is_no_part_of_the_id() -> None:
    bare = Program("links", SOURCE)
    told = Program("links", SOURCE, Origin("openai:m", "plain", cost_usd=0.1))
    assert bare.id == told.id
    assert parse_program("links", render_program(told)).id == bare.id


def test_a_file_without_header_is_by_hand() -> None:
    assert parse_program("mine", SOURCE).origin.origin == "hand"


@pytest.mark.parametrize("name", ["links", "other name"])
def test_description_is_the_first_line_of_the_docstring(name: str) -> None:
    assert Program(name, SOURCE).description == "Links."


def test_a_program_that_is_no_python_has_no_description() -> None:
    assert Program("broken", "def label(:").description == ""
