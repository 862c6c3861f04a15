"""Mending: what does not work goes back a few times at most, and nothing that worked is lost."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alchemist.core.errors import ProviderError
from alchemist.core.exchange import Request
from alchemist.core.program import Origin, Program, parse_program
from alchemist.core.progress import Silent
from alchemist.flow.mend import MendReport, mend, unparsed
from alchemist.flow.synthesize import export_mending, import_answers, make_brief, synthesize
from alchemist.providers.runner import Runner, RunnerSettings
from alchemist.providers.scripted import Function
from alchemist.store.program_files import load_programs, save_programs
from alchemist.store.workspace import Workspace
from alchemist.synthesis.harvest import Unused
from alchemist.synthesis.reading import read_answer
from tests.conftest import write_rows
from tests.providers.fake_server import FakeServer, Scenario, serving

pytestmark = pytest.mark.slow
HEAD = 'def label(text):\n    """Prizes: somebody has won."""\n'
WORKS = f'{HEAD}    return "spam" if "prize" in text else None\n'
BROKEN = {
    "policy": f"import os\n{WORKS}",
    "syntax": f'{HEAD}    return "spam" if "prize" in text: None\n',
    "exception": f'{HEAD}    return "spam" if text.index("prize") else None\n',
    "invalid return": f'{HEAD}    return "spam" if "prize" in text else "unknown"\n',
    "state": (
        "SEEN = []\n"
        + HEAD
        + '    SEEN.append(text)\n    return "spam" if len(SEEN) % 2 else None\n'
    ),
    "timeout": f'{HEAD}    while "prize" in text:\n        pass\n    return "ham"\n',
    "slow": f'{HEAD}    return "spam" if sum(range(3_000_000)) and "prize" in text else None\n',
    "silence": f'{HEAD}    return "spam" if "zebra" in text else None\n',
}


@pytest.fixture
def rows(workspace: Workspace) -> Workspace:
    """The workspace with enough rows to judge silence by, and no program."""
    texts = ["win a prize now", "see you at lunch", "free entry", "are you coming"]
    write_rows(
        workspace.root / "rows.csv",
        [(str(n), f"{texts[n % 4]} {n}", ["spam", "ham"][n % 2]) for n in range(160)],
    )
    for path in workspace.programs.glob("*.py"):
        path.unlink()
    return workspace


def mending(
    workspace: Workspace, answer: Callable[[Request], str], source: str, attempts: int = 1
) -> MendReport:
    save_programs(workspace, [Program("prizes", source, Origin("openai:m", "plain", cost_usd=0.5))])
    inner = workspace.inner
    runner = Runner(
        Function(answer, free=True),
        RunnerSettings("scripted", inner / "calls", inner / "ledger.jsonl", attempts=1, free=True),
    )
    task = workspace.task({"synthesis.model": "m"})
    brief = make_brief(workspace, task, Silent())
    return mend(workspace, brief, runner, load_programs(workspace), attempts, Silent())


def fenced(source: str) -> str:
    return f"Here:\n```python\n{source}```\n"


@pytest.mark.parametrize("fault", BROKEN)
def test_each_kind_of_fault_goes_back_and_is_mended(rows: Workspace, fault: str) -> None:
    asked: list[str] = []

    def answer(request: Request) -> str:
        asked.append(request.messages[-1].content)
        return fenced(WORKS)

    report = mending(rows, answer, BROKEN[fault])
    assert report.mended == ["prizes"]
    assert not report.broken
    assert len(asked) == 1
    assert BROKEN[fault].strip() in asked[0]
    (program,) = load_programs(rows)
    assert program.source == WORKS
    old = Program("prizes", BROKEN[fault])
    assert program.origin.parent == old.id
    kept = rows.inner / "history" / f"{old.id}.py"
    assert parse_program("", kept.read_text()).source == BROKEN[fault]
    ledger = [json.loads(line) for line in (rows.inner / "ledger.jsonl").read_text().splitlines()]
    assert {entry["bought"] for entry in ledger} == {"mend"}


def test_a_program_that_works_is_not_asked_about(rows: Workspace) -> None:
    def answer(request: Request) -> str:
        raise AssertionError(request)

    assert mending(rows, answer, WORKS) == MendReport()


@pytest.mark.parametrize(("attempts", "mended"), [(0, []), (1, []), (2, []), (3, ["prizes"])])
def test_a_program_goes_back_so_many_times_at_most(
    rows: Workspace, attempts: int, mended: list[str]
) -> None:
    answers = iter([BROKEN["exception"].replace("index", "rindex"), "I cannot.", WORKS])
    asked: list[Request] = []

    def answer(request: Request) -> str:
        asked.append(request)
        text = next(answers)
        return fenced(text) if "def " in text else text

    report = mending(rows, answer, BROKEN["exception"], attempts)
    assert len(asked) == attempts
    assert report.mended == mended
    assert bool(report.broken) == (0 < attempts < 3)


def test_a_revision_that_fails_worse_is_not_taken(rows: Workspace) -> None:
    report = mending(rows, lambda _: fenced(BROKEN["policy"]), BROKEN["exception"])
    (program,) = load_programs(rows)
    assert program.source == BROKEN["exception"]
    assert "'os' may not be imported" in report.broken["prizes"]


def test_nobody_to_ask_is_one_sentence(rows: Workspace) -> None:
    def answer(request: Request) -> str:
        raise ProviderError("The recording holds no answer to this.")

    report = mending(rows, answer, BROKEN["exception"])
    assert report.broken == {"prizes": "It was not mended: The recording holds no answer to this."}


def test_a_piece_of_an_answer_becomes_a_program(rows: Workspace) -> None:
    save_programs(rows, [Program("prizes", WORKS)])
    answer = read_answer(fenced(BROKEN["syntax"].replace("Prizes", "Winners")))
    (piece,) = unparsed(rows, [Unused("x", one, Origin("a:b")) for one in answer.rejected])
    assert piece.name == "winners"
    runner_answer = fenced(WORKS.replace("Prizes", "Winners"))
    inner = rows.inner
    runner = Runner(
        Function(lambda _: runner_answer, free=True),
        RunnerSettings("scripted", inner / "calls", inner / "ledger.jsonl", free=True),
    )
    brief = make_brief(rows, rows.task({"synthesis.model": "m"}), Silent())
    report = mend(rows, brief, runner, [piece], 1, Silent())
    assert report.mended == ["winners"]
    assert [one.name for one in load_programs(rows)] == ["prizes", "winners"]


@pytest.fixture(scope="module")
def service() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


def test_synthesis_mends_within_the_cost_limit_and_asks_once(
    rows: Workspace, service: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALCHEMIST_API_KEY", raising=False)

    def answer(question: str) -> str:
        return fenced(WORKS if "does not work" in question else BROKEN["exception"])

    scenario = Scenario(answer=answer)
    settings = {
        "synthesis.base_url": service.url("mend-once", scenario),
        "synthesis.model": "m",
        "synthesis.strategies": ["plain"],
        "synthesis.prompts": 1,
    }
    first = synthesize(rows, rows.task(settings), Silent())
    assert (first.written, first.mended, first.calls) == (("prizes",), ("prizes",), 2)
    again = synthesize(rows, rows.task(settings), Silent())
    assert again.written == ()
    assert len(scenario.requests) == 2
    assert [one.source for one in load_programs(rows)] == [WORKS]


def test_mending_prompts_can_be_pasted(rows: Workspace, tmp_path: Path) -> None:
    save_programs(rows, [Program("prizes", BROKEN["exception"], Origin("import:m"))])
    task = rows.task()
    exported = export_mending(rows, task, tmp_path / "ask", Silent())
    assert exported is not None
    (page,) = [path for path in exported.paths if path.suffix == ".md"]
    page.with_name(re.sub(r"\.prompt", "", page.name)).write_text(fenced(WORKS))
    report = import_answers(rows, task, tmp_path / "ask")
    assert (report.mended, report.written) == (("prizes",), ())
    assert import_answers(rows, task, tmp_path / "ask").mended == ()
    assert [one.source for one in load_programs(rows)] == [WORKS]
    assert export_mending(rows, task, tmp_path / "ask", Silent()) is None
