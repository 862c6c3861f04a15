"""The local engine: all cores of this machine, one sandbox per worker.

The caller's thread reads parts and hands out units; worker threads only wait for their
sandboxes, so Python's lock is no limit. At most LOOKAHEAD slices per worker are read ahead,
and parts come back in order. Closing the iterator kills every sandbox at once.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from alchemist.core.contracts import BatchVotes, Bundle, Limits, Sandbox
from alchemist.core.errors import SandboxError
from alchemist.engines.slices import Part, Slice, Unit, cut, put_together, units

if TYPE_CHECKING:
    import pyarrow as pa

LOOKAHEAD = 2
SLICE_ROWS = 50_000
SLICE_BYTES = 4 << 20
_GROUPS_PER_IDLE_WORKER = 10
_STARTS = 3


class LocalEngine:
    """Spreads slices of rows, and where there are too few slices programs, over workers.

    Args:
        open_sandbox: Opens a sandbox for so many processes; called with 1 once per worker, and
            again when one breaks.
        workers: How many; by default the cores this process may use.
        limits: What one program may use.
        slice_rows: Most rows given to a sandbox at once.
        slice_bytes: About the most bytes of input given to a sandbox at once.

    Attributes:
        level: The isolation of the sandboxes last opened; empty before the first.
    """

    def __init__(
        self,
        open_sandbox: Callable[[int], Sandbox],
        *,
        workers: int | None = None,
        limits: Limits | None = None,
        slice_rows: int = SLICE_ROWS,
        slice_bytes: int = SLICE_BYTES,
    ) -> None:
        self._open = open_sandbox
        self._workers = workers if workers is not None else usable_cores()
        if self._workers < 1 or slice_rows < 1 or slice_bytes < 1:
            raise ValueError("workers, slice_rows and slice_bytes must be at least 1")
        self._limits = limits or Limits()
        self.level = ""
        self._slice = (slice_rows, slice_bytes)

    def vote(self, bundle: Bundle, parts: Iterable[pa.RecordBatch]) -> Iterator[BatchVotes]:
        """Yield the votes of each part, in order, with a bounded number in flight.

        Raises:
            BadRows: A part lacks a column, or holds values no program can take.
            SandboxError: No sandbox can be opened.
        """
        crew = _Crew(self._open_one, self._workers, self._limits)
        try:
            yield from self._vote(bundle, parts, crew)
        finally:
            crew.dismiss()

    def _open_one(self) -> Sandbox:
        sandbox = self._open(1)
        self.level = sandbox.level
        return sandbox

    def _vote(
        self, bundle: Bundle, parts: Iterable[pa.RecordBatch], crew: _Crew
    ) -> Iterator[BatchVotes]:
        slices = (one for part in parts for one in cut(part, bundle.inputs, *self._slice))
        read: deque[Slice] = deque()
        under_way: deque[Part] = deque()
        exhausted = False
        while True:
            # Slices are held back while others wait: the last ones are split by program.
            while not exhausted and crew.load + len(read) < LOOKAHEAD * self._workers:
                one = next(slices, None)
                exhausted = one is None
                if one is not None:
                    one.part.waiting += 1
                    read.append(one)
                    if not under_way or under_way[-1] is not one.part:
                        under_way.append(one.part)
            while read and (exhausted or len(read) >= self._workers):
                one = read.popleft()
                work = units(one, bundle, self._groups(len(read) + 1) if exhausted else 1)
                one.part.waiting += len(work) - 1
                crew.give(work)
            if crew.load:
                crew.collect()
            # A part is fully read once a slice of the next one has been.
            while under_way and not under_way[0].waiting and (exhausted or len(under_way) > 1):
                yield put_together(under_way.popleft(), len(bundle.programs))
            if exhausted and not under_way:
                return

    def _groups(self, slices_left: int) -> int:
        if slices_left >= self._workers:
            return 1
        return _GROUPS_PER_IDLE_WORKER * -(-self._workers // slices_left)


class _Crew:
    """Worker threads, each with a sandbox of its own."""

    def __init__(self, open_sandbox: Callable[[], Sandbox], workers: int, limits: Limits) -> None:
        self._open = open_sandbox
        self._limits = limits
        self._todo: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Unit, BatchVotes | BaseException]] = queue.SimpleQueue()
        self._sandboxes: set[Sandbox] = set()
        self._changing = threading.Lock()
        self._dismissed = False
        self.load = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"alchemist-worker-{k}", daemon=True)
            for k in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def give(self, work: list[Unit]) -> None:
        """Queue units."""
        for unit in work:
            self._todo.put(unit)
        self.load += len(work)

    def collect(self) -> None:
        """Wait for one answer and file it with its part."""
        unit, answer = self._done.get()
        self.load -= 1
        if isinstance(answer, BaseException):
            raise answer
        part = unit.slice.part
        part.answers.append((unit.slice.first, unit.programs, answer))
        part.waiting -= 1

    def dismiss(self) -> None:
        """End every sandbox, then every thread; prompt, whatever they are doing."""
        with self._changing:
            self._dismissed = True
            sandboxes = list(self._sandboxes)
        for _ in self._threads:
            self._todo.put(None)
        for sandbox in sandboxes:
            sandbox.close()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        sandbox: Sandbox | None = None
        while True:
            unit = self._todo.get()
            if unit is None or self._dismissed:
                break
            try:
                sandbox, votes = self._run(unit, sandbox)
                self._done.put((unit, votes))
            except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
                sandbox = None
                self._done.put((unit, error))
        self._close(sandbox)

    def _run(self, unit: Unit, sandbox: Sandbox | None) -> tuple[Sandbox, BatchVotes]:
        """Run one unit; a sandbox that broke is replaced once."""
        for attempt in (1, 2):
            sandbox = sandbox or self._new()
            try:
                return sandbox, sandbox.run(unit.bundle, unit.slice.batch, self._limits)
            except SandboxError:
                self._close(sandbox)
                sandbox = None
                if attempt == 2 or self._dismissed:
                    raise
        raise AssertionError("unreachable")

    def _new(self) -> Sandbox:
        sandbox = self._opened()
        with self._changing:
            self._sandboxes.add(sandbox)
            dismissed = self._dismissed
        if dismissed:
            self._close(sandbox)
            raise SandboxError("The engine was closed.")
        return sandbox

    def _opened(self) -> Sandbox:
        # A process may also be killed while it starts; a machine that has no sandbox says so
        # every time.
        for _ in range(_STARTS - 1):
            with contextlib.suppress(SandboxError):
                return self._open()
        return self._open()

    def _close(self, sandbox: Sandbox | None) -> None:
        if sandbox is not None:
            sandbox.close()
            with self._changing:
                self._sandboxes.discard(sandbox)


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
