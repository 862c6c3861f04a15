"""Gaps: what the votes so far leave open, found from votes alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import Floats
from alchemist.core.labels import Labels
from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import Votes
from alchemist.flow.aggregate import Voted, class_balance
from alchemist.flow.rows import fit_mask
from alchemist.label_models.default import Default
from alchemist.label_models.report import program_report
from alchemist.synthesis.refining import ClassGap, Conflict, Gap, TermList, Voter
from alchemist.synthesis.terms import TermTable

UNDECIDED = 0.7
_PAIRS = 3
_PAIRS_WITH_TERMS = 2
_TERMS_OPEN = 400
_TERMS_TELLING = 800
_TERMS_OF_PAIR = 120
_SAMPLE = 30_000
_QUOTED_ROWS = 20
_LONGEST_QUOTE = 600
_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Open:
    """Which fitted rows are open.

    Attributes:
        votes: Votes of the rows models are fitted on.
        labels: What the label model makes of them.
        undecided: (n,) bool: no class is clearly ahead, or nobody speaks.
        met: (n, k) bool: some program votes for that class.
    """

    votes: Votes
    labels: Labels
    undecided: NDArray[np.bool_]
    met: NDArray[np.bool_]


def find_gap(voted: Voted) -> Gap:
    """What the votes leave open on the rows that models are fitted on.

    Terms and rows are part of it only where the task's privacy settings allow.
    """
    task = voted.rows.task
    seen = _look(voted)
    voters = (seen.votes.matrix >= 0).sum(axis=1)
    conflicts = _conflicts(task.class_names, seen.met)
    privacy = task.privacy
    return Gap(
        n_rows=len(seen.votes),
        voters=_voters(voted, seen.votes),
        silent=float((voters == 0).mean()),
        single=float((voters == 1).mean()),
        undecided=float(seen.undecided.mean()),
        classes=_classes(task.class_names, seen),
        conflicts=conflicts[:_PAIRS],
        terms=_terms(voted, seen, conflicts) if privacy.send_terms else (),
        rows=_quoted(voted, seen) if privacy.send_rows else (),
    )


def fitted_votes(voted: Voted) -> Votes:
    """The votes on the rows models are fitted on, row by row."""
    pieces = [
        voted.votes(part).matrix[fit_mask(voted.rows, part)] for part in voted.rows.manifest.parts
    ]
    names = tuple(program.name for program in voted.programs)
    return Votes(np.concatenate(pieces), names, len(voted.rows.task.classes))


def _look(voted: Voted) -> Open:
    votes = fitted_votes(voted)
    model = Default().fit(PatternCounts.of(votes), class_balance=class_balance(voted.rows.task))
    labels = model.predict(votes)
    undecided = ~labels.covered | (labels.confidence < UNDECIDED)
    met = np.stack([(votes.matrix == y).any(axis=1) for y in range(votes.n_classes)], axis=1)
    return Open(votes, labels, undecided, met)


def _voters(voted: Voted, votes: Votes) -> tuple[Voter, ...]:
    reports = program_report(PatternCounts.of(votes))
    return tuple(
        Voter(
            one.name,
            program.description,
            one.coverage,
            None if one.precision is None else one.precision.value,
            one.below_chance,
            one.copies,
        )
        for one, program in zip(reports, voted.programs, strict=True)
    )


def _classes(names: tuple[str, ...], seen: Open) -> tuple[ClassGap, ...]:
    covered, best = seen.labels.covered, seen.labels.best
    found = []
    for y, name in enumerate(names):
        rows = covered & (best == y)
        n = max(int(rows.sum()), 1)
        votes = float((seen.votes.matrix[rows] == y).sum() / n)
        share = float(rows.sum() / max(int(covered.sum()), 1))
        found.append(ClassGap(name, share, votes, float(seen.undecided[rows].sum() / n)))
    return tuple(found)


def _conflicts(names: tuple[str, ...], met: NDArray[np.bool_]) -> tuple[Conflict, ...]:
    found = [
        Conflict(names[a], names[b], float((met[:, a] & met[:, b]).mean()))
        for a in range(len(names))
        for b in range(a + 1, len(names))
    ]
    return tuple(sorted((one for one in found if one.share > 0), key=lambda one: -one.share))


def _terms(voted: Voted, seen: Open, conflicts: tuple[Conflict, ...]) -> tuple[TermList, ...]:
    """Terms of open rows, of rows in conflict, and those on which labels hang."""
    chosen = _sampled(np.ones(len(seen.votes), dtype=bool), _SAMPLE)
    texts = [" \n ".join(row.values()) for row in _read(voted, chosen)]
    table = TermTable.of(texts)
    undecided = seen.undecided[chosen]
    lists = [
        TermList(
            "Terms typical of rows without a clear class",
            table.telling(_halves(undecided), _TERMS_OPEN)[0],
        )
    ]
    names = voted.rows.task.class_names
    for one in conflicts[:_PAIRS_WITH_TERMS]:
        a, b = names.index(one.first), names.index(one.second)
        both = (seen.met[:, a] & seen.met[:, b])[chosen]
        title = f'Terms typical of rows with votes for both "{one.first}" and "{one.second}"'
        lists.append(TermList(title, table.telling(_halves(both), _TERMS_OF_PAIR)[0]))
    clear = np.where(undecided[:, None], 0, seen.labels.proba[chosen])
    for name, terms in zip(names, table.telling(clear, _TERMS_TELLING), strict=True):
        title = f'Terms more frequent in rows labeled "{name}" so far, some of them wrongly'
        lists.append(TermList(title, terms))
    return tuple(one for one in lists if one.terms)


def _halves(rows: NDArray[np.bool_]) -> Floats:
    return np.stack([rows, ~rows], axis=1).astype(np.float64)


def _quoted(voted: Voted, seen: Open) -> tuple[dict[str, str], ...]:
    chosen = _sampled(seen.undecided, _QUOTED_ROWS)
    return tuple(
        {name: value[:_LONGEST_QUOTE] for name, value in row.items()}
        for row in _read(voted, chosen)
    )


def _sampled(among: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
    rows = np.flatnonzero(among)
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(_SEED).choice(rows, most, replace=False))


def _read(voted: Voted, chosen: NDArray[np.intp]) -> list[dict[str, str]]:
    """Inputs of fitted rows, by their number among those, as text."""
    found: list[dict[str, str]] = []
    at = 0
    for part in voted.rows.manifest.parts:
        here = np.flatnonzero(fit_mask(voted.rows, part))
        wanted = here[chosen[(chosen >= at) & (chosen < at + len(here))] - at]
        at += len(here)
        if len(wanted):
            batch: Any = voted.rows.part(part).take(wanted)
            found += [
                {name: "" if value is None else str(value) for name, value in row.items()}
                for row in batch.select(list(voted.rows.inputs)).to_pylist()
            ]
    return found
