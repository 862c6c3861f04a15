"""Workspace: a task's folder, and the only object that knows its paths.

    task.toml  programs/  prompts/  documents/  results/  .alchemist/

Reading needs no lock; whoever writes holds one, so two commands never mix their outputs.
"""

import errno
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from alchemist.core.clock import utc_now
from alchemist.core.errors import InputError, Locked, StoreError, WrongVersion
from alchemist.core.files import write_atomically
from alchemist.core.task import Task
from alchemist.store.task_file import FILE, load_task

VERSION = 1


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of one task.

    Attributes:
        root: The folder; it holds task.toml.
    """

    root: Path

    @property
    def task_path(self) -> Path:
        """The task file."""
        return self.root / FILE

    @property
    def programs(self) -> Path:
        """One .py per program; people may edit, add and delete."""
        return self.root / "programs"

    @property
    def prompts(self) -> Path:
        """Prompt templates that override ours."""
        return self.root / "prompts"

    @property
    def results(self) -> Path:
        """The latest outputs, for the user."""
        return self.root / "results"

    @property
    def inner(self) -> Path:
        """Our own files."""
        return self.root / ".alchemist"

    @property
    def rows(self) -> Path:
        """What was read."""
        return self.inner / "rows"

    @property
    def votes(self) -> Path:
        """One folder per program id, one file per part."""
        return self.inner / "votes"

    @property
    def patterns(self) -> Path:
        """Distinct vote vectors, one file per part; derived from the votes."""
        return self.inner / "patterns"

    @property
    def runs(self) -> Path:
        """One folder per run of a stage."""
        return self.inner / "runs"

    @property
    def calls(self) -> Path:
        """Requests and answers, by hash."""
        return self.inner / "calls"

    @property
    def ledger(self) -> Path:
        """What was reserved and spent."""
        return self.inner / "ledger.jsonl"

    @property
    def events(self) -> Path:
        """What people did."""
        return self.inner / "events.jsonl"

    @property
    def gold(self) -> Path:
        """Classes people gave to rows."""
        return self.inner / "gold.jsonl"

    def task(self, overrides: Mapping[str, Any] | None = None) -> Task:
        """Read task.toml; see load_task for what wins over what."""
        return load_task(self.task_path, overrides)

    def check_version(self) -> None:
        """Refuse a folder made by a newer Alchemist; mark a new one with our layout.

        Raises:
            WrongVersion: The folder's layout is newer than this package knows.
        """
        path = self.inner / "version"
        try:
            found = int(path.read_text(encoding="ascii"))
        except (FileNotFoundError, NotADirectoryError):
            found = VERSION
        except (ValueError, UnicodeDecodeError):
            raise StoreError(f"{path} should hold a number; it is damaged.") from None
        if found > VERSION:
            raise WrongVersion(
                f"{self.root} was made by a newer Alchemist (layout {found}, known here: "
                f"{VERSION}). Upgrade with: pip install -U alchemist-label."
            )

    @contextmanager
    def writing(self, command: str, wait_s: float = 0.0) -> Iterator[None]:
        """Hold the workspace's lock.

        Args:
            command: Told to whoever finds it locked.
            wait_s: How long to wait for another command to end, in seconds.

        Raises:
            Locked: Another command holds it; the message says which.
            StoreError: The folder cannot be written.
        """
        self.check_version()
        try:
            self.inner.mkdir(parents=True, exist_ok=True)
            if not (self.inner / "version").exists():
                write_atomically(self.inner / "version", f"{VERSION}\n".encode("ascii"))
            lock = (self.inner / "lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"{self.inner} cannot be written ({error.strerror}); choose a folder that can."
            ) from None
        with lock:
            self._take(lock, wait_s)
            lock.seek(0)
            lock.truncate()
            json.dump({"pid": os.getpid(), "command": command, "since": utc_now()}, lock)
            lock.flush()
            try:
                yield
            except OSError as error:
                raise StoreError(self._unwritable(error)) from error

    def _unwritable(self, error: OSError) -> str:
        where = error.filename or self.root
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return (
                f"The disk is full ({where}). Free some space and run the command again: it goes "
                "on where it stopped."
            )
        return f"{where} cannot be used: {error.strerror or error}. Mend that and run it again."

    def _take(self, lock: IO[str], wait_s: float) -> None:
        deadline = time.monotonic() + wait_s
        while not _try_lock(lock):
            if time.monotonic() >= deadline:
                lock.seek(0)
                raise Locked(
                    f"{self.root} is in use by {_holder(lock.read())}; wait for it to end."
                )
            time.sleep(0.1)


def open_workspace(root: Path) -> Workspace:
    """Take a folder as a workspace.

    Raises:
        InputError: It is not one, or was made by a newer Alchemist.
    """
    workspace = Workspace(root)
    if not root.is_dir():
        raise InputError(
            f"There is no folder {root}. Make a workspace with: alchemist init {root} --data FILE …"
        )
    if not workspace.task_path.is_file():
        raise InputError(
            f"{root} holds no {FILE}. Make one with: alchemist init {root} --data FILE …"
        )
    workspace.check_version()
    return workspace


def _holder(text: str) -> str:
    try:
        facts = json.loads(text)
        return f"`{facts['command']}` (process {facts['pid']}, since {facts['since']})"
    except (ValueError, KeyError, TypeError):
        return "another command"


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[str]) -> bool:
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(file: IO[str]) -> bool:
        # The kernel drops it when the process ends, however it ends: no stale locks.
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
