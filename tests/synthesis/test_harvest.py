"""Harvest: named programs that know where they come from and what they cost."""

from collections.abc import Callable

import pytest

from alchemist.core.program import parse_program, render_program
from alchemist.core.task import Task
from alchemist.synthesis.harvest import Answered, harvest, harvest_loose, program_name
from alchemist.synthesis.strategies import Brief, next_asks

PROGRAM = (
    '```python\ndef label(text):\n    """{}"""\n    return "{}" if "x" in text else None\n```\n'
)


def answer(*ideas: str) -> str:
    return "".join(PROGRAM.format(idea, idea[:4]) for idea in ideas)


@pytest.fixture
def brief(make_task: Callable[..., Task]) -> Brief:
    task = make_task(synthesis__strategies=["knowledge"], synthesis__prompts=2)
    return Brief(task, "- text (str)")


def answered(brief: Brief, notes_cost: float | None, *texts: str) -> list[Answered]:
    (notes,) = next_asks(brief, {}).ready
    asks = next_asks(brief, {notes.custom_id: "notes"}).ready
    common = {"provider": "openai", "model": "gpt", "created": "2026-01-01T00:00:00Z"}
    return [
        Answered(notes, "notes", cost_usd=notes_cost, **common),
        *(Answered(a, t, cost_usd=0.6, **common) for a, t in zip(asks, texts, strict=True)),
    ]


def test_programs_carry_their_origin(brief: Brief) -> None:
    parts = answered(brief, 0.3, answer("one: a", "two: b"), answer("three: c"))
    programs = harvest(brief, parts).programs
    assert [p.name for p in programs] == ["one", "two", "three"]
    origin = programs[0].origin
    assert origin.origin == "openai:gpt"
    assert origin.strategy == "knowledge"
    assert origin.prompt == f"sha256:{parts[1].ask.request.hash}"
    assert parse_program("one", render_program(programs[0])) == programs[0]


def test_the_shares_of_all_programs_add_up_to_the_bill(brief: Brief) -> None:
    parts = answered(brief, 0.3, answer("one", "two"), answer("three"))
    costs = [p.origin.cost_usd for p in harvest(brief, parts).programs]
    assert costs == [pytest.approx(0.4), pytest.approx(0.4), pytest.approx(0.7)]


def test_one_unknown_cost_makes_a_share_unknown(brief: Brief) -> None:
    parts = answered(brief, None, answer("one"), answer("two"))
    assert [p.origin.cost_usd for p in harvest(brief, parts).programs] == [None, None]


def test_the_same_program_from_two_answers_is_kept_once(brief: Brief) -> None:
    result = harvest(brief, answered(brief, 0.3, answer("one"), answer("one", "two")))
    assert [p.name for p in result.programs] == ["one", "two"]
    (unused,) = result.rejected
    assert unused.rejected.kind == "duplicate"


def test_harvesting_twice_gives_the_same(brief: Brief) -> None:
    parts = answered(brief, 0.3, answer("one", "one"), answer("one: x", "two"))
    assert harvest(brief, parts) == harvest(brief, parts)


def test_loose_answers_give_programs_and_notes_are_no_failure(brief: Brief) -> None:
    texts = {"x-knowledge": "Spam shouts.", "x-programs": answer("one"), "y": "I'm sorry, no."}
    result = harvest_loose(brief, texts, provider="import", model="claude")
    assert [(p.name, p.origin.origin) for p in result.programs] == [("one", "import:claude")]
    assert [(u.custom_id, u.rejected.kind) for u in result.rejected] == [("y", "refusal")]


@pytest.mark.parametrize(
    ("idea", "name"),
    [
        ("External links: a URL or a domain", "external_links"),
        ("Money, prizes & gift-cards in one line of text", "money_prizes_gift_cards_in"),
        ("Rédaction soignée", "redaction_soignee"),
        ("Aren't they: x", "arent_they"),
        ("100% free: x", "p_100_free"),
        (
            "Überdurchschnittlichkeitsbewertungsverfahrenskonzepte: x",
            "uberdurchschnittlichkeitsbewertungsverfa",
        ),
        ("负面词汇", "knowledge"),
        ("", "knowledge"),
        ("one", "one_2"),
    ],
)
def test_names_come_from_ideas(idea: str, name: str) -> None:
    assert program_name(idea, {"one"}, fallback="knowledge") == name
