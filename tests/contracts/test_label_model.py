import numpy as np
import pytest

from alchemist.core.labels import Labels
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import ABSTAIN, MISSING, Votes
from alchemist.label_models import LABEL_MODELS
from alchemist.label_models.majority_vote import MajorityVote
from alchemist.testing.label_model import LABEL_MODEL_CHECKS, Check

CHEAP = [name for name in LABEL_MODELS if name != "snorkel"]


def names(m: int) -> tuple[str, ...]:
    return tuple(f"p{j}" for j in range(m))


def one_class_programs() -> Votes:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 200)
    matrix = np.full((200, 7), ABSTAIN)
    for j in range(7):
        right = truth == j % 3
        fires = rng.random(200) < np.where(right, 0.6, 0.1)
        matrix[fires, j] = j % 3
    return Votes(matrix, names(7), 3)


def dense_programs() -> Votes:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 150)
    wrong = rng.random((150, 5)) < 0.3
    matrix = np.where(wrong, 1 - truth[:, None], truth[:, None])
    matrix[rng.random((150, 5)) < 0.3] = ABSTAIN
    matrix[rng.random((150, 5)) < 0.1] = MISSING
    return Votes(matrix, names(5), 2)


def no_votes() -> Votes:
    return Votes(np.full((6, 3), ABSTAIN), names(3), 2)


def no_rows() -> Votes:
    return Votes(np.zeros((0, 3), dtype=np.int16), names(3), 2)


def no_programs() -> Votes:
    return Votes(np.zeros((4, 0), dtype=np.int16), (), 2)


def one_program() -> Votes:
    return Votes(np.array([[0], [1], [1], [ABSTAIN], [MISSING]]), names(1), 3)


def copies_and_constants() -> Votes:
    rng = np.random.default_rng(5)
    free = rng.integers(-1, 3, (80, 4))
    return Votes(np.hstack([free, free[:, :1], free[:, :1], np.zeros((80, 1), int)]), names(7), 4)


CASES = (
    one_class_programs,
    dense_programs,
    no_votes,
    no_rows,
    no_programs,
    one_program,
    copies_and_constants,
)


@pytest.mark.parametrize("votes", [pytest.param(case(), id=case.__name__) for case in CASES])
@pytest.mark.parametrize("check", LABEL_MODEL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", CHEAP)
def test_every_label_model_keeps_its_promises(name: str, check: Check, votes: Votes) -> None:
    check(LABEL_MODELS.load(name), votes)


class Broken(MajorityVote):
    """Majority vote with one promise broken at a time, by name."""

    broken = ""

    def fit(self, counts: PatternCounts, **known: object) -> "Broken":
        if self.broken == "forgets the balance":
            known = {}
        super().fit(counts, **known)  # type: ignore[arg-type]
        self.wide = len(counts.programs)
        return self

    def predict(self, votes: Votes) -> Labels:
        labels = super().predict(votes)
        proba = labels.proba.copy()
        n, k = proba.shape
        if self.broken == "does not sum to one":
            proba *= 0.9
        elif self.broken == "draws without a seed":
            proba = np.random.default_rng().dirichlet(np.ones(k), n)
        elif self.broken == "looks at the row number":
            proba[: n // 3] = proba[: n // 3].mean(axis=0) if n >= 3 else proba[: n // 3]
        elif self.broken == "prefers the first program":
            first = votes.matrix[:, :1] == np.arange(k)
            proba = np.where(first.any(axis=1, keepdims=True), first, proba)
        elif self.broken == "prefers class 0":
            proba[:, 0] += 0.1
            proba /= proba.sum(axis=1, keepdims=True)
        elif self.broken == "counts programs":
            proba = (proba + self.wide / 10) / (1 + k * self.wide / 10)
        return Labels(proba, labels.covered)


MUTANTS = {
    "does not sum to one": "check_probabilities",
    "draws without a seed": "check_repeatable",
    "looks at the row number": "check_row_order",
    "prefers the first program": "check_program_order",
    "prefers class 0": "check_class_names",
    "counts programs": "check_silent_program_is_harmless",
    "forgets the balance": "check_balance_is_heard",
}


@pytest.mark.parametrize(("broken", "by"), MUTANTS.items(), ids=list(MUTANTS))
def test_the_kit_catches_a_broken_promise(broken: str, by: str) -> None:
    caught = next(check for check in LABEL_MODEL_CHECKS if check.__name__ == by)
    mutant = type("Mutant", (Broken,), {"broken": broken})
    with pytest.raises(AssertionError):
        caught(mutant, dense_programs())
