"""Strategies: rounds without state, ids that survive batch services, nothing of the rows."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from alchemist.core.errors import BadTask, UnknownName
from alchemist.core.task import Task
from alchemist.synthesis.export import export_prompts
from alchemist.synthesis.policy import MODULES
from alchemist.synthesis.strategies import (
    STRATEGIES,
    Ask,
    Brief,
    Passage,
    expected_calls,
    next_asks,
    parameter_name,
)
from alchemist.synthesis.templates import load_templates

MakeTask = Callable[..., Task]


PASSAGES = (Passage("guide.txt, paragraph 3", "Spam often names a prize."),)
ROWS = ({"text": "a real row, never to be seen"},)


def brief(make_task: MakeTask, **changes: Any) -> Brief:
    return Brief(make_task(**changes), "- text (str)", passages=PASSAGES, rows=ROWS)


def walk(one: Brief, answer: str = "notes") -> list[Ask]:
    answers: dict[str, str] = {}
    asks: list[Ask] = []
    while ready := next_asks(one, answers).ready:
        asks += ready
        answers |= {ask.custom_id: answer for ask in ready}
    return asks


def test_plain_asks_everything_at_once(make_task: MakeTask) -> None:
    step = next_asks(brief(make_task, synthesis__strategies=["plain"], synthesis__prompts=3), {})
    assert [(ask.kind, ask.prompt) for ask in step.ready] == [
        ("programs", 0),
        ("programs", 1),
        ("programs", 2),
    ]
    assert (step.waiting, step.rounds_left) == (0, 1)


def test_knowledge_asks_for_notes_first_and_quotes_them(make_task: MakeTask) -> None:
    one = brief(make_task, synthesis__strategies=["knowledge"], synthesis__prompts=2)
    first = next_asks(one, {})
    (notes,) = first.ready
    assert (first.waiting, first.rounds_left) == (2, 2)

    second = next_asks(one, {notes.custom_id: "Spam shouts PRIZE."})
    assert [ask.kind for ask in second.ready] == ["programs", "programs"]
    assert all(ask.needs == (notes.custom_id,) for ask in second.ready)
    assert all("Spam shouts PRIZE." in ask.request.messages[1].content for ask in second.ready)
    assert (second.waiting, second.rounds_left, second.done) == (0, 1, (notes,))

    answers = {notes.custom_id: "Spam shouts PRIZE.", **{a.custom_id: "" for a in second.ready}}
    last = next_asks(one, answers)
    assert (last.ready, last.rounds_left, len(last.done)) == ((), 0, 3)


def test_notes_given_up_cost_their_programs_and_nothing_else(make_task: MakeTask) -> None:
    one = brief(make_task, synthesis__strategies=["plain", "knowledge"], synthesis__prompts=2)
    (notes,) = (ask for ask in next_asks(one, {}).ready if ask.kind == "knowledge")
    step = next_asks(one, {}, given_up=[notes.custom_id])
    assert [ask.strategy for ask in step.ready] == ["plain", "plain"]
    assert (step.lost, step.waiting) == (2, 0)


def test_further_prompts_differ_and_leave_the_first_alone(make_task: MakeTask) -> None:
    def texts(prompts: int) -> list[str]:
        one = brief(make_task, synthesis__strategies=["plain"], synthesis__prompts=prompts)
        return [ask.request.hash for ask in next_asks(one, {}).ready]

    assert texts(1) == texts(12)[:1]
    assert len(set(texts(12))) == 12


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_ids_are_safe_unique_and_the_same_every_time(make_task: MakeTask, strategy: str) -> None:
    one = brief(
        make_task,
        synthesis__strategies=[strategy],
        synthesis__prompts=30,
        privacy__send_rows=True,
    )
    answers: dict[str, str] = {}
    while ready := next_asks(one, answers).ready:
        assert [a.custom_id for a in ready] == [a.custom_id for a in next_asks(one, answers).ready]
        for ask in ready:
            assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", ask.custom_id)
            assert ask.custom_id not in answers
            answers[ask.custom_id] = "notes"


def test_ids_outlive_a_change_of_model(make_task: MakeTask) -> None:
    ids = [
        [a.custom_id for a in next_asks(brief(make_task, synthesis__model=model), {}).ready]
        for model in ("", "gpt-5-mini")
    ]
    assert ids[0] == ids[1]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("send_rows", [False, True])
def test_rows_are_quoted_only_by_leave_and_said_so(
    make_task: MakeTask, strategy: str, send_rows: bool
) -> None:
    one = brief(make_task, synthesis__strategies=[strategy], privacy__send_rows=send_rows)
    if strategy == "rows" and not send_rows:
        with pytest.raises(BadTask, match="send_rows is false"):
            walk(one)
        return
    for ask in walk(one):
        said = "".join(m.content for m in ask.request.messages)
        assert ("never to be seen" in said) == ("rows" in ask.request.holds)
        assert ("names a prize" in said) == ("documents" in ask.request.holds)
        assert ("rows" in ask.request.holds) <= (strategy == "rows")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_each_strategy_asks(
    make_task: MakeTask, strategy: str, snapshot: SnapshotAssertion
) -> None:
    one = brief(
        make_task,
        synthesis__strategies=[strategy],
        synthesis__prompts=2,
        privacy__send_rows=True,
    )
    asks = walk(one, "(what the model wrote first)")
    assert (
        "\n\n".join(f"# {a.custom_id}\n{a.request.messages[1].content}" for a in asks) == snapshot
    )


def test_joined_strategies_ask_for_all_their_knowledge_and_quote_it(make_task: MakeTask) -> None:
    one = brief(make_task, synthesis__strategies=["keywords+rules+weighing"])
    asks = walk(one, "what I know")
    assert [a.kind for a in asks] == ["knowledge", "knowledge", "programs", "programs"]
    prompt = asks[-1].request.messages[1].content
    assert prompt.count("what I know") == 2
    assert "Every program weighs evidence" in prompt
    assert len(asks[-1].needs) == 2


def test_every_class_gets_prompts_of_its_own(make_task: MakeTask) -> None:
    one = brief(make_task, synthesis__strategies=["per-class"], synthesis__prompts=2)
    prompts = [ask.request.messages[1].content for ask in walk(one)]
    assert [('about the class "ham"' in p, 'about the class "spam"' in p) for p in prompts] == [
        (True, False),
        (True, False),
        (False, True),
        (False, True),
    ]


def test_the_papers_way_asks_one_program_a_call_and_the_same_each_time(
    make_task: MakeTask,
) -> None:
    one = brief(
        make_task,
        synthesis__strategies=["paper"],
        synthesis__prompts=10,
        synthesis__programs_per_prompt=1,
    )
    asks = walk(one)
    assert len({ask.request.messages for ask in asks}) == 1
    assert [ask.request.sample for ask in asks] == list(range(10))
    assert "Write one labeling program." in asks[0].request.messages[1].content


def test_several_models_are_kept_apart(make_task: MakeTask) -> None:
    one = brief(make_task, synthesis__strategies=["knowledge"], synthesis__model="one, two,one")
    asks = walk(one)
    assert [ask.request.model for ask in asks] == ["one", "two", "one", "one", "two", "two"]
    assert len({ask.custom_id for ask in asks}) == 6
    assert all(
        ask.request.model == needed.request.model
        for ask in asks
        for needed in asks
        if needed.custom_id in ask.needs
    )


def test_documents_without_any_are_asked_for(make_task: MakeTask) -> None:
    one = Brief(make_task(synthesis__strategies=["documents"]), "- text (str)")
    with pytest.raises(BadTask, match="holds no text about this task"):
        next_asks(one, {})


@pytest.mark.parametrize(
    ("changes", "signature"),
    [
        ({}, "def label(text: str) -> str | None:"),
        (
            {"rows__inputs": ["title", "body"]},
            "def label(title: str, body: str) -> str | None:",
        ),
        ({"rows__inputs": ["the title"]}, "def label(the_title: str) -> str | None:"),
        ({"rows__inputs": ["title", "the body"]}, "def label(row: dict) -> str | None:"),
        ({"rows__inputs": ["title", "class"]}, "def label(row: dict) -> str | None:"),
        ({"rows__inputs": [f"c{i}" for i in range(9)]}, "def label(row: dict) -> str | None:"),
        ({"modality": "tabular"}, "def label(row: dict) -> str | None:"),
    ],
    ids=["one text", "two", "odd name", "odd names", "keyword", "nine inputs", "tabular"],
)
def test_prompts_show_the_signature(
    make_task: MakeTask, changes: dict[str, Any], signature: str
) -> None:
    one = brief(make_task, synthesis__strategies=["plain"], **changes)
    assert f"\n{signature}\n" in next_asks(one, {}).ready[0].request.messages[1].content


@pytest.mark.parametrize(
    ("column", "name"),
    [("déjà vu!", "deja_vu_"), ("2nd", "_2nd"), ("class", "class_"), ("文本", "text"), ("x", "x")],
)
def test_parameter_names_are_names(column: str, name: str) -> None:
    assert parameter_name(column) == name


def test_prompts_name_the_modules_the_sandbox_allows() -> None:
    from alchemist.sandbox.confined.language import ALLOWED_MODULES

    assert set(MODULES) == ALLOWED_MODULES - {"__future__", "collections.abc"}


def test_an_unknown_strategy_offers_the_nearest(make_task: MakeTask) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'knowledge'"):
        next_asks(brief(make_task, synthesis__strategies=["knowlege"]), {})


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_expected_call_is_one_that_is_asked(make_task: MakeTask, strategy: str) -> None:
    one = brief(
        make_task,
        synthesis__strategies=[strategy],
        synthesis__prompts=3,
        privacy__send_rows=True,
    )
    expected = expected_calls(one)
    assert len(expected) == len(walk(one))
    assert all(e.output_low < e.output_likely < e.output_high for e in expected)
    assert all(e.output_high <= e.request.max_tokens * 1.1 for e in expected)


def test_a_workspace_overrides_a_template_by_its_name(make_task: MakeTask, tmp_path: Path) -> None:
    (tmp_path / "programs.md").write_text("{{ programs }} about {{ classes[0].name }} please")
    templates = load_templates(tmp_path)
    one = Brief(make_task(synthesis__strategies=["plain"]), "", templates)
    assert next_asks(one, {}).ready[0].request.messages[1].content == "10 about ham please\n"
    assert templates.overridden == ("programs",)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("{{ programms }}", "'programms' is undefined", id="unknown fact"),
        pytest.param("{% if %}", "'programs.md', line 1", id="no template"),
        pytest.param(
            '{% include "_rules.md" %}', "no prompt template '_rules.md'", id="missing include"
        ),
        pytest.param("{{ ''.__class__.__mro__ }}", "cannot be filled in", id="reaching out"),
    ],
)
def test_a_bad_template_is_named(
    make_task: MakeTask, tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "programs.md").write_text(text)
    one = Brief(make_task(synthesis__strategies=["plain"]), "", load_templates(tmp_path))
    with pytest.raises(BadTask, match=complaint):
        next_asks(one, {})


def test_a_template_that_replaces_nothing_offers_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "knowlege.md").write_text("x")
    with pytest.raises(BadTask, match="Did you mean 'knowledge'"):
        load_templates(tmp_path)


def test_export_writes_batch_lines_and_pages_and_tells_the_rounds(
    make_task: MakeTask, tmp_path: Path
) -> None:
    one = brief(make_task, synthesis__strategies=["knowledge"])
    step = next_asks(one, {})
    exported = export_prompts(step, tmp_path / "out", tmp_path)
    (line,) = (tmp_path / "out" / "requests.jsonl").read_text().splitlines()
    assert json.loads(line)["custom_id"] == step.ready[0].custom_id
    page = (tmp_path / "out" / f"{step.ready[0].custom_id}.prompt.md").read_text()
    assert step.ready[0].request.messages[1].content.strip() in page
    assert "first of two rounds: 2 more prompts quote these answers" in exported.sentence

    done = next_asks(one, {step.ready[0].custom_id: "notes"})
    assert "two rounds" not in export_prompts(done, tmp_path / "out", tmp_path).sentence
