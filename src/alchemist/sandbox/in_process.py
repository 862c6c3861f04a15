"""No sandbox: programs run in this very process, for people who wrote them themselves.

Nothing is confined and nothing is limited, time least of all. Votes and faults are the same.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from alchemist.core.contracts import BatchVotes, Bundle, Limits
from alchemist.core.errors import SandboxError
from alchemist.core.faults import Faults
from alchemist.core.program import ENTRY
from alchemist.core.task import spellings
from alchemist.core.votes import MISSING
from alchemist.sandbox import tally
from alchemist.sandbox.chunk import Chunk, call_style, encode, row_ids
from alchemist.sandbox.compiled import prepare
from alchemist.sandbox.confined import child, rows, wire
from alchemist.sandbox.confined.ballot import Ballot, ask_all

if TYPE_CHECKING:
    import pyarrow as pa


class InProcessSandbox:
    """Runs trusted programs where they are.

    Args:
        processes: Accepted and ignored.
        i_trust_this_code: Has to be True; every program may do what you may do.

    Raises:
        SandboxError: The code is not said to be trusted.

    Attributes:
        level: "none", below every level a run can ask for.
    """

    level = "none"

    def __init__(self, processes: int = 1, *, i_trust_this_code: bool = False) -> None:
        del processes
        if i_trust_this_code is not True:
            raise SandboxError(
                "The sandbox 'in-process' confines nothing: programs could read, write and send "
                "anything you can. Pass i_trust_this_code=True if you wrote every one of them."
            )
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, bundle: Bundle, batch: pa.RecordBatch, limits: Limits) -> BatchVotes:
        """Run every program over every row; of the limits only the share of failures counts.

        Raises:
            BadRows: A column is missing or cannot be given to programs.
            SandboxError: It is closed.
        """
        if self._closed:
            raise SandboxError("This sandbox is closed; open another one.")
        ids, chunk = row_ids(batch), encode(batch, bundle)
        asked = _rows_of(chunk, bundle)
        matrix = np.full((batch.num_rows, len(bundle.programs)), MISSING, np.int16)
        found = Faults()
        for k, program in enumerate(bundle.programs):
            prepared = prepare(program, bundle, checked=False, facades=False)
            if prepared.refusals:
                found += Faults.of(prepared.refusals)
                continue
            outcome = _run(prepared.code, asked, bundle, limits)
            matrix[:, k] = tally.votes(outcome, chunk.original)
            found += tally.faults(program.name, outcome, chunk.original, ids, bundle)
        return BatchVotes(matrix, found)

    def close(self) -> None:
        """Refuse to run from now on."""
        self._closed = True


def _rows_of(chunk: Chunk, bundle: Bundle) -> list[Any]:
    held = np.concatenate(chunk.buffers) if chunk.buffers else np.zeros(0, np.uint8)
    columns = rows.decode(
        memoryview(held.tobytes()), chunk.columns, list(bundle.inputs), chunk.rows
    )
    return rows.shape(columns, list(bundle.inputs), call_style(bundle))


class _Record:
    """What the child's recorder does in shared memory, as plain lists."""

    def __init__(self, outcome: tally.Outcome, limits: Limits) -> None:
        self._outcome, self._limits = outcome, limits
        self._failed = 0

    def failed(self, row: int, error: BaseException) -> bool:
        if not isinstance(error, Exception):
            raise error  # the user's own Ctrl-C
        cell, line = child.cell_of(error), child.line_of(error)
        sentence = child.describe(error) or type(error).__name__
        self._outcome.cells[row] = cell
        self._outcome.records.append((row, line, cell, sentence))
        self._failed += 1
        stop = row >= child.ROWS_BEFORE_STOPPING - 1
        if stop and self._failed > self._limits.max_failed_share * (row + 1):
            message = f"stopped after failing on {self._failed} of {row + 1} rows, last with: "
            self._outcome.records.append((wire.WHOLE_PROGRAM, line, cell, message + sentence))
            return False
        return True


def _run(code: bytes, asked: list[Any], bundle: Bundle, limits: Limits) -> tally.Outcome:
    outcome = tally.Outcome(np.zeros(len(asked), np.int16))
    names: dict[str, Any] = {"__name__": "program", "__builtins__": __builtins__}
    try:
        exec(marshal.loads(code), names)  # noqa: S102, S302 - the caller trusts it
        label: Callable[[Any], object] = names[ENTRY]
    except Exception as error:  # noqa: BLE001 - a program's failure is data
        cell, line = child.cell_of(error), child.line_of(error)
        sentence = child.describe(error) or type(error).__name__
        outcome.records.append((wire.WHOLE_PROGRAM, line, cell, sentence))
        return outcome
    call = child.by_keyword(label) if call_style(bundle) == "keywords" else label
    ballot = Ballot(spellings(bundle.classes), [one.name for one in bundle.classes])
    ask_all(call, asked, 0, outcome.cells, ballot, _Record(outcome, limits))
    return outcome
