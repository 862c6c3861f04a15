"""Run records: what each stage did, with what, and what came out.

Every run of a stage is a folder that is never changed afterwards; `latest` maps a stage to
its newest. A stage whose inputs hash to the same value as its newest record is skipped.
"""

import hashlib
import json
import os
import platform
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alchemist.core.clock import utc
from alchemist.core.files import write_atomically
from alchemist.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One finished run of one stage.

    Attributes:
        id: Folder name under .alchemist/runs.
        stage: "vote", "aggregate" …
        inputs: Hash of each input, by name.
        facts: Everything else: started, seconds, settings, versions, level, cost, results.
        folder: Where its outputs lie.
    """

    id: str
    stage: str
    inputs: Mapping[str, str]
    facts: Mapping[str, Any]
    folder: Path


@dataclass(slots=True)
class OpenRun:
    """A stage at work: outputs go to folder, facts are recorded when it ends well."""

    folder: Path
    facts: dict[str, Any] = field(default_factory=dict)


def digest(value: Any) -> str:
    """A short, stable hash of anything JSON can hold."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def latest_run(workspace: Workspace, stage: str) -> RunRecord | None:
    """The newest finished run of a stage, if any."""
    run_id = _latest(workspace).get(stage)
    if run_id is None:
        return None
    folder = workspace.runs / run_id
    try:
        record = json.loads((folder / "run.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return None  # damaged or deleted by hand: the stage simply runs again
    return RunRecord(run_id, stage, record["inputs"], record, folder)


def changed_inputs(last: RunRecord | None, inputs: Mapping[str, str]) -> tuple[str, ...]:
    """Names of inputs that differ from a record's; all of them when there is no record."""
    if last is None:
        return tuple(inputs)
    names = {*inputs, *last.inputs}
    return tuple(sorted(name for name in names if inputs.get(name) != last.inputs.get(name)))


@contextmanager
def recording(workspace: Workspace, stage: str, inputs: Mapping[str, str]) -> Iterator[OpenRun]:
    """Run a stage: a folder for its outputs, and a record once it has ended well.

    A stage that raises leaves no record; its folder is removed.
    """
    from alchemist import __version__

    started = time.time()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(started))
    run_id = f"{stamp}-{stage}-{secrets.token_hex(2)}"
    folder = workspace.runs / run_id
    folder.mkdir(parents=True)
    run = OpenRun(folder)
    try:
        yield run
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    record = {
        "stage": stage,
        "started": utc(started),
        "seconds": round(time.time() - started, 3),
        "inputs": dict(inputs),
        "versions": {"alchemist": __version__, "python": platform.python_version()},
        **run.facts,
    }
    write_atomically(folder / "run.json", _json(record))
    write_atomically(workspace.runs / "latest", _json({**_latest(workspace), stage: run_id}))


def publish(workspace: Workspace, source: Path, name: str) -> Path:
    """Put a run's output into results/ under a name, replacing the one before."""
    target = workspace.results / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        fresh = target.with_name(f".{name}.{secrets.token_hex(4)}")
        shutil.copytree(source, fresh)
        if target.exists():
            shutil.rmtree(target)
        fresh.replace(target)
        return target
    temporary = target.with_name(f".{name}.{secrets.token_hex(4)}.tmp")
    # A hard link costs no space, and nobody edits parquet in place. Where the file system
    # has no links, and for what people do edit, a copy keeps the run's own file as it was.
    linked = False
    if source.suffix == ".parquet":
        with suppress(OSError):
            os.link(source, temporary)
            linked = True
    if not linked:
        shutil.copyfile(source, temporary)
    try:
        temporary.replace(target)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    with suppress(FileNotFoundError):
        temporary.unlink()  # renaming onto another link of the same file leaves both
    return target


def published(workspace: Workspace, *names: str) -> bool:
    """Whether results/ holds all of these; people may delete what they please."""
    return all((workspace.results / name).exists() for name in names)


def _latest(workspace: Workspace) -> dict[str, str]:
    try:
        found = json.loads((workspace.runs / "latest").read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode("utf-8")
