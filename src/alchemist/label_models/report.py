"""What the votes say about each program, and what each program does to the labels.

Precisions come from the posterior without the program's own evidence, so that no program
vouches for itself. They are right as far as the other programs are right on average: the
intervals add the error that estimates from votes alone were measured to have.
"""

from dataclasses import dataclass

import numpy as np

from alchemist.core.contracts import Floats, GoldVotes
from alchemist.core.patterns import PatternCounts
from alchemist.label_models.additive import AdditiveModel
from alchemist.label_models.balance import checked_gold
from alchemist.label_models.copies import Copies, count_together, find_copies
from alchemist.label_models.default import Default
from alchemist.label_models.events import Tally, softmax, total_by

_Z95 = 1.96
# The rms error such estimates have, see benchmarks/results/label-model-precisions.json.
_ERROR_WITHOUT_GOLD = 0.15
_FEWEST_VOICES = 3
_FEWEST_MET = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share with its 95 % interval, and the rows it rests on."""

    value: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True, slots=True)
class VoteReport:
    """One program voting for one class.

    Attributes:
        label: Class index.
        times: Rows on which it votes so.
        precision: Estimated share of them that is right; None where nobody else speaks.
        measured: The same on gold rows, or None without any.
    """

    label: int
    times: int
    precision: Estimate | None
    measured: Estimate | None


@dataclass(frozen=True, slots=True)
class ProgramReport:
    """Figures of one program. Shares are of all rows unless said otherwise.

    Attributes:
        name: The program.
        coverage: Rows on which it votes.
        overlap: Rows on which it votes and so does another.
        conflict: Rows on which it votes and another votes differently.
        missing: Rows on which it gave no answer.
        votes: One entry per class it votes for.
        precision: Over all its votes, estimated; None where it cannot be.
        measured: Over all its votes on gold rows, or None.
        weight: Share of all evidence in the labels that is its.
        copies: Programs that cast nearly the same votes.
        below_chance: Whether even the upper end of its precision is under a blind vote's.
        identifiable: Whether the votes of the others can tell its precision at all.
        changed: Rows whose label would be another one without it.
        lost: Rows that would have no vote without it.
    """

    name: str
    coverage: float
    overlap: float
    conflict: float
    missing: float
    votes: tuple[VoteReport, ...]
    precision: Estimate | None
    measured: Estimate | None
    weight: float
    copies: tuple[str, ...]
    below_chance: bool
    identifiable: bool
    changed: float
    lost: float


def program_report(
    counts: PatternCounts,
    model: AdditiveModel | None = None,
    *,
    gold: GoldVotes | None = None,
) -> tuple[ProgramReport, ...]:
    """Report on every program, in the order of the counts.

    Args:
        counts: The votes.
        model: A fitted model that explains itself; the default one when None.
        gold: Rows whose class is known, to put measured precisions beside the estimates.

    Raises:
        BadVotes: The gold does not fit the votes.
    """
    gold = checked_gold(gold, counts)
    fitted = Default().fit(counts, gold=gold) if model is None else model
    tally = Tally.of(counts)
    study = _Study(counts, tally, fitted, gold)
    return tuple(study.of(j) for j in range(len(counts.programs)))


class _Study:
    """What the reports of all programs share, computed once."""

    def __init__(
        self,
        counts: PatternCounts,
        tally: Tally,
        model: AdditiveModel,
        gold: GoldVotes | None,
    ) -> None:
        self._counts = counts
        self._tally = tally
        self._gold = gold
        self._rows = max(counts.n_rows, 1)
        self._found = model.found_for(tally.events)
        self._scores = tally.encoded.scores(
            self._found.weights, self._found.silence, self._found.tilt
        )
        self._speakers = np.bincount(tally.row, minlength=len(tally.counts))
        self._copies: Copies = find_copies(tally, count_together(tally))
        self._loud = total_by(
            tally.events.program, self._loudness() * tally.times, tally.events.n_programs
        )
        self._voices = len(np.unique(tally.events.program))

    def _loudness(self) -> Floats:
        """(E,) how far one vote moves the evidence for its class against the others' mean."""
        weights, events = self._found.weights, self._tally.events
        if not len(events):
            return np.zeros(0)
        own = weights[np.arange(len(events)), events.vote]
        others = (weights.sum(axis=1) - own) / (events.n_classes - 1)
        return np.abs(own - others)

    def of(self, j: int) -> ProgramReport:
        """The report of program j."""
        tally, patterns = self._tally, self._tally.patterns[:, j]
        speaks = patterns >= 0
        cast = tally.counts * speaks
        alone = speaks & (self._speakers == 1)
        without = self._without(j)
        label, before = without.argmax(axis=0), self._scores.argmax(axis=0)
        moved = (label != before) & (self._speakers > speaks)
        met = speaks & (self._speakers > 1)
        differing = met & self._contradicted(j)
        votes = tuple(
            self._vote(int(e), met, without) for e in np.flatnonzero(tally.events.program == j)
        )
        right = without[np.maximum(patterns, 0), np.arange(without.shape[1])]
        total = float((tally.counts * met).sum())
        known = total >= _FEWEST_MET and self._voices >= _FEWEST_VOICES
        precision = None
        if known:
            value = float((tally.counts * met * right).sum() / total)
            precision = _estimate(value, total, _ERROR_WITHOUT_GOLD)
        return ProgramReport(
            name=self._counts.programs[j],
            coverage=self._share(speaks),
            overlap=self._share(met),
            conflict=self._share(differing),
            missing=self._missing(j),
            votes=votes,
            precision=precision,
            measured=self._measured(j, None),
            weight=float(self._loud[j] / max(self._loud.sum(), 1e-12)),
            copies=self._copied(j),
            below_chance=precision is not None and precision.high < self._blind(cast, patterns),
            identifiable=known,
            changed=self._share(moved),
            lost=self._share(alone),
        )

    def _share(self, where: np.ndarray) -> float:
        return float((self._tally.counts * where).sum() / self._rows)

    def _missing(self, j: int) -> float:
        gone = self._counts.patterns[:, j] == -2
        return float(self._counts.counts[gone].sum() / self._rows)

    def _without(self, j: int) -> Floats:
        """(k, u) posterior without what program j says."""
        events, column = self._tally.events, self._tally.patterns[:, j]
        padded = np.vstack([self._found.weights, np.zeros(events.n_classes)])
        said = np.where((column >= 0)[:, None], padded[events.lookup[j, column]], 0)
        asked = (column >= -1)[:, None] * self._found.silence[j]
        return softmax(self._scores - (said + asked).T)

    def _contradicted(self, j: int) -> np.ndarray:
        """(u,) whether another program votes for another class than j."""
        patterns = self._tally.patterns
        own = patterns[:, j][:, None]
        return np.asarray(((patterns >= 0) & (patterns != own)).any(axis=1))

    def _vote(self, e: int, met: np.ndarray, without: Floats) -> VoteReport:
        tally, j = self._tally, int(self._tally.events.program[e])
        v = int(tally.events.vote[e])
        here = tally.counts * (met & (tally.patterns[:, j] == v))
        total, precision = float(here.sum()), None
        if total >= _FEWEST_MET and self._voices >= _FEWEST_VOICES:
            precision = _estimate(float(here @ without[v] / total), total, _ERROR_WITHOUT_GOLD)
        return VoteReport(v, round(float(tally.times[e])), precision, self._measured(j, v))

    def _measured(self, j: int, label: int | None) -> Estimate | None:
        """Precision of a program's votes, for one class or all, on gold rows."""
        if self._gold is None:
            return None
        column = self._gold.votes.matrix[:, j]
        here = column >= 0 if label is None else column == label
        if not here.any():
            return None
        return _estimate(float((column == self._gold.labels)[here].mean()), int(here.sum()), 0)

    def _copied(self, j: int) -> tuple[str, ...]:
        """Programs one of whose events is a near copy of one of j's."""
        events, group = self._tally.events, self._copies.group
        own = group[events.program == j]
        others = np.unique(events.program[np.isin(group, own)])
        return tuple(self._counts.programs[i] for i in others if i != j)

    def _blind(self, cast: Floats, column: np.ndarray) -> float:
        """Precision of votes for the same classes as often, on rows drawn blindly."""
        share = softmax(self._scores) @ self._tally.counts
        share /= max(share.sum(), 1e-12)
        return float((cast * share[np.maximum(column, 0)]).sum() / max(cast.sum(), 1e-12))


def _estimate(value: float, rows: float, error: float) -> Estimate:
    """Wilson's interval for a share, widened by a further error; shares stay within 0 and 1."""
    z2 = _Z95**2
    centre = (value + z2 / (2 * rows)) / (1 + z2 / rows)
    variance = (value * (1 - value) / rows + z2 / (4 * rows**2)) / (1 + z2 / rows) ** 2
    half = _Z95 * float(np.sqrt(variance + error**2))
    return Estimate(value, max(0.0, centre - half), min(1.0, centre + half), round(rows))
