"""Label models beside majority vote, snorkel and crowd-kit.

    python -m benchmarks.bench_label_models [quality] [breaks] [scale] [forecast] [precisions]
        [settings]

Without a name, all of them. Test rows are scored and never searched: constants were chosen on
validation rows, see label_models_settings.py.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks import label_models_cases as cases
from benchmarks.label_models_forecast import forecast_table
from benchmarks.label_models_precisions import precisions_table
from benchmarks.label_models_runs import Answer, Question, ask, available, credit, f1, scores
from benchmarks.label_models_settings import settings_table
from benchmarks.label_models_votes import Matrix, real
from benchmarks.report import write_table

COMMAND = "make bench-label-models"
MAIN = ("default", "majority_vote", "snorkel", "crowd-kit")
OURS_TOO = ("weighted_vote", "dawid_skene", "triplet")
WITH_BALANCE = ("default", "majority_vote", "snorkel")
TRUE_RATES = "true rates"
ROUNDS = 5
DRAWS = 5
SECONDS = 120

Row = dict[str, Any]


def quality() -> None:
    """`label-models` and what follows from it, `label-model-claims`."""
    matrices = {one.name: one for one in real()}
    made = {one.name: one for one in cases.synthetic()}
    questions = {
        name: Question(m.votes["train"], m.votes["test"], m.n_classes)
        for name, m in matrices.items()
    }
    halves = {name: len(one.truth) * 4 // 5 for name, one in made.items()}
    for name, case in made.items():
        cut = halves[name]
        questions[name] = Question(case.votes[:cut], case.votes[cut:], case.n_classes)
    gold = {name: m.gold["test"] for name, m in matrices.items()}
    gold |= {name: case.truth[halves[name] :] for name, case in made.items()}

    answers = ask(questions, available(MAIN), rounds=ROUNDS, seconds=SECONDS)
    answers |= ask(questions, OURS_TOO, rounds=1, seconds=SECONDS)
    rows = [
        _row(name, contender, questions[name], answer, gold[name])
        for (name, contender), answer in answers.items()
    ]
    rows += _balanced(matrices)
    rows += _means(rows, set(matrices))
    write_table(
        "label-models",
        COMMAND,
        rows,
        "Fitted on train votes, scored on test rows. acc_all counts rows without a vote as the "
        "prior's best class; brier and ece are of covered rows. +balance: class shares of 100 "
        f"validation rows, mean of {DRAWS} draws.",
    )
    claims = [*_claims(matrices, answers, rows), *_balance_claims(rows)]
    write_table("label-model-claims", COMMAND, claims, "What was promised, and what came out.")


def _balanced(matrices: dict[str, Matrix]) -> Iterator[Row]:
    """Rows of the contenders that take a class balance, averaged over draws."""
    questions = {
        f"{name}#{draw}": Question(m.votes["train"], m.votes["test"], m.n_classes, m.balance(draw))
        for name, m in matrices.items()
        for draw in range(DRAWS)
    }
    answers = ask(questions, available(WITH_BALANCE), rounds=1, seconds=SECONDS)
    for name, m in matrices.items():
        for contender in sorted({contender for _, contender in answers}):
            drawn = [
                _row(
                    name,
                    f"{contender}+balance",
                    questions[key],
                    answers[key, contender],
                    m.gold["test"],
                )
                for key in (f"{name}#{draw}" for draw in range(DRAWS))
            ]
            yield _mean_row(name, f"{contender}+balance", drawn)


def _row(name: str, contender: str, question: Question, answer: Answer, gold: Any) -> Row:
    row: Row = {"set": name, "contender": contender}
    if answer.proba is None:
        return {**row, "error": answer.error}
    covered = (question.test >= 0).any(axis=1)
    row |= {key: round(value, 4) for key, value in scores(answer.proba, gold, covered).items()}
    return {**row, "cpu_s": round(answer.cpu_s, 5), "peak_mb": round(answer.peak_mb, 1)}


def _mean_row(name: str, contender: str, rows: list[Row]) -> Row:
    keys = [key for key in rows[0] if isinstance(rows[0][key], float)]
    mean = {key: round(float(np.mean([row[key] for row in rows])), 5) for key in keys}
    return {"set": name, "contender": contender, **mean}


def _means(rows: list[Row], names: set[str]) -> Iterator[Row]:
    for contender in dict.fromkeys(row["contender"] for row in rows):
        own = [r for r in rows if r["contender"] == contender and r["set"] in names]
        if len(own) == len(names) and not any("error" in row for row in own):
            yield _mean_row("mean of the real sets", contender, own)


def _figure(rows: list[Row], contender: str, key: str) -> float:
    for row in rows:
        if row["contender"] == contender and row["set"].startswith("mean of"):
            return float(row[key])
    return float("nan")


def _claim(what: str, wanted: str, measured: float, met: bool) -> Row:
    return {"claim": what, "wanted": wanted, "measured": round(measured, 4), "met": met}


def _claims(
    matrices: dict[str, Matrix], answers: dict[tuple[str, str], Answer], rows: list[Row]
) -> Iterator[Row]:
    for rival in ("majority_vote", "snorkel"):
        lead = 100 * (_figure(rows, "default", "acc_covered") - _figure(rows, rival, "acc_covered"))
        yield _claim(f"mean points above {rival}", ">= 0.5", lead, lead >= 0.5)
    gaps = {name: _against_majority(m, answers, name) for name, m in matrices.items()}
    worst = min(gaps, key=lambda name: gaps[name][0])
    yield _claim(
        f"points of the worst set against majority vote ({worst})",
        "> -1.5",
        gaps[worst][0],
        gaps[worst][0] > -1.5,
    )
    under = [name for name, (_, high) in gaps.items() if high < 0]
    yield _claim(
        f"sets significantly under majority vote {under or ''}".strip(), "0", len(under), not under
    )
    share = _figure(rows, "default", "ece") / _figure(rows, "snorkel", "ece")
    yield _claim("ece as a share of snorkel's", "<= 0.7", share, share <= 0.7)
    ratio = [
        answers[name, "snorkel"].cpu_s / answers[name, "default"].cpu_s
        for name in matrices
        if (name, "snorkel") in answers
    ]
    faster = float(np.median(ratio)) if ratio else float("nan")
    yield _claim("times less CPU than snorkel, median", ">= 20", faster, faster >= 20)


def _against_majority(
    m: Matrix, answers: dict[tuple[str, str], Answer], name: str
) -> tuple[float, float]:
    """Points of the default above majority vote on covered rows, and the bootstrap's upper end."""
    ours, theirs = answers[name, "default"].proba, answers[name, "majority_vote"].proba
    assert ours is not None
    assert theirs is not None
    gold = m.gold["test"]
    gap = 100 * (credit(ours, gold) - credit(theirs, gold))[(m.votes["test"] >= 0).any(axis=1)]
    rng = np.random.default_rng(0)
    drawn = [gap[rng.integers(0, len(gap), len(gap))].mean() for _ in range(2000)]
    return float(gap.mean()), float(np.quantile(drawn, 0.975))


def _balance_claims(rows: list[Row]) -> Iterator[Row]:
    for rival in ("majority_vote", "snorkel"):
        lead = 100 * (
            _figure(rows, "default+balance", "acc_covered")
            - _figure(rows, f"{rival}+balance", "acc_covered")
        )
        yield _claim(f"with balance: mean points above {rival}", ">= 1.5", lead, lead >= 1.5)


def breaks() -> None:
    """`label-model-breaks`."""
    drawn = {f"{name}#{i}": c for name in cases.BREAKS for i, c in enumerate(cases.breaks(name))}
    questions = {key: Question(c.votes, c.votes, c.n_classes) for key, c in drawn.items()}
    contenders = available(MAIN)
    answers = ask(questions, contenders, rounds=1, seconds=SECONDS)
    answers |= {(key, TRUE_RATES): Answer(cases.true_rates(case)) for key, case in drawn.items()}
    rows = [
        _break_row(name, contender, drawn, answers)
        for name in cases.BREAKS
        for contender in (*contenders, TRUE_RATES)
    ]
    write_table(
        "label-model-breaks",
        COMMAND,
        rows,
        "Fitted and scored on the same rows, no balance, all rows counted; mean over "
        f"{cases.SEEDS} draws (k 77: one). rare_f1: F1 of the rarest class. {TRUE_RATES}: Bayes' "
        "rule knowing what each program does on each class, about the most the votes allow.",
    )


def _break_row(
    name: str, contender: str, drawn: dict[str, cases.Case], answers: dict[tuple[str, str], Answer]
) -> Row:
    own = [key for key in drawn if key.startswith(f"{name}#")]
    found = [answers[key, contender] for key in own]
    errors = [one.error for one in found if one.error]
    row: Row = {"case": name, "contender": contender}
    if errors:
        return {**row, "error": errors[0]}
    accuracy, rare = [], []
    for case, answer in zip((drawn[key] for key in own), found, strict=True):
        assert answer.proba is not None
        accuracy.append(credit(answer.proba, case.truth).mean())
        counts = np.bincount(case.truth, minlength=case.n_classes)
        rarest = int(np.where(counts > 0, counts, counts.max() + 1).argmin())
        rare.append(f1(answer.proba, case.truth, rarest))
    return {
        **row,
        "acc_all": round(float(np.mean(accuracy)), 4),
        "rare_f1": round(float(np.mean(rare)), 4),
    }


def scale() -> None:
    """`label-model-scale`."""
    rows: list[Row] = []
    contenders = available(MAIN)
    for recipe in cases.SIZES:
        case = recipe.make("", 1)
        question = {"": Question(case.votes, case.votes, case.n_classes)}
        answers = ask(
            question, contenders, rounds=ROUNDS if recipe.rows < 10**6 else 3, seconds=SECONDS
        )
        distinct = len(np.unique(case.votes[:20_000], axis=0)) / min(recipe.rows, 20_000)
        for contender in contenders:
            answer = answers["", contender]
            row: Row = {
                "rows": recipe.rows,
                "programs": recipe.programs,
                "classes": recipe.classes,
                "distinct": round(distinct, 2),
                "contender": contender,
            }
            if answer.error:
                rows.append({**row, "error": answer.error})
            else:
                rows.append(
                    {**row, "cpu_s": round(answer.cpu_s, 4), "peak_mb": round(answer.peak_mb, 1)}
                )
    write_table(
        "label-model-scale",
        COMMAND,
        rows,
        "CPU seconds of fit and predict on the same rows; peak_mb is memory beyond the matrix. "
        f"At most {SECONDS} s each. distinct: share of distinct patterns in 20,000 rows.",
    )


TABLES: dict[str, Callable[[], None]] = {
    "quality": quality,
    "breaks": breaks,
    "scale": scale,
    "forecast": forecast_table,
    "precisions": precisions_table,
    "settings": settings_table,
}


def main() -> None:
    """Make the tables named on the command line, or all."""
    for name in sys.argv[1:] or TABLES:
        TABLES[name]()


if __name__ == "__main__":
    main()
