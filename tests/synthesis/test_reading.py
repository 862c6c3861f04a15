"""Reading answers: a corpus of odd ones, and what holds for any text whatever."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.core.program import Program
from alchemist.synthesis.reading import read_answer

CORPUS = Path(__file__).with_name("answers_corpus.txt")
PROBE = "Win a FREE prize now http://x.example"


@dataclass(frozen=True)
class Case:
    name: str
    parameters: tuple[str, ...]
    finish_reason: str
    text: str
    expected: str


def cases() -> list[Case]:
    found = []
    for part in re.split(r"^### ", CORPUS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        head, _, rest = part.partition("\n")
        text, _, expected = rest.rpartition("=>")
        name, parameters, reason = (*(f.strip() for f in head.split("|")), "", "")[:3]
        names = tuple(p.strip() for p in parameters.split(",")) if parameters else ("text",)
        text = text.replace("'''", "```").replace("```'", "````")
        found.append(Case(name, names, reason or "stop", text, expected.strip()))
    return found


def vote(source: str, parameters: tuple[str, ...]) -> str:
    space: dict[str, object] = {"__name__": "program"}
    try:
        exec(compile(source, "program", "exec"), space)
        entry: Any = space["label"]
        if len(parameters) == 1:
            return str(entry(PROBE))
        return str(entry(**dict.fromkeys(parameters, PROBE)))
    except Exception as error:
        return f"!{type(error).__name__}"


def test_the_corpus_holds_sixty_answers_of_different_names_and_texts() -> None:
    assert len({case.name for case in cases()}) == len(cases()) >= 60
    assert len({case.text for case in cases()}) == len(cases())


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_what_is_read_from_each_answer(case: Case) -> None:
    parsed = read_answer(case.text, case.parameters, case.finish_reason)
    programs = "; ".join(
        f"{s.idea.partition(':')[0]}={vote(s.source, case.parameters)}" for s in parsed.sources
    )
    rejected = " ".join(one.kind for one in parsed.rejected)
    got = f"{programs} | {rejected}".removesuffix(" | ") if programs or rejected else ""
    assert got.strip() == case.expected.removeprefix(" ")


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_every_program_read_is_whole(case: Case) -> None:
    parsed = read_answer(case.text, case.parameters, case.finish_reason)
    for source in parsed.sources:
        tree = ast.parse(source.source)
        (entry,) = (n for n in tree.body if "label" in ast.unparse(n).partition("(")[0])
        assert "__main__" not in source.source
        assert Program("p", source.source).description == source.idea
        assert 1 <= source.line <= case.text.count("\n") + 1
        assert entry
    for one in parsed.rejected:
        assert one.reason.endswith(".")
        assert 1 <= one.line <= case.text.count("\n") + 1


def test_a_lone_program_is_kept_word_for_word() -> None:
    source = (
        "# Kept: comments and odd   layout\nimport re\nWORDS = ['a',\n  'b']  # two\n\n\n"
        'def label( text ):\n    """Idea."""\n\n    return None   # nothing\n'
    )
    (program,) = read_answer(f"```python\n{source}```").sources
    assert program.source == source


PIECES = st.sampled_from(
    [
        "```python\n",
        "```\n",
        "~~~\n",
        "def label(text):\n",
        '    """Idea: x."""\n',
        "    return None\n",
        "import re\n",
        "X = [\n",
        "]\n",
        "class A:\n",
        "@x\n",
        "label = 3\n",
        "async def label(a): pass\n",
        "def f(*a, b, **c): return label(1)\n",
        "<think>\n",
        "</think>\n",
        "> ",
        ">>> ",
        '{"a": ["def "]}\n',
        "\x00",
        "\ud800",
        "[PYTHON]",
        "[/PYTHON]",
        "lambda text: 1\n",
        "if __name__:\n",
    ]
)


@given(st.lists(PIECES | st.text(max_size=8), max_size=14).map("".join))
def test_no_text_whatever_makes_reading_fail(text: str) -> None:
    parsed = read_answer(text)
    assert parsed.sources or parsed.rejected
    for source in parsed.sources:
        names = {n.name for n in ast.parse(source.source).body if isinstance(n, ast.FunctionDef)}
        assert "label" in names


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True), st.booleans())
def test_programs_come_out_as_they_went_in(numbers: list[int], one_block: bool) -> None:
    sources = [f'def label(text):\n    """Idea {n}."""\n    return "{n}"\n' for n in numbers]
    body = "\n".join(sources) if one_block else "```\n\n```python\n".join(sources)
    parsed = read_answer(f"Here:\n```python\n{body}```\n")
    assert [s.source for s in parsed.sources] == sources
    assert parsed.rejected == ()
