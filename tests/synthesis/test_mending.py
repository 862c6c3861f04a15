"""Mending: faults go back without a word of a row, and revisions know their parent."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.core.faults import Fault
from alchemist.core.program import Origin, Program
from alchemist.core.task import Task
from alchemist.synthesis.harvest import Answered
from alchemist.synthesis.mending import Broken, complaints, mend_ask, mended
from alchemist.synthesis.strategies import Ask, Brief

SOURCE = 'def label(text):\n    """Free: x."""\n    return int(text)\n'
PROGRAM = Program("free", SOURCE, Origin("openai:gpt", "plain", "sha256:1", cost_usd=0.25))
CANARY = "qzxcanary"
KINDS = [
    "exception",
    "timeout",
    "memory",
    "invalid_return",
    "nondeterministic",
    "crash",
    "security",
]


def brief(make_task: Callable[..., Task], *, send_rows: bool = False) -> Brief:
    task = make_task(privacy__send_rows=send_rows, synthesis__model="gpt, other")
    return Brief(task, "- text (str)")


def ask_for(brief: Brief, program: Program, faults: Sequence[Fault]) -> Ask:
    return mend_ask(brief, [Broken(program, tuple(faults))])


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            Fault("free", "exception", f"ValueError: invalid literal: '{CANARY}'", "7", 3),
            "line 3: it raises ValueError on some rows",
        ),
        (Fault("free", "exception", CANARY, "7"), "it raises an exception on some rows"),
        (Fault("free", "invalid_return", f"returned {CANARY!r}", "7"), "it returns something"),
        (Fault("free", "timeout", f"{CANARY}", "7"), "takes too long"),
        (Fault("free", "nondeterministic", f"on {CANARY}", "7"), "different answers"),
        (Fault("free", "infra", CANARY, "7"), "it fails on some rows (infra)"),
        (
            Fault("free", "policy.import", "'os' may not be imported", None, 1),
            "line 1: 'os' may not be imported",
        ),
        (Fault("free", "syntax", "not valid Python: invalid syntax", None, 2), "not valid Python"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_each_fault_is_told_by_what_the_source_explains(
    make_task: Callable[..., Task], fault: Fault, sentence: str
) -> None:
    ask = ask_for(brief(make_task), PROGRAM, [fault])
    prompt = ask.request.messages[1].content
    assert sentence in prompt
    assert CANARY not in prompt
    assert SOURCE.strip() in prompt
    assert ask.request.holds == ("task",)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.text(max_size=20), st.booleans()), min_size=1))
def test_no_word_of_a_message_about_rows_is_told(faults: list[tuple[str, str, bool]]) -> None:
    told = complaints(
        [Fault("p", k, f"{text}{CANARY}", "1" if r else None) for k, text, r in faults]
    )
    assert told
    assert CANARY not in "".join(told)


def test_with_leave_the_message_is_told_and_declared(make_task: Callable[..., Task]) -> None:
    fault = Fault("free", "exception", f"ValueError: {CANARY}", "7", 3)
    ask = ask_for(brief(make_task, send_rows=True), PROGRAM, [fault])
    assert CANARY in ask.request.messages[1].content
    assert ask.request.holds == ("task", "rows")


def test_the_model_that_wrote_it_mends_it(make_task: Callable[..., Task]) -> None:
    fault = Fault("free", "timeout", "", "7")
    other = Program("x", SOURCE, Origin("openai:other"))
    hand = Program("x", SOURCE)
    asks = [ask_for(brief(make_task), p, [fault]) for p in (PROGRAM, other, hand)]
    assert [ask.request.model for ask in asks] == ["gpt", "other", "gpt"]


def answered(make_task: Callable[..., Task], text: str) -> Answered:
    ask = ask_for(brief(make_task), PROGRAM, [Fault("free", "timeout", "", "7")])
    return Answered(ask, text, provider="openai", model="gpt", cost_usd=0.5, created="now")


def test_a_revision_keeps_the_name_and_names_its_parent(make_task: Callable[..., Task]) -> None:
    text = f"Here:\n```python\n{SOURCE.replace('int(text)', 'None')}```"
    outcome = mended(brief(make_task), [PROGRAM], answered(make_task, text))
    revision = outcome.revisions[PROGRAM.id]
    assert not outcome.rejected
    assert revision.name == "free"
    assert revision.origin.parent == PROGRAM.id
    assert revision.origin.cost_usd == 0.75
    assert revision.origin.strategy == "plain"


@pytest.mark.parametrize(
    ("text", "kind"),
    [(f"```python\n{SOURCE}```", "duplicate"), ("I cannot do that.", "refusal"), ("", "empty")],
)
def test_an_answer_without_a_revision_says_why(
    make_task: Callable[..., Task], text: str, kind: str
) -> None:
    outcome = mended(brief(make_task), [PROGRAM], answered(make_task, text))
    assert not outcome.revisions
    assert outcome.rejected[PROGRAM.id].kind == kind


def test_revisions_find_their_programs_whatever_their_order(make_task: Callable[..., Task]) -> None:
    words = ["lottery winner claim", "lunch dinner home", "invoice payment overdue"]
    programs = [
        Program(f"p{n}", f'def label(text):\n    """Idea {n}."""\n    return int("{w}" in text)\n')
        for n, w in enumerate(words)
    ]
    faults = (Fault("p", "timeout", "", "7"),)
    ask = mend_ask(brief(make_task), [Broken(one, faults) for one in programs])
    assert all(one.source.strip() in ask.request.messages[1].content for one in programs)
    fixed = [one.source.replace("int(", "bool(") for one in (programs[2], programs[0])]
    text = "\n".join(f"```python\n{source}```" for source in fixed)
    answer = Answered(ask, text, provider="openai", model="gpt", cost_usd=0.6, created="now")
    outcome = mended(brief(make_task), programs, answer)
    assert {i: one.source.count(words[0]) for i, one in outcome.revisions.items()} == {
        programs[2].id: 0,
        programs[0].id: 1,
    }
    assert list(outcome.rejected) == [programs[1].id]


def test_a_second_attempt_is_another_question(make_task: Callable[..., Task]) -> None:
    broken = [Broken(PROGRAM, (Fault("free", "timeout", "", "7"),))]
    first, second = (mend_ask(brief(make_task), broken, attempt) for attempt in (1, 2))
    assert first.request.hash != second.request.hash


def test_a_few_complaints_of_different_kinds_are_enough() -> None:
    many = [Fault("p", "exception", f"ValueError{n}Error: x", "1", n) for n in range(1, 90)]
    assert len(complaints(many)) == 6
    assert len(complaints([many[0]] * 5)) == 1
