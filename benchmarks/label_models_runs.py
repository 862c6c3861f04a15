"""Runs contenders in the interpreter that has them, interleaved, and scores what they answer.

The peers live in an environment of their own; $ALCHEMIST_PEERS names its Python:

    python -m venv peers && peers/bin/pip install torch==2.13.0 snorkel==0.10.0 crowd-kit
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.measures.calibration import reliability
from alchemist.measures.scores import shared_best

PEERS = ("snorkel", "crowd-kit")
SCRIPT = Path(__file__).with_name("label_models_contender.py")


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A matrix to fit on, one to label, and perhaps a class balance."""

    train: NDArray[np.int16]
    test: NDArray[np.int16]
    n_classes: int
    balance: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a contender made of a question; error instead of proba where it made nothing."""

    proba: NDArray[np.float64] | None
    cpu_s: float = float("nan")
    peak_mb: float = float("nan")
    error: str = ""


def available(contenders: Sequence[str]) -> list[str]:
    """The contenders that can run here; says so when peers are left out."""
    path = os.environ.get("ALCHEMIST_PEERS", "")
    if path and Path(path).exists():
        return list(contenders)
    print(
        "ALCHEMIST_PEERS names no Python with snorkel and crowd-kit, so they are left out.\n"
        + "".join(f"  {line}\n" for line in (__doc__ or "").splitlines()[4:] if line.strip())
    )
    return [one for one in contenders if one not in PEERS]


def ask(
    questions: Mapping[str, Question], contenders: Sequence[str], *, rounds: int, seconds: int
) -> dict[tuple[str, str], Answer]:
    """Put every question to every contender, `rounds` times in turn; the median time counts.

    Args:
        questions: By name.
        contenders: Names of ours or of PEERS.
        rounds: How often; a contender that once failed or ran out of time is not asked again.
        seconds: Most wall seconds for one question.
    """
    found: dict[tuple[str, str], list[Answer]] = {}
    with TemporaryDirectory() as folder:
        for number, question in enumerate(questions.values()):
            _store(Path(folder) / f"{number}.npz", question)
        for _ in range(rounds):
            for contender in contenders:
                asked = [
                    (number, name)
                    for number, name in enumerate(questions)
                    if not any(one.error for one in found.get((name, contender), ()))
                ]
                for (_, name), answer in zip(
                    asked, _run(Path(folder), contender, asked, seconds), strict=True
                ):
                    found.setdefault((name, contender), []).append(answer)
    return {key: _typical(answers) for key, answers in found.items()}


def _store(path: Path, question: Question) -> None:
    given = {} if question.balance is None else {"balance": question.balance}
    np.savez(path, train=question.train, test=question.test, k=question.n_classes, **given)


def _run(
    folder: Path, contender: str, asked: Sequence[tuple[int, str]], seconds: int
) -> list[Answer]:
    jobs = [
        {
            "votes": str(folder / f"{number}.npz"),
            "out": str(folder / f"{number}-{contender}.npz"),
            "contender": contender,
            "seconds": seconds,
        }
        for number, _ in asked
    ]
    (folder / "jobs.json").write_text(json.dumps(jobs))
    python = os.environ["ALCHEMIST_PEERS"] if contender in PEERS else sys.executable
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([python, str(SCRIPT), str(folder / "jobs.json")], env=environment, check=True)
    return [_load(Path(job["out"])) for job in jobs]


def _load(path: Path) -> Answer:
    with np.load(path) as arrays:
        if "error" in arrays:
            return Answer(None, error=str(arrays["error"]))
        return Answer(arrays["proba"], float(arrays["cpu_s"]), float(arrays["peak_mb"]))


def _typical(answers: Sequence[Answer]) -> Answer:
    failed = [one for one in answers if one.error]
    if failed:
        return failed[0]
    return Answer(
        answers[0].proba,
        median(one.cpu_s for one in answers),
        max(one.peak_mb for one in answers),
    )


def credit(proba: NDArray[np.float64], gold: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) 1 where the label is right, a share where classes tie."""
    found: NDArray[np.float64] = shared_best(proba)[np.arange(len(gold)), gold]
    return found


def scores(
    proba: NDArray[np.float64], gold: NDArray[Any], covered: NDArray[np.bool_]
) -> dict[str, float]:
    """Figures of one set of labels; Brier and ECE are of covered rows."""
    right, k = credit(proba, gold), proba.shape[1]
    on = proba[covered]
    squares = ((on - np.eye(k)[gold[covered]]) ** 2).sum(axis=1)
    bins = reliability(on.max(axis=1), right[covered])
    gap = sum(one.n * abs(one.confidence - one.accuracy) for one in bins)
    return {
        "acc_covered": float(right[covered].mean()) if covered.any() else float("nan"),
        "acc_all": float(right.mean()),
        "macro_f1": float(np.mean([f1(proba, gold, y) for y in np.unique(gold)])),
        "brier": float(squares.mean()) if covered.any() else float("nan"),
        "ece": float(gap / max(covered.sum(), 1)),
    }


def f1(proba: NDArray[np.float64], gold: NDArray[Any], label: int) -> float:
    """F1 of one class; the first of tied classes is the label."""
    said, true = proba.argmax(axis=1) == label, gold == label
    return float(2 * (said & true).sum() / max(said.sum() + true.sum(), 1))
