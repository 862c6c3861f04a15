"""No word of a row leaves the machine unless the task allows it, whatever is asked."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alchemist.core.errors import BadTask
from alchemist.core.progress import Silent
from alchemist.core.task import Task
from alchemist.flow.synthesize import export, plan, synthesize
from alchemist.store.workspace import Workspace
from alchemist.synthesis.annotate import annotate_request
from alchemist.synthesis.catalogue import STRATEGIES
from alchemist.synthesis.strategies import Brief, Passage, next_asks
from tests.providers.fake_server import FakeServer, Scenario, serving

CANARY = "qzxcanary"
SAFE = [name for name, one in STRATEGIES.items() if not one.rows and not one.documents]
PROGRAM = '```python\ndef label(text):\n    """Idea: x."""\n    return "spam"\n```'


@pytest.fixture(scope="module")
def service() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


def workspace(
    root: Path, rows: list[str], strategies: list[str], url: str
) -> tuple[Workspace, Task]:
    root.mkdir(parents=True, exist_ok=True)
    with (root / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label", "group"])
        for number, text in enumerate(rows):
            label = ["ham", "spam"][number % 2]
            writer.writerow([f"{CANARY}id{number}", f"{text} {CANARY}{number}", label, CANARY])
    (root / "task.toml").write_text(
        f"""
        schema = 1
        name = "messages"
        instruction = "Decide whether a message is spam."
        classes = [{{name = "ham"}}, {{name = "spam"}}]
        [rows]
        path = "rows.csv"
        inputs = ["text"]
        id = "id"
        gold = "label"
        evaluation_only = ["group"]
        [synthesis]
        strategies = {json.dumps(strategies)}
        model = "m"
        base_url = "{url}"
        """,
        encoding="utf-8",
    )
    space = Workspace(root)
    return space, space.task({})


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=2, max_size=5),
    strategies=st.lists(st.sampled_from(SAFE), min_size=1, max_size=4, unique=True),
    joined=st.booleans(),
)
def test_no_request_holds_a_word_of_a_row(
    service: FakeServer,
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[str],
    strategies: list[str],
    joined: bool,
) -> None:
    scenario = Scenario(answer=lambda question: PROGRAM)
    root = tmp_path_factory.mktemp("canary") / "w"
    names = ["+".join(strategies)] if joined else strategies
    url = service.url(f"canary-{len(service.scenarios)}", scenario)
    space, task = workspace(root, rows, names, url)

    told = [repr(plan(space, task, Silent()))]
    exported = export(space, task, root / "out")
    told += [path.read_text(encoding="utf-8") for path in exported.paths]
    synthesize(space, task, Silent())
    told += [json.dumps(body) for body in scenario.requests]
    assert len(scenario.requests) >= 2
    told += [path.read_text() for path in (root / ".alchemist").glob("sent.jsonl")]
    assert CANARY not in "".join(told)


@pytest.mark.parametrize("send_rows", [False, True])
def test_rows_go_out_by_leave_alone_and_are_declared(tmp_path: Path, send_rows: bool) -> None:
    from dataclasses import replace

    from alchemist.core.task import PrivacySettings

    _, task = workspace(tmp_path, ["hello"], ["rows"], "http://localhost:1/v1")
    task = replace(task, privacy=PrivacySettings(send_rows=send_rows))
    passages = (Passage("guide.md", "about spam"),)
    brief = Brief(task, "- text (str)", passages=passages, rows=({"text": CANARY},))
    if not send_rows:
        with pytest.raises(BadTask, match="send_rows is false"):
            next_asks(brief, {})
        with pytest.raises(BadTask, match="send_rows is false"):
            annotate_request(brief, [{"text": CANARY}])
        return
    for request in (next_asks(brief, {}).ready[0].request, annotate_request(brief, brief.rows)):
        assert CANARY in request.messages[-1].content
        assert "rows" in request.holds


@pytest.mark.parametrize("name", STRATEGIES)
def test_rows_at_hand_are_not_quoted_by_the_way(tmp_path: Path, name: str) -> None:
    _, task = workspace(tmp_path, ["hello"], [name], "http://localhost:1/v1")
    passages = (Passage("guide.md", "about spam"),)
    brief = Brief(task, "- text (str)", passages=passages, rows=({"text": CANARY},))
    answers: dict[str, str] = {}
    try:
        while ready := next_asks(brief, answers).ready:
            said = [m.content for ask in ready for m in ask.request.messages]
            assert CANARY not in "".join(said)
            answers |= {ask.custom_id: "notes" for ask in ready}
    except BadTask:
        assert STRATEGIES[name].rows
