"""Additive models: the posterior of a row is a sum of evidence.

    log proba[i, y] = prior[y] + sum over programs j of
                          silence[j, y]                      if j was asked and abstained
                          silence[j, y] + weights[e, y]      if j voted, event e = (j, vote)
                          0                                  if j has no answer    + constant

A fitted model is these three tables, so prediction, explanation and storage are written
once. A row without any vote gets the class prior, whatever the silence says.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Floats, GoldVotes
from alchemist.core.errors import BadVotes, NotReady, nearest_hint
from alchemist.core.labels import Labels
from alchemist.core.patterns import PatternCounts, find_patterns
from alchemist.core.votes import MISSING, Votes
from alchemist.label_models.balance import checked_balance, checked_gold
from alchemist.label_models.events import Events, by_program, encode, softmax, spoken
from alchemist.label_models.thinning import find_repeats, identify_rows

_SAMPLE = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a fit found out.

    Attributes:
        events: The E events the model knows.
        weights: (E, k) log-evidence of an event beyond its program's silence.
        silence: (m, k) log-evidence of a program's abstaining.
        prior: (k,) class shares; the answer where nobody votes.
        tilt: (k,) log-evidence that every covered row starts from.
    """

    events: Events
    weights: Floats
    silence: Floats
    prior: Floats
    tilt: Floats


class AdditiveModel(ABC):
    """A label model that is fully described by its Evidence."""

    def __init__(self) -> None:
        self._evidence: Evidence | None = None
        self._programs: tuple[str, ...] = ()

    @abstractmethod
    def _learn(
        self, counts: PatternCounts, balance: Floats | None, gold: GoldVotes | None
    ) -> Evidence:
        """Turn counts into evidence; balance and gold are already checked."""

    def fit(
        self,
        counts: PatternCounts,
        *,
        class_balance: Sequence[float] | Floats | None = None,
        gold: GoldVotes | None = None,
    ) -> Self:
        """Estimate the evidence of every event.

        Raises:
            BadVotes: The balance or the gold does not fit the votes.
        """
        balance = checked_balance(class_balance, counts.n_classes)
        self._evidence = self._learn(counts, balance, checked_gold(gold, counts))
        self._programs = counts.programs
        return self

    @property
    def found(self) -> Evidence:
        """The evidence; raises NotReady before fit."""
        if self._evidence is None:
            raise NotReady("This label model has not been fitted yet; call fit first.")
        return self._evidence

    def found_for(self, events: Events) -> Evidence:
        """The evidence numbered by other events of the same programs; unknown ones say nothing."""
        found = self.found
        padded = np.vstack([found.weights, np.zeros((1, found.weights.shape[1]))])
        weights = padded[found.events.lookup[events.program, events.vote]]
        return Evidence(events, weights, found.silence, found.prior, found.tilt)

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs it was fitted on, in order."""
        return self._programs

    def predict(self, votes: Votes) -> Labels:
        """Label rows; votes never seen in fit say nothing.

        Raises:
            BadVotes: The votes are of other programs or classes than those fitted on.
            NotReady: The model is not fitted.
        """
        matrix = self._columns(votes)
        if _mostly_distinct(matrix, votes.n_classes):
            return self._labels(matrix)
        found = find_patterns(matrix)
        labels = self._labels(found.patterns)
        return Labels(labels.proba[found.inverse], labels.covered[found.inverse])

    def evidence(self, votes: Votes) -> Floats:
        """Split the posterior into what each program adds.

        Returns:
            (n, m + 1, k) log-evidence in the order of the votes' columns, the last slot the
            prior; the softmax of its sum over axis 1 is what predict returns.
        """
        found = self.found
        columns = self._heard(by_program(self._columns(votes)))
        matrix, covered = columns.T, spoken(columns)
        n, m = matrix.shape
        parts = np.zeros((n, m + 1, votes.n_classes))
        parts[:, :m] = np.where((matrix == MISSING)[:, :, None], 0, found.silence)
        row, program = np.nonzero(matrix >= 0)
        parts[row, program] += found.weights[found.events.lookup[program, matrix[row, program]]]
        parts[~covered] = 0
        parts[:, m] = np.where(covered[:, None], found.tilt, np.log(found.prior))
        parts[:, :m] = parts[:, [self._programs.index(name) for name in votes.programs]]
        return parts

    def _labels(self, patterns: NDArray[np.int16]) -> Labels:
        found, columns = self.found, by_program(patterns)
        encoded = encode(columns, found.events)
        if encoded.heard < np.count_nonzero(columns >= 0):
            columns = self._heard(columns)
            encoded = encode(columns, found.events)
        covered = spoken(columns)
        proba = softmax(encoded.scores(found.weights, found.silence, found.tilt)).T
        proba[~covered] = found.prior
        return Labels(proba, covered)

    def _heard(self, columns: NDArray[np.int16]) -> NDArray[np.int16]:
        """The (m, u) votes with those never seen in fit turned into missing answers."""
        events = self.found.events
        # Indexed by vote + 2: missing and abstained are never unseen.
        unseen = np.zeros((events.n_programs, events.n_classes + 2), dtype=bool)
        unseen[:, 2:] = events.lookup == len(events)
        heard = columns
        for j in np.flatnonzero(unseen.any(axis=1)):
            unknown = unseen[j, columns[j] + 2]
            if unknown.any():
                heard = columns.copy() if heard is columns else heard
                heard[j, unknown] = MISSING
        return heard

    def _columns(self, votes: Votes) -> NDArray[np.int16]:
        """The votes with columns in the order of fit."""
        if self.found.weights.shape[1] != votes.n_classes:
            raise BadVotes(
                f"The model was fitted on {self.found.weights.shape[1]} classes, "
                f"these votes have {votes.n_classes}."
            )
        if votes.programs == self._programs:
            return votes.matrix
        place = {name: column for column, name in enumerate(votes.programs)}
        for name in (*self._programs, *votes.programs):
            if name not in place or name not in self._programs:
                where = "these votes" if name not in place else "the fitted model"
                hint = nearest_hint(name, place if name not in place else self._programs)
                raise BadVotes(f"Program {name!r} is missing from {where}; fit again. {hint}")
        return votes.matrix[:, [place[name] for name in self._programs]]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """What from_arrays needs to predict the same; none of them needs pickle."""
        found = self.found
        return {
            "programs": np.asarray(self._programs, dtype=np.str_),
            "event_program": found.events.program.astype(np.int64),
            "event_vote": found.events.vote.astype(np.int64),
            "weights": found.weights,
            "silence": found.silence,
            "prior": found.prior,
            "tilt": found.tilt,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore a fitted model."""
        model = cls()
        silence = np.asarray(arrays["silence"], dtype=np.float64)
        shape = (silence.shape[0], silence.shape[1])
        program = np.asarray(arrays["event_program"], dtype=np.intp)
        events = Events.of(program, np.asarray(arrays["event_vote"], dtype=np.intp), shape)
        model._programs = tuple(str(name) for name in arrays["programs"])
        weights, prior, tilt = (
            np.asarray(arrays[name], dtype=np.float64) for name in ("weights", "prior", "tilt")
        )
        model._evidence = Evidence(events, weights, silence, prior, tilt)
        return model


def _mostly_distinct(matrix: NDArray[np.int16], n_classes: int) -> bool:
    """Whether scoring every row costs less than finding the distinct ones first."""
    if len(matrix) < 4 * _SAMPLE:
        return False
    # Evenly spread, so that sorted rows do not look alike; the answer changes speed alone.
    few = matrix[:: len(matrix) // _SAMPLE]
    return len(find_repeats(identify_rows(few, n_classes)).rows) > len(few) // 2
