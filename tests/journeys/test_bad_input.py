"""What a person reads when something is wrong: one sentence each, pinned as a whole.

After a wanted change: pytest tests/journeys/test_bad_input.py --snapshot-update
"""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from alchemist.core.errors import AlchemistError
from alchemist.core.progress import Silent
from alchemist.flow.aggregate import aggregate
from alchemist.flow.demo import make_demo
from alchemist.flow.distill import distill
from alchemist.flow.evaluate import evaluate
from alchemist.flow.explain import explain
from alchemist.flow.init import init
from alchemist.flow.matrix import aggregate_file
from alchemist.flow.predict import predict
from alchemist.flow.run import run
from alchemist.flow.synthesize import import_answers, synthesize
from alchemist.flow.vote import vote
from alchemist.store.workspace import Workspace, open_workspace
from tests.conftest import ROWS, write_rows

P = Silent()
Deed = Callable[[Workspace], object]


def in_task(old: str, new: str) -> Deed:
    """Change the task file, then read it."""

    def deed(w: Workspace) -> object:
        text = w.task_path.read_text()
        assert old in text
        w.task_path.write_text(text.replace(old, new, 1))
        return w.task()

    return deed


def more_task(line: str) -> Deed:
    """Add lines at the end of the task file, in its [rows] table, then read it."""
    return in_task('gold = "label"\n', f'gold = "label"\n{line}\n')


def rows_are(
    content: bytes | str,
    *,
    task: tuple[str, str] = ("", ""),
    then: Callable[..., object] | None = None,
) -> Deed:
    """Put this into the rows file, then vote, and perhaps more."""

    def deed(w: Workspace) -> object:
        raw = content.encode() if isinstance(content, str) else content
        (w.root / "rows.csv").write_bytes(raw)
        w.task_path.write_text(w.task_path.read_text().replace(*task))
        found = vote(w, w.task(), P)
        return found if then is None else then(w, w.task(), P)

    return deed


def file_is(name: str, content: bytes) -> Deed:
    """A rows file of this name and content, then vote."""

    def deed(w: Workspace) -> object:
        (w.root / name).write_bytes(content)
        w.task_path.write_text(w.task_path.read_text().replace("rows.csv", name))
        return vote(w, w.task(), P)

    return deed


def program_is(source: str, name: str = "mine") -> Deed:
    """A program of one's own; its fault is the sentence."""

    def deed(w: Workspace) -> object:
        (w.programs / f"{name}.py").write_text(source)
        faults = vote(w, w.task(), P).faults.of_program(name)
        (fault,) = faults.examples[:1]
        where = "whole program" if fault.row is None else f"row {fault.row}"
        line = "" if fault.line is None else f", line {fault.line}"
        return f"[{fault.kind}; {where}{line}] {fault.message}"

    return deed


def answers_are(name: str, content: bytes) -> Deed:
    """An answers file, imported; what the report says is the sentence."""

    def deed(w: Workspace) -> object:
        (w.root / name).write_bytes(content)
        report = import_answers(w, w.task(), w.root / name)
        return " | ".join((*report.rejected, *report.failures, *report.notes))

    return deed


def voted(then: Deed) -> Deed:
    """Do this after the vote stage."""

    def deed(w: Workspace) -> object:
        vote(w, w.task(), P)
        return then(w)

    return deed


def no_folder(w: Workspace) -> object:
    return open_workspace(w.root / "nowhere")


def newer(w: Workspace) -> object:
    w.inner.mkdir()
    (w.inner / "version").write_text("99\n")
    return open_workspace(w.root)


def damaged_version(w: Workspace) -> object:
    w.inner.mkdir()
    (w.inner / "version").write_text("?\n")
    return open_workspace(w.root)


def locked(w: Workspace) -> object:
    with w.writing("alchemist vote"), w.writing("alchemist run"):
        return None


def file_for_folder(w: Workspace) -> object:
    (w.root / ".alchemist").write_text("")
    with w.writing("alchemist run"):
        return None


def results_are_a_file(w: Workspace) -> object:
    w.results.write_text("")
    with w.writing("alchemist vote"):
        return vote(w, w.task(), P)


def disk_full(w: Workspace) -> object:
    with w.writing("alchemist vote"):
        raise OSError(errno.ENOSPC, "No space left on device", str(w.votes / "x.parquet"))


def no_programs(w: Workspace) -> object:
    for path in w.programs.glob("*.py"):
        path.unlink()
    return vote(w, w.task(), P)


def damaged_part(w: Workspace) -> object:
    for path in w.rows.glob("*.parquet"):
        path.write_bytes(b"torn")
    for path in w.votes.glob("*/*.parquet"):
        path.unlink()
    return vote(w, w.task(), P)


def make(**changes: object) -> Deed:
    """alchemist init with these settings."""

    def deed(w: Workspace) -> object:
        settings: dict[str, object] = {
            "data": w.root / "rows.csv",
            "inputs": ("text",),
            "classes": ("ham", "spam"),
            "instruction": "Is it spam?",
        }
        return init(w.root / "new", **(settings | changes))  # type: ignore[arg-type]

    return deed


def twice(w: Workspace) -> object:
    make()(w)
    return make()(w)


def demo_elsewhere(w: Workspace) -> object:
    w.task_path.unlink()
    return make_demo(w.root)


def without_provider(w: Workspace) -> object:
    for path in w.programs.glob("*.py"):
        path.unlink()
    return run(w, w.task(), P)


def stale(w: Workspace) -> object:
    (w.root / "rec").mkdir()
    for name in ("requests.jsonl", "responses.jsonl"):
        (w.root / "rec" / name).write_text("")
    settings = {"synthesis.provider": "replay", "synthesis.base_url": "rec"}
    return synthesize(w, w.task(settings), P)


def setting(**settings: object) -> Deed:
    def deed(w: Workspace) -> object:
        return synthesize(w, w.task({k.replace("__", "."): v for k, v in settings.items()}), P)

    return deed


def votes_are(name: str, content: bytes) -> Deed:
    def deed(w: Workspace) -> object:
        (w.root / name).write_bytes(content)
        return aggregate_file(w.root / name, w.root / "out.csv", 2, "default")

    return deed


CASES: dict[str, Deed] = {
    "no folder": no_folder,
    "folder without a task": lambda w: (w.task_path.unlink(), open_workspace(w.root)),
    "workspace of a newer version": newer,
    "damaged version file": damaged_version,
    "locked by another command": locked,
    "folder that cannot be written": file_for_folder,
    "results that cannot be written": results_are_a_file,
    "no disk space": disk_full,
    "task: not TOML": in_task("schema = 1", "schema ="),
    "task: newer schema": in_task("schema = 1", "schema = 2"),
    "task: unknown key": in_task("[rows]", "[row]"),
    "task: unknown key in a table": more_task("on_bad_rows = 'skip'"),
    "task: missing field": in_task('instruction = "Decide whether a message is spam."\n', ""),
    "task: text where a list belongs": in_task('inputs = ["text"]', 'inputs = "text"'),
    "task: no inputs": in_task('inputs = ["text"]', "inputs = []"),
    "task: input twice": in_task('inputs = ["text"]', 'inputs = ["text", "text"]'),
    "task: id as input": in_task('inputs = ["text"]', 'inputs = ["id"]'),
    "task: gold as input": in_task('inputs = ["text"]', 'inputs = ["label"]'),
    "task: two classes of one name": in_task('name = "spam"', 'name = "Ham"'),
    "task: one class": in_task('[[classes]]\nname = "spam"\n', ""),
    "task: class without a name": in_task('name = "spam"', 'name = " "'),
    "task: alias of another class": in_task('aliases = ["HAM"]', 'aliases = ["Spam"]'),
    "task: unknown modality": in_task("schema = 1", 'schema = 1\nmodality = "txt"'),
    "task: unknown metric": in_task("schema = 1", 'schema = 1\nmetric = "acc"'),
    "task: metric of no class": in_task("schema = 1", 'schema = 1\nmetric = "f1:spma"'),
    "task: groups that are not there": in_task("schema = 1", 'schema = 1\nmetric = "worst_group:x"'),
    "task: unknown choice": more_task('on_bad_row = "ignore"'),
    "task: bad number": more_task("[synthesis]\nprompts = 'many'"),
    "task: number out of range": more_task("[synthesis]\ntemperature = 7"),
    "task: half a class balance": more_task("[aggregate]\nclass_balance = {ham = 0.9}"),
    "task: unknown sandbox level": more_task('[vote]\nmin_level = "kernl"'),
    "rows: no such file": lambda w: (in_task('"rows.csv"', '"row.csv"')(w), vote(w, w.task(), P)),
    "rows: unknown format": file_is("rows.xlsx", b"PK"),
    "rows: empty file": rows_are(b""),
    "rows: header only": rows_are("id,text,label\n"),
    "rows: ragged line": rows_are("id,text,label\n1,a,ham\n2,b\n"),
    "rows: wrong encoding": rows_are("id,text,label\n1,café,ham\n".encode("latin-1")),
    "rows: header in a wrong encoding": rows_are("id,téxt,label\n1,a,ham\n".encode("latin-1")),
    "rows: a quote that never closes": rows_are('id,text,label\n1,"a,ham\n'),
    "rows: two columns of one name": rows_are("id,text,text\n1,a,ham\n"),
    "rows: a column that is not there": rows_are("id,txt,label\n1,a,ham\n"),
    "rows: gold column that is not there": rows_are("id,text,lable\n1,a,ham\n"),
    "rows: two rows of one id": rows_are("id,text,label\n1,a,ham\n1,b,ham\n"),
    "rows: a row without an id": rows_are("id,text,label\n1,a,ham\n,b,ham\n"),
    "rows: parquet that is not": file_is("rows.parquet", b"id,text\n"),
    "rows: broken JSON": file_is("rows.jsonl", b'{"id": "1", "text": "a", "label": ""}\n{"id":\n'),
    "rows: JSON that is no object": file_is("rows.jsonl", b'{"id": 1, "text": "a", "label": ""}\n3\n'),
    "rows: empty jsonl": file_is("rows.jsonl", b"\n"),
    "rows: unknown split": rows_are(
        "id,text,label,part\n1,a,ham,trian\n",
        task=('gold = "label"', 'gold = "label"\nsplit = "part"'),
        then=aggregate,
    ),
    "rows: a stored part is damaged": voted(damaged_part),
    "gold: a class the task does not name": lambda w: (
        write_rows(w.root / "rows.csv", [*ROWS[:-1], ("f", "ok", "spma")]),
        vote(w, w.task(), P),
        aggregate(w, w.task(), P),
        evaluate(w, w.task(), P),
    ),
    "programs: none": no_programs,
    "program: empty": program_is(""),
    "program: not Python": program_is("def label(text:\n    return None\n"),
    "program: without label": program_is("def classify(text):\n    return None\n"),
    "program: other parameters": program_is("def label(a, b):\n    return None\n"),
    "program: forbidden import": program_is("import os\n\ndef label(text):\n    return None\n"),
    "program: raises": program_is("def label(text):\n    return text[99]\n"),
    "program: raises when loaded": program_is("x = 1 / 0\n\ndef label(text):\n    return None\n"),
    "program: returns no class": program_is("def label(text):\n    return 'junk'\n"),
    "program: returns a number that is no class": program_is("def label(text):\n    return 7\n"),
    "program: never ends": program_is("def label(text):\n    while True:\n        pass\n"),
    "program: eats the memory": program_is("def label(text):\n    return 'x' * 10**12\n"),
    "program: not UTF-8": lambda w: (
        (w.programs / "mine.py").write_bytes(b"# caf\xe9\n"),
        vote(w, w.task(), P),
    ),
    "synthesis: nobody to ask": without_provider,
    "synthesis: unknown provider": setting(synthesis__provider="opnai"),
    "synthesis: unknown strategy": lambda w: (
        (w.root / "responses.jsonl").write_text(""),
        (w.root / "requests.jsonl").write_text(""),
        setting(
            synthesis__provider="replay", synthesis__base_url=".", synthesis__strategies=["plane"]
        )(w),
    ),
    "synthesis: recording that is not there": setting(
        synthesis__provider="replay", synthesis__base_url="nowhere"
    ),
    "synthesis: recording without this request": stale,
    "answers: no such file": lambda w: import_answers(w, w.task(), w.root / "none.jsonl"),
    "answers: empty file": answers_are("answers.jsonl", b""),
    "answers: broken lines": answers_are(
        "answers.jsonl", b'{"custom_id": "x", "text": "hello"}\n{"custom_id":\n'
    ),
    "answers: a refusal": answers_are("answers.jsonl", b'{"custom_id": "x", "text": "I cannot help."}\n'),
    "stage: aggregate before vote": lambda w: aggregate(w, w.task(), P),
    "stage: distill before aggregate": voted(lambda w: distill(w, w.task(), P)),
    "stage: evaluate before aggregate": voted(lambda w: evaluate(w, w.task(), P)),
    "stage: unknown label model": voted(
        lambda w: aggregate(w, w.task({"aggregate.label_model": "majority"}), P)
    ),
    "stage: unknown student": voted(
        lambda w: (aggregate(w, w.task(), P), distill(w, w.task({"distill.end_model": "tfdif"}), P))
    ),
    "stage: unknown engine": lambda w: vote(w, w.task({"vote.engine": "locale"}), P),
    "explain: no such row": voted(
        lambda w: (aggregate(w, w.task(), P), explain(w, w.task(), "zz", P))
    ),
    "predict: before there are labels": lambda w: predict(
        w, w.task(), w.root / "rows.csv", w.root / "out.csv", P
    ),
    "predict: unknown suffix": lambda w: predict(
        w, w.task(), w.root / "rows.csv", w.root / "out.txt", P
    ),
    "votes: no matrix": votes_are("votes.npz", b"no zip"),
    "votes: a class that is not there": votes_are("votes.csv", b"a,b\n0,5\n"),
    "votes: words": votes_are("votes.csv", b"a,b\nham,spam\n"),
    "init: folder with a task": twice,
    "init: column that is not there": make(inputs=("txt",)),
    "init: no text column to guess": lambda w: (
        (w.root / "rows.csv").write_text("a,b\n1,2\n"),
        make(inputs=())(w),
    ),
    "init: one class": make(classes=("ham",)),
    "init: no instruction": make(instruction=" "),
    "init: gold column that is not there": make(gold="lable"),
    "demo: folder with something else": demo_elsewhere,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_bad_input_gets_one_clear_sentence(
    workspace: Workspace, snapshot: SnapshotAssertion, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in [key for key in os.environ if key.endswith("_API_KEY")]:
        monkeypatch.delenv(key)
    try:
        sentence = f"(no error) {CASES[name](workspace)}"
    except AlchemistError as error:
        sentence = f"{type(error).__name__}: {error}"
    assert "Traceback" not in sentence
    sentence = sentence.replace(str(workspace.root), "DIR").replace(str(Path.cwd()), "HERE")
    sentence = re.sub(r"process \d+, since [^)]*", "process N, since T", sentence)
    assert sentence == snapshot


def test_there_are_at_least_sixty() -> None:
    assert len(CASES) >= 60
    assert np.unique(list(CASES)).size == len(CASES)
