"""Bytes to sound: one channel of float32 in [-1, 1] at its own rate.

WAV is read here, chunk by chunk, in every width it comes in (8 to 32 bits, floats, the
extensible header); other formats need soundfile. All channels are mixed into one.
"""

import struct
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts.pictures import BROKEN
from alchemist.concepts.reading import Unreadable

LONGEST_S = 600
RATES = range(1_000, 400_000)
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """(n,) samples of one channel, how many a second, and a note if there is one."""

    samples: Samples
    rate: int
    note: str = ""


def open_sound(item: bytes) -> Sound:
    """Decode a sound; of a long one the first LONGEST_S seconds.

    Raises:
        Unreadable: With the reason.
    """
    if not item:
        raise Unreadable("empty file")
    wav = item[:4] == b"RIFF" and item[8:12] == b"WAVE"
    channels, rate, note = _read_wav(item) if wav else _read_other(item)
    if rate not in RATES:
        raise Unreadable(f"sound with {rate} samples a second")
    if not channels.size:
        raise Unreadable("sound of zero length")
    if not np.isfinite(channels).all():
        raise Unreadable("sound with samples that are not numbers")
    notes = [note] if note else []
    if channels.shape[1] > 1:
        notes.append(f"{channels.shape[1]} channels, mixed into one")
    if len(channels) > LONGEST_S * rate:
        notes.append(f"only the first {LONGEST_S} seconds read")
        channels = channels[: LONGEST_S * rate]
    return Sound(channels.mean(axis=1, dtype=np.float32), rate, "; ".join(notes))


def _read_wav(item: bytes) -> tuple[Samples, int, str]:
    at, layout = 12, b""
    while at + 8 <= len(item):
        name, size = struct.unpack_from("<4sI", item, at)
        body = item[at + 8 : at + 8 + size]
        if name == b"fmt ":
            layout = body
        elif name == b"data":
            if len(layout) < 16:
                raise Unreadable("corrupt WAV: no format before the data")
            # A stream of unknown length writes the largest size there is.
            cut = len(body) < size < 0xFFFF_0000
            return _decode(layout, body, "the file ends before its sound does" if cut else "")
        at += 8 + size + size % 2
    raise Unreadable("corrupt WAV: no data")


def _decode(layout: bytes, body: bytes, note: str) -> tuple[Samples, int, str]:
    kind, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", layout)
    if kind == _EXTENSIBLE and len(layout) >= 26:
        (kind,) = struct.unpack_from("<H", layout, 24)
    width = bits // 8
    if channels < 1 or block != channels * width or not block:
        raise Unreadable(f"corrupt WAV: {channels} channels of {bits} bits in blocks of {block}")
    usable = body[: len(body) // block * block]
    if bits == 24:
        note = "; ".join(filter(None, (note, "24 bits a sample")))
    return _numbers(kind, bits, usable).reshape(-1, channels), rate, note


def _numbers(kind: int, bits: int, body: bytes) -> Samples:
    if kind == _FLOAT and bits in {32, 64}:
        return np.frombuffer(body, dtype=f"<f{bits // 8}").astype(np.float32)
    if kind == _PCM and bits == 8:
        return (np.frombuffer(body, dtype=np.uint8).astype(np.float32) - 128) / np.float32(128)
    if kind == _PCM and bits in {16, 32}:
        whole = np.frombuffer(body, dtype=f"<i{bits // 8}")
        return whole.astype(np.float32) / np.float32(2 ** (bits - 1))
    if kind == _PCM and bits == 24:
        three = np.frombuffer(body, dtype=np.uint8).reshape(-1, 3)
        four = np.zeros((len(three), 4), dtype=np.uint8)
        four[:, 1:] = three
        whole = four.view("<i4").reshape(-1)
        return whole.astype(np.float32) / np.float32(2**31)
    raise Unreadable(f"WAV of kind {kind} with {bits} bits a sample, which is not plain sound")


_SIGNS = ((b"fLaC", "FLAC"), (b"OggS", "Ogg"), (b"ID3", "MP3"), (b"FORM", "AIFF"))


def _read_other(item: bytes) -> tuple[Samples, int, str]:
    kind = next((name for sign, name in _SIGNS if item.startswith(sign)), "")
    if not kind and item[:1] == b"\xff" and item[1:2] >= b"\xe0":
        kind = "MP3"
    if not kind:
        raise Unreadable("no sound: its first bytes are those of no known format")
    if not find_spec("soundfile"):
        raise Unreadable(f"{kind}, which needs: pip install 'alchemist-label[audio]'")
    import soundfile

    try:
        with soundfile.SoundFile(BytesIO(item)) as file:
            rate = int(file.samplerate)
            most = (LONGEST_S + 1) * rate
            return file.read(most, dtype="float32", always_2d=True), rate, ""
    except BROKEN as error:
        raise Unreadable(f"corrupt {kind}: {str(error)[:100]}") from None


def resample(samples: Samples, rate: int, wanted: int) -> Samples:
    """The same sound at another rate, by the FFT: what both rates can hold is kept exactly."""
    if rate == wanted:
        return samples
    from scipy import fft

    n = max(1, round(len(samples) * wanted / rate))
    # A length with small factors is far quicker; the padding is silence at the end.
    whole = fft.next_fast_len(len(samples), real=True)
    out = max(1, round(whole * wanted / rate))
    spectrum = fft.rfft(samples, whole)
    keep = min(len(spectrum), out // 2 + 1)
    return (fft.irfft(spectrum[:keep], out) * (out / whole)).astype(np.float32)[:n]
