import json
from pathlib import Path

import pytest

from alchemist.core.errors import BadTask
from alchemist.core.progress import Silent
from alchemist.core.wire import batch_line
from alchemist.flow.annotate import annotate
from alchemist.flow.inspect import forecast_labels, inspect_programs
from alchemist.flow.run import run
from alchemist.flow.synthesize import make_brief
from alchemist.store.workspace import Workspace
from alchemist.synthesis.annotate import annotate_request
from tests.conftest import ROWS

pytestmark = pytest.mark.slow
P = Silent()


@pytest.fixture
def labeled(workspace: Workspace) -> Workspace:
    broken = 'def label(text):\n    """Breaks."""\n    return "spam" if text[20] == "x" else None\n'
    (workspace.programs / "broken.py").write_text(broken)
    (workspace.programs / "free_too.py").write_text(
        (workspace.programs / "free.py").read_text() + "\n# again\n"
    )
    run(workspace, workspace.task(), P)
    return workspace


def test_programs_are_told_with_faults_copies_and_measured_precision(labeled: Workspace) -> None:
    found = inspect_programs(labeled, labeled.task(), P, with_gold=True)
    by_name = {one.report.name: one for one in found}
    assert by_name["broken"].faults["exception"] > 0
    assert by_name["broken"].report.missing > 0
    assert by_name["free"].report.coverage == pytest.approx(2 / 6)
    assert by_name["free"].report.measured is not None
    assert by_name["free"].report.measured.value == 1.0
    assert by_name["free"].idea == "Free things."


def test_a_forecast_names_rows_and_gold_sharpens_it(labeled: Workspace) -> None:
    blind = forecast_labels(labeled, labeled.task(), P, with_gold=False, label_next=3)
    told = forecast_labels(labeled, labeled.task(), P, with_gold=True, label_next=0)
    assert len(set(blind.label_next)) == 3
    assert set(blind.label_next) <= {row[0] for row in ROWS}
    assert told.forecast.gold_rows == 6
    assert told.forecast.high - told.forecast.low < blind.forecast.high - blind.forecast.low


def test_a_model_labels_a_sample_and_the_answers_say_so(workspace: Workspace) -> None:
    path = workspace.task_path
    more = '[synthesis]\nprovider = "replay"\nbase_url = "rec"\nmodel = "m"\n[privacy]\nsend_rows = true\n'
    path.write_text(path.read_text() + more)
    task = workspace.task()
    brief = make_brief(workspace, task, P)
    requests, responses = [], []
    for row_id, text, label in ROWS:
        request = annotate_request(brief, [{"text": text}])
        requests.append(batch_line(row_id, request))
        body = {"model": "m", "choices": [{"message": {"content": label}, "finish_reason": "stop"}]}
        responses.append({"custom_id": row_id, "response": {"status_code": 200, "body": body}})
    folder = workspace.root / "rec"
    folder.mkdir()
    write_lines(folder / "requests.jsonl", requests)
    write_lines(folder / "responses.jsonl", responses)

    report = annotate(workspace, task, P, sample=4)
    assert (report.n_rows, report.labeled, report.calls) == (4, 4, 4)
    again = annotate(workspace, task, P, sample=4)
    assert again.cached == 4
    lines = [json.loads(line) for line in workspace.gold.read_text().splitlines()]
    assert len(lines) == 4
    truth = {row[0]: row[2] for row in ROWS}
    assert all(line["label"] == truth[line["id"]] for line in lines)
    assert {line["source"] for line in lines} == {"model:m"}


def test_no_row_is_sent_without_leave(workspace: Workspace) -> None:
    with pytest.raises(BadTask, match=r"privacy\.send_rows is false"):
        annotate(workspace, workspace.task(), P, sample=1)


def write_lines(path: Path, lines: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
