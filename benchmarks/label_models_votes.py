"""Real vote matrices: those that come with the data, and those of recorded programs.

Recorded programs are voted by the product's own engine and sandbox, once: the matrices are
kept under .bench/votes, named by everything they depend on.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Bundle
from alchemist.core.patterns import PatternCounts
from alchemist.core.program import Program
from alchemist.core.task import LabelClass
from alchemist.core.votes import Votes
from benchmarks.recorded_tasks import RECORDED, recordings_root
from benchmarks.report import data_root

HAND_WRITTEN = ("youtube", "sms", "semeval", "chemprot", "yoruba")
PARTS = ("train", "valid", "test")
MOST_TRAIN_ROWS = 6000
CACHE = Path(".bench/votes")


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Votes and gold of one data set.

    Attributes:
        name: What the tables call it.
        data_set: The data set below it; several matrices may share one.
        votes: By part: (n, m) int16.
        gold: By part: (n,) int16; read for scores, and from valid for balance and settings.
        n_classes: k.
    """

    name: str
    data_set: str
    votes: dict[str, NDArray[np.int16]]
    gold: dict[str, NDArray[np.int16]]
    n_classes: int

    def part(self, part: str) -> Votes:
        """The votes on one part."""
        return as_votes(self.votes[part], self.n_classes)

    @property
    def train(self) -> PatternCounts:
        """What models are fitted on."""
        return PatternCounts.of(self.part("train"))

    def balance(self, seed: int, rows: int = 100) -> NDArray[np.float64]:
        """Class shares of so many validation rows, one row's worth of doubt per class."""
        drawn = np.random.default_rng(seed).permutation(self.gold["valid"])[:rows]
        shares = np.bincount(drawn, minlength=self.n_classes) + 1.0
        found: NDArray[np.float64] = shares / shares.sum()
        return found

    def whole(self) -> tuple[Votes, NDArray[np.int16]]:
        """All parts as one, for questions about labels as a whole."""
        votes = np.concatenate([self.votes[part] for part in PARTS])
        return as_votes(votes, self.n_classes), np.concatenate([self.gold[p] for p in PARTS])

    def columns(self, name: str, kept: NDArray[np.intp]) -> "Matrix":
        """The same with some of the programs."""
        votes = {part: matrix[:, kept] for part, matrix in self.votes.items()}
        return Matrix(name, self.data_set, votes, self.gold, self.n_classes)


def as_votes(matrix: NDArray[np.int16], n_classes: int) -> Votes:
    """A bare matrix with made-up program names."""
    return Votes(matrix, tuple(f"p{j}" for j in range(matrix.shape[1])), n_classes)


@cache
def hand_written() -> tuple[Matrix, ...]:
    """The labeling functions that come with five of the data sets."""
    return tuple(_hand_written(name) for name in HAND_WRITTEN)


@cache
def recorded() -> tuple[Matrix, ...]:
    """All 20 recorded programs on each of the eight text sets, plain ones first."""
    return tuple(_recorded(name) for name in RECORDED)


def real() -> tuple[Matrix, ...]:
    """Every real matrix: hand-written, 10 plain programs, 20 programs."""
    plain = tuple(one.columns(f"{one.data_set}: 10 plain", np.arange(10)) for one in recorded())
    return (*hand_written(), *plain, *recorded())


def _read(name: str, column: str, part: str) -> list[object]:
    import pyarrow.parquet as pq

    found: list[object] = pq.read_table(data_root() / name / f"{part}.parquet")[column].to_pylist()
    return found


def _classes(name: str) -> list[str]:
    classes = json.loads((data_root() / name / "dataset.json").read_text())["classes"]
    return [one if isinstance(one, str) else one["name"] for one in classes]


def _hand_written(name: str) -> Matrix:
    classes = _classes(name)
    votes = {p: np.array(_read(name, "votes", p), dtype=np.int16) for p in PARTS}
    return Matrix(f"{name}: hand-written", name, votes, _gold(name), len(classes))


def _gold(name: str) -> dict[str, NDArray[np.int16]]:
    place = {one.casefold(): index for index, one in enumerate(_classes(name))}
    return {
        part: np.array([place[str(one).casefold()] for one in _read(name, "label", part)], np.int16)
        for part in PARTS
    }


def _recorded(name: str) -> Matrix:
    programs = tuple(_programs(name))
    gold, votes = _gold(name), {}
    for part in PARTS:
        texts = [str(one) for one in _read(name, "text", part)]
        if part == "train" and len(texts) > MOST_TRAIN_ROWS:
            kept = np.random.default_rng(0).choice(len(texts), MOST_TRAIN_ROWS, replace=False)
            kept.sort()
            texts, gold[part] = [texts[i] for i in kept], gold[part][kept]
        votes[part] = _voted(name, programs, texts)
    return Matrix(f"{name}: 20", name, votes, gold, len(_classes(name)))


def _programs(name: str) -> Iterator[Program]:
    from alchemist.synthesis.fences import find_blocks

    wanted = {"plain": f"{RECORDED[name]}-plain", "knowledge": f"{RECORDED[name]}-programs"}
    for strategy, custom_id in wanted.items():
        answers = recordings_root(data_root()) / strategy / "responses.jsonl"
        for line in answers.read_text(encoding="utf-8").splitlines():
            answer = json.loads(line)
            if answer["custom_id"] == custom_id:
                text = answer["response"]["body"]["choices"][0]["message"]["content"]
                for index, block in enumerate(find_blocks(text)):
                    yield Program(f"{strategy}_{index}", block.code)


def _voted(name: str, programs: tuple[Program, ...], texts: list[str]) -> NDArray[np.int16]:
    import pyarrow as pa

    from alchemist.engines.local import LocalEngine
    from alchemist.sandbox import open_sandbox

    key = hashlib.sha256(json.dumps([texts, [one.id for one in programs]]).encode()).hexdigest()
    path = CACHE / f"{name}-{key[:16]}.npy"
    if not path.exists():
        classes = tuple(LabelClass(one) for one in _classes(name))
        ids = [str(index) for index in range(len(texts))]
        batch = pa.RecordBatch.from_pydict({"id": ids, "text": texts})
        engine = LocalEngine(lambda processes: open_sandbox(processes=processes))
        (votes,) = engine.vote(Bundle(programs, classes, ("text",)), [batch])
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, votes.matrix)
    found: NDArray[np.int16] = np.load(path)
    return found
