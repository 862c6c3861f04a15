"""Class balance and gold: what a user may know, checked once on entry."""

from collections.abc import Sequence

import numpy as np

from alchemist.core.contracts import Floats, GoldVotes
from alchemist.core.errors import BadVotes
from alchemist.core.patterns import PatternCounts
from alchemist.label_models.events import Events

# A gold row is certain, a posterior is not: it counts for more than one row.
_GOLD_WEIGHT = 3.0
# With fewer rows a program's measured precision says less than its estimated one.
_FEWEST_FOR_PRECISION = 100
_ESTIMATE_ROWS = 5.0


def checked_balance(
    class_balance: Sequence[float] | Floats | None, n_classes: int
) -> Floats | None:
    """A class balance as (k,) shares that sum to one, or None where none is given.

    Raises:
        BadVotes: It has the wrong length, or a share that is no number or below zero.
    """
    if class_balance is None:
        return None
    shares = np.asarray(class_balance, dtype=np.float64)
    if shares.shape != (n_classes,):
        raise BadVotes(
            f"class_balance needs one share per class, {n_classes} in all, not shape "
            f"{shares.shape}."
        )
    if not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() <= 0:
        raise BadVotes(
            f"class_balance must hold shares of at least 0, one above 0, not {shares.tolist()}."
        )
    # A class said to be absent keeps a trace, so that its logarithm exists.
    floored = np.maximum(shares / shares.sum(), 1e-6)
    return floored / floored.sum()


def checked_gold(gold: GoldVotes | None, counts: PatternCounts) -> GoldVotes | None:
    """Gold whose votes are of the programs counted, or None where there is none.

    Raises:
        BadVotes: A gold label is no class, rows and labels differ in number, or the votes are
            of other programs.
    """
    if gold is None or len(gold.votes) == 0:
        return None
    if gold.votes.programs != counts.programs or gold.votes.n_classes != counts.n_classes:
        raise BadVotes(
            "Gold votes must be of the programs and classes counted: "
            f"{list(counts.programs)}, not {list(gold.votes.programs)}."
        )
    labels = np.asarray(gold.labels)
    if labels.shape != (len(gold.votes),):
        raise BadVotes(
            f"Gold needs one label per row: {len(gold.votes)} rows, labels of shape {labels.shape}."
        )
    if labels.min() < 0 or labels.max() >= counts.n_classes:
        raise BadVotes(
            f"Gold labels are 0 … {counts.n_classes - 1}, not {sorted(set(labels.tolist()))}."
        )
    return gold


def gold_counts(gold: GoldVotes | None, n_classes: int) -> Floats:
    """(k,) how many gold rows have each class."""
    if gold is None:
        return np.zeros(n_classes)
    return np.bincount(gold.labels, minlength=n_classes).astype(np.float64)


def gold_balance(gold: GoldVotes, estimate: Floats) -> Floats:
    """(k,) class shares of the gold rows, held by a few rows' worth of the estimate."""
    mass = gold_counts(gold, len(estimate)) + _ESTIMATE_ROWS * estimate
    return mass / mass.sum()


def gold_events(gold: GoldVotes | None, events: Events) -> Floats | None:
    """(E, k) weighted gold rows per event and class; None when there are too few of them."""
    if gold is None or len(gold.votes) < _FEWEST_FOR_PRECISION:
        return None
    row, program = np.nonzero(gold.votes.matrix >= 0)
    event = events.lookup[program, gold.votes.matrix[row, program]]
    known = np.zeros((len(events) + 1, events.n_classes))
    np.add.at(known, (event, gold.labels[row]), _GOLD_WEIGHT)
    return known[:-1]
