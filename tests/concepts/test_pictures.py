import contextlib
import struct
import warnings
import zlib

import numpy as np
import pytest

from alchemist.concepts.reading import Unreadable
from tests.concepts import items as made

pytestmark = pytest.mark.extra("image")
Image = pytest.importorskip("PIL.Image")

from alchemist.concepts.pictures import open_picture, quiet  # noqa: E402


def noise(kind: str, mode: str = "RGB", **options: object) -> bytes:
    import io

    pixels = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


def png_of(width: int, height: int) -> bytes:
    """A header that promises a size, and a little of the pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = b""
    for name, body in ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")):
        chunks += struct.pack(">I", len(body)) + name + body
        chunks += struct.pack(">I", zlib.crc32(name + body))
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        pytest.param(b"", "empty file", id="empty"),
        pytest.param(noise("JPEG")[:2000], "corrupt JPEG: .*truncated", id="truncated JPEG"),
        pytest.param(noise("PNG")[:2000], "corrupt PNG: .*truncated", id="truncated PNG"),
        pytest.param(png_of(30_000, 40), "30000 x 40 pixels, over the limit", id="30,000 pixels wide"),
        pytest.param(png_of(15_000, 15_000), "over the limit", id="too many pixels"),
        pytest.param(png_of(2**30, 2**30), "over the limit", id="more pixels than there are bytes"),
        pytest.param(b"hello, this is a note", "no picture: it is text", id="text"),
        pytest.param(b"<html><body>404", "no picture: it is markup", id="a web page"),
        pytest.param(made.wav([0.0] * 9), "no picture: it is a RIFF file", id="a sound"),
        pytest.param(b"%PDF-1.7", "no picture: it is a PDF", id="a document"),
        pytest.param(bytes(200), "no known format", id="zeros"),
    ],
)  # fmt: skip
def test_a_picture_that_cannot_be_read_has_one_reason(item: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason), quiet():
        open_picture(item)


@pytest.mark.parametrize("cut", range(0, 3000, 251))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_damage_anywhere_is_a_reason_or_a_picture(kind: str, cut: int) -> None:
    whole = bytearray(noise(kind))
    whole[cut : cut + 7] = b"\xff\x00\xff\x7f\x80\x01\xfe"
    with quiet(), contextlib.suppress(Unreadable):
        assert open_picture(bytes(whole)).image.mode == "RGB"


def test_cmyk_is_read_and_said() -> None:
    picture = open_picture(made.picture(ground=(0, 255, 255, 0), mode="CMYK", kind="JPEG"))
    assert picture.note == "CMYK picture, read as RGB without its colour profile"
    red, green, blue = np.asarray(picture.image)[5, 5]
    assert red > 200
    assert max(green, blue) < 60


def test_a_turned_photo_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    item = made.picture(lambda d: d.rectangle((0, 0, 20, 48), fill="red"), kind="JPEG", exif=exif)
    picture = open_picture(item)
    assert (picture.width, picture.height) == picture.image.size == (48, 64)
    assert np.asarray(picture.image)[5, 24, 1] < 80  # the red side is now on top


@pytest.mark.parametrize(
    ("mode", "ground", "seen"),
    [
        pytest.param("RGBA", (255, 0, 0, 0), (255, 255, 255), id="clear becomes white"),
        pytest.param("RGBA", (255, 0, 0, 255), (255, 0, 0), id="opaque stays"),
        pytest.param("LA", (0, 128), (127, 127, 127), id="half clear black is grey"),
        pytest.param("L", 90, (90, 90, 90), id="grey"),
        pytest.param("1", 1, (255, 255, 255), id="one bit"),
        pytest.param("P", 0, (0, 0, 0), id="palette"),
        pytest.param("I;16", 200 * 256, (200, 200, 200), id="sixteen bits"),
    ],
)
def test_every_kind_of_pixel_becomes_rgb(
    mode: str, ground: object, seen: tuple[int, int, int]
) -> None:
    with quiet():
        picture = open_picture(made.picture(ground=ground, mode=mode))
    assert picture.image.mode == "RGB"
    np.testing.assert_allclose(np.asarray(picture.image)[3, 3], seen, atol=1)


def test_a_smaller_decoding_keeps_the_size_of_the_file() -> None:
    picture = open_picture(made.picture(size=(1600, 1200), kind="JPEG"), enough=100)
    assert (picture.width, picture.height) == (1600, 1200)
    assert max(picture.image.size) < 400


def test_odd_files_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with quiet():
            warnings.warn("odd file", stacklevel=1)
