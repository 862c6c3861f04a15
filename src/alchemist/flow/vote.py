"""Vote: every program over every row, in workers apart from ours.

Only what is missing is run: a program has voted on a part of the rows when its column is on
disk, so an edited program costs one column and new rows cost their own part.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import BatchVotes, Bundle, Engine, Sandbox
from alchemist.core.errors import NotReady
from alchemist.core.faults import Faults
from alchemist.core.program import Program
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.core.votes import MISSING
from alchemist.engines import ENGINES
from alchemist.flow.families import columns_needed
from alchemist.flow.rows import Rows, take_in
from alchemist.sandbox import open_sandbox
from alchemist.store.program_files import load_programs
from alchemist.store.row_parts import Part
from alchemist.store.run_records import (
    changed_inputs,
    digest,
    latest_run,
    publish,
    published,
    recording,
)
from alchemist.store.vote_columns import as_arrow_column, has_column, write_columns
from alchemist.store.vote_patterns import PartVotes, read_votes
from alchemist.store.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ProgramVotes:
    """What one program did over all rows: shares of rows it voted on, and its failures."""

    name: str
    coverage: float
    failed: int


@dataclass(frozen=True, slots=True)
class VoteReport:
    """The outcome of the vote stage.

    Attributes:
        n_rows: Rows there are.
        programs: One entry per program.
        covered: Share of rows with at least one vote.
        faults: Failures, counted exactly.
        columns_run: Program columns that had to be run, counted per part.
        columns_kept: Program columns found on disk.
        level: Sandbox level of what was run now; empty when nothing was.
        skipped: Why nothing was done, or empty.
    """

    n_rows: int
    programs: tuple[ProgramVotes, ...]
    covered: float
    faults: Faults
    columns_run: int
    columns_kept: int
    level: str
    skipped: str = ""


def vote(workspace: Workspace, task: Task, progress: Progress) -> VoteReport:
    """Run the programs that have not voted yet, and write results/votes.parquet.

    Raises:
        NotReady: There is no program.
        SandboxError: Programs cannot be run safely enough here.
    """
    rows = take_in(workspace, task, progress)
    programs = load_programs(workspace)
    if not programs:
        raise NotReady(
            f"{workspace.programs} holds no program. Run: alchemist synthesize {workspace.root}"
        )
    inputs = vote_inputs(rows, programs)
    missing = missing_columns(rows, programs)
    total = len(programs) * len(rows.manifest.parts)
    n_missing = sum(map(len, missing.values()))
    last = latest_run(workspace, "vote")
    outputs = ("votes.parquet", "faults.parquet")
    if not n_missing and not changed_inputs(last, inputs) and published(workspace, *outputs):
        return _report(rows, programs, (0, total), "", skipped="rows and programs are unchanged")
    with recording(workspace, "vote", inputs) as run:
        level = _run_missing(rows, missing, progress) if n_missing else ""
        report = _report(rows, programs, (n_missing, total - n_missing), level)
        _write_outputs(rows, programs, report.faults, run.folder)
        run.facts.update(
            settings={"engine": task.vote.engine, "min_level": task.vote.min_level},
            engine=task.vote.engine,
            sandbox={"level": level},
            columns={"run": report.columns_run, "kept": report.columns_kept},
            outputs={"rows": report.n_rows, "covered": report.covered},
        )
        for name in outputs:
            publish(workspace, run.folder / name, name)
    return report


def open_engine(task: Task) -> Engine:
    """The task's engine over sandboxes of at least the task's level."""
    engine_type: Callable[[Callable[[int], Sandbox]], Engine] = ENGINES.load(task.vote.engine)
    return engine_type(lambda n: open_sandbox(task.vote.min_level, processes=n))


def part_votes(rows: Rows, programs: Sequence[Program], part: Part) -> PartVotes:
    """What programs said about one part; all of them must have voted on it."""
    return read_votes(rows.workspace, programs, part.name, rows.task.classes)


def vote_inputs(rows: Rows, programs: Sequence[Program]) -> dict[str, str]:
    """Hashes of everything the vote stage reads."""
    return {
        "rows": rows.manifest.digest,
        "programs": digest([(one.name, one.id) for one in programs]),
        "classes": digest(list(rows.task.class_names)),
    }


def missing_columns(rows: Rows, programs: Sequence[Program]) -> dict[Part, tuple[Program, ...]]:
    """The programs that have not voted yet, by part; parts that lack none are left out."""
    classes = rows.task.classes
    found = {
        part: tuple(p for p in programs if not has_column(rows.workspace, p, part.name, classes))
        for part in rows.manifest.parts
    }
    return {part: absent for part, absent in found.items() if absent}


def _run_missing(
    rows: Rows,
    missing: Mapping[Part, tuple[Program, ...]],
    progress: Progress,
) -> str:
    """Run what is missing; parts that lack the same programs go through the engine together."""
    task = rows.task
    groups: dict[tuple[Program, ...], list[Part]] = {}
    for part, absent in missing.items():
        groups.setdefault(absent, []).append(part)
    total = sum(part.rows * len(absent) for part, absent in missing.items())
    engine = open_engine(task)
    with progress.bar("voting", total) as bar:
        for absent, parts in groups.items():
            inputs = columns_needed(absent, rows.inputs) if task.as_mapping else rows.inputs
            bundle = Bundle(absent, task.classes, inputs, task.as_mapping)
            results = engine.vote(bundle, (_asked(rows, part) for part in parts))
            for part, votes in zip(parts, results, strict=True):
                spread = spread_votes(votes, rows.readable(part))
                write_columns(rows.workspace, absent, part.name, spread, task.classes)
                bar.advance(part.rows * len(absent))
    return engine.level


def _asked(rows: Rows, part: Part) -> "pa.RecordBatch":
    """The rows of a part that programs are asked about."""
    there = rows.readable(part)
    batch = rows.part(part)
    return batch if there.all() else batch.take(np.flatnonzero(there))


def spread_votes(votes: BatchVotes, there: NDArray[np.bool_]) -> BatchVotes:
    """Votes on the rows that are there, laid out over all rows: no answer on the others."""
    if there.all():
        return votes
    matrix = np.full((len(there), votes.matrix.shape[1]), MISSING, dtype=np.int16)
    matrix[there] = votes.matrix
    return BatchVotes(matrix, votes.faults)


def _report(
    rows: Rows,
    programs: Sequence[Program],
    columns: tuple[int, int],
    level: str,
    skipped: str = "",
) -> VoteReport:
    voted = np.zeros(len(programs), dtype=np.int64)
    covered = 0
    faults = Faults()
    for part in rows.manifest.parts:
        votes = part_votes(rows, programs, part)
        spoke = votes.found.patterns >= 0
        voted += votes.found.counts @ spoke
        covered += int(votes.found.counts @ spoke.any(axis=1))
        faults = faults + votes.faults
    n = rows.manifest.n_rows
    each = tuple(
        ProgramVotes(one.name, float(count / n), faults.of_program(one.name).total)
        for one, count in zip(programs, voted, strict=True)
    )
    return VoteReport(n, each, covered / n, faults, columns[0], columns[1], level, skipped)


def _write_outputs(rows: Rows, programs: Sequence[Program], faults: Faults, folder: Path) -> None:
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [pa.field("id", pa.string())] + [
        pa.field(one.name, pa.int16(), metadata={"program_id": one.id}) for one in programs
    ]
    classes = json.dumps(list(rows.task.class_names), ensure_ascii=False)
    schema = pa.schema(fields, metadata={"classes": classes})
    with pq.ParquetWriter(folder / "votes.parquet", schema, compression="zstd") as writer:
        for part in rows.manifest.parts:
            votes = part_votes(rows, programs, part).matrix
            columns = [as_arrow_column(column) for column in votes.T]
            writer.write_table(pa.Table.from_arrays([rows.ids(part), *columns], schema=schema))
    pq.write_table(_fault_table(faults), folder / "faults.parquet", compression="zstd")


def _fault_table(faults: Faults) -> object:
    import pyarrow as pa

    counted = {key: count for key, count in faults.counts.items() if count}
    return pa.Table.from_pylist(
        [
            {
                "program": fault.program,
                "id": fault.row,
                "kind": fault.kind,
                "message": fault.message,
                "line": fault.line,
                "count": counted.get((fault.program, fault.kind), 0),
            }
            for fault in faults.examples
        ],
        schema=pa.schema(
            [
                ("program", pa.string()),
                ("id", pa.string()),
                ("kind", pa.string()),
                ("message", pa.string()),
                ("line", pa.int32()),
                ("count", pa.int64()),
            ]
        ),
    )
