"""What an extractor found in each part of the rows, kept so that only new rows are looked at.

    .alchemist/extracted/<key>/<part>.npz         raw values, one file per part
    .alchemist/extracted/<key>/calibration.<rule>.json   fitted once, then frozen
    .alchemist/extracted/<key>/problems.json      items that could not be read, the first of them
    .alchemist/extracted/items.sqlite             the extractor's own cache, by item

The key stands for everything the raw values depend on beside the rows.
"""

import io
import json
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from alchemist.core.concepts import Extracted
from alchemist.core.files import write_atomically
from alchemist.store.workspace import Workspace

PROBLEMS_LISTED = 1000


@dataclass(frozen=True, slots=True)
class ItemProblem:
    """An item that gave nothing: the row's id and the reason."""

    id: str
    problem: str


@dataclass(frozen=True, slots=True)
class Problems:
    """Items that gave nothing: how many of how many, and the first of them."""

    count: int
    items: int
    listed: tuple[ItemProblem, ...]


@dataclass(frozen=True, slots=True)
class ExtractedParts:
    """The findings of one extractor over one set of concepts.

    Attributes:
        workspace: Where they are kept.
        key: What they depend on.
    """

    workspace: Workspace
    key: str

    @property
    def _home(self) -> Path:
        return self.workspace.inner / "extracted" / self.key

    def _open(self, part: str) -> IO[bytes]:
        # Opened here, since numpy leaves a damaged file open.
        return (self._home / f"{part}.npz").open("rb")

    def has(self, part: str) -> bool:
        """Whether a part has been looked at."""
        return (self._home / f"{part}.npz").exists()

    def get(self, part: str) -> Extracted | None:
        """What was found in a part, or None where it is not kept or is damaged."""
        try:
            with self._open(part) as file, np.load(file, allow_pickle=False) as found:
                problems, notes = (
                    dict(zip(found[f"{name}_at"].tolist(), found[name].tolist(), strict=True))
                    for name in ("problems", "notes")
                )
                return Extracted(found["values"], problems, notes)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def ids(self, part: str) -> list[str] | None:
        """The ids of a part's rows, without a second look at its items."""
        try:
            with self._open(part) as file, np.load(file, allow_pickle=False) as found:
                ids: list[str] = found["ids"].tolist()
                return ids
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def keep(self, part: str, ids: Sequence[str], found: Extracted) -> None:
        """Keep what was found in a part."""
        content = io.BytesIO()
        arrays: dict[str, Any] = {"ids": np.array(ids, dtype=np.str_), "values": found.values}
        for name, told in (("problems", found.problems), ("notes", found.notes)):
            at = sorted(told)
            arrays[f"{name}_at"] = np.array(at, dtype=np.int64)
            arrays[name] = np.array([told[i] for i in at], dtype=np.str_)
        np.savez(content, **arrays)
        write_atomically(self._home / f"{part}.npz", content.getvalue())

    def forget_others(self, parts: Collection[str]) -> None:
        """Drop parts that are gone."""
        for path in self._home.glob("*.npz"):
            if path.stem not in parts:
                path.unlink()

    @property
    def problems_path(self) -> Path:
        """Where items that could not be read are listed."""
        return self._home / "problems.json"

    def keep_problems(self, problems: Problems) -> None:
        """List items that could not be read."""
        listed = replace(problems, listed=problems.listed[:PROBLEMS_LISTED])
        content = json.dumps(asdict(listed), indent=1, ensure_ascii=False)
        write_atomically(self.problems_path, content.encode("utf-8", "surrogatepass"))

    def problems(self) -> Problems | None:
        """What was listed last; None when nothing was, or the list is damaged."""
        try:
            raw = json.loads(self.problems_path.read_bytes())
            listed = tuple(ItemProblem(**one) for one in raw["listed"])
            return Problems(raw["count"], raw["items"], listed)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def calibration(self, rule: str) -> str | None:
        """The frozen calibration, as its room wrote it; None before the first fit."""
        try:
            return (self._home / f"calibration.{rule}.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def freeze(self, rule: str, calibration: str) -> None:
        """Keep a calibration for good."""
        write_atomically(self._home / f"calibration.{rule}.json", calibration.encode("utf-8"))


def cache_file(workspace: Workspace) -> Path:
    """Where an extractor keeps what it found item by item."""
    return workspace.inner / "extracted" / "items.sqlite"
