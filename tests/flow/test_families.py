import pytest

from alchemist.core.program import Program
from alchemist.flow.families import columns_needed, features_read

NAMES = ("size", "colour", "hue.red", "age")


def program(body: str) -> Program:
    return Program("p", f"def label(row):\n    {body}\n")


@pytest.mark.parametrize(
    ("body", "needed"),
    [
        pytest.param('return row["size"] > 1', ("size",), id="by subscript"),
        pytest.param('return row.get("age", 0) > row["hue.red"]', ("hue.red", "age"), id="by get"),
        pytest.param('f = lambda: row["colour"]\n    return f()', ("colour",), id="in a closure"),
        pytest.param('return row["weight"]', NAMES, id="a name that is not there"),
        pytest.param("return None", ("size",), id="nothing at all"),
        pytest.param('return row["size"] if len(row) > 3 else None', NAMES, id="by length"),
        pytest.param('k = "age"\n    return row[k]', NAMES, id="by a computed name"),
        pytest.param('r = row\n    return r["size"]', NAMES, id="under another name"),
        pytest.param("return max(row.values())", NAMES, id="all values"),
        pytest.param('return locals()["row"]["size"]', NAMES, id="behind our back"),
        pytest.param("return helper(row)", NAMES, id="handed on"),
        pytest.param("return (", NAMES, id="no Python"),
    ],
)
def test_programs_are_handed_the_columns_they_can_reach(body: str, needed: tuple[str, ...]) -> None:
    assert columns_needed([program(body)], NAMES) == needed


def test_several_programs_are_handed_what_any_of_them_reads() -> None:
    two = [program('return row["age"]'), program('return row["size"]')]
    assert columns_needed(two, NAMES) == ("size", "age")
    assert columns_needed([*two, program("return list(row)")], NAMES) == NAMES


def test_features_named_anywhere_in_a_text_count_as_read() -> None:
    found = features_read(program('k = "age"\n    return row[k] > row["hue.red"]'), NAMES)
    assert found == ("hue.red", "age")
