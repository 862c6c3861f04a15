import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alchemist.cli.app import app
from alchemist.core.errors import BadConcepts, InputError
from alchemist.core.exchange import Request
from alchemist.core.progress import Silent
from alchemist.flow.concepts import (
    ask_concepts,
    export_concept_prompts,
    import_concepts,
)
from alchemist.flow.job import open_job
from alchemist.providers.runner import Runner, RunnerSettings
from alchemist.providers.scripted import Function
from alchemist.store.workspace import Workspace
from tests.flow.looking import Looking, series_workspace

P = Silent()


def answer(*names: str) -> str:
    options = [
        {"name": "high", "phrases": ["it ends high"]},
        {"name": "low", "phrases": ["it ends low"]},
    ]
    return json.dumps([{"name": n, "question": f"What {n}?", "options": options} for n in names])


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr("alchemist.flow.extract.open_extractor", lambda *_, **__: Looking())
    workspace = series_workspace(tmp_path / "trends")
    (workspace.root / "concepts.toml").unlink()
    return workspace


def test_both_questions_are_asked_and_the_second_gives_nuisance(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def say(request: Request) -> str:
        spurious = "spurious" in request.messages[-1].content
        return answer("level") if spurious else answer("trend", "ends")

    inner = workspace.inner
    settings = RunnerSettings("scripted", inner / "calls", inner / "ledger.jsonl", free=True)
    runner = Runner(Function(say, free=True), settings)
    monkeypatch.setattr("alchemist.flow.concepts.task_runner", lambda *_: runner)
    monkeypatch.setattr("alchemist.flow.concepts.check_ways_on", lambda *_: None)
    report = ask_concepts(workspace, workspace.task({"synthesis.model": "m"}), P)
    assert [(one.name, one.nuisance) for one in report.concepts] == [
        ("trend", False),
        ("ends", False),
        ("level", True),
    ]
    # What is there is read, not asked for again.
    assert open_job(workspace.root).concepts().concepts == report.concepts


def test_questions_can_be_asked_by_hand(workspace: Workspace, tmp_path: Path) -> None:
    task = workspace.task()
    pages = export_concept_prompts(workspace, task, tmp_path / "ask")
    sides = {page.name.split("-")[1]: page for page in pages if page.suffix == ".md"}
    assert set(sides) == {"true", "spurious"}
    with pytest.raises(BadConcepts, match="no answer to the question for true differences"):
        import_concepts(workspace, task, tmp_path / "ask")
    sides["true"].with_name(sides["true"].name.replace(".prompt", "")).write_text(answer("trend"))
    report = import_concepts(workspace, task, tmp_path / "ask")
    assert [one.name for one in report.concepts] == ["trend"]
    assert report.notes[-1].startswith("The question for spurious differences has no answer")


def test_concepts_are_for_items(workspace: Workspace) -> None:
    task = workspace.task({"modality": "text", "concepts": {}})
    with pytest.raises(InputError, match="rows of modality 'text' are read as they are"):
        export_concept_prompts(workspace, task, workspace.root / "ask")


def test_features_of_its_own_need_no_concepts(tmp_path: Path) -> None:
    workspace = series_workspace(tmp_path / "plain")
    task = workspace.task({"concepts.extractor": "local_series"})
    with pytest.raises(InputError, match="features of its own and scores no concepts"):
        export_concept_prompts(workspace, task, tmp_path / "ask")


@pytest.mark.slow
def test_the_command_shows_a_list_and_never_replaces_it_unasked(
    workspace: Workspace, tmp_path: Path
) -> None:
    words, ask = ["concepts", str(workspace.root)], tmp_path / "ask"
    run = CliRunner().invoke
    assert "say --yes" in str(run(app, words).exception)
    assert run(app, [*words, "--export", str(ask)]).exit_code == 0
    (page,) = ask.glob("concepts-true*.prompt.md")
    page.with_name(page.name.replace(".prompt", "")).write_text(answer("trend"))
    taken = run(app, [*words, "--import", str(ask)])
    assert taken.exit_code == 0, taken.output
    shown = run(app, words)
    assert "high | low" in shown.output
    again = run(app, [*words, "--import", str(ask)])
    assert "say --again to replace it" in str(again.exception)
    assert run(app, [*words, "--import", str(ask), "--again"]).exit_code == 0
