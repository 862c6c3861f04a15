"""Copies: programs that cast the same votes on the same rows.

Two events of one class are near copies when the rows they fire on overlap by a Jaccard
index above NEAR. Copies share one vote, else a model takes their echo for agreement.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Floats
from alchemist.label_models.events import Index, Tally

NEAR = 0.9
_FEWEST_ROWS = 5


@dataclass(frozen=True, slots=True, eq=False)
class SameVote:
    """The events (e,) that vote one class, and (e, e) rows on which two of them fire."""

    events: Index
    together: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """Groups of near copies among E events.

    Attributes:
        group: (E,) smallest event each event is connected to through copies.
        share: (E,) 1 / number of copies of the event, itself included.
    """

    group: Index
    share: Floats

    def own_mass(self, row: Index, event: Index) -> Floats:
        """(nnz,) vote mass, on its pattern, of each event's whole group."""
        if (self.share == 1).all():
            return np.ones(len(row))
        key = row * (len(self.group) + 1) + self.group[event]
        _, place = np.unique(key, return_inverse=True)
        mass: Floats = np.bincount(place, weights=self.share[event]).astype(np.float64)
        return mass[place]


def count_together(tally: Tally) -> list[SameVote]:
    """How often events of one class fire on the same rows, class by class."""
    spoke, blocks = tally.encoded.spoke, []
    for v in range(tally.n_classes):
        events = np.flatnonzero(tally.events.vote == v)
        if len(events) < 2:
            continue
        part = spoke[:, events]
        if isinstance(spoke, np.ndarray):
            together = part.T @ (part * tally.counts[:, None])
        else:
            together = (part.T @ part.multiply(tally.counts[:, None]).tocsr()).toarray()
        blocks.append(SameVote(events, together))
    return blocks


def find_copies(tally: Tally, blocks: list[SameVote]) -> Copies:
    """Group near copies."""
    group, share = np.arange(len(tally.events)), np.ones(len(tally.events))
    for block in blocks:
        times = tally.times[block.events]
        union = times[:, None] + times[None, :] - block.together
        alike = (block.together > NEAR * union) & (times[:, None] >= _FEWEST_ROWS)
        np.fill_diagonal(alike, val=True)
        group[block.events] = block.events[_components(alike)]
        share[block.events] = 1 / alike.sum(axis=1)
    return Copies(group, share)


def _components(alike: NDArray[np.bool_]) -> Index:
    """(e,) smallest member of each event's connected component."""
    group = np.arange(len(alike))
    while True:
        lower = np.where(alike, group[None, :], len(alike)).min(axis=1)
        if (lower == group).all():
            return group
        group = lower
