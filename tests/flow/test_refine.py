"""Refining: the gap comes from votes, the judgement too, and no program is lost."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alchemist.core.errors import NotReady, NoWayOn
from alchemist.core.exchange import Request
from alchemist.core.program import Program
from alchemist.core.progress import Silent
from alchemist.core.task import Task
from alchemist.flow import refine as flow
from alchemist.flow.aggregate import voted_rows
from alchemist.flow.gaps import find_gap
from alchemist.flow.off import turned_off
from alchemist.flow.refine import RefineReport, export_refining, plan_refining, refine
from alchemist.flow.run import run
from alchemist.flow.synthesize import import_answers
from alchemist.flow.vote import vote
from alchemist.providers.runner import Runner, RunnerSettings
from alchemist.providers.scripted import Function
from alchemist.store.program_files import load_programs, save_programs
from alchemist.store.workspace import Workspace
from tests.conftest import write_rows

pytestmark = pytest.mark.slow
SPAM = ["prize", "winner", "loan", "casino", "cash", "claim"]
HAM = ["lunch", "home", "thanks", "meeting", "mother", "train"]


def source(idea: str, spam: list[str], ham: list[str]) -> str:
    return (
        f'def label(text):\n    """{idea}: words."""\n    words = text.split()\n'
        f"    if any(w in {spam} for w in words):\n        return 'spam'\n"
        f"    if any(w in {ham} for w in words):\n        return 'ham'\n    return None\n"
    )


GOOD = source("Money and family", SPAM[2:], HAM[2:])
ANSWERS = {
    "good": GOOD,
    "copy": source("Same again", SPAM[:3], HAM[:3]).replace("words = text", "words  = text"),
    "mute": source("Zebras", ["zebra"], ["okapi"]),
}


@pytest.fixture
def gapped(workspace: Workspace) -> Workspace:
    """Rows of twelve words, and programs that know half of them."""
    rng = np.random.default_rng(0)
    rows = []
    for n in range(600):
        spam = bool(rng.random() < 0.5)
        words = list(rng.choice(SPAM if spam else HAM, 2))
        if rng.random() < 0.15:
            words[1] = str(rng.choice(HAM if spam else SPAM))
        rows.append((f"r{n}", f"{words[0]} {words[1]} unique{n}", "spam" if spam else "ham"))
    write_rows(workspace.root / "rows.csv", rows)
    for path in workspace.programs.glob("*.py"):
        path.unlink()
    base = [
        source("First", SPAM[:3], HAM[:3]),
        source("Second", SPAM[1:4], HAM[1:4]),
        source("Third", SPAM[:2], HAM[1:3]),
        source("Fourth", [SPAM[0], SPAM[3]], [HAM[0], HAM[3]]),
    ]
    save_programs(workspace, [Program(f"base{i}", text) for i, text in enumerate(base)])
    return workspace


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Request]]:
    """Put a script in the place of the task's provider; the requests it was asked."""

    def install(*answers: str) -> list[Request]:
        asked: list[Request] = []

        def answer(request: Request) -> str:
            asked.append(request)
            return answers[len(asked) - 1]

        def open_script(workspace: Workspace, task: Task, progress: object) -> Runner:
            inner = workspace.inner
            settings = RunnerSettings(
                "scripted", inner / "calls", inner / "ledger.jsonl", free=True
            )
            return Runner(Function(answer, free=True), settings)

        monkeypatch.setattr(flow, "task_runner", open_script)
        monkeypatch.setattr(flow, "check_ways_on", lambda *_: None)
        return asked

    return install


def fenced(*sources: str) -> str:
    return "\n".join(f"```python\n{text}```" for text in sources)


def settings(workspace: Workspace, **privacy: bool) -> Task:
    return workspace.task(
        {
            "synthesis.model": "m",
            "synthesis.mend": 0,
            **{f"privacy.{name}": on for name, on in privacy.items()},
        }
    )


def test_the_gap_is_what_votes_leave_open(gapped: Workspace) -> None:
    task = settings(gapped, send_terms=True)
    vote(gapped, task, Silent())
    gap = find_gap(voted_rows(gapped, task, Silent()))
    assert gap.n_rows == 600
    assert [one.name for one in gap.voters] == ["base0", "base1", "base2", "base3"]
    known = set(SPAM[:4] + HAM[:4])
    rows = (gapped.root / "rows.csv").read_text().splitlines()[1:]
    silent = np.mean([not known & set(row.split(",")[1].split()[:2]) for row in rows])
    assert gap.silent == pytest.approx(silent)
    told = {term for one in gap.terms for term in one.terms}
    assert {"cash", "claim", "mother", "train"} <= told
    assert not any("unique" in term for term in told)


def test_what_helps_stays_and_the_rest_goes_off_with_a_reason(
    gapped: Workspace, answering: Callable[..., list[Request]]
) -> None:
    asked = answering(fenced(*ANSWERS.values()))
    (first,) = refine(gapped, settings(gapped), 1, Silent()).rounds
    assert first.kept == ("money_and_family",)
    assert first.off["zebras"] == "it never votes"
    assert "nearly the same votes" in first.off["same_again"]
    assert set(first.off) == {"zebras", "same_again"}
    assert first.after.value > first.before.value
    assert first.after.covered > first.before.covered
    assert len(load_programs(gapped)) == 5
    assert {one.name for one in turned_off(gapped)} == set(first.off)
    events = [json.loads(line) for line in gapped.events.read_text().splitlines()]
    assert {one["program"]: one["reason"] for one in events} == dict(first.off)
    prompt = asked[0].messages[-1].content
    assert "base0: First: words." in prompt
    assert asked[0].holds == ("task",)


def test_it_goes_on_while_a_round_pays(
    gapped: Workspace, answering: Callable[..., list[Request]]
) -> None:
    asked = answering(fenced(GOOD), fenced(ANSWERS["mute"]), fenced(GOOD))
    report = refine(gapped, settings(gapped), 5, Silent())
    assert [one.paid for one in report.rounds] == [True, False]
    assert report.stopped == "Round 2 did not pay."
    assert len(asked) == 2
    assert "Tried before and not kept" not in asked[1].messages[-1].content
    asked = answering(fenced(ANSWERS["copy"]))
    refine(gapped, settings(gapped), 1, Silent())
    assert "- Zebras: words. (it never votes)" in asked[0].messages[-1].content


def test_run_refines_before_it_labels(
    gapped: Workspace, answering: Callable[..., list[Request]]
) -> None:
    answering(fenced(GOOD))
    report = run(gapped, settings(gapped), Silent(), rounds=1)
    assert [one.stage for one in report.stages][:3] == ["synthesize", "refine", "vote"]
    found = report.of("refine")
    assert isinstance(found, RefineReport)
    assert found.rounds[0].paid


def test_a_pasted_answer_is_used_without_anybody_to_ask(
    gapped: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    task = settings(gapped)
    with pytest.raises(NoWayOn):
        refine(gapped, task, 1, Silent())
    vote(gapped, task, Silent())
    (_, page) = export_refining(gapped, task, tmp_path / "ask", Silent()).paths
    page.with_name(page.name.replace(".prompt", "")).write_text(fenced(GOOD, ANSWERS["mute"]))
    report = import_answers(gapped, task, tmp_path / "ask")
    assert report.written == ()
    assert any("alchemist refine" in note for note in report.notes)
    assert plan_refining(gapped, task, 1, Silent()).calls == 0
    found = refine(gapped, task, 2, Silent())
    assert found.rounds[0].kept == ("money_and_family",)
    assert "Round 2 was not asked" in found.stopped
    assert import_answers(gapped, task, tmp_path / "ask").written == ()


def test_without_programs_there_is_nothing_to_refine(workspace: Workspace) -> None:
    for path in workspace.programs.glob("*.py"):
        path.unlink()
    with pytest.raises(NotReady, match="alchemist synthesize"):
        refine(workspace, settings(workspace), 1, Silent())
