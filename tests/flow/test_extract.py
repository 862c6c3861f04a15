import io
import json
import wave
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from alchemist.core.errors import BadConcepts, BadRows, InputError, NotReady
from alchemist.core.progress import Silent
from alchemist.flow.describe import describe_task
from alchemist.flow.evaluate import evaluate
from alchemist.flow.explain import explain
from alchemist.flow.families import families_of, features_read
from alchemist.flow.induce import induce_programs
from alchemist.flow.inspect import forecast_labels, inspect_programs
from alchemist.flow.predict import predict
from alchemist.flow.rows import take_in
from alchemist.flow.run import run
from alchemist.flow.stress import stress
from alchemist.flow.vote import vote
from alchemist.store.program_files import load_programs
from alchemist.store.workspace import Workspace
from tests.flow.looking import CONCEPTS, Looking, series_rows, series_workspace, write_series

P = Silent()


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Looking:
    found = Looking()
    monkeypatch.setattr("alchemist.flow.extract.open_extractor", lambda *_, **__: found)
    return found


@pytest.fixture
def workspace(tmp_path: Path, looking: Looking) -> Workspace:
    return series_workspace(tmp_path / "trends")


class Heard(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def test_programs_see_calibrated_numbers_and_no_nuisance(workspace: Workspace) -> None:
    rows = take_in(workspace, workspace.task(), P)
    assert rows.inputs == ("trend.rising", "trend.falling", "ends.high", "ends.low")
    (part,) = rows.manifest.parts
    batch = rows.part(part)
    assert batch.schema.names == ["id", *rows.inputs]
    rising = batch.column("trend.rising").to_pylist()
    assert rising[0] is None
    assert all(0 <= value <= 1 for value in rising[2:])
    assert not rows.readable(part)[:2].any()
    assert rows.readable(part)[2:].all()


def test_only_new_rows_are_looked_at(workspace: Workspace, looking: Looking) -> None:
    task = workspace.task()
    before = take_in(workspace, task, P)
    assert looking.looked_at == 120
    take_in(workspace, task, P)
    assert looking.looked_at == 120
    more = series_rows(5, 0, seed=9, name="new")
    write_series(workspace.root / "rows.parquet", [*series_rows(), *more])
    after = take_in(workspace, task, P)
    assert looking.looked_at == 125
    assert after.view is not None
    assert before.view is not None
    assert after.view.key == before.view.key
    assert after.manifest.parts[0].name == before.manifest.parts[0].name


def test_a_calibration_is_fitted_without_test_rows_and_frozen(
    workspace: Workspace, looking: Looking
) -> None:
    task = workspace.task()
    first = take_in(workspace, task, P)
    changed = [
        {**row, "series": [one + 50 for one in row["series"]] if i >= 2 else row["series"]}
        if row["split"] == "test"
        else row
        for i, row in enumerate(series_rows())
    ]
    other = series_workspace(workspace.root.parent / "other", changed)
    second = take_in(other, task, P)
    assert first.view is not None
    assert second.view is not None
    assert second.view.calibration == first.view.calibration
    write_series(workspace.root / "rows.parquet", series_rows(seed=5))
    third = take_in(workspace, task, P)
    assert third.view is not None
    assert third.view.calibration == first.view.calibration


@pytest.mark.parametrize("what", ["concepts", "extractor"])
def test_another_way_of_looking_is_voted_on_anew(
    what: str, workspace: Workspace, looking: Looking
) -> None:
    task = workspace.task()
    before = take_in(workspace, task, P)
    if what == "concepts":
        renamed = CONCEPTS.replace("Which way does it go?", "Does it rise?")
        (workspace.root / "concepts.toml").write_text(renamed)
    else:
        looking.fingerprint = "looking 2"
    after = take_in(workspace, task, P)
    assert looking.looked_at == 240
    assert after.manifest.digest != before.manifest.digest
    assert not {part.name for part in before.manifest.parts} & {
        part.name for part in after.manifest.parts
    }


def test_too_many_unreadable_items_stop_the_run_until_the_limit_is_raised(
    tmp_path: Path, looking: Looking
) -> None:
    workspace = series_workspace(tmp_path / "broken", series_rows(broken=12))
    for _ in range(2):
        with pytest.raises(BadRows, match=r"12 of 120 items .* first is 'r0': no whole series"):
            take_in(workspace, workspace.task(), P)
    task = workspace.task({"concepts.max_problems": 0.1})
    assert len(take_in(workspace, task, P).manifest.parts) == 1
    assert looking.looked_at == 120


def test_unreadable_items_are_named_once(workspace: Workspace) -> None:
    heard = Heard()
    take_in(workspace, workspace.task(), heard)
    (sentence,) = heard.said
    assert "2 of 120 items could not be read; the first is 'r0': no whole series" in sentence
    listed = json.loads(Path(sentence.partition("listed in ")[2].partition(";")[0]).read_text())
    assert [one["id"] for one in listed["listed"]] == ["r0", "r1"]


def test_rows_of_one_id_can_be_left_out(workspace: Workspace) -> None:
    task = workspace.task({"rows.on_bad_row": "skip"})
    rows = [*series_rows(), *series_rows(3, 0, seed=1)]
    write_series(workspace.root / "rows.parquet", rows)
    found = take_in(workspace, task, P)
    ids = [one for part in found.manifest.parts for one in found.ids(part).to_pylist()]
    assert ids == [row["id"] for row in series_rows()]
    assert found.part(found.manifest.parts[0]).num_rows == 120
    assert found.as_read(found.manifest.parts[0]).schema.names == ["id", "item"]


def test_without_concepts_a_sentence_says_how_to_get_some(workspace: Workspace) -> None:
    (workspace.root / "concepts.toml").unlink()
    with pytest.raises(NotReady, match="alchemist concepts"):
        take_in(workspace, workspace.task(), P)
    (workspace.root / "concepts.toml").write_text(CONCEPTS.replace("nuisance", "nuisanse"))
    with pytest.raises(BadConcepts, match="nuisanse"):
        take_in(workspace, workspace.task(), P)


def test_a_prompt_tells_meanings_and_quantiles_and_neither_rows_nor_nuisance(
    workspace: Workspace,
) -> None:
    told = describe_task(workspace, workspace.task(), P)
    for name in ("trend.rising", "trend.falling", "ends.high", "ends.low"):
        assert f'- "{name}": ' in told
    assert "Which way does it go?" in told
    assert "level" not in told
    assert '"r0"' not in told


def test_programs_that_read_one_concept_are_of_one_family(workspace: Workspace) -> None:
    rows = take_in(workspace, workspace.task(), P)
    programs = load_programs(workspace)
    assert families_of(rows, programs) == {
        "rising": "concept trend",
        "not_falling": "concept trend",
    }
    assert [features_read(one, rows.inputs) for one in programs if one.name == "end"] == [
        ("ends.high",)
    ]


def sound(frames: int, channels: int = 1, width: int = 2) -> bytes:
    """A WAV file of a falling tone."""
    tone = np.sin(np.arange(frames) ** 0.9 / 4) * (2 ** (8 * width - 2))
    whole = np.repeat(tone.astype("<i4"), channels)
    content = whole.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(8000)
        out.writeframes(content)
    return file.getvalue()


def test_odd_recordings_are_named_once_and_the_others_are_seen(tmp_path: Path) -> None:
    sounds = tmp_path / "task" / "sounds"
    sounds.mkdir(parents=True)
    odd = {"empty.wav": sound(0), "picture.wav": b"\x89PNG\r\n", "torn.wav": sound(4000)[:30]}
    fine = {"stereo24.wav": sound(4000, 2, 3), "mono.wav": sound(4000), "long.wav": sound(9000)}
    for name, content in {**odd, **fine}.items():
        (sounds / name).write_bytes(content)
    (tmp_path / "task" / "task.toml").write_text(
        'name = "sounds"\ninstruction = "?"\nmodality = "audio"\n[[classes]]\nname = "a"\n'
        '[[classes]]\nname = "b"\n[rows]\npath = "sounds"\ninputs = ["path"]\nid = "path"\n'
        "[concepts]\nmax_problems = 0.5\n"
    )
    heard = Heard()
    workspace = Workspace(tmp_path / "task")
    rows = take_in(workspace, workspace.task(), heard)
    (part,) = rows.manifest.parts
    ids = rows.ids(part).to_pylist()
    seen = {name for name, there in zip(ids, rows.readable(part), strict=True) if there}
    assert seen == set(fine)
    note, sentence = heard.said
    assert note.startswith("1 of 6 items were read so: ")
    assert sentence.startswith("3 of 6 items could not be read")


@pytest.mark.slow
def test_the_whole_way_from_items_to_labels(workspace: Workspace, tmp_path: Path) -> None:
    task = workspace.task()
    run(workspace, task, P)
    votes = pq.read_table(workspace.results / "votes.parquet").to_pylist()
    assert all(votes[0][name] is None for name in ("rising", "not_falling", "end"))
    assert vote(workspace, task, P).skipped
    report = evaluate(workspace, task, P)
    scores = report.metrics["scores"]["test"]
    assert scores["label_model"]["accuracy"]["value"] > 0.9
    assert scores["student"]["worst_group"]["value"] > 0.8
    (entry,) = report.metrics["nuisance"]
    assert entry["name"] == "level"
    assert entry["without"] < entry["label_model"] <= 1
    assert "cautions" not in report.metrics

    fresh = [{k: row[k] for k in ("id", "series")} for row in series_rows(30, 1, seed=4)]
    write_series(tmp_path / "fresh.parquet", fresh)
    found = predict(workspace, task, tmp_path / "fresh.parquet", tmp_path / "out.parquet", P)
    assert (found.n_rows, found.labeled) == (30, 29)
    labels = pq.read_table(tmp_path / "out.parquet").to_pylist()
    truth = [row["label"] for row in series_rows(30, 1, seed=4)]
    agree = [a["label"] == b for a, b in zip(labels[1:], truth[1:], strict=True)]
    assert np.mean(agree) > 0.9
    assert labels[0]["label"] is None

    figures = inspect_programs(workspace, task, P, with_gold=True)
    assert [one.report.name for one in figures] == ["end", "not_falling", "rising"]
    assert forecast_labels(workspace, task, P, with_gold=False, label_next=3).n_rows == 120

    concepts = workspace.root / "concepts.toml"
    concepts.write_text(CONCEPTS.replace("Which way does it go?", "Does it rise?"))
    take_in(workspace, task, P)
    with pytest.raises(NotReady, match="have changed since the labels were made"):
        predict(workspace, task, tmp_path / "fresh.parquet", tmp_path / "out.parquet", P)
    concepts.write_text(CONCEPTS)

    told = explain(workspace, task, "r5", P)
    assert set(told.inputs) <= {"trend.rising", "trend.falling", "ends.high"}
    weights = {one.program: one.weight for one in told.said}
    assert weights["rising"] == weights["not_falling"]
    unread = explain(workspace, task, "r0", P)
    assert (unread.label, unread.inputs) == (None, {"the item cannot be read": "no whole series"})
    table = pq.read_table(workspace.results / "labels.parquet").to_pylist()
    assert [row["id"] for row in table if row["label"] is None] == ["r0", "r1"]


@pytest.mark.parametrize("what", ["induce", "stress"])
def test_what_is_for_text_alone_says_so(what: str, workspace: Workspace) -> None:
    task = workspace.task()
    with pytest.raises(InputError, match="text"):
        if what == "induce":
            induce_programs(workspace, task, P)
        else:
            stress(workspace, task, 10, P)
