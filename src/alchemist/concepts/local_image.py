"""Named numbers of a picture without any model: colour, texture, edges, the object, symmetry.

A picture is looked at with at most SIDE pixels a side. Its cells (border, middle and centre,
each in an upper and a lower half) are counted once; every regional number is a sum of cells.
The object is what differs from the border: Otsu's split of the colour distance to the border's
median, its largest piece.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts.colours import NAMED, name_colours
from alchemist.concepts.image_features import FEATURES, REGIONS
from alchemist.concepts.local import Local
from alchemist.concepts.pictures import Picture, open_picture, quiet

SIDE = 64
EDGE = 40.0  # a brightness step of 40 of 255 across two pixels is an edge
_CELLS = 6

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class LocalImage(Local):
    """Extractor of image_features.FEATURES."""

    name = "local_image"
    modality = "image"
    version = 1
    named = FEATURES

    def measure_item(self, item: bytes) -> tuple[dict[str, float], str]:
        """Measure one picture."""
        with quiet():
            picture = open_picture(item, SIDE)
        return measure(small(picture), picture.width / picture.height), picture.note


def small(picture: Picture) -> NDArray[np.uint8]:
    """(h, w, 3) pixels, at most SIDE a side and at least 8."""
    from PIL import Image

    image = picture.image
    scale = min(SIDE / max(image.size), 1.0)
    size = tuple(max(8, round(side * scale)) for side in image.size)
    if size != image.size:
        image = image.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.uint8)


def measure(rgb: NDArray[np.uint8], stretch: float) -> dict[str, float]:
    """Every feature of one picture, by name.

    Args:
        rgb: (h, w, 3).
        stretch: Width by height of the picture in its file.
    """
    look = Look(rgb)
    found = {"picture_aspect": stretch}
    for part in (_colours, _light, _edges, _object, _background, _symmetry, _horizon):
        found |= part(look)
    return found


class Look:
    """A picture with what several measures need of it, each computed when first asked for."""

    def __init__(self, rgb: NDArray[np.uint8]) -> None:
        self.rgb = rgb
        self.height, self.width = rgb.shape[:2]

    @cached_property
    def pixels(self) -> NDArray[np.float32]:
        """(h, w, 3), 0 to 255."""
        return self.rgb.astype(np.float32)

    @cached_property
    def grey(self) -> NDArray[np.float32]:
        """(h, w) brightness, 0 to 255."""
        return self.pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32)

    @cached_property
    def names(self) -> NDArray[np.uint8]:
        """(h, w) index of the colour name."""
        return name_colours(self.rgb)

    @property
    def cells(self) -> NDArray[np.intp]:
        """(h, w) 0 to 5: border, middle, centre of the upper half, then of the lower."""
        return _cells(self.height, self.width)

    @cached_property
    def border(self) -> Mask:
        """(h, w) whether a pixel lies in the border."""
        return self.cells % 3 == 0

    @cached_property
    def slopes(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(h, w) brightness steps across and down, over two pixels; 0 at the rim."""
        across, down = np.zeros_like(self.grey), np.zeros_like(self.grey)
        across[:, 1:-1] = self.grey[:, 2:] - self.grey[:, :-2]
        down[1:-1] = self.grey[2:] - self.grey[:-2]
        return across, down

    @cached_property
    def steepness(self) -> NDArray[np.float32]:
        """(h, w) length of the brightness step."""
        across, down = self.slopes
        return np.sqrt(across * across + down * down)

    @cached_property
    def distance(self) -> NDArray[np.float32]:
        """(h, w) colour distance to the border's median colour, 0 to 442."""
        middle = np.median(self.pixels[self.border], axis=0)
        apart = self.pixels - middle.astype(np.float32)
        return np.sqrt(np.einsum("hwc,hwc->hw", apart, apart))

    def means(self, *weights: NDArray[np.float32] | Mask) -> Floats:
        """(k, 5) mean of each weight over each region."""
        cells = self.cells.reshape(-1)
        sums = [np.bincount(cells, weight.reshape(-1), _CELLS) for weight in weights]
        pixels = _REGION_CELLS @ np.bincount(cells, minlength=_CELLS)
        return np.stack(sums) @ _REGION_CELLS.T / pixels


# Which of the six cells make up each region, in the order of REGIONS.
_REGION_CELLS = np.array(
    [
        [1, 0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0, 1],
        [1, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
    ],
    dtype=np.float64,
)
_REGION_CELLS.flags.writeable = False


@lru_cache(maxsize=64)
def _cells(height: int, width: int) -> NDArray[np.intp]:
    ring = np.minimum(_ring(height)[:, None], _ring(width)[None, :])
    cells = ring + 3 * (np.arange(height)[:, None] >= height // 2)
    cells.flags.writeable = False
    return cells


def _ring(n: int) -> NDArray[np.intp]:
    # The outer 15 % are border, the inner half is centre.
    from_rim = np.minimum(np.arange(n), np.arange(n)[::-1]) / n
    return (from_rim >= 0.15).astype(np.intp) + (from_rim >= 0.25)


def _colours(look: Look) -> dict[str, float]:
    kinds = len(NAMED) + 1
    place = look.cells * kinds + look.names
    table = np.bincount(place.reshape(-1), minlength=_CELLS * kinds).reshape(_CELLS, kinds)
    regions = _REGION_CELLS @ table
    shares = (regions / regions.sum(axis=1, keepdims=True)).T
    return _by_region([f"{colour}_share" for colour in NAMED], shares)


def _by_region(names: Sequence[str], values: Floats) -> dict[str, float]:
    return {
        f"{name}_{region}": value
        for name, row in zip(names, values.tolist(), strict=False)
        for region, value in zip(REGIONS, row, strict=True)
    }


def _light(look: Look) -> dict[str, float]:
    mean, square = look.means(look.grey, look.grey * look.grey)
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    return _by_region(("brightness", "contrast"), np.stack((mean / 255, spread / 127.5)))


def _edges(look: Look) -> dict[str, float]:
    edges = look.steepness > EDGE
    density, steep = look.means(edges, look.steepness)
    found = _by_region(("edge_density", "mean_gradient"), np.stack((density, steep / 255)))
    centre = look.cells % 3 == 2
    for region, part in (("all", edges), ("center", edges & centre)):
        found |= _directions(look, part, region)
    return found


def _directions(look: Look, part: Mask, region: str) -> dict[str, float]:
    across, down = (slope[part] for slope in look.slopes)
    n = len(across)
    shares = (0.0, 0.0, 0.0, 0.0)
    if n:
        # An edge that runs level is a step from row to row; 22.5 degrees either way counts.
        wide, high = np.abs(across), np.abs(down)
        level = np.count_nonzero(high > 2.414 * wide) / n
        upright = np.count_nonzero(wide > 2.414 * high) / n
        # Doubling the angle makes a direction and its opposite one.
        length = look.steepness[part]
        even, odd = (across**2 - down**2) / length, 2 * across * down / length
        turned = float(np.hypot(even.sum(), odd.sum()) / length.sum())
        shares = (level, upright, 1 - level - upright, turned)
    names = ("edges_horizontal", "edges_vertical", "edges_diag", "edge_direction_concentration")
    return {f"{name}_{region}": share for name, share in zip(names, shares, strict=True)}


def otsu(values: NDArray[np.float32], bins: int = 64) -> float:
    """Where to cut values >= 0 in two groups that differ most, to the width of a bin."""
    top = float(values.max())
    if top <= 0:
        return 0.0
    counts = np.bincount((values.reshape(-1) * ((bins - 1) / top)).astype(np.intp), minlength=bins)
    below = np.cumsum(counts)[:-1].astype(np.float64)
    mass = np.cumsum(counts * np.arange(bins))
    n, total = below[-1] + counts[-1], mass[-1]
    above = n - below
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = mass[:-1] / below - (total - mass[:-1]) / above
    between = np.where((below > 0) & (above > 0), below * above * apart**2, 0.0)
    return (int(between.argmax()) + 1) * top / (bins - 1)


def _largest(mask: Mask) -> Mask:
    from scipy import ndimage

    pieces, n = ndimage.label(mask)
    if n < 2:
        return mask
    sizes = np.bincount(pieces.reshape(-1))
    sizes[0] = 0
    return pieces == sizes.argmax()


def _object(look: Look) -> dict[str, float]:
    mask = _largest(look.distance > max(otsu(look.distance), 1.0))
    rows, columns = np.nonzero(mask)
    if len(rows) < 4:
        return dict.fromkeys((f.name for f in FEATURES if f.name.startswith("object_")), np.nan)
    return _shape(look, mask, rows, columns) | _surface(look, mask)


def _shape(
    look: Look, mask: Mask, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> dict[str, float]:
    width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
    area = len(rows)
    spread = np.cov(np.stack((columns, rows)), bias=True) + np.eye(2) / 12
    short, long = np.linalg.eigvalsh(spread)
    tilt = 0.5 * np.arctan2(-2 * spread[0, 1], spread[0, 0] - spread[1, 1])
    inside = np.zeros_like(mask)
    inside[1:-1, 1:-1] = mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    rim = area - np.count_nonzero(inside & mask)
    return {
        "object_area": area / mask.size,
        "object_width": width / look.width,
        "object_height": height / look.height,
        "object_aspect": width / height,
        "object_elongation": float(np.sqrt(long / short)),
        "object_tilt": float(np.degrees(tilt)),
        "object_fill": area / (width * height),
        "object_compactness": min(1.0, 4 * np.pi * area / rim**2),
        "object_center_x": float(columns.mean() + 0.5) / look.width,
        "object_center_y": float(rows.mean() + 0.5) / look.height,
    }


def _surface(look: Look, mask: Mask) -> dict[str, float]:
    colour, grey = look.pixels[mask], look.grey[mask]
    high = colour.max(axis=1)
    names = np.bincount(look.names[mask], minlength=len(NAMED) + 1) / len(grey)
    found = {f"object_{colour}_share": float(names[i]) for i, colour in enumerate(NAMED)}
    return found | {
        "object_brightness": float(grey.mean()) / 255,
        "object_contrast": abs(float(grey.mean() - look.grey[~mask].mean())) / 255
        if not mask.all()
        else 0.0,
        "object_saturation": float(((high - colour.min(axis=1)) / np.maximum(high, 1)).mean()),
        "object_texture": float(look.steepness[mask].mean()) / 255,
        "object_warmth": float((colour[:, 0] - colour[:, 2]).mean()) / 255,
    }


def _background(look: Look) -> dict[str, float]:
    colour = look.pixels[look.border]
    return {
        "background_uniformity": 1 / (1 + float(look.distance[look.border].mean()) / 32),
        "background_warmth": float((colour[:, 0] - colour[:, 2]).mean()) / 255,
    }


def _symmetry(look: Look) -> dict[str, float]:
    centred = look.grey - look.grey.mean()
    power = float((centred * centred).sum())
    if power <= 0:
        return {"symmetry_left_right": 1.0, "symmetry_top_bottom": 1.0}
    return {
        "symmetry_left_right": float((centred * centred[:, ::-1]).sum()) / power,
        "symmetry_top_bottom": float((centred * centred[::-1]).sum()) / power,
    }


def _horizon(look: Look) -> dict[str, float]:
    # The cut of the rows into an upper and a lower part that differ most in mean brightness.
    rows = look.grey.mean(axis=1, dtype=np.float64)
    n = len(rows)
    above = np.arange(1, n)
    mass = np.cumsum(rows)[:-1]
    apart = np.abs(mass / above - (rows.sum() - mass) / (n - above))
    weighted = apart * np.sqrt(above * (n - above)) / n
    cut = int(weighted.argmax())
    return {
        "horizon_strength": float(weighted[cut]) * 2 / 255,
        "horizon_position": (cut + 1) / n,
    }
