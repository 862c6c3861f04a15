"""Sandboxed programs vote as plain Python does."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemist.core.contracts import Bundle, Limits
from alchemist.core.program import Program
from alchemist.core.task import LabelClass, spellings
from alchemist.core.votes import ABSTAIN
from alchemist.sandbox import policy
from alchemist.sandbox.process import ProcessSandbox
from alchemist.testing.sandbox import bundle_of, texts

RECORDINGS = Path(__file__).parents[1] / "recordings"
CLASSES = {
    "youtube": ("ham", "spam"),
    "sms": ("ham", "spam"),
    "imdb": ("negative", "positive"),
    "yelp": ("negative", "positive"),
    "finance": ("negative", "neutral", "positive"),
    "medabs": (
        "neoplasms", "digestive system diseases", "nervous system diseases",
        "cardiovascular diseases", "general pathological conditions",
    ),
    "cancer": ("colon_cancer", "lung_cancer", "thyroid_cancer"),
    "french": ("negative", "neutral", "positive"),
    "agnews": ("World", "Sports", "Business", "Sci/Tech"),
    "prototype": ("zero", "one", "two", "three", "four"),
}  # fmt: skip


def recorded(task: str) -> list[Program]:
    if task == "prototype":
        paths = sorted((RECORDINGS / "prototype").glob("*.py"))
        return [Program(path.stem, path.read_text(encoding="utf-8")) for path in paths]
    found = []
    for strategy in ("plain", "knowledge"):
        lines = (RECORDINGS / strategy / "responses.jsonl").read_text(encoding="utf-8").splitlines()
        for line in map(json.loads, lines):
            if line["custom_id"] in (f"{task}-plain", f"{task}-programs"):
                text = line["response"]["body"]["choices"][0]["message"]["content"]
                blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
                found += [Program(f"{strategy}{i}", block) for i, block in enumerate(blocks)]
    return found


def words_of(programs: list[Program]) -> list[str]:
    """Words the programs themselves look for, so that rows meet their rules."""
    return sorted({word for p in programs for word in re.findall(r"[a-zA-Zéèà']{3,}", p.source)})


def rows_for(programs: list[Program], n: int) -> list[str]:
    rng = np.random.default_rng(11)
    words = np.array(
        [*words_of(programs), "3", "10/10", "£5", "!", "?", "www.x.com", "\n", "—", "😀"]
    )
    rows = [" ".join(rng.choice(words, rng.integers(0, 60))) for _ in range(n)]
    return [row.upper() if i % 5 == 0 else row.capitalize() for i, row in enumerate(rows)]


def plain_votes(programs: list[Program], rows: list[str], classes: tuple[str, ...]) -> Any:
    """The plain loop: exec, call, look the name up."""
    table: dict[Any, int] = {word: i for i, word in enumerate(classes)}
    columns = []
    for program in programs:
        names: dict[str, Any] = {"__name__": "program"}
        exec(compile(program.source, program.name, "exec"), names)
        said = [names["label"](row) for row in rows]
        columns.append(
            [ABSTAIN if v in (None, -1) else v if isinstance(v, int) else table[v] for v in said]
        )
    return np.array(columns, np.int16).T


@pytest.mark.slow
@pytest.mark.parametrize("task", CLASSES)
def test_recorded_programs_pass_and_vote_identically(task: str, sandbox: ProcessSandbox) -> None:
    programs, classes = recorded(task), CLASSES[task]
    assert len(programs) == 20
    assert [fault for p in programs for fault in policy.check(p.source)] == []
    rows = rows_for(programs, 150)
    bundle = Bundle(tuple(programs), tuple(map(LabelClass, classes)), ("text",))
    votes = sandbox.run(bundle, texts(*rows), Limits(row_s=2, hard_s=5))
    assert not votes.faults.total, votes.faults.examples[:3]
    np.testing.assert_array_equal(votes.matrix, plain_votes(programs, rows, classes))
    assert (votes.matrix != ABSTAIN).any(axis=0).sum() >= 10, "most programs should speak here"


WORDS = ["free", "win", "lunch", "Ça", "ß", "", "1", " a ", "x\ny"]
CONDITIONS = st.recursive(
    st.one_of(
        st.sampled_from(WORDS).map(lambda w: f"{w!r} in text"),
        st.sampled_from(WORDS).map(lambda w: f"text.lower().startswith({w!r})"),
        st.integers(0, 9).map(lambda n: f"len(text) > {n}"),
        st.integers(1, 4).map(lambda n: f"len(text.split()) % {n} == 0"),
        st.sampled_from([r"\bfree\b", r"w[io]n+", r"\d", r"(?i)LUNCH|ça", r"^\s*$", r"(.)\1"]).map(
            lambda p: f"re.search({p!r}, text)"
        ),
        st.sampled_from([r"\w+", "e", r"\s+"]).map(lambda p: f"len(re.findall({p!r}, text)) > 1"),
        st.sampled_from(["a", "ß"]).map(lambda c: f"Counter(text)[{c!r}] > 0"),
    ),
    lambda inner: st.one_of(
        inner.map(lambda c: f"(not {c})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
    ),
    max_leaves=4,
)
RETURNS = st.sampled_from(
    ["'ham'", "'spam'", "' Spam '", "'fine'", "None", "-1", "0", "1", "True", "1.0", "'eggs'", "2",
     "1 // len(text)", "text[3]", "[1]", "text"]
)  # fmt: skip
SOURCES = st.builds(
    lambda rules, last: (
        "import re\nfrom collections import Counter\ndef label(text):\n"
        + "".join(f"    if {condition}:\n        return {value}\n" for condition, value in rules)
        + f"    return {last}\n"
    ),
    st.lists(st.tuples(CONDITIONS, RETURNS), max_size=3),
    RETURNS,
)
ROWS = st.lists(
    st.one_of(
        st.lists(st.sampled_from([*WORDS, "the", "WIN", "12", "aa"]), max_size=5).map(" ".join),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    ),
    max_size=8,
)


def oracle(source: str, rows: list[str], table: dict[str, int]) -> list[tuple[int, str | None]]:
    """Vote and fault kind of each row, from the words of the contract."""
    names: dict[str, Any] = {}
    exec(source, names)
    found: list[tuple[int, str | None]] = []
    for row in rows:
        try:
            value = names["label"](row)
        except Exception:
            found.append((-2, "exception"))
            continue
        if value is None or (type(value) is int and value == -1):
            found.append((-1, None))
        elif type(value) is int and value in (0, 1):
            found.append((value, None))
        elif isinstance(value, str) and value.strip().casefold() in table:
            found.append((table[value.strip().casefold()], None))
        else:
            found.append((-2, "invalid_return"))
    return found


@pytest.mark.slow
@settings(max_examples=120)
@given(st.lists(SOURCES, min_size=1, max_size=3), ROWS)
def test_any_program_of_the_grammar_votes_as_plain_python(
    sources: list[str], rows: list[str]
) -> None:
    sandbox = shared()
    bundle = bundle_of(*sources)
    votes = sandbox.run(bundle, texts(*rows), Limits())
    for k, source in enumerate(sources):
        wanted = oracle(source, rows, spellings(bundle.classes))
        assert votes.matrix[:, k].tolist() == [vote for vote, _ in wanted]
        found = [f for f in votes.faults.examples if f.program == f"p{k}"]
        assert {(f.row, f.kind) for f in found} == {
            (f"r{i}", kind) for i, (_, kind) in enumerate(wanted) if kind
        }


_SHARED: list[ProcessSandbox] = []


def shared() -> ProcessSandbox:
    """One sandbox for all examples: Hypothesis allows no fixture that outlives an example."""
    if not _SHARED:
        _SHARED.append(ProcessSandbox())
    return _SHARED[0]


@pytest.fixture(scope="module", autouse=True)
def _closed_at_the_end() -> Any:
    yield
    while _SHARED:
        _SHARED.pop().close()
