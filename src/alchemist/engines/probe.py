"""A probe before the full pass: which programs are broken, slow or stateful, and the time."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from alchemist.core.contracts import BatchVotes, Bundle, Limits, Sandbox
from alchemist.core.faults import Fault, Faults
from alchemist.core.program import Program
from alchemist.core.votes import MISSING

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 200


@dataclass(frozen=True, slots=True)
class Probe:
    """What a few rows tell about every program.

    Attributes:
        keep: Names of the programs worth running, in order.
        faults: Why the others are not, and the failures of those that are.
        row_s: Seconds per row, by program kept.
        start_s: Seconds to start one program on one slice.
    """

    keep: tuple[str, ...]
    faults: Faults
    row_s: dict[str, float]
    start_s: float

    def seconds(self, rows: int, *, workers: int = 1, slice_rows: int = 50_000) -> float:
        """How long all kept programs are likely to take over so many rows."""
        starts = len(self.keep) * max(1, -(-rows // slice_rows)) * self.start_s
        return (rows * sum(self.row_s.values()) + starts) / workers


def probe(
    sandbox: Sandbox,
    bundle: Bundle,
    batch: pa.RecordBatch,
    limits: Limits | None = None,
    *,
    rows: int = ROWS,
    seed: int = 0,
) -> Probe:
    """Run every program over a few rows in two orders.

    Args:
        sandbox: Where they run.
        bundle: The programs.
        batch: Rows to take the sample from, evenly spread.
        limits: What one program may use.
        rows: How many rows, at most.
        seed: Of the second order.

    Returns:
        A program is kept unless it failed as a whole, failed on more rows than the limits
        allow, or voted differently in the other order (fault "nondeterministic").
    """
    import pyarrow as pa

    limits = limits or Limits()
    n = min(rows, batch.num_rows)
    chosen = np.linspace(0, batch.num_rows - 1, n).astype(np.int64) if n else np.zeros(0, np.int64)
    order = np.random.default_rng(seed).permutation(n)
    first, second = batch.take(pa.array(chosen)), batch.take(pa.array(chosen[order]))
    start_s, _ = _timed(sandbox, _idle(bundle), first, limits)
    keep: list[str] = []
    faults, row_s = Faults(), {}
    for program in bundle.programs:
        alone = replace(bundle, programs=(program,))
        spent, one = _timed(sandbox, alone, first, limits)
        faults += one.faults
        if not _works(one, limits):
            continue
        spent_again, other = _timed(sandbox, alone, second, limits)
        differing = _differing(one, other, order)
        if differing is not None:
            faults += Faults.of([_unstable(program, bundle, one, other, order, differing, first)])
            continue
        keep.append(program.name)
        row_s[program.name] = max(0.0, min(spent, spent_again) - start_s) / max(n, 1)
    return Probe(tuple(keep), faults, row_s, start_s)


def _idle(bundle: Bundle) -> Bundle:
    parameters = "row" if bundle.as_mapping else ", ".join(bundle.inputs)
    source = f"def label({parameters}):\n    return None\n"
    return replace(bundle, programs=(Program("idle", source),))


def _timed(
    sandbox: Sandbox, bundle: Bundle, batch: pa.RecordBatch, limits: Limits
) -> tuple[float, BatchVotes]:
    began = time.perf_counter()
    votes = sandbox.run(bundle, batch, limits)
    return time.perf_counter() - began, votes


def _works(votes: BatchVotes, limits: Limits) -> bool:
    if any(fault.row is None for fault in votes.faults.examples):
        return False
    missing = float((votes.matrix == MISSING).mean()) if votes.matrix.size else 0.0
    return missing <= limits.max_failed_share


def _differing(one: BatchVotes, other: BatchVotes, order: np.ndarray) -> int | None:
    """The first row, in the first order, whose two votes differ."""
    differs = one.matrix[order, 0] != other.matrix[:, 0]
    return int(order[differs].min()) if differs.any() else None


def _unstable(
    program: Program,
    bundle: Bundle,
    one: BatchVotes,
    other: BatchVotes,
    order: np.ndarray,
    row: int,
    batch: pa.RecordBatch,
) -> Fault:
    votes = (int(one.matrix[row, 0]), int(other.matrix[np.flatnonzero(order == row)[0], 0]))
    words = [bundle.classes[v].name if v >= 0 else "no vote" for v in votes]
    row_id = str(batch.column("id")[row].as_py())
    message = (
        f"row {row_id!r} got {words[0]!r}, and {words[1]!r} when the rows came in another order; "
        "a vote may depend on its row alone"
    )
    return Fault(program.name, "nondeterministic", message, row_id)
