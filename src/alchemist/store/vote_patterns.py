"""The votes on a part as distinct vote vectors, kept so that stages need not count them again.

Every stage after voting looks at all votes; the vectors of a part and where each occurs say
the same in far fewer bytes than the columns, and label models work on vectors anyway. The file
of a part is derived: it holds what it was made from, and is made anew when that has changed.
"""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alchemist.core.faults import Faults
from alchemist.core.files import write_atomically
from alchemist.core.patterns import FoundPatterns, find_patterns
from alchemist.core.program import Program
from alchemist.core.task import LabelClass
from alchemist.store.vote_columns import dump_faults, load_faults, read_columns
from alchemist.store.workspace import Workspace


@dataclass(frozen=True, slots=True, eq=False)
class PartVotes:
    """What some programs said about one part: its distinct vote vectors, and the faults."""

    found: FoundPatterns
    faults: Faults

    @property
    def matrix(self) -> NDArray[np.int16]:
        """(n, m) votes, row by row."""
        return self.found.patterns[self.found.inverse]


def read_votes(
    workspace: Workspace, programs: Sequence[Program], part: str, classes: Sequence[LabelClass]
) -> PartVotes:
    """The votes of programs on one part, as indices of today's classes.

    Every program must have a column there; see has_column.
    """
    path = workspace.patterns / f"{part}.npz"
    made_of = _made_of(programs, classes)
    kept = _load(path, made_of, programs)
    if kept is not None:
        return kept
    columns = read_columns(workspace, programs, part, classes)
    votes = PartVotes(find_patterns(columns.matrix), columns.faults)
    _save(path, made_of, programs, votes)
    return votes


def _made_of(programs: Sequence[Program], classes: Sequence[LabelClass]) -> str:
    named = [[one.name, *one.aliases] for one in classes]
    return json.dumps([[(one.name, one.id) for one in programs], named], ensure_ascii=False)


def _load(path: Path, made_of: str, programs: Sequence[Program]) -> PartVotes | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["made_of"]) != made_of:
                return None
            texts = kept["faults"].tolist()
            found = FoundPatterns(
                kept["patterns"], kept["counts"], kept["inverse"].astype(np.int64)
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # not there, or damaged
    faults = Faults()
    for program, text in zip(programs, texts, strict=True):
        faults = faults + load_faults(text.encode("utf-8"), program.name)
    return PartVotes(found, faults)


def _save(path: Path, made_of: str, programs: Sequence[Program], votes: PartVotes) -> None:
    found = votes.found
    small = np.min_scalar_type(max(len(found.patterns) - 1, 0))
    texts = [dump_faults(votes.faults.of_program(one.name)).decode("utf-8") for one in programs]
    content = io.BytesIO()
    np.savez(
        content,
        made_of=np.array(made_of),
        faults=np.array(texts),
        patterns=found.patterns,
        counts=found.counts,
        inverse=found.inverse.astype(small),
    )
    write_atomically(path, content.getvalue(), durable=False)
