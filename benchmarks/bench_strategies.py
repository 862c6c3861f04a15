"""What a strategy is worth: labels from 5, 10 and all 20 programs of one recorded answer.

Labels are fitted on votes on train rows, without gold; test rows are scored. A cell of 5 or 10
programs is the mean over random subsets. Two more tables put the same figures as the questions
of the Alchemist paper (sections 4.3 and 4.4): does background knowledge in the prompt help, and
do programs of different makes?

The student is fitted once per subset, so its text features are computed once: TF-IDF of a
sample of train rows with the default student's vocabulary and strength, turned onto the span of
those rows. That turn changes nothing about the optimum (the penalty does not see it), and makes
a fit some 20 times cheaper.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import Votes
from alchemist.end_models.grams import learn_vocabulary, weigher
from alchemist.end_models.softmax import fit_softmax, softmax
from alchemist.flow.deliver import blend
from alchemist.label_models.default import Default
from alchemist.measures.scores import score
from benchmarks.report import write_table
from benchmarks.strategy_recordings import MODEL, SETS, STRATEGIES, Recorded, read_recorded

COMMAND = "make bench-strategies"
SIZES = (5, 10, 20)
DRAWS = 20
STUDENT_ROWS = 2000
NOT_RUN = "not run"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Worth:
    """Accuracy on test rows of two outputs, for one subset of programs."""

    label_model: float
    blend: float


class Bench:
    """One data set, its text features, and a way to score any subset of its programs."""

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        rows = len(recorded.texts["train"])
        chosen = np.random.default_rng(0).permutation(rows)[:STUDENT_ROWS]
        self._sample = np.sort(chosen)
        self._train, self._test = _features(
            [recorded.texts["train"][i] for i in self._sample], recorded.texts["test"]
        )

    def worth(self, columns: NDArray[np.intp]) -> Worth:
        """Fit label model and student on train votes of some programs; score both."""
        train, test = self._votes("train", columns), self._votes("test", columns)
        model = Default().fit(PatternCounts.of(train))
        learned, labels = model.predict(train), model.predict(test)
        covered = learned.covered[self._sample]
        soft = learned.proba[self._sample][covered]
        student = fit_softmax(self._train[covered], soft, np.ones(len(soft)), strength=3.0)
        seen = softmax((self._test @ student.weights + student.intercept).astype(np.float64))
        return Worth(
            self._score(labels.proba, labels.covered),
            self._score(blend(labels, seen), labels.covered),
        )

    def _votes(self, split: str, columns: NDArray[np.intp]) -> Votes:
        names = tuple(f"p{j}" for j in columns)
        return Votes(self.recorded.votes[split][:, columns], names, len(self.recorded.classes))

    def _score(self, proba: Floats, covered: NDArray[np.bool_]) -> float:
        one = score(proba, covered, self.recorded.gold, self.recorded.classes)
        return float(one.accuracy.value)


def _features(train: Sequence[str], test: Sequence[str]) -> tuple[Any, Any]:
    """TF-IDF rows of train and test in coordinates of the train rows' span, float32."""
    from scipy.sparse import vstack

    vocabulary = learn_vocabulary(train, max_features=20_000, min_rows=2)
    weigh = weigher(vocabulary)
    seen, unseen = (vstack([c for _, c in weigh(texts)], format="csr") for texts in (train, test))
    gram = (seen @ seen.T).toarray().astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    kept = values > 1e-6 * values.max()
    turn = vectors[:, kept] / np.sqrt(values[kept])
    turned = [
        np.ascontiguousarray((one @ seen.T).toarray() @ turn, dtype=np.float32)
        for one in (seen, unseen)
    ]
    return turned[0], turned[1]


def subsets(columns: NDArray[np.intp], size: int) -> Iterator[NDArray[np.intp]]:
    """Random subsets of a size, or everything once where there is no more."""
    if size >= len(columns):
        yield columns
        return
    for draw in range(DRAWS):
        yield np.sort(np.random.default_rng(draw).choice(columns, size, replace=False))


def mixed(recorded: Recorded, size: int) -> Iterator[NDArray[np.intp]]:
    """Random subsets of a size with as many programs of every strategy; none if one lacks any."""
    if min(len(columns) for columns in recorded.columns.values()) < size / len(STRATEGIES):
        return
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        order = rng.permutation(STRATEGIES)
        shares = np.arange(size) % len(order)
        yield np.sort(
            np.concatenate(
                [
                    rng.choice(recorded.columns[s], int((shares == i).sum()), replace=False)
                    for i, s in enumerate(order)
                ]
            )
        )


def _row(name: str, strategy: str, size: int, worths: Sequence[Worth]) -> dict[str, Any]:
    head = {"dataset": name, "strategy": strategy, "model": MODEL, "n_programs": size}
    if not worths:
        return {
            **head,
            "draws": 0,
            "label_model": NOT_RUN,
            "blend": NOT_RUN,
            "blend_spread": NOT_RUN,
        }
    blends = [one.blend for one in worths]
    return {
        **head,
        "draws": len(worths),
        "label_model": round(float(np.mean([one.label_model for one in worths])), 4),
        "blend": round(float(np.mean(blends)), 4),
        "blend_spread": round(float(np.std(blends)), 4),
    }


def measure(name: str) -> list[dict[str, Any]]:
    """Every row of one data set: each strategy alone, then all mixed."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1):
        recorded = read_recorded(name)
        bench = None if recorded is None else Bench(recorded)
        rows = []
        for strategy in STRATEGIES:
            columns = np.zeros(0, np.intp) if recorded is None else recorded.columns[strategy]
            for size in SIZES:
                size_ = min(size, len(columns)) or size
                drawn = [] if bench is None or not len(columns) else subsets(columns, size)
                worths = [bench.worth(one) for one in drawn] if bench is not None else []
                rows.append(_row(name, strategy, size_, worths))
        for size in SIZES:
            drawn = [] if recorded is None else mixed(recorded, size)
            worths = [bench.worth(one) for one in drawn] if bench is not None else []
            rows.append(_row(name, "mixed", size, worths))
    return rows


def _find(rows: Sequence[dict[str, Any]], name: str, strategy: str, size: int) -> Any:
    """A blend; the largest size a strategy has stands for 20."""
    here = [r for r in rows if (r["dataset"], r["strategy"]) == (name, strategy)]
    return here[SIZES.index(size)]["blend"]


def _mean(values: Sequence[Any]) -> Any:
    known = [v for v in values if v != NOT_RUN]
    return round(float(np.mean(known)), 4) if len(known) == len(values) else NOT_RUN


def information(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blend by what the prompt knew: nothing, keywords, all an expert knows."""
    table = [
        {
            "dataset": name,
            "n_programs": size,
            **{s: _find(rows, name, s, size) for s in ("plain", "keywords", "knowledge")},
        }
        for size in SIZES
        for name in SETS
    ]
    for size in SIZES:
        here = [r for r in table if r["n_programs"] == size]
        means = {s: _mean([r[s] for r in here]) for s in ("plain", "keywords", "knowledge")}
        table.append({"dataset": "mean", "n_programs": size, **means})
    return table


def diversity(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blend of as many programs of one strategy (mean, best) and of all strategies mixed."""
    table = []
    for size in SIZES:
        here = []
        for name in SETS:
            alone = [_find(rows, name, s, size) for s in STRATEGIES]
            known = [v for v in alone if v != NOT_RUN]
            here.append(
                {
                    "dataset": name,
                    "n_programs": size,
                    "one_strategy": _mean(alone),
                    "best_strategy": max(known) if known else NOT_RUN,
                    "mixed": _find(rows, name, "mixed", size),
                }
            )
        columns = ("one_strategy", "best_strategy", "mixed")
        means = {c: _mean([r[c] for r in here]) for c in columns}
        table += [*here, {"dataset": "mean", "n_programs": size, **means}]
    return table


def main() -> None:
    """Measure every recording and write three tables."""
    with ProcessPoolExecutor(2) as pool:
        rows = [row for found in pool.map(measure, SETS) for row in found]
    write_table(
        "strategies",
        COMMAND,
        rows,
        "blend_spread: standard deviation over draws. mixed: as many programs of each strategy. "
        f"Votes on at most 6,000 train rows; the student learned from at most {STUDENT_ROWS:,}.",
    )
    write_table("strategies_information", COMMAND, information(rows))
    write_table(
        "strategies_diversity",
        COMMAND,
        diversity(rows),
        "best_strategy is picked by its test score: a bound, not a choice one could make.",
    )


if __name__ == "__main__":
    main()
