"""The default sandbox: one locked-down process per program and chunk.

    this process ──starts──▶ zygote (clean, single-threaded) ──forks──▶ child per program
         └── rows and votes in two shared files, jobs and answers as lines of JSON ──┘

The user's own process is never forked, and nothing a child wrote is ever unpickled.
"""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np

from alchemist.core.contracts import BatchVotes, Bundle, Limits
from alchemist.core.errors import MissingExtra, SandboxError
from alchemist.core.faults import Fault, Faults
from alchemist.core.program import Program
from alchemist.core.task import spellings
from alchemist.core.votes import MISSING
from alchemist.sandbox import tally
from alchemist.sandbox.chunk import Chunk, call_style, encode, row_ids
from alchemist.sandbox.compiled import Prepared, prepare
from alchemist.sandbox.confined import wire

if TYPE_CHECKING:
    import pyarrow as pa

_ATTEMPTS = 3
_BUDGET_S, _BUDGET_PER_ROW_S = 60.0, 0.02


@dataclass(frozen=True, slots=True)
class Walls:
    """Which walls stand. All of them, outside the tests that prove each one.

    Attributes:
        policy: Static check before anything runs.
        language: Fewer builtins, modules with public names only.
        audit: Python's audit hook.
        rlimits: Memory, CPU, files, processes.
        landlock: Linux: no files.
        seccomp: Linux: no system calls but memory and time.
        prefilter: "re2", "literals", or "none" for stock `re` alone; by default the first that
            is installed.
        preload: Modules loaded before the doors close, for attacks to find.
    """

    policy: bool = True
    language: bool = True
    audit: bool = True
    rlimits: bool = True
    landlock: bool = True
    seccomp: bool = True
    preload: tuple[str, ...] = ()
    prefilter: str = "auto"


class ProcessSandbox:
    """Runs programs in forked children of a clean zygote.

    Args:
        processes: How many children run at once.
        walls: For tests alone.

    Attributes:
        level: The isolation reached on this machine; see alchemist.sandbox.levels.
        facts: What was found out on the way to it.
    """

    def __init__(self, processes: int = 1, *, walls: Walls | None = None) -> None:
        if not hasattr(os, "fork"):
            raise SandboxError("This system cannot fork, so it has no process sandbox.")
        if processes < 1:
            raise ValueError(f"processes = {processes} must be at least 1")
        self._processes = processes
        self._walls = walls or Walls()
        self._zygote: _Zygote | None = None
        self._busy = threading.Lock()
        self._ready: dict[tuple[str, ...], Prepared] = {}
        self._closed = False
        self.facts: dict[str, Any] = self._started().greeting
        self.level = level_of(self.facts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, bundle: Bundle, batch: pa.RecordBatch, limits: Limits) -> BatchVotes:
        """Run every program over every row of one batch; equal rows run once.

        Raises:
            BadRows: A column is missing or cannot be given to programs.
            SandboxError: The sandbox is closed, or its process cannot be started.
        """
        ids = row_ids(batch)
        matrix = np.full((batch.num_rows, len(bundle.programs)), MISSING, np.int16)
        found = Faults()
        runnable: list[tuple[int, bytes]] = []
        for k, program in enumerate(bundle.programs):
            prepared = self._prepared(program, bundle)
            found += Faults.of(prepared.refusals)
            if not prepared.refusals:
                runnable.append((k, prepared.code))
        if runnable:
            chunk = encode(batch, bundle)
            outcomes = self._outcomes([code for _, code in runnable], chunk, bundle, limits)
            for (k, _), outcome in zip(runnable, outcomes, strict=True):
                name = bundle.programs[k].name
                if isinstance(outcome, str):
                    found += Faults.of([Fault(name, "infra", outcome)])
                    continue
                matrix[:, k] = tally.votes(outcome, chunk.original)
                found += tally.faults(name, outcome, chunk.original, ids, bundle)
        return BatchVotes(matrix, found)

    def close(self) -> None:
        """End the zygote and every child; safe to call twice and from another thread."""
        self._closed = True
        zygote = self._zygote
        if zygote is not None:
            zygote.kill()
            with self._busy:
                zygote.dispose()

    def _prepared(self, program: Program, bundle: Bundle) -> Prepared:
        key = (program.name, program.id, *bundle.inputs, str(bundle.as_mapping))
        if key not in self._ready:
            walls = self._walls
            self._ready[key] = prepare(
                program, bundle, checked=walls.policy, facades=walls.language
            )
        return self._ready[key]

    def _outcomes(
        self, codes: Sequence[bytes], chunk: Chunk, bundle: Bundle, limits: Limits
    ) -> Sequence[tally.Outcome | str]:
        """Outcomes in order; a sentence where our own machinery failed."""
        job = {
            "rows": chunk.rows,
            "bytes": chunk.size,
            "columns": chunk.columns,
            "names": bundle.inputs,
            "style": call_style(bundle),
            "programs": [base64.b64encode(code).decode() for code in codes],
            "spellings": spellings(bundle.classes),
            "classes": [one.name for one in bundle.classes],
            "processes": self._processes,
            "limits": asdict(limits) | {"budget_s": _BUDGET_S + _BUDGET_PER_ROW_S * chunk.rows},
        }
        with self._busy:
            reason = ""
            for _ in range(_ATTEMPTS):
                zygote = self._started()
                try:
                    ends = zygote.run(job, chunk, len(codes))
                    return [
                        zygote.outcome(k, chunk.rows, len(bundle.classes), end)
                        for k, end in enumerate(ends)
                    ]
                except _Died as death:
                    reason = str(death)
                except BaseException:
                    # Interrupted between question and answer: this zygote is out of step.
                    zygote.kill()
                    raise
        message = (
            f"the sandbox process died {_ATTEMPTS} times over ({reason}); run these rows again"
        )
        return [message] * len(codes)

    def _started(self) -> _Zygote:
        if self._closed:
            raise SandboxError("This sandbox is closed; open another one.")
        if self._zygote is None or not self._zygote.alive:
            if self._zygote is not None:
                self._zygote.dispose()
            self._zygote = _Zygote(self._walls)
        return self._zygote


class _Died(Exception):
    """The zygote is gone; the message says how."""


class _Zygote:
    """The zygote as seen from its parent."""

    def __init__(self, walls: Walls) -> None:
        self._rows, self._votes, self._complaints = (
            _shared_file(n) for n in ("rows", "votes", "stderr")
        )
        enabled = _enabled(walls)
        self._process = _start(self._rows, self._votes, self._complaints, enabled)
        descriptors = (self._rows, self._votes, self._complaints)
        self.dispose = weakref.finalize(self, _dispose, self._process, descriptors)
        try:
            self.greeting = self._answer() | {"prefilter": enabled["prefilter"]}
        except _Died as death:
            raise SandboxError(
                f"The sandbox process could not be started with {sys.executable!r}: {death}. "
                "Run `alchemist doctor` for details."
            ) from death

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill it and its children; whoever waits for an answer learns that it died."""
        _kill(self._process)

    def run(self, job: dict[str, Any], chunk: Chunk, programs: int) -> list[dict[str, Any]]:
        """Lay out the rows, ask, wait for the answer.

        Raises:
            _Died: The zygote ended before it answered.
        """
        try:
            _fill(self._rows, chunk)
            # To zero length first: fresh pages read as "not run".
            os.ftruncate(self._votes, 0)
            os.ftruncate(self._votes, programs * wire.slot_size(chunk.rows))
            self._pipe("stdin").write(json.dumps(job).encode() + b"\n")
            self._pipe("stdin").flush()
        except (BrokenPipeError, ValueError, OSError) as error:
            if self.alive:
                raise SandboxError(f"Rows could not be handed to the sandbox: {error}.") from error
            raise _Died(self._how()) from error
        ends: list[dict[str, Any]] = self._answer()["ends"]
        return ends

    def outcome(
        self, k: int, rows: int, n_classes: int, end: dict[str, Any]
    ) -> tally.Outcome | str:
        size = wire.slot_size(rows)
        with (
            mmap.mmap(self._votes, size, prot=mmap.PROT_READ, offset=k * size) as memory,
            memoryview(memory) as slot,
        ):
            outcome = tally.read_slot(slot, rows, n_classes)
        if end.get("ours"):
            said = next((message for *_, message in outcome.records), "no reason given")
            return f"the sandbox could not run the program: {said}"
        return outcome

    def _answer(self) -> dict[str, Any]:
        line = self._pipe("stdout").readline()
        if not line.endswith(b"\n"):
            raise _Died(self._how())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _pipe(self, name: str) -> IO[bytes]:
        pipe: IO[bytes] | None = getattr(self._process, name)
        if pipe is None or pipe.closed:
            raise _Died("closed")
        return pipe

    def _how(self) -> str:
        status = self._process.wait()
        os.lseek(self._complaints, 0, os.SEEK_SET)
        said = os.read(self._complaints, 1 << 16).decode("utf-8", "replace").strip()
        last = said.splitlines()[-1] if said else "no message"
        ended = f"signal {-status}" if status < 0 else f"exit status {status}"
        return f"{ended}, {last}"


def level_of(facts: dict[str, Any]) -> str:
    """The name of the isolation that these walls make together."""
    walls = ("landlock", "seccomp", "seatbelt")
    landlock, seccomp, seatbelt = (str(facts.get(wall)).startswith("ok") for wall in walls)
    if seccomp:
        return "kernel" if landlock else "kernel-nolandlock"
    return "os-profile" if seatbelt else "language"


def _start(
    rows: int, votes: int, complaints: int, enabled: dict[str, Any]
) -> subprocess.Popen[bytes]:
    # A virtual environment's python finds its packages; the one behind it finds none.
    executable = os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
    home = str(Path(__file__).parent)
    try:
        return subprocess.Popen(
            [executable, "-s", "-P", "-S", "-B", "-X", "utf8", "-W", "ignore",
             "-m", "confined.zygote", str(rows), str(votes), json.dumps(enabled)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={"PYTHONPATH": home, "PYTHONHASHSEED": "0"},
            pass_fds=(rows, votes),
            start_new_session=True,
            cwd="/",
        )  # fmt: skip
    except OSError as error:
        raise SandboxError(f"The sandbox process could not be started: {error}.") from error


def _enabled(walls: Walls) -> dict[str, Any]:
    enabled = asdict(walls)
    re2 = importlib.util.find_spec("re2") if walls.prefilter in ("auto", "re2") else None
    if walls.prefilter == "re2" and re2 is None:
        raise MissingExtra.needed_by("prefilter", "re2", "re2")
    if walls.prefilter == "auto":
        enabled["prefilter"] = "literals" if re2 is None else "re2"
    if re2 is not None and re2.origin is not None:
        enabled["site"] = str(Path(re2.origin).parents[1])
    return enabled


def _shared_file(name: str) -> int:
    """A file without a name, in memory where the system offers that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(f"alchemist-{name}")
    descriptor, path = tempfile.mkstemp(prefix=f"alchemist-{name}-")
    Path(path).unlink()
    return descriptor


def _fill(descriptor: int, chunk: Chunk) -> None:
    os.ftruncate(descriptor, 0)
    if not chunk.size:
        return
    os.ftruncate(descriptor, chunk.size)
    with mmap.mmap(descriptor, chunk.size) as memory:
        target = np.frombuffer(memory, np.uint8)
        at = 0
        for buffer in chunk.buffers:
            target[at : at + len(buffer)] = buffer
            at += len(buffer)
        del target


def _kill(process: subprocess.Popen[bytes]) -> None:
    # The zygote leads its own session, so this reaches its children too.
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _dispose(process: subprocess.Popen[bytes], descriptors: Sequence[int]) -> None:
    _kill(process)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # an unsent job has nowhere to go
                pipe.close()
    for descriptor in descriptors:
        os.close(descriptor)
