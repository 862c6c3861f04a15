import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from alchemist.core.errors import BadRows, InputError, NotReady
from alchemist.core.progress import Silent
from alchemist.flow.aggregate import aggregate
from alchemist.flow.distill import distill
from alchemist.flow.evaluate import evaluate
from alchemist.flow.explain import explain
from alchemist.flow.predict import predict
from alchemist.flow.run import run
from alchemist.flow.vote import vote
from alchemist.store.workspace import Workspace
from tests.conftest import ROWS, write_rows

pytestmark = pytest.mark.slow
P = Silent()


@pytest.fixture
def labeled(workspace: Workspace) -> Workspace:
    run(workspace, workspace.task(), P)
    return workspace


def test_run_writes_every_result(labeled: Workspace) -> None:
    names = {path.name for path in labeled.results.iterdir()}
    assert names == {
        "labels.csv",
        "labels.parquet",
        "votes.parquet",
        "faults.parquet",
        "metrics.json",
        "model",
    }


def test_votes_are_class_indices_with_null_for_no_answer(workspace: Workspace) -> None:
    source = 'def label(text):\n    if "lunch" in text:\n        raise ValueError("no")\n    return None\n'
    (workspace.programs / "broken.py").write_text(source)
    report = vote(workspace, workspace.task(), P)
    table = pq.read_table(workspace.results / "votes.parquet")
    votes = {name: table.column(name).to_pylist() for name in table.column_names}
    assert votes["id"] == [row[0] for row in ROWS]
    assert votes["free"] == [1, -1, 1, -1, -1, -1]
    assert votes["broken"] == [-1, None, -1, -1, -1, -1]
    assert report.faults.counts == {("broken", "exception"): 1}
    (fault,) = pq.read_table(workspace.results / "faults.parquet").to_pylist()
    assert (fault["program"], fault["id"], fault["kind"], fault["line"]) == (
        "broken",
        "b",
        "exception",
        3,
    )
    assert json.loads(table.schema.metadata[b"classes"]) == ["ham", "spam"]


def test_labels_hold_the_pinned_columns(labeled: Workspace) -> None:
    table = pq.read_table(labeled.results / "labels.parquet")
    assert table.column_names == ["id", "label", "proba", "covered", "confidence", "source"]
    for row in table.to_pylist():
        assert sum(row["proba"]) == pytest.approx(1, abs=1e-5)
        assert row["confidence"] == pytest.approx(max(row["proba"]), abs=1e-6)
        assert row["label"] == ["ham", "spam"][row["proba"].index(max(row["proba"]))]
    assert {row["source"] for row in table.to_pylist()} == {"blend"}


def test_the_users_table_keeps_its_columns_and_gets_three_more(labeled: Workspace) -> None:
    lines = (labeled.results / "labels.csv").read_text().splitlines()
    assert lines[0] == '"id","text","label","alchemist_label","confidence","look"'
    assert [line.split(",")[0].strip('"') for line in lines[1:]] == [row[0] for row in ROWS]


def test_before_distilling_a_row_nobody_speaks_for_has_no_label(workspace: Workspace) -> None:
    write_rows(workspace.root / "rows.csv", [*ROWS, ("g", "something else entirely", "ham")])
    vote(workspace, workspace.task(), P)
    aggregate(workspace, workspace.task(), P)
    last = pq.read_table(workspace.results / "labels.parquet").to_pylist()[-1]
    assert (last["label"], last["covered"], last["source"]) == (None, False, "label_model")
    assert "no program spoke" in (workspace.results / "labels.csv").read_text()


def test_a_stage_whose_inputs_did_not_change_is_skipped(labeled: Workspace) -> None:
    again = run(labeled, labeled.task(), P)
    assert all(stage.skipped for stage in again.stages)


def test_an_edited_program_costs_its_own_column(labeled: Workspace) -> None:
    (labeled.programs / "you.py").write_text("def label(text):\n    return 'ham'\n")
    report = vote(labeled, labeled.task(), P)
    assert (report.columns_run, report.columns_kept) == (1, 3)


def test_other_words_in_the_task_vote_nothing_again(labeled: Workspace) -> None:
    path = labeled.task_path
    path.write_text(path.read_text().replace("Decide whether", "Say whether"))
    assert vote(labeled, labeled.task(), P).skipped


def test_rows_set_aside_are_never_fitted_on(workspace: Workspace) -> None:
    path = workspace.root / "rows.csv"
    rows = [(i, t, g, "test" if i in "ab" else "train") for i, t, g in ROWS]
    path.write_text(
        "id,text,label,split\n" + "".join(f'{i},"{t}",{g},{s}\n' for i, t, g, s in rows)
    )
    task_path = workspace.task_path
    task_path.write_text(task_path.read_text() + 'split = "split"\n')
    task = workspace.task()
    vote(workspace, task, P)
    aggregate(workspace, task, P)
    assert distill(workspace, task, P).candidates == 4
    report = evaluate(workspace, task, P)
    assert report.metrics["scores"]["test"]["blend"]["n"] == 2
    assert report.metrics["scores"]["train"]["blend"]["n"] == 4


def test_metrics_name_every_program_and_every_output(labeled: Workspace) -> None:
    metrics = json.loads((labeled.results / "metrics.json").read_bytes())
    scored = metrics["scores"]["all"]
    assert set(scored) == {
        *metrics["programs"],
        "majority_vote",
        "label_model",
        "student",
        "blend",
    }
    assert scored["majority_vote"]["accuracy"]["value"] == 1.0
    assert scored["free"]["coverage"]["value"] == pytest.approx(2 / 6, abs=1e-6)


def test_without_gold_there_are_labels_and_no_scores(workspace: Workspace) -> None:
    path = workspace.task_path
    path.write_text(path.read_text().replace('gold = "label"\n', ""))
    run(workspace, workspace.task(), P)
    metrics = json.loads((workspace.results / "metrics.json").read_bytes())
    assert metrics["scores"] == {}
    assert "rows.gold" in metrics["scored_on"]
    assert pq.read_table(workspace.results / "labels.parquet").num_rows == len(ROWS)


def test_gold_that_is_no_class_is_told_with_the_nearest(workspace: Workspace) -> None:
    write_rows(workspace.root / "rows.csv", [*ROWS[:-1], ("f", "ok thanks", "hamm")])
    vote(workspace, workspace.task(), P)
    aggregate(workspace, workspace.task(), P)
    with pytest.raises(BadRows, match=r"row 6: gold is 'hamm'.*Did you mean 'ham'\?"):
        evaluate(workspace, workspace.task(), P)


def test_an_explanation_adds_up_to_the_label(labeled: Workspace) -> None:
    found = explain(labeled, labeled.task(), "c", P)
    assert found.inputs == {"text": "free entry, call now"}
    assert {one.program: one.vote for one in found.said} == {
        "prize": "abstained",
        "free": "spam",
        "you": "abstained",
        "short": "abstained",
    }
    assert found.label == "spam"
    assert found.student is not None
    assert found.label_model is not None
    both = (found.student["spam"] + found.label_model["spam"]) / 2
    assert found.confidence == pytest.approx(both, abs=1e-3)


def test_an_id_nobody_has_is_told_with_one_that_exists(labeled: Workspace) -> None:
    with pytest.raises(InputError, match=r"No row has the id 'zz'. Ids look like 'a'"):
        explain(labeled, labeled.task(), "zz", P)


@pytest.mark.parametrize("by", ["programs", "student", "blend"])
def test_another_file_is_labeled(labeled: Workspace, tmp_path: Path, by: str) -> None:
    file = tmp_path / "new.csv"
    file.write_text("text,note\nwin a prize,x\nsee you there,y\n")
    out = tmp_path / "out" / "labels.csv"
    report = predict(labeled, labeled.task(), file, out, P, by)  # type: ignore[arg-type]
    assert report.n_rows == report.labeled == 2
    assert out.read_text().splitlines()[0] == '"text","note","label","confidence","look"'
    labels = [line.split(",")[2].strip('"') for line in out.read_text().splitlines()[1:]]
    assert labels == ["spam", "ham"]


def test_predicting_the_same_rows_gives_the_same_labels(labeled: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "again.parquet"
    predict(labeled, labeled.task(), labeled.root / "rows.csv", out, P)
    again, first = pq.read_table(out), pq.read_table(labeled.results / "labels.parquet")
    assert again.column("label").to_pylist() == first.column("label").to_pylist()
    assert again.column("id").to_pylist() == first.column("id").to_pylist()


def test_stages_before_their_turn_name_the_one_that_is_missing(workspace: Workspace) -> None:
    for stage in (aggregate, distill, evaluate):
        with pytest.raises(NotReady, match="alchemist vote"):
            stage(workspace, workspace.task(), P)
    vote(workspace, workspace.task(), P)
    with pytest.raises(NotReady, match="alchemist aggregate"):
        distill(workspace, workspace.task(), P)


@pytest.mark.parametrize("choice", ["stop", "skip"])
def test_two_rows_of_one_id(workspace: Workspace, choice: str) -> None:
    write_rows(workspace.root / "rows.csv", [*ROWS, ("a", "again", "ham")])
    path = workspace.task_path
    path.write_text(path.read_text() + f'on_bad_row = "{choice}"\n')
    if choice == "stop":
        with pytest.raises(BadRows, match="row 7 has the id 'a', as an earlier row has"):
            vote(workspace, workspace.task(), P)
        return
    run(workspace, workspace.task(), P)
    assert pq.read_table(workspace.results / "labels.parquet").num_rows == len(ROWS)
    assert len((workspace.results / "labels.csv").read_text().splitlines()) == len(ROWS) + 1


def test_gold_moves_no_label(workspace: Workspace, tmp_path: Path) -> None:
    run(workspace, workspace.task(), P)
    before = pq.read_table(workspace.results / "labels.parquet")
    flipped = [(i, t, "ham" if g == "spam" else "spam") for i, t, g in ROWS]
    write_rows(workspace.root / "rows.csv", flipped)
    run(workspace, workspace.task(), P)
    after = pq.read_table(workspace.results / "labels.parquet")
    assert after.equals(before)
    metrics = json.loads((workspace.results / "metrics.json").read_bytes())
    assert metrics["scores"]["all"]["majority_vote"]["accuracy"]["value"] == 0.0
