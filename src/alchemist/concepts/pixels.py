"""Raw pixels: the vanilla baseline of the Alchemist paper, and nothing to label with.

A picture is squeezed to SIDE x SIDE pixels, and programs read row["red_3_4"], the red of row 3,
column 4. Such programs count colours, so they label the background: the paper's reach .022 in
the worst group of Waterbirds. They are here to be compared with.

Source: Huang et al., The ALCHEmist (NeurIPS 2024), the multimodal part.
"""

import numpy as np

from alchemist.concepts.local import Local
from alchemist.concepts.pictures import open_picture, quiet
from alchemist.core.concepts import Feature

SIDE = 16
CHANNELS = ("red", "green", "blue")
NAMES = tuple(
    f"{channel}_{row}_{column}"
    for channel in CHANNELS
    for row in range(SIDE)
    for column in range(SIDE)
)


class Pixels(Local):
    """Extractor of every pixel of a small copy, channel by channel, row by row."""

    name = "pixels"
    modality = "image"
    version = 1
    named = tuple(
        Feature(
            name,
            "0-255",
            f"{name.partition('_')[0]} of a pixel: its row from the top and column from the left",
            0.0,
            255.0,
            family=name.partition("_")[0],
        )
        for name in NAMES
    )

    def measure_item(self, item: bytes) -> tuple[dict[str, float], str]:
        """Squeeze one picture."""
        from PIL import Image

        with quiet():
            picture = open_picture(item, SIDE)
        image = picture.image.resize((SIDE, SIDE), Image.Resampling.BOX)
        pixels = np.asarray(image, dtype=np.float64).transpose(2, 0, 1)
        return dict(zip(NAMES, pixels.ravel().tolist(), strict=True)), picture.note
