import random

import pyarrow.parquet as pq
import pytest

from alchemist.core.progress import Silent
from alchemist.flow.distill import distill
from alchemist.flow.run import run
from alchemist.store.workspace import Workspace

pytestmark = pytest.mark.slow
P = Silent()
WORDS = ["free", "prize", "call", "win", "you", "home", "lunch", "see", "ok", "thanks", "later"]


def texts(n: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=5)) + f" {seed}-{i}" for i in range(n)]


def write(workspace: Workspace, rows: list[str]) -> None:
    lines = [f'{i},"{text}",' for i, text in enumerate(rows)]
    (workspace.root / "rows.csv").write_text("id,text,label\n" + "\n".join(lines) + "\n")


def rerun(workspace: Workspace) -> object:
    report = run(workspace, workspace.task(), P)
    return report.of("distill")


@pytest.fixture
def many(workspace: Workspace) -> Workspace:
    write(workspace, texts(600, 1))
    rerun(workspace)
    return workspace


def test_a_few_new_rows_do_not_train_the_student_again(many: Workspace) -> None:
    write(many, [*texts(600, 1), *texts(6, 2)])
    report = rerun(many)
    assert report.moved is not None  # type: ignore[attr-defined]
    assert report.moved < 0.02  # type: ignore[attr-defined]
    assert pq.read_table(many.results / "labels.parquet").num_rows == 606


def test_many_new_rows_train_it_again(many: Workspace) -> None:
    write(many, [*texts(600, 1), *texts(300, 2)])
    assert rerun(many).moved is None  # type: ignore[attr-defined]


def test_labels_that_moved_train_it_again(many: Workspace) -> None:
    (many.programs / "free.py").write_text(
        'def label(text):\n    return "ham" if "free" in text else None\n'
    )
    assert rerun(many).moved is None  # type: ignore[attr-defined]


def test_another_set_of_classes_trains_it_again(many: Workspace) -> None:
    path = many.task_path
    path.write_text(path.read_text().replace("[rows]", '[[classes]]\nname = "other"\n[rows]'))
    assert rerun(many).moved is None  # type: ignore[attr-defined]


def test_a_kept_student_labels_old_rows_as_before(many: Workspace) -> None:
    before = pq.read_table(many.results / "labels.parquet").to_pylist()
    (many.results / "labels.csv").unlink()
    distill(many, many.task(), P)
    assert pq.read_table(many.results / "labels.parquet").to_pylist() == before
