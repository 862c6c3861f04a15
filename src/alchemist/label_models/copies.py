"""Copies: programs that cast the same votes on the same rows.

Two events of one class are near copies when the rows they fire on overlap by a Jaccard
index above NEAR. Copies share one vote, else a model takes their echo for agreement.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Floats
from alchemist.label_models.events import Index, Tally, total_by

NEAR = 0.9
_FEWEST_ROWS = 5
_NEARLY_ALL = 0.995
_ROWS_TO_BE_CONSTANT = 200
_OTHERS_NEEDED = 3
_ONE_BLOCK = 200
# Below this, counts are exact in half the memory and time.
_EXACT_ROWS = 2**24


@dataclass(frozen=True, slots=True, eq=False)
class SameVote:
    """Events that vote one class.

    Attributes:
        events: (e,) which.
        times: (e, 1) rows on which each fires.
        together: (e, e) rows on which two of them fire.
    """

    events: Index
    times: Floats
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
        mass = self.share[event]
        sizes = np.bincount(self.group, minlength=len(self.group))
        if sizes.max(initial=0) <= 1:
            return mass
        echoed = np.flatnonzero(sizes[self.group[event]] > 1)
        if len(echoed):
            key = row[echoed] * len(self.group) + self.group[event[echoed]]
            _, place = np.unique(key, return_inverse=True)
            mass[echoed] = total_by(place, mass[echoed], len(place))[place]
        return mass


def count_together(tally: Tally) -> list[SameVote]:
    """How often events of one class fire on the same rows.

    Few events are one block, many are a block per class: all that is asked of blocks later
    gives the same answer, and many small products cost more than a few larger ones.
    """
    vote, k = tally.events.vote, tally.n_classes
    if len(vote) <= _ONE_BLOCK:
        everything = _products(tally, np.arange(len(vote)))
        everything.together[vote[:, None] != vote] = 0
        return [everything] if len(vote) else []
    members = [np.flatnonzero(vote == v) for v in range(k)]
    return [_products(tally, events) for events in members if len(events) > 1]


def _products(tally: Tally, events: Index) -> SameVote:
    part, times = tally.encoded.spoke, tally.times[events, None]
    if len(events) < len(tally.events):
        part = part[events]
    if isinstance(part, np.ndarray):
        if tally.n_rows < _EXACT_ROWS:
            part = part.astype(np.float32)
        together = (part * tally.counts.astype(part.dtype)) @ part.T
        return SameVote(events, times, together.astype(np.float64))
    together = (part.multiply(tally.counts).tocsr() @ part.T).toarray()
    return SameVote(events, times, np.asarray(together))


def find_copies(tally: Tally, blocks: list[SameVote]) -> Copies:
    """Group near copies."""
    group, share = np.arange(len(tally.events)), np.ones(len(tally.events))
    for block in blocks:
        union = block.times + block.times.T - block.together
        alike = (block.together > NEAR * union) & (block.times >= _FEWEST_ROWS)
        np.fill_diagonal(alike, val=True)
        sizes = alike.sum(axis=1)
        if (sizes > 1).any():
            group[block.events] = block.events[_components(alike)]
            share[block.events] = 1 / sizes
    return Copies(group, share)


def mute_constants(tally: Tally, copies: Copies) -> Copies:
    """Take the vote from programs that say the same on nearly every row.

    Such a vote tells no two rows apart, but counted, it tips every balance. On few rows, or
    where hardly anybody else votes, it may still be all there is, and stands.
    """
    answered = tally.answered[tally.events.program]
    constant = (tally.times > _NEARLY_ALL * answered) & (answered >= _ROWS_TO_BE_CONSTANT)
    others = np.unique(tally.events.program[~constant])
    if not constant.any() or len(others) < _OTHERS_NEEDED:
        return copies
    return Copies(copies.group, np.where(constant, 0, copies.share))


def _components(alike: NDArray[np.bool_]) -> Index:
    """(e,) smallest member of each event's connected component."""
    group = np.arange(len(alike))
    while True:
        lower = np.where(alike, group[None, :], len(alike)).min(axis=1)
        if (lower == group).all():
            return group
        group = lower


def residual_correlation(block: SameVote, given: Floats, size: Floats) -> Floats:
    """(e, e) correlation of a block's events that the classes do not explain; 0 with itself.

    Args:
        block: Events of one class.
        given: (E, k) P(y|e) of all events.
        size: (k,) rows of each class.
    """
    fires = np.minimum(given.take(block.events, axis=0) * block.times / size, 1)
    rows = fires * size
    spread = np.maximum(np.einsum("ey,ey->e", rows, 1 - fires), 1e-9)
    scale = 1 / np.sqrt(spread)
    residual: Floats = block.together - rows @ fires.T
    residual *= scale[:, None]
    residual *= scale
    residual.ravel()[:: len(scale) + 1] = 0
    return residual


def echoing(tally: Tally, blocks: list[SameVote], least: float) -> list[SameVote]:
    """The parts of the blocks in which any two events might echo: raw correlation ≥ least."""
    kept, n = [], max(tally.n_rows, 1.0)
    for block in blocks:
        times = block.times
        spread = np.sqrt(np.maximum(times * (1 - times / n), 1e-9))
        raw = (block.together - times @ times.T / n) / (spread @ spread.T)
        np.fill_diagonal(raw, 0)
        near = (raw >= least).any(axis=1)
        if near.any():
            together = block.together[np.ix_(near, near)]
            kept.append(SameVote(block.events[near], times[near], together))
    return kept
