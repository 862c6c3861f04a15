"""How the constants of the default label model were chosen, and what the choice is worth.

Every combination below is scored on validation rows, without balance and with the class
balance of validation rows. `chosen` is the best mean over all sets: it is what ships.
`held out` picks, for each data set, the best on the other data sets, and is scored on the
test rows of the one left out: the honest figure, since nothing of that set was looked at.
"""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from alchemist.label_models.anchored import AnchorSettings
from alchemist.label_models.default import Default, DefaultSettings
from benchmarks.label_models_runs import credit
from benchmarks.label_models_votes import Matrix, real
from benchmarks.report import write_table

COMMAND = "make bench-label-models"
GRID: dict[str, tuple[float, ...]] = {
    "silence": (0.1, 0.2, 0.4),
    "event_doubt": (10.0, 30.0),
    "echo": (0.5, 0.8),
    "dense": (0.0, 0.25, 0.5),
    "dense_balanced": (0.0, 0.5),
}
DRAWS = 3


def settings_table() -> None:
    """`label-model-settings`."""
    matrices = real()
    combinations = [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
    valid = np.array([[_score(m, one, "valid") for m in matrices] for one in combinations])
    test = np.array([[_score(m, one, "test") for m in matrices] for one in combinations])
    sets = np.array([m.data_set for m in matrices])
    mean = valid.mean(axis=(1, 2))
    order = np.argsort(-mean)
    shipped = combinations.index(_shipped())
    rows: list[dict[str, Any]] = [
        _row(label, combinations[i], valid[i].mean(axis=0), test[i].mean(axis=0))
        for label, i in (("best on validation", order[0]), ("ships", shipped), ("worst", order[-1]))
    ]
    held = np.empty((len(matrices), 2))
    picked = set()
    for name in dict.fromkeys(sets):
        out = sets == name
        best = int(valid[:, ~out].mean(axis=(1, 2)).argmax())
        picked.add(best)
        held[out] = test[best][out]
    rows.append(_row(f"held out ({len(picked)} picks)", {}, None, held.mean(axis=0)))
    write_table(
        "label-model-settings",
        COMMAND,
        rows,
        "Mean accuracy on covered rows of the real sets, without and with class balance.",
    )


def _shipped() -> dict[str, float]:
    settings = DefaultSettings()
    return {key: getattr(settings.anchor, key, getattr(settings, key, 0.0)) for key in GRID}


def _score(m: Matrix, one: dict[str, float], part: str) -> tuple[float, float]:
    """Accuracy on covered rows without balance, and with (mean of draws)."""
    pool = {key: value for key, value in one.items() if key.startswith("dense")}
    anchor = replace(AnchorSettings(), **{k: v for k, v in one.items() if k not in pool})
    settings = replace(DefaultSettings(), anchor=anchor, **pool)
    counts, votes, gold = m.train, m.part(part), m.gold[part]
    found = []
    for balance in (None, *(m.balance(seed) for seed in range(DRAWS))):
        labels = Default(settings).fit(counts, class_balance=balance).predict(votes)
        found.append(float(credit(labels.proba, gold)[labels.covered].mean()))
    return found[0], float(np.mean(found[1:]))


def _row(label: str, one: dict[str, float], valid: Any, test: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"which": label, **one}
    if valid is not None:
        row |= {"valid": round(float(valid[0]), 4), "valid_balance": round(float(valid[1]), 4)}
    return row | {"test": round(float(test[0]), 4), "test_balance": round(float(test[1]), 4)}
