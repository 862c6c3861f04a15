"""One vote per family: programs that read the same concept are heard as one voice.

    merged[i, f]  the class most programs of family f voted on row i; tied classes abstain
                  no answer where none of them has one

Ten programs over one concept know no more than that concept does; counted one by one they
outvote the others, and a label model takes their agreement for evidence. A program without a
family is heard as it is. The label model inside sees merged columns alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import ExplainableLabelModel, Floats, GoldVotes, LabelModel
from alchemist.core.labels import Labels
from alchemist.core.patterns import PatternCounts, find_patterns
from alchemist.core.votes import ABSTAIN, MISSING, Votes

_PROGRAMS, _FAMILIES = "families.programs", "families.names"


class FamilyVotes:
    """A label model over families of programs.

    Args:
        inner: The label model that weighs the families.
        family: Family by program name; a program left out stands for itself.
    """

    def __init__(self, inner: LabelModel, family: Mapping[str, str]) -> None:
        self.inner = inner
        self.family = dict(family)

    def fit(
        self,
        counts: PatternCounts,
        *,
        class_balance: Sequence[float] | Floats | None = None,
        gold: GoldVotes | None = None,
    ) -> Self:
        """Fit the inner model on merged votes."""
        merged = self.merge(Votes(counts.patterns, counts.programs, counts.n_classes))
        known = None if gold is None else GoldVotes(self.merge(gold.votes), gold.labels)
        self.inner.fit(_recount(merged, counts.counts), class_balance=class_balance, gold=known)
        return self

    def predict(self, votes: Votes) -> Labels:
        """Label rows; one where the only families that speak are tied counts as uncovered."""
        return self.inner.predict(self.merge(votes))

    def merge(self, votes: Votes) -> Votes:
        """The votes of families, in the order of their first members."""
        names = dict.fromkeys(self.family.get(name, name) for name in votes.programs)
        columns = [
            _majority(votes.matrix[:, self._members(votes.programs, name)], votes.n_classes)
            for name in names
        ]
        matrix = np.stack(columns, axis=1) if columns else votes.matrix
        return Votes(matrix, tuple(names), votes.n_classes)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The inner model's arrays, and which program belongs where."""
        arrays: dict[str, NDArray[Any]] = self.inner.to_arrays()  # type: ignore[attr-defined]
        return {
            **arrays,
            _PROGRAMS: np.array(list(self.family), dtype=np.str_),
            _FAMILIES: np.array(list(self.family.values()), dtype=np.str_),
        }

    def _members(self, programs: Sequence[str], name: str) -> list[int]:
        return [j for j, one in enumerate(programs) if self.family.get(one, one) == name]


class FamilyEvidence(FamilyVotes):
    """Families of a label model whose posterior is a sum of evidence."""

    def __init__(self, inner: ExplainableLabelModel, family: Mapping[str, str]) -> None:
        super().__init__(inner, family)
        self.explained = inner

    def evidence(self, votes: Votes) -> Floats:
        """Split the posterior into what each program adds: (n, m + 1, k).

        A family's evidence is shared by the members that voted as it did, or by all of them
        where it abstained.
        """
        merged = self.merge(votes)
        inner = self.explained.evidence(merged)
        out = np.zeros((len(votes.matrix), votes.matrix.shape[1] + 1, votes.n_classes))
        out[:, -1] = inner[:, -1]
        for column, name in enumerate(merged.programs):
            members = self._members(votes.programs, name)
            speaking = votes.matrix[:, members] == merged.matrix[:, [column]]
            among = np.maximum(speaking.sum(axis=1, keepdims=True), 1)
            out[:, members] = (speaking / among)[:, :, None] * inner[:, [column]]
            # A tie: nobody voted as the family did, whose silence is everybody's.
            tied = ~speaking.any(axis=1)
            share = inner[tied, column] / len(members)
            out[np.ix_(tied, members)] = share[:, None]
        return out


def by_family(model: LabelModel, family: Mapping[str, str]) -> LabelModel:
    """The model over families, or itself where there are none."""
    if not family:
        return model
    if isinstance(model, ExplainableLabelModel):
        return FamilyEvidence(model, family)
    return FamilyVotes(model, family)


def families_in(arrays: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    """Family by program, out of what to_arrays gave; empty for a plain label model."""
    if _PROGRAMS not in arrays:
        return {}
    return dict(zip(arrays[_PROGRAMS].tolist(), arrays[_FAMILIES].tolist(), strict=True))


def _majority(matrix: NDArray[np.int16], n_classes: int) -> NDArray[np.int16]:
    if matrix.shape[1] == 1:
        return matrix[:, 0]
    counts = np.stack([(matrix == y).sum(axis=1) for y in range(n_classes)], axis=1)
    most = counts.max(axis=1)
    clear = (most > 0) & ((counts == most[:, None]).sum(axis=1) == 1)
    voted = np.where(clear, counts.argmax(axis=1), ABSTAIN)
    return np.where((matrix == MISSING).all(axis=1), MISSING, voted).astype(np.int16)


def _recount(merged: Votes, counts: NDArray[np.int64]) -> PatternCounts:
    """Distinct merged vectors with the counts of all vectors that became them."""
    found = find_patterns(merged.matrix)
    total = np.bincount(found.inverse, weights=counts, minlength=len(found.patterns))
    return PatternCounts(found.patterns, total.astype(np.int64), merged.programs, merged.n_classes)
