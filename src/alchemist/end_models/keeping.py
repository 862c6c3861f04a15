"""A student on disk: its arrays in student.npz, what they are in card.json; never a pickle."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from alchemist.core.errors import StoreError
from alchemist.core.files import write_atomically

ARRAYS = "student.npz"
CARD = "card.json"

Student = TypeVar("Student")


def keep(folder: Path, arrays: Mapping[str, NDArray[Any]], card: Mapping[str, Any]) -> None:
    """Write arrays and card."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    write_atomically(folder / ARRAYS, content.getvalue())
    write_atomically(folder / CARD, (json.dumps(card, indent=2) + "\n").encode())


def revive(
    folder: Path,
    names: Sequence[str],
    make: Callable[[dict[str, Any], dict[str, NDArray[Any]]], Student],
) -> Student:
    """Read card and named arrays and make a student of them; runs no code from the folder.

    Raises:
        StoreError: The folder holds no such student, a damaged one, or `make` raises ValueError,
            KeyError or TypeError since they do not fit.
    """
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        # Read whole first, since numpy leaves a damaged file open.
        content = io.BytesIO((folder / ARRAYS).read_bytes())
        with np.load(content, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in names}
        return make(card, arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise StoreError(
            f"The student in {str(folder)!r} cannot be read ({error}); "
            "run `alchemist distill` to make it again."
        ) from error
