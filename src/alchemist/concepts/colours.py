"""Ten plain colour names for a pixel, by hue, saturation and brightness, through one table.

The table is over RGB cut to five bits a channel: 32,768 colours, named once.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

COLOURS = ("black", "white", "grey", "red", "brown", "yellow", "green", "blue", "other")
NAMED = COLOURS[:-1]


def name_colours(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Index into COLOURS of every pixel: (h, w, 3) to (h, w)."""
    five = rgb >> 3
    place = (five[..., 0].astype(np.int32) << 10) | (five[..., 1].astype(np.int32) << 5)
    return _table()[place | five[..., 2]]


@cache
def _table() -> NDArray[np.uint8]:
    levels = (np.arange(32) * 8 + 4) / 255
    red, green, blue = np.meshgrid(levels, levels, levels, indexing="ij")
    high = np.maximum(np.maximum(red, green), blue)
    spread = high - np.minimum(np.minimum(red, green), blue)
    saturation = spread / high
    hue = hue_of(red, green, blue, high, spread)
    named = np.full(hue.shape, COLOURS.index("other"), dtype=np.uint8)
    warm = (hue < 15) | (hue >= 345)
    rules = (
        ("red", warm),
        ("brown", (hue >= 15) & (hue < 45) & (high < 0.75)),
        ("yellow", (hue >= 45) & (hue < 70)),
        ("green", (hue >= 70) & (hue < 165)),
        ("blue", (hue >= 165) & (hue < 260)),
        ("brown", warm & (high < 0.5) & (saturation < 0.7)),
        ("grey", saturation < 0.15),
        ("white", (saturation < 0.15) & (high >= 0.8)),
        ("black", (high < 0.2)),
    )
    for name, where in rules:
        named[where] = COLOURS.index(name)
    table = named.reshape(-1)
    table.flags.writeable = False
    return table


def hue_of(
    red: NDArray[np.float64],
    green: NDArray[np.float64],
    blue: NDArray[np.float64],
    high: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Hue in degrees, 0 where there is none."""
    safe = np.where(spread > 0, spread, 1)
    hue = np.where(
        high == red,
        (green - blue) / safe % 6,
        np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    return np.where(spread > 0, hue * 60, 0.0)
