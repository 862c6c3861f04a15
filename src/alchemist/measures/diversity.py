"""How different programs are from each other, from the distinct vote vectors alone.

With A_i the set of (row, class) pairs that program i cast,

    alike[i, j]  = |A_i ∩ A_j| / |A_i ∪ A_j|                 1: the same votes, row by row
    agree[i, j]  = rows both voted alike on / rows both voted on
    voices       = exp(−Σ λ ln λ),  λ the eigenvalues of alike / m

`voices` says how many programs that share nothing would be as varied as these m: m when none
shares a vote with another, 1 when all cast the same. Families come of joining, again and again,
the two groups whose members are most alike on average, while that is at least FAMILY.

Source of voices: Friedman and Dieng, 2023, The Vendi Score, TMLR, arXiv:2210.02410.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.patterns import PatternCounts

Floats = NDArray[np.float64]

FAMILY = 0.5
NEARLY_THE_SAME = 0.9


@dataclass(frozen=True, slots=True)
class Family:
    """Programs that vote alike.

    Attributes:
        members: Their names, in the order of the counts.
        alike: Mean likeness of two members; 1 for a single program.
        same: Groups of members that cast nearly the same votes.
    """

    members: tuple[str, ...]
    alike: float
    same: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Own:
    """What one program adds to the others; shares are of the rows it votes on.

    Attributes:
        name: The program.
        nearest: The program most alike, or None where none shares a vote with it.
        alike: How alike that one is.
        alone: Rows on which nobody else votes.
        unseconded: Rows on which nobody else casts the same vote, those alone included.
    """

    name: str
    nearest: str | None
    alike: float
    alone: float
    unseconded: float


@dataclass(frozen=True, slots=True, eq=False)
class Diversity:
    """The programs beside each other.

    Attributes:
        programs: m names.
        alike: (m, m) symmetric, 1 on the diagonal.
        agree: (m, m) symmetric, NaN for two programs that never vote on the same row.
        voices: How many different programs they amount to, 1 to m; 0 without any.
        families: Every program is in one, the largest family first.
        own: One entry per program.
    """

    programs: tuple[str, ...]
    alike: Floats
    agree: Floats
    voices: float
    families: tuple[Family, ...]
    own: tuple[Own, ...]

    def to_dict(self) -> dict[str, Any]:
        """The attributes by name, ready for JSON; agree is None where it does not exist."""
        return {
            "programs": list(self.programs),
            "alike": [[round(float(x), 4) for x in row] for row in self.alike],
            "agree": [
                [None if np.isnan(x) else round(float(x), 4) for x in row] for row in self.agree
            ],
            "voices": self.voices,
            "families": [
                {
                    "members": list(one.members),
                    "alike": one.alike,
                    "same": [list(group) for group in one.same],
                }
                for one in self.families
            ],
            "own": [
                {
                    "name": one.name,
                    "nearest": one.nearest,
                    "alike": one.alike,
                    "alone": one.alone,
                    "unseconded": one.unseconded,
                }
                for one in self.own
            ],
        }


def diversity(counts: PatternCounts) -> Diversity:
    """Compare every program with every other."""
    cast = (counts.patterns >= 0).astype(np.float64)
    weight = counts.counts.astype(np.float64)
    both = (cast * weight[:, None]).T @ cast
    together, seconded = np.zeros_like(both), np.zeros(cast.shape)
    for y in range(counts.n_classes):
        one = (counts.patterns == y).astype(np.float64)
        together += (one * weight[:, None]).T @ one
        seconded += one * (one.sum(axis=1, keepdims=True) > 1)
    times = np.diag(both)
    union = times[:, None] + times[None, :] - together
    alike = np.divide(together, union, out=np.eye(len(times)), where=union > 0)
    agree = np.divide(together, both, out=np.full_like(both, np.nan), where=both > 0)
    alone = cast * (cast.sum(axis=1, keepdims=True) == 1)
    own = _own(counts.programs, alike, weight @ alone, times - weight @ seconded, times)
    families = _families(counts.programs, alike)
    return Diversity(counts.programs, alike, agree, _voices(alike), families, own)


def _own(
    names: tuple[str, ...], alike: Floats, alone: Floats, unseconded: Floats, times: Floats
) -> tuple[Own, ...]:
    others = alike - np.eye(len(names))
    found = []
    for j, name in enumerate(names):
        nearest = int(others[j].argmax())
        some = others[j, nearest] > 0
        votes = max(times[j], 1.0)
        found.append(
            Own(
                name,
                names[nearest] if some else None,
                float(others[j, nearest]) if some else 0.0,
                float(alone[j] / votes),
                float(unseconded[j] / votes),
            )
        )
    return tuple(found)


def _voices(alike: Floats) -> float:
    if not len(alike):
        return 0.0
    values = np.linalg.eigvalsh(alike / len(alike))
    positive = values[values > 1e-12]
    return float(np.exp(-(positive * np.log(positive)).sum()))


def _families(names: tuple[str, ...], alike: Floats) -> tuple[Family, ...]:
    groups = sorted(_joined(alike, FAMILY), key=lambda one: (-len(one), one))
    same = [group for group in _joined(alike, NEARLY_THE_SAME) if len(group) > 1]
    return tuple(
        Family(
            tuple(names[j] for j in group),
            _mean_alike(alike, group),
            tuple(tuple(names[j] for j in one) for one in same if one[0] in group),
        )
        for group in groups
    )


def _mean_alike(alike: Floats, group: list[int]) -> float:
    if len(group) == 1:
        return 1.0
    here = alike[np.ix_(group, group)]
    return float((here.sum() - len(group)) / (len(group) * (len(group) - 1)))


def _joined(alike: Floats, least: float) -> list[list[int]]:
    """Groups of programs by average linkage, cut at `least`."""
    groups = {j: [j] for j in range(len(alike))}
    between = alike.copy()
    np.fill_diagonal(between, -1)
    while len(groups) > 1:
        a, b = divmod(int(between.argmax()), len(alike))
        if between[a, b] < least:
            break
        a, b = min(a, b), max(a, b)
        size_a, size_b = len(groups[a]), len(groups[b])
        mixed = (size_a * between[a] + size_b * between[b]) / (size_a + size_b)
        between[a, :] = between[:, a] = mixed
        between[a, a] = between[b, :] = between[:, b] = -1
        groups[a] = sorted(groups[a] + groups.pop(b))
        gone = [j for j in range(len(alike)) if j not in groups]
        between[a, gone] = between[gone, a] = -1
    return list(groups.values())
