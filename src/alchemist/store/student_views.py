"""What a student said about each part, kept so that rows it has seen are not shown to it again."""

import io
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alchemist.core.files import write_atomically
from alchemist.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class StudentViews:
    """The (n, k) probabilities of one student, a float32 file per part.

    Attributes:
        workspace: Where they are kept.
        student: Which student: the run that trained it.
    """

    workspace: Workspace
    student: str

    @property
    def _home(self) -> Path:
        return self.workspace.inner / "student"

    def get(self, part: str, look: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
        """The student's view of a part, looked at now if it is not kept yet."""
        path = self._home / self.student / f"{part}.npy"
        try:
            kept: NDArray[np.float32] = np.load(path, allow_pickle=False)
        except (FileNotFoundError, ValueError, EOFError):
            # Rounded before it is used, so that a kept view and a fresh one give the same labels.
            kept = look().astype(np.float32)
            content = io.BytesIO()
            np.save(content, kept)
            write_atomically(path, content.getvalue())
        proba = kept.astype(np.float64)
        return proba / proba.sum(axis=1, keepdims=True)

    def forget_others(self, parts: Collection[str]) -> None:
        """Drop the views of other students, and of parts that are gone."""
        for folder in self._home.iterdir():
            if folder.name != self.student:
                shutil.rmtree(folder)
                continue
            for path in folder.glob("*.npy"):
                if path.stem not in parts:
                    path.unlink()
