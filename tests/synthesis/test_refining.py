"""The gap in words, and the prompts of refining and mending as they are sent."""

from collections.abc import Callable
from dataclasses import replace

from syrupy.assertion import SnapshotAssertion

from alchemist.core.faults import Fault
from alchemist.core.program import Program
from alchemist.core.task import Task
from alchemist.synthesis.mending import Broken, mend_ask
from alchemist.synthesis.refining import (
    ClassGap,
    Conflict,
    Gap,
    TermList,
    Voter,
    n_programs,
    refine_ask,
)
from alchemist.synthesis.strategies import Brief

GAP = Gap(
    n_rows=1200,
    voters=(
        Voter("free", "Free things.", 0.2, 0.9),
        Voter("prize", "", 0.1, None, below_chance=True),
        Voter("prizes", "Prizes.", 0.1, 0.8, copies=("win",)),
        Voter("win", "Winners.", 0.1, 0.8, copies=("prizes",)),
    ),
    silent=0.25,
    single=0.3,
    undecided=0.4,
    classes=(ClassGap("ham", 0.7, 0.5, 0.5), ClassGap("spam", 0.3, 2.5, 0.1)),
    conflicts=(Conflict("ham", "spam", 0.05),),
)
TERMS = (TermList("Terms typical of rows without a clear class", ("walnut", "orchid")),)
ROWS = ({"text": "see you <b>there</b>"},)


def brief(make_task: Callable[..., Task], **changes: object) -> Brief:
    return Brief(make_task(synthesis__model="one, two", **changes), "- text (str)")


def test_the_gap_is_told_in_sentences() -> None:
    told = "\n".join(GAP.findings())
    assert (
        "No program speaks for 25.0% of the rows, and one program alone for another 30.0%" in told
    )
    assert 'On 5.0% of the rows some vote "ham" and others "spam".' in told
    assert '"ham": 70% of the labels so far, 0.5 votes for it on such a row, thin' in told
    assert "2.5 votes for it on such a row; 10%" in told
    assert "prize is right less often than blind votes would be." in told
    assert told.count("casts nearly the same votes as") == 1


def test_rare_conflicts_are_not_worth_a_sentence() -> None:
    quiet = replace(GAP, conflicts=(Conflict("ham", "spam", 0.001),))
    assert not any("others" in one and "some vote" in one for one in quiet.findings())


def test_what_a_prompt_quotes_is_declared(make_task: Callable[..., Task]) -> None:
    there = brief(make_task)
    plain = refine_ask(there, GAP, 1).request
    assert plain.holds == ("task",)
    assert plain.purpose == "refine"
    assert refine_ask(there, replace(GAP, terms=TERMS), 1).request.holds == ("task", "terms")
    assert refine_ask(there, replace(GAP, rows=ROWS), 1).request.holds == ("task", "rows")


def test_rounds_take_turns_with_the_models(make_task: Callable[..., Task]) -> None:
    there = brief(make_task)
    assert [refine_ask(there, GAP, n).request.model for n in (1, 2, 3)] == ["one", "two", "one"]


def test_a_user_who_wants_fewer_programs_gets_fewer(make_task: Callable[..., Task]) -> None:
    assert n_programs(brief(make_task)) == 6
    assert n_programs(brief(make_task, synthesis__programs_per_prompt=2)) == 2


def test_the_prompt_of_refining(
    make_task: Callable[..., Task], snapshot: SnapshotAssertion
) -> None:
    whole = replace(GAP, terms=TERMS, rows=ROWS)
    ask = refine_ask(brief(make_task), whole, 2, ("Zebras: animals. (it never votes)",))
    assert ask.request.messages[1].content == snapshot


def test_the_prompt_of_mending(make_task: Callable[..., Task], snapshot: SnapshotAssertion) -> None:
    broken = [
        Broken(
            Program("free", 'def label(text):\n    """Free."""\n    return int(text)\n'),
            (Fault("free", "exception", "ValueError: 'x'", "7", 3),),
        ),
        Broken(
            Program("os", "import os\n"),
            (Fault("os", "policy.import", "'os' may not be imported", None, 1),),
        ),
    ]
    assert mend_ask(brief(make_task), broken).request.messages[1].content == snapshot
