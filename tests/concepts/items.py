"""Items for tests: pictures, sounds, series and a film, as bytes."""

import io
import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def picture(
    draw: Callable[[Any], None] | None = None,
    *,
    size: tuple[int, int] = (64, 48),
    ground: Any = "white",
    mode: str = "RGB",
    kind: str = "PNG",
    **options: Any,
) -> bytes:
    """A drawn picture."""
    from PIL import Image, ImageDraw

    image = Image.new(mode, size, ground)
    if draw:
        draw(ImageDraw.Draw(image))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def wav(
    samples: Sequence[float] | np.ndarray,
    *,
    rate: int = 8000,
    bits: int = 16,
    channels: int = 1,
    extensible: bool = False,
    floats: bool = False,
) -> bytes:
    """A WAV file; samples in [-1, 1], channels side by side in turn."""
    values = np.asarray(samples, dtype=np.float64)
    if floats:
        body = values.astype(f"<f{bits // 8}").tobytes()
    elif bits == 8:
        body = np.round(values * 127 + 128).astype(np.uint8).tobytes()
    else:
        whole = np.round(values * (2 ** (bits - 1) - 1)).astype("<i4")
        body = whole[:, None].view(np.uint8)[:, : bits // 8].tobytes()
    kind, block = (3 if floats else 1), channels * bits // 8
    layout = struct.pack("<HHIIHH", 0xFFFE if extensible else kind, channels, rate, rate * block, block, bits)  # fmt: skip
    if extensible:
        layout += struct.pack("<HHI", 22, bits, 0) + struct.pack("<H", kind) + bytes(14)
    chunks = b"fmt " + struct.pack("<I", len(layout)) + layout
    chunks += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def tone(hertz: float, seconds: float = 0.5, *, rate: int = 8000, loud: float = 0.5) -> np.ndarray:
    """A pure tone."""
    at = np.arange(int(seconds * rate)) / rate
    return loud * np.sin(2 * math.pi * hertz * at)


def series(values: Sequence[float] | np.ndarray) -> bytes:
    """A series as an item."""
    return np.asarray(values, dtype="<f8").tobytes()


def film(frames: int = 24, *, moving: bool = True, rate: int = 12) -> bytes:
    """A grey square on white, walking to the right or standing."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(frames):
            pixels = np.full((48, 64, 3), 240, dtype=np.uint8)
            left = 4 + (i * 2 if moving else 0)
            pixels[16:32, left : left + 12] = 60
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return file.getvalue()
