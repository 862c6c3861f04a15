"""Bytes to pictures, whatever the bytes are.

Only the header is believed before the size is checked; the size decides whether pixels are
decoded at all. What a decoder says about broken bytes becomes one short reason.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from alchemist.concepts.reading import Unreadable

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
MOST_PIXELS = 64_000_000
LONGEST_SIDE = 20_000
GREY = (128, 128, 128)

# What decoders raise on hostile bytes; a MemoryError is the picture's fault, its size was lied.
BROKEN = (
    OSError,
    ValueError,
    TypeError,
    SyntaxError,
    ArithmeticError,
    LookupError,
    AttributeError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright RGB picture, the size it had in its file, and a note if there is one."""

    image: Image.Image
    width: int
    height: int
    note: str = ""


def open_picture(item: bytes, enough: int = 0) -> Picture:
    """Decode a picture.

    Args:
        item: The bytes of a file.
        enough: A JPEG may be decoded smaller than it is, down to this many pixels a side, which
            is far quicker; 0 for full size.

    Raises:
        Unreadable: With the reason.
    """
    from PIL import Image, ImageOps

    if not item:
        raise Unreadable("empty file")
    try:
        image = Image.open(BytesIO(item), formats=FORMATS)
    except Image.DecompressionBombError:
        raise Unreadable(f"picture over the limit of {MOST_PIXELS:,} pixels") from None
    except BROKEN as error:
        raise Unreadable(f"no picture: {_kind_of(item)} ({type(error).__name__})") from None
    width, height = image.size
    if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise Unreadable(
            f"picture of {width} x {height} pixels, over the limit of {LONGEST_SIDE:,} a side "
            f"and {MOST_PIXELS:,} in all"
        )
    try:
        if enough:
            image.draft("RGB", (enough, enough))
        image.load()
        upright = ImageOps.exif_transpose(image)
        if (upright.width > upright.height) != (image.width > image.height):
            width, height = height, width
        return Picture(_as_rgb(upright), width, height, _note(image))
    except BROKEN as error:
        raise Unreadable(f"corrupt {image.format}: {_short(error)}") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Decoders warn about files that are merely odd; what matters is told as a problem or note."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _as_rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode == "RGB":
        return image
    if image.mode.startswith("I"):  # 16 bits a pixel: the upper eight are the picture
        return image.point(lambda value: value / 256).convert("L").convert("RGB")
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        clear = image.convert("RGBA")
        ground = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, clear).convert("RGB")
    return image.convert("RGB")


def _note(image: Image.Image) -> str:
    if image.mode in {"CMYK", "YCCK"}:
        return "CMYK picture, read as RGB without its colour profile"
    if getattr(image, "n_frames", 1) > 1:
        return "several frames, the first one read"
    return ""


_SIGNS = (
    (b"\xff\xd8\xff", "it begins like a JPEG"),
    (b"\x89PNG", "it begins like a PNG"),
    (b"%PDF", "it is a PDF"),
    (b"PK\x03\x04", "it is a zip archive"),
    (b"RIFF", "it is a RIFF file (sound or film)"),
    (b"<svg", "it is an SVG drawing"),
    (b"<", "it is markup"),
)


def _kind_of(item: bytes) -> str:
    head = item[:64].lstrip()
    for sign, kind in _SIGNS:
        if head.startswith(sign):
            return kind
    printable = all(32 <= byte < 127 or byte in b"\t\r\n" for byte in item[:64])
    return "it is text" if printable else "its first bytes are those of no known format"


def _short(error: BaseException) -> str:
    text = str(error).split("\n")[0]
    return (text or type(error).__name__)[:100]
