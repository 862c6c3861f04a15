"""Init: presets are written out in full."""

from pathlib import Path

import pytest

from alchemist.core.errors import UnknownName
from alchemist.core.progress import Silent
from alchemist.flow.init import PRESETS, InitReport, init
from alchemist.flow.synthesize import make_brief
from alchemist.store.workspace import open_workspace
from alchemist.synthesis.strategies import next_asks


def made(folder: Path, preset: str | None) -> InitReport:
    data = folder / "rows.csv"
    data.write_text("id,text\n1,hello\n2,win a prize\n")
    return init(
        folder / "task",
        data=data,
        inputs=("text",),
        classes=("ham", "spam"),
        instruction="Decide whether it is spam.",
        preset=preset,
    )


def test_the_paper_asks_ten_times_for_one_program_and_weighs_with_snorkel(tmp_path: Path) -> None:
    made(tmp_path, "paper")
    workspace = open_workspace(tmp_path / "task")
    task = workspace.task()
    step = next_asks(make_brief(workspace, task, Silent()), {})
    assert (len(step.ready), step.waiting) == (10, 0)
    assert len({ask.request.messages for ask in step.ready}) == 1
    assert "Write one labeling program" in step.ready[0].request.messages[-1].content
    assert len({ask.request.hash for ask in step.ready}) == 10
    assert (task.aggregate.label_model, task.distill.end_model) == ("snorkel", "tfidf")


def test_packages_a_preset_needs_are_named_where_they_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alchemist.core.registry.find_spec", lambda module: None)
    told = " ".join(made(tmp_path, "paper").to_fill)
    assert "pip install 'alchemist-label[snorkel]'" in told


def test_without_a_preset_nothing_is_missing_but_model_and_descriptions(tmp_path: Path) -> None:
    assert all("pip" not in one for one in made(tmp_path, None).to_fill)


def test_an_unknown_preset_offers_the_nearest_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'paper'"):
        made(tmp_path, "papers")
    assert not (tmp_path / "task").exists()
    assert set(PRESETS) == {"paper", "waterbirds"}
