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
from alchemist.flow.aggregate import voted_rows
from alchemist.flow.gaps import find_gap
from alchemist.flow.refine import export_refining, refine
from alchemist.flow.synthesize import (
    export,
    export_mending,
    make_brief,
    plan,
    synthesize,
)
from alchemist.flow.vote import vote
from alchemist.store.workspace import Workspace
from alchemist.synthesis.annotate import annotate_request
from alchemist.synthesis.catalogue import STRATEGIES
from alchemist.synthesis.refining import refine_ask
from alchemist.synthesis.strategies import Brief, Passage, next_asks
from tests.providers.fake_server import FakeServer, Scenario, serving

CANARY = "qzxcanary"
SAFE = [name for name, one in STRATEGIES.items() if not one.rows and not one.documents]
PROGRAM = '```python\ndef label(text):\n    """Idea: x."""\n    return "spam"\n```'
# Its faults quote whole rows.
TELLTALE = '```python\ndef label(text):\n    """Telltale: x."""\n    raise ValueError(text)\n```'


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
    scenario = Scenario(answer=lambda question: f"{PROGRAM}\n{TELLTALE}")
    root = tmp_path_factory.mktemp("canary") / "w"
    names = ["+".join(strategies)] if joined else strategies
    url = service.url(f"canary-{len(service.scenarios)}", scenario)
    space, task = workspace(root, rows, names, url)

    told = [repr(plan(space, task, Silent()))]
    exported = export(space, task, root / "out")
    told += [path.read_text(encoding="utf-8") for path in exported.paths]
    synthesize(space, task, Silent())
    vote(space, task, Silent())
    refine(space, task, 1, Silent())
    for pages in (
        export_refining(space, task, root / "refine", Silent()),
        export_mending(space, task, root / "mend", Silent()),
    ):
        told += [path.read_text(encoding="utf-8") for path in pages.paths] if pages else []
    told += [json.dumps(body) for body in scenario.requests]
    asked = "".join(told)
    assert "What is wrong with it" in asked
    assert "What their votes leave open" in asked
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


@pytest.mark.slow
@pytest.mark.parametrize("send_terms", [False, True])
@pytest.mark.parametrize("send_rows", [False, True])
def test_terms_and_rows_are_told_to_whoever_refines_by_leave_alone(
    tmp_path: Path, send_terms: bool, send_rows: bool
) -> None:
    from dataclasses import replace

    from alchemist.core.task import PrivacySettings

    texts = [f"{['orchid', 'walnut'][n % 2]} only{n}" for n in range(80)]
    space, task = workspace(tmp_path, texts, ["plain"], "http://localhost:1/v1")
    task = replace(task, privacy=PrivacySettings(send_rows=send_rows, send_terms=send_terms))
    space.programs.mkdir()
    source = 'def label(text):\n    return "ham" if "orchid" in text else None\n'
    (space.programs / "flowers.py").write_text(source)
    vote(space, task, Silent())
    gap = find_gap(voted_rows(space, task, Silent()))
    request = refine_ask(make_brief(space, task, Silent()), gap, 1).request
    said = request.messages[-1].content
    assert ("walnut" in said) == (send_terms or send_rows)
    assert ("terms" in request.holds, "rows" in request.holds) == (send_terms, send_rows)
    # What a single row holds is no term, its id never goes anywhere.
    assert ("only" in said.partition("Now write")[0]) == send_rows
    assert f"{CANARY}id" not in said
    assert (CANARY in said) == send_rows
