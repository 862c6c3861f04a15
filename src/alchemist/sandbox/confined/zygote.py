"""The zygote: a clean single-threaded process that forks one child per program and chunk.

Started as `python -m confined.zygote <rows fd> <votes fd> <walls>`. It reads one JSON line per
job from standard input and answers with one JSON line on standard output; rows and votes
travel through the two shared files. It never runs a line of a program itself.
"""

import base64
import builtins
import gc
import importlib
import json
import mmap
import os
import select
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

from . import child, language, rows, walls, wire
from .ballot import Ballot

_LOOK_S = 0.1
_STARVED_S = 60.0


@dataclass(slots=True)
class Child:
    """One running child and how far it was last seen."""

    program: int
    pid: int
    slot: child.Slot
    strikes: int
    handle: int
    row: int = wire.WHOLE_PROGRAM - 1
    cpu_then: float = 0.0
    wall_then: float = 0.0
    killed: str = ""


class Zygote:
    """Serves jobs until its parent goes away."""

    def __init__(self, rows_fd: int, votes_fd: int, enabled: dict[str, Any]) -> None:
        self.rows_fd, self.votes_fd, self.enabled = rows_fd, votes_fd, enabled
        self._status = os.open("/proc/self/statm", os.O_RDONLY) if _LINUX else -1
        self.seal = walls.prepare_seal() if enabled["seccomp"] else lambda: "ok"
        self.modules = (
            language.facades(prefilter=enabled["prefilter"]) if enabled["language"] else {}
        )
        self.builtins = (
            language.safe_builtins(self.modules) if enabled["language"] else vars(builtins)
        )
        self._landlock = _landlock() if enabled["landlock"] else "off"
        self.die_with_parent = walls.prepare_death_signal()

    def address_space(self) -> int:
        """Bytes of address space in use: what a child starts from."""
        if self._status < 0:
            return 0
        pages = int(os.pread(self._status, 64, 0).split()[0])
        return pages * mmap.PAGESIZE

    def serve(self) -> None:
        """Greet, then answer one job after the other."""
        _answer({"landlock": self._landlock, _SEAL: self._trial()})
        gc.disable()
        for line in sys.stdin.buffer:
            _answer(self._job(json.loads(line)))

    def _trial(self) -> str:
        """Seal a throw-away child and let it try what it may not: walls are believed when seen."""
        if not self.enabled["seccomp"]:
            return "off"
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            word = self.seal()
            try:
                # On Linux, Landlock forbids opening; only the seal can stop this write.
                os.write(writer, b"!") if _LINUX else os.open("/", os.O_RDONLY)
            except OSError:
                os._exit(17 if word == "ok" else 18)
            os._exit(18)
        os.close(writer)
        _, status = os.waitpid(pid, 0)
        os.close(reader)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 17:
            return "ok"
        return self._reason()

    def _reason(self) -> str:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.write(writer, self.seal().encode())
            finally:
                os._exit(0)
        os.close(writer)
        os.waitpid(pid, 0)
        word = os.read(reader, 300).decode()
        os.close(reader)
        return word if word not in ("", "ok") else "refused"

    def _job(self, job: dict[str, Any]) -> dict[str, Any]:
        return Job(self, job).run()


class Job:
    """All programs over one chunk."""

    def __init__(self, zygote: Zygote, job: dict[str, Any]) -> None:
        self._zygote = zygote
        self._job = job
        self._n: int = job["rows"]
        self._limits: dict[str, Any] = job["limits"]
        self._ballot = Ballot(job["spellings"], job["classes"])
        self._keywords = job["style"] == "keywords"
        self._codes = [base64.b64decode(code) for code in job["programs"]]
        self._rows = self._decode()
        self._live: dict[int, Child] = {}
        self._queue = [(k, 0, 0) for k in range(len(self._codes))][::-1]
        self._ends: list[dict[str, Any]] = [{} for _ in self._codes]
        # Elsewhere a mapping cannot be kept from later children, so there are none meanwhile.
        self._most: int = job["processes"] if _LINUX else 1

    def _decode(self) -> list[Any]:
        job = self._job
        if not job["bytes"]:
            return rows.shape([[]] * len(job["columns"]), job["names"], job["style"])
        with (
            mmap.mmap(self._zygote.rows_fd, job["bytes"], prot=mmap.PROT_READ) as chunk,
            memoryview(chunk) as view,
        ):
            columns = rows.decode(view, job["columns"], job["names"], self._n)
        return rows.shape(columns, job["names"], job["style"])

    def run(self) -> dict[str, Any]:
        """Fork, watch, reap, until every program has ended."""
        gc.freeze()
        poll = select.poll()
        poll.register(0, 0)  # a vanished parent shows as a hang-up, whatever else is asked
        while self._queue or self._live:
            while self._queue and len(self._live) < self._most:
                self._launch(poll, *self._queue.pop())
            for handle, event in poll.poll(_LOOK_S * 1000 if _PIDFD else 5):
                if handle == 0 and event & (select.POLLHUP | select.POLLERR):
                    self._abandon()
            self._reap(poll)
            self._look()
        gc.unfreeze()
        return {"ends": self._ends}

    def _launch(self, poll: Any, k: int, start: int, strikes: int) -> None:
        zygote, size = self._zygote, wire.slot_size(self._n)
        memory = mmap.mmap(zygote.votes_fd, size, offset=k * size)
        slot = child.Slot(memoryview(memory), self._n)
        pid = os.fork()
        if pid == 0:
            try:
                self._become_child(k, start, strikes, slot)
            finally:
                os._exit(wire.EXIT_OURS)
        if _LINUX:
            memory.madvise(mmap.MADV_DONTFORK)  # later children must not see this slot
        handle = os.pidfd_open(pid) if _PIDFD else -1
        if handle >= 0:
            poll.register(handle, select.POLLIN)
        self._live[pid] = Child(k, pid, slot, strikes, handle, wall_then=time.monotonic())

    def _become_child(self, k: int, start: int, strikes: int, slot: child.Slot) -> None:
        zygote = self._zygote
        zygote.die_with_parent()
        address_space = zygote.address_space() + self._limits["memory"]
        os.closerange(0, 4096)
        for stream in ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"):
            setattr(sys, stream, None)
        if zygote.enabled["rlimits"]:
            walls.limit(address_space=address_space, cpu_s=int(self._limits["budget_s"]) + 2)
        child.run(
            child.Assignment(
                code=self._codes[k],
                rows=self._rows,
                start=start,
                keywords=self._keywords,
                limits=self._limits,
                strikes=strikes,
                ballot=self._ballot,
                builtins=zygote.builtins,
                modules=zygote.modules,
                audited=zygote.enabled["audit"],
            ),
            slot,
            zygote.seal,
        )

    def _look(self) -> None:
        now = time.monotonic()
        for one in self._live.values():
            row, cpu = one.slot.words[wire.ROW], _cpu_s(one.pid, now)
            if row != one.row:
                one.row, one.cpu_then, one.wall_then = row, cpu, now
            elif cpu - one.cpu_then > self._limits["hard_s"] or now - one.wall_then > _STARVED_S:
                self._kill(one, "row")
            if cpu > self._limits["budget_s"]:
                self._kill(one, "budget")

    def _kill(self, one: Child, why: str) -> None:
        if not one.killed:
            one.killed = why
            os.kill(one.pid, signal.SIGKILL)

    def _reap(self, poll: Any) -> None:
        while self._live:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            one = self._live.pop(pid)
            if one.handle >= 0:
                poll.unregister(one.handle)
                os.close(one.handle)
            self._ended(one, status, usage.ru_utime + usage.ru_stime)

    def _ended(self, one: Child, status: int, cpu_s: float) -> None:
        """Settle how a child ended; a row that killed it is marked, and the next one tried."""
        words, end = one.slot.words, self._ends[one.program]
        end["cpu_s"] = end.get("cpu_s", 0.0) + cpu_s
        phase = words[wire.PHASE]
        cell, why = _verdict(status, one.killed, phase)
        if cell == wire.NOT_RUN:
            end["phase"] = phase
            return
        if cell == wire.CRASH and why == "ours":
            end["phase"], end["ours"] = wire.BROKEN, True
            return
        row = self._row_running(one) if phase == wire.RUNNING else None
        if row is None or one.killed == "budget" or cell == wire.SECURITY:
            if row is not None and cell == wire.SECURITY:
                one.slot.cells[row] = cell
            self._stop(one, cell, why if row is None else f"{why}; stopped")
            return
        one.slot.cells[row] = cell
        one.slot.log(row, 0, cell, why)
        if one.strikes + 1 >= self._limits["strikes"]:
            self._stop(one, cell, f"stopped after {one.strikes + 1} rows: {why}")
        else:
            self._queue.append((one.program, row + 1, one.strikes + 1))

    def _stop(self, one: Child, cell: int, why: str) -> None:
        one.slot.log(wire.WHOLE_PROGRAM, 0, cell, why)
        self._ends[one.program]["phase"] = wire.STOPPED

    def _row_running(self, one: Child) -> int | None:
        cells = one.slot.cells.tolist()
        return cells.index(wire.NOT_RUN) if wire.NOT_RUN in cells else None

    def _abandon(self) -> None:
        for pid in self._live:
            os.kill(pid, signal.SIGKILL)
        os._exit(0)


def _verdict(status: int, killed: str, phase: int) -> tuple[int, str]:
    if killed == "budget":
        return wire.TIMEOUT, "the program used up its processor time for this chunk"
    if killed:
        return wire.TIMEOUT, "no progress until the process was killed"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGSYS:
            return wire.SECURITY, "the program made a system call that no labeling program may"
        if number == signal.SIGXCPU:
            return wire.TIMEOUT, "the program used up its processor time for this chunk"
        if number == signal.SIGKILL:
            return wire.MEMORY, "the process was killed from outside, most likely for memory"
        return wire.CRASH, f"the process crashed ({signal.Signals(number).name})"
    code = os.WEXITSTATUS(status)
    if code == wire.EXIT_OK:
        return wire.NOT_RUN, ""
    if code == wire.EXIT_MEMORY:
        return wire.MEMORY, "out of memory"
    if code == wire.EXIT_TIMEOUT:
        return wire.TIMEOUT, "out of processor time"
    if code == wire.EXIT_OURS and phase != wire.RUNNING:
        return wire.CRASH, "ours"
    return wire.CRASH, f"the process ended by itself with status {code}"


_LINUX = sys.platform == "linux"
_SEAL = "seatbelt" if sys.platform == "darwin" else "seccomp"
_PIDFD = hasattr(os, "pidfd_open")


def _cpu_s(pid: int, now: float) -> float:
    if not _LINUX:
        return now  # the wall clock is all there is
    # The kernel's numbering of another process's CPU clock; see clock_getcpuclockid(3).
    return time.clock_gettime((~pid << 3) | 2)


def _landlock() -> str:
    word = walls.landlock()
    try:
        os.close(os.open("/", os.O_RDONLY))
    except PermissionError:
        return word
    # Believed when seen: a wall that still opens the root directory is none.
    return "without effect" if word.startswith("ok") else word


def _answer(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rows_fd, votes_fd, enabled = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    language.preload()
    if enabled["prefilter"] == "re2":
        sys.path.append(enabled["site"])
        importlib.import_module("re2")
    for name in enabled["preload"]:
        importlib.import_module(name)
    os.environ.clear()
    sys.path.clear()
    sys.argv = [""]
    Zygote(rows_fd, votes_fd, enabled).serve()


if __name__ == "__main__":
    main()
