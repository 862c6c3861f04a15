"""Votes on disk: one int16 column per program and part, so one edited program costs one column.

A file holds the votes of one program on one part, null where there is no answer, with the
faults and the class names in its metadata.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import BatchVotes
from alchemist.core.faults import Fault, Faults
from alchemist.core.files import write_atomically
from alchemist.core.program import Program
from alchemist.core.task import LabelClass, spellings
from alchemist.core.votes import ABSTAIN, MISSING
from alchemist.store.workspace import Workspace

_FAULTS, _CLASSES = b"alchemist.faults", b"alchemist.classes"


def has_column(
    workspace: Workspace, program: Program, part: str, classes: Sequence[LabelClass]
) -> bool:
    """Whether a program's votes on a part are at hand and still mean what they meant.

    Renamed and merged classes are told by their aliases. A class that was added leaves votes
    valid unless the program once returned what was no class then; a class that was removed
    does not.
    """
    path = _path(workspace, program, part)
    if not path.exists():
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
        then = json.loads(metadata[_CLASSES])
        counts = dict(json.loads(metadata[_FAULTS])["counts"])
    except (OSError, pa.ArrowInvalid, KeyError, ValueError):
        return False  # damaged: voted again
    now = _indices_now(then, classes)
    if now is None:
        return False
    return len(set(now)) == len(classes) or not counts.get("invalid_return")


def write_columns(
    workspace: Workspace,
    programs: Sequence[Program],
    part: str,
    votes: BatchVotes,
    classes: Sequence[LabelClass],
) -> None:
    """Keep the votes of some programs on one part."""
    (workspace.patterns / f"{part}.npz").unlink(missing_ok=True)  # made from the columns before
    for column, program in enumerate(programs):
        _write(
            _path(workspace, program, part),
            votes.matrix[:, column],
            votes.faults.of_program(program.name),
            classes,
        )


def read_columns(
    workspace: Workspace, programs: Sequence[Program], part: str, classes: Sequence[LabelClass]
) -> BatchVotes:
    """The votes of programs on one part as indices of today's classes, and the faults behind.

    Every column must be one that has_column finds.
    """
    import pyarrow.parquet as pq

    columns: list[NDArray[np.int16]] = []
    faults = Faults()
    for program in programs:
        table = pq.read_table(_path(workspace, program, part))
        column = table.column(0).combine_chunks()
        votes = column.fill_null(MISSING).to_numpy(zero_copy_only=False)
        columns.append(_translate(votes, table.schema.metadata[_CLASSES], classes))
        faults = faults + load_faults(table.schema.metadata[_FAULTS], program.name)
    matrix = np.stack(columns, axis=1) if columns else np.zeros((0, 0), dtype=np.int16)
    return BatchVotes(matrix.astype(np.int16, copy=False), faults)


def as_arrow_column(column: NDArray[np.int16]) -> object:
    """An int16 Arrow array, null where there is no answer."""
    import pyarrow as pa

    return pa.array(column, type=pa.int16(), mask=column == MISSING)


def _write(
    path: Path, column: NDArray[np.int16], faults: Faults, classes: Sequence[LabelClass]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    metadata = {_FAULTS: dump_faults(faults), _CLASSES: _class_key(classes)}
    schema = pa.schema([pa.field("vote", pa.int16())], metadata=metadata)
    table = pa.Table.from_arrays([as_arrow_column(column)], schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())


def _path(workspace: Workspace, program: Program, part: str) -> Path:
    return workspace.votes / program.id / f"{part}.parquet"


def _indices_now(then: Sequence[str], classes: Sequence[LabelClass]) -> list[int] | None:
    """Today's index of each class of then; None when one of them is gone."""
    known = spellings(tuple(classes))
    now = [known.get(name.strip().casefold()) for name in then]
    return [one for one in now if one is not None] if None not in now else None


def _translate(
    votes: NDArray[np.int16], stored: bytes, classes: Sequence[LabelClass]
) -> NDArray[np.int16]:
    now = _indices_now(json.loads(stored), classes)
    if now is None or now == list(range(len(now))):
        return votes
    # Two slots more than classes, reached from behind: MISSING and ABSTAIN stay what they are.
    table = np.array([*now, MISSING, ABSTAIN], dtype=np.int16)
    return table[votes]


def _class_key(classes: Sequence[LabelClass]) -> bytes:
    return json.dumps([one.name for one in classes], ensure_ascii=False).encode("utf-8")


def dump_faults(faults: Faults) -> bytes:
    """The faults of one program, as they lie beside its votes."""
    raw = {
        "counts": [[kind, count] for (_, kind), count in faults.counts.items()],
        "examples": [asdict(fault) for fault in faults.examples],
    }
    return json.dumps(raw, ensure_ascii=False).encode("utf-8", "backslashreplace")


def load_faults(text: bytes, program: str) -> Faults:
    """Read what dump_faults wrote."""
    # The file may have been renamed since: the votes hang on the source, the name is today's.
    raw = json.loads(text)
    counts = {(program, kind): count for kind, count in raw["counts"]}
    examples = (Fault(**{**fault, "program": program}) for fault in raw["examples"])
    return Faults.of(examples, counts)
