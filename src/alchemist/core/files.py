"""Files that survive a crash: whole or absent, and logs of which only the last line may tear.

Every room that writes does it through these functions, so a reader never meets half a file.
"""

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Lines:
    """What a log held: its records in order, and the numbers of lines that are not whole.

    Attributes:
        records: One JSON object per whole line.
        broken: 1-based numbers of lines torn by a crash or damaged since; tell the user.
    """

    records: tuple[dict[str, Any], ...] = ()
    broken: tuple[int, ...] = ()


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file under a temporary name and rename it; folders are made as needed.

    After a crash at any point the path holds the old content or the new one, never a mix.
    Without `durable` a power cut may still lose it: for many files of which another copy
    exists until `sync_all`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        _sync_folder(path.parent)


def sync_all() -> None:
    """Wait until everything written so far is on disk."""
    if hasattr(os, "sync"):
        os.sync()


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Append one JSON object as a line and wait until it is on disk.

    A line left torn by an earlier crash is closed first, so it spoils no other.
    """
    append_lines(path, [record])


def append_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Append several objects and wait once; a crash in between keeps the first of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    with path.open("ab+") as file:
        torn = file.tell() > 0 and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n"
        # One write call: another process appending meanwhile cannot land inside a line.
        file.write((b"\n" if torn else b"") + line.encode("utf-8", "surrogatepass"))
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> Lines:
    """Read a log written by append_line; a missing file is an empty one."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Lines()
    records: list[dict[str, Any]] = []
    broken: list[int] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode("utf-8", "surrogatepass"))
        except ValueError:
            record = None
        if isinstance(record, dict):
            records.append(record)
        else:
            broken.append(number)
    return Lines(tuple(records), tuple(broken))


def _sync_folder(folder: Path) -> None:
    # The rename itself is only durable once the folder is; some file systems refuse this.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
