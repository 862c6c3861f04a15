"""Which part of a picture is looked at: all of it, the object's surroundings, or the object.

A segmenter's folder finds what is not background. `crop` is the square round it; `object` is
that square with everything else in plain grey, so that no model sees the surroundings. Scores
shift when a picture is masked: they are calibrated per view, never compared across views.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts.folders import Session, pixel_input, read_model_folder, softmax
from alchemist.concepts.pictures import GREY
from alchemist.core.errors import BadModel

if TYPE_CHECKING:
    from PIL import Image

VERSION = 1
MARGIN = 0.1  # of the object's longer side, on every side
LEAST = 0.005  # of the picture; less is no object
NOTHING_FOUND = "no object found, so the whole picture was looked at"


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture, or the part of it that is looked at, and a note."""

    image: Image.Image
    note: str = ""


class FullView:
    """All of the picture."""

    fingerprint = "full"

    def look(self, image: Image.Image) -> Seen:
        """The picture as it is."""
        return Seen(image)


class ObjectView:
    """What a segmenter finds, with its surroundings (`crop`) or without (`object`)."""

    def __init__(self, view: str, segmenter: Path | None) -> None:
        folder = read_model_folder(segmenter, "segmenter", f"view {view!r}")
        self._input = pixel_input(folder)
        self._session = Session(folder.file)
        self._names = (str(folder.input["name"]), str(folder.output["name"]))
        self._session.require(inputs=self._names[:1], outputs=self._names[1:])
        labels = [label.casefold() for label in folder.labels]
        if "background" not in labels:
            raise BadModel(f"{folder.path}: no label is 'background', so nothing can be cut out.")
        self._background = labels.index("background")
        self._masked = view == "object"
        self.fingerprint = f"{view} {VERSION} {MARGIN} {LEAST} {folder.fingerprint}"

    def look(self, image: Image.Image) -> Seen:
        """The square round the object; the whole picture where none is found."""
        from PIL import Image

        mask = self._mask(image)
        if np.count_nonzero(mask) < LEAST * mask.size:
            return Seen(image, NOTHING_FOUND)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        centre = (columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2
        side = (1 + 2 * MARGIN) * max(np.ptp(columns) + 1, np.ptp(rows) + 1)
        size = max(1, round(side))
        place = tuple(round(size / 2 - c) for c in centre)
        square = Image.new("RGB", (size, size), GREY)
        stencil = Image.fromarray(mask.astype(np.uint8) * 255) if self._masked else None
        square.paste(image, place, stencil)
        return Seen(square)

    def _mask(self, image: Image.Image) -> NDArray[np.bool_]:
        """(h, w) what is more likely something than background."""
        from PIL import Image

        pixels = self._input.tensor(image)[None]
        logits = self._session.run(self._names[1], {self._names[0]: pixels})
        something = 1 - softmax(logits, axis=1)[0, self._background]
        # Blown up as numbers, not as yes and no: outlines finer than the model's grid.
        soft = Image.fromarray(something).resize(image.size, Image.Resampling.BILINEAR)
        return np.asarray(soft) >= 0.5


def open_view(view: str, segmenter: Path | None) -> FullView | ObjectView:
    """Open a view. Raises BadModel."""
    return FullView() if view == "full" else ObjectView(view, segmenter)
