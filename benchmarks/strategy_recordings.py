"""Recorded answers to four strategies on four text sets, as votes.

`benchmarks/recordings/strategies/` holds for each set the task that asked, the requests and the
answers. Here they go the product's own way in: task.toml, `programs import`, vote. Gold joins
the rows only here, after the asking, and is read for scores alone.
"""

import json
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alchemist.core.progress import Silent
from alchemist.flow.aggregate import voted_rows
from alchemist.flow.synthesize import import_answers
from alchemist.flow.vote import vote
from alchemist.store.task_file import write_task
from alchemist.store.workspace import open_workspace
from benchmarks.report import data_root

RECORDINGS = Path(__file__).parent / "recordings" / "strategies"
STRATEGIES = ("plain", "keywords", "knowledge", "weighing")
SETS = ("agnews", "imdb", "finance", "french_reviews")
MODEL = "claude"
KEPT = Path(".bench/strategies")
MOST_TRAIN_ROWS = 6000


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """One data set with the votes of every recorded program.

    Attributes:
        name: Of the data set.
        classes: Class names.
        texts: By split, train and test.
        votes: By split, (n, m) int16.
        gold: (n,) int16, of test alone.
        columns: By strategy, which columns of votes are its programs.
    """

    name: str
    classes: tuple[str, ...]
    texts: dict[str, list[str]]
    votes: dict[str, NDArray[np.int16]]
    gold: NDArray[np.int16]
    columns: dict[str, NDArray[np.intp]]


def read_recorded(name: str) -> Recorded | None:
    """Import a set's answers and let the programs vote; None without any program.

    Workspaces stay under .bench, so that a program votes once, not once per run.
    """
    answers = RECORDINGS / name / "responses.jsonl"
    if not answers.exists():
        return None
    root = KEPT / name
    for stale in (root / "programs", root / ".alchemist" / "calls"):
        shutil.rmtree(stale, ignore_errors=True)
    root.mkdir(parents=True, exist_ok=True)
    tables = tomllib.loads((RECORDINGS / name / "task.toml").read_text(encoding="utf-8"))
    tables["rows"] |= {"gold": "label", "split": "split"}
    _write_rows(name, root / tables["rows"]["path"])
    write_task(root / "task.toml", tables, {})
    workspace = open_workspace(root)
    task = workspace.task()
    lines = answers.read_text(encoding="utf-8").splitlines()
    written = {}
    for strategy in STRATEGIES:
        wanted = f"{strategy}-programs"
        here = [line for line in lines if json.loads(line)["custom_id"].startswith(wanted)]
        one = root / f"{strategy}.jsonl"
        one.write_text("".join(f"{line}\n" for line in here), encoding="utf-8")
        written[strategy] = import_answers(workspace, task, one).written if here else ()
    if not any(written.values()):
        return None
    vote(workspace, task, Silent())
    return _collect(name, written)


def _collect(name: str, written: dict[str, tuple[str, ...]]) -> Recorded:
    workspace = open_workspace(KEPT / name)
    voted = voted_rows(workspace, workspace.task(), Silent())
    parts = voted.rows.manifest.parts
    matrix = np.concatenate([voted.votes(part).matrix for part in parts])
    split = np.array([s for part in parts for s in voted.rows.answers(part).split])
    gold = np.concatenate([voted.rows.answers(part).gold for part in parts])
    texts = np.array(
        [t for part in parts for t in voted.rows.part(part).column("text").to_pylist()],
        dtype=object,
    )
    names = [program.name for program in voted.programs]
    return Recorded(
        name,
        voted.rows.task.class_names,
        {one: texts[split == one].tolist() for one in ("train", "test")},
        {one: matrix[split == one] for one in ("train", "test")},
        gold[split == "test"],
        {s: np.array([names.index(one) for one in own], np.intp) for s, own in written.items()},
    )


def _write_rows(name: str, path: Path) -> None:
    """Rows of train, at most so many, and of test; not again when they are there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.exists():
        return
    tables = []
    for split in ("train", "test"):
        table = pq.read_table(data_root() / name / f"{split}.parquet")
        table = table.select(["id", "text", "label"])
        if table.num_rows > MOST_TRAIN_ROWS and split == "train":
            chosen = np.random.default_rng(0).choice(table.num_rows, MOST_TRAIN_ROWS, replace=False)
            table = table.take(np.sort(chosen))
        tables.append(table.append_column("split", pa.array([split] * table.num_rows)))
    pq.write_table(pa.concat_tables(tables), path)
