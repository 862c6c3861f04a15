import json
import random

import pytest

from alchemist.core.errors import NotReady
from alchemist.core.progress import Silent
from alchemist.flow.induce import induce_programs
from alchemist.flow.run import run
from alchemist.store.learned import learned_rows
from alchemist.store.workspace import Workspace

pytestmark = pytest.mark.slow
P = Silent()


@pytest.fixture
def known(workspace: Workspace) -> Workspace:
    rng = random.Random(3)
    lines = []
    for i in range(300):
        label = ("ham", "spam")[i % 2]
        sure = {"ham": ["lunch", "home", "thanks"], "spam": ["free", "prize", "claim"]}[label]
        text = " ".join([rng.choice(sure), *rng.choices(["you", "now", "call", "see", "ok"], k=4)])
        gold = label if i < 240 else ""
        lines.append(f"{i},{text},{gold}\n")
    (workspace.root / "rows.csv").write_text("id,text,label\n" + "".join(lines))
    for path in workspace.programs.glob("*.py"):
        path.unlink()
    return workspace


def test_known_rows_are_enough_to_run_without_a_model(known: Workspace) -> None:
    report = induce_programs(known, known.task(), P)
    assert report.gold_rows == 200
    assert report.written
    run(known, known.task(), P)
    metrics = json.loads((known.results / "metrics.json").read_bytes())
    scored = metrics["scores"]["all"]["blend"]
    assert scored["n"] == 40  # none of the 200 rows that were learned from
    assert scored["accuracy"]["value"] > 0.9


def test_rows_set_aside_are_not_learned_from(known: Workspace) -> None:
    path = known.root / "rows.csv"
    lines = path.read_text().splitlines()
    marked = [f"{line},{'test' if n % 3 else 'train'}" for n, line in enumerate(lines[1:])]
    path.write_text("\n".join([f"{lines[0]},split", *marked]) + "\n")
    known.task_path.write_text(known.task_path.read_text() + 'split = "split"\n')
    induce_programs(known, known.task(), P)
    assert {int(i) % 3 for i in learned_rows(known)} == {0}


def test_too_few_known_rows_are_told(workspace: Workspace) -> None:
    with pytest.raises(NotReady, match="6 rows have a known class"):
        induce_programs(workspace, workspace.task(), P)
