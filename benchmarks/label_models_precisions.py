"""Estimated precisions of programs beside the true ones."""

from typing import Any

import numpy as np

from alchemist.label_models.report import program_report
from benchmarks.label_models_votes import Matrix, real
from benchmarks.report import write_table

COMMAND = "make bench-label-models"
FEWEST_ROWS = 20


def precisions_table() -> None:
    """`label-model-precisions`."""
    found = {m.name: _errors(m) for m in real()}
    rows = [_row(name, *errors) for name, errors in found.items()]
    together = [np.concatenate(part) for part in zip(*found.values(), strict=True)]
    rows.append(_row("all", *together))
    write_table(
        "label-model-precisions",
        COMMAND,
        rows,
        "Precision per (program, class) estimated from train votes, without gold, against the "
        f"share that is right, where the program votes so on {FEWEST_ROWS} train rows or more.",
    )


def _errors(m: Matrix) -> tuple[Any, Any]:
    error, inside = [], []
    for j, report in enumerate(program_report(m.train)):
        for vote in report.votes:
            here = m.votes["train"][:, j] == vote.label
            if vote.precision is None or here.sum() < FEWEST_ROWS:
                continue
            true = float((m.gold["train"][here] == vote.label).mean())
            error.append(vote.precision.value - true)
            inside.append(vote.precision.low <= true <= vote.precision.high)
    return np.array(error), np.array(inside)


def _row(name: str, error: Any, inside: Any) -> dict[str, Any]:
    return {
        "set": name,
        "estimates": len(error),
        "mean_error": round(float(error.mean()), 4),
        "rms_error": round(float(np.sqrt((error**2).mean())), 4),
        "interval_holds": round(float(inside.mean()), 3),
    }
