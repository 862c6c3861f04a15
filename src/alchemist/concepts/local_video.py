"""Named numbers of a film without any model: what its frames show on average, and its motion."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts.frames import Film, sample_frames
from alchemist.concepts.image_features import FEATURES as OF_A_FRAME
from alchemist.concepts.local import Local
from alchemist.concepts.local_image import measure, small
from alchemist.concepts.pictures import Picture, quiet
from alchemist.core.concepts import Feature

_BY_TIME = (
    ("duration_s", "s", "length of the film", 0, 1e7, False, "duration"),
    ("frames_per_s", "1/s", "frames a second", 0, 1e4, False, "duration"),
    ("motion_all", "0-1", "mean change of brightness from one frame to the next", 0, 1, False, "motion"),
    ("motion_center", "0-1", "the same in the inner half", 0, 1, False, "motion"),
    ("motion_border", "0-1", "the same in the outer part (the camera moves)", 0, 1, True, "camera"),
    ("motion_largest", "0-1", "the largest of these changes", 0, 1, False, "motion"),
    ("change_all", "0-1", "mean change of brightness from part to part of the film", 0, 1, False, "change"),
    ("change_largest", "0-1", "the largest change from part to part (a cut)", 0, 1, False, "change"),
    ("brightness_trend", "-1-1", "brightness at the end minus at the beginning", -1, 1, False, "change"),
)  # fmt: skip

FEATURES = (
    *(
        Feature(f.name, f.unit, f"{f.meaning}; mean over the film", f.low, f.high, f.nuisance, f.family)
        for f in OF_A_FRAME
    ),
    *(Feature(*row) for row in _BY_TIME),
)  # fmt: skip

Grey = NDArray[np.float32]


class LocalVideo(Local):
    """Extractor of FEATURES."""

    name = "local_video"
    modality = "video"
    version = 1
    named = FEATURES

    def measure_item(self, item: bytes) -> tuple[dict[str, float], str]:
        """Measure one film."""
        with quiet():
            film = sample_frames(item)
        return measure_film(film), film.note


def measure_film(film: Film) -> dict[str, float]:
    """Every feature of one film, by name."""
    width, height = film.frames[0].size
    looks = [small(Picture(frame, width, height)) for frame in film.frames]
    each = [measure(look, width / height) for look in looks]
    found = {}
    for feature in OF_A_FRAME:
        values = [one[feature.name] for one in each if np.isfinite(one[feature.name])]
        found[feature.name] = float(np.mean(values)) if values else float("nan")
    greys = [_grey(look) for look in looks]
    nexts = [_grey(small(Picture(frame, width, height))) for frame in film.nexts]
    return (
        found | _motion(greys, nexts) | {"duration_s": film.duration_s, "frames_per_s": film.rate}
    )


def _grey(look: NDArray[np.uint8]) -> Grey:
    return look.mean(axis=2, dtype=np.float32) / 255


def _motion(greys: list[Grey], nexts: list[Grey]) -> dict[str, float]:
    steps = np.stack([np.abs(b - a) for a, b in zip(greys, nexts, strict=True)])
    parts = np.array([float(np.abs(b - a).mean()) for a, b in pairwise(greys)])
    height, width = steps.shape[1:]
    inner = np.zeros((height, width), dtype=bool)
    inner[height // 4 : height - height // 4, width // 4 : width - width // 4] = True
    return {
        "motion_all": float(steps.mean()),
        "motion_center": float(steps[:, inner].mean()),
        "motion_border": float(steps[:, ~inner].mean()),
        "motion_largest": float(steps.mean(axis=(1, 2)).max()),
        "change_all": float(parts.mean()) if len(parts) else 0.0,
        "change_largest": float(parts.max()) if len(parts) else 0.0,
        "brightness_trend": float(greys[-1].mean() - greys[0].mean()),
    }
