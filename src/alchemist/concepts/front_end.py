"""Sound as the log-mel pictures that sound models look at.

model.json tells a front end as a table ("rate", "window", "hop", "fft", "mels", "low_hz",
"high_hz", "offset", "frames") or as the one sentence YAMNet folders carry. Mel is
1127 ln(1 + f / 700), triangles are linear in mel and of height 1, magnitudes (not powers) are
weighed, and the logarithm is taken of the sum plus the offset.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts.folders import ModelFolder
from alchemist.concepts.sounds import Sound, resample
from alchemist.core.errors import BadModel

Floats = NDArray[np.float32]

_SENTENCE = re.compile(
    r"mono (?P<khz>[\d.]+) kHz in \[-1, 1\]; frames of (?P<window>\d+) samples, step (?P<hop>\d+), "
    r"periodic Hann, rfft (?P<fft>\d+), magnitude, (?P<mels>\d+) mel triangles "
    r"(?P<low_hz>[\d.]+)-(?P<high_hz>[\d.]+) Hz \(mel = 1127 ln\(1 \+ f/700\), triangles linear in "
    r"mel, DC bin 0\), log\(x \+ (?P<offset>[\d.e-]+)\); (?P<frames>\d+) frames\b.*"
)


@dataclass(frozen=True)
class FrontEnd:
    """The numbers of a log-mel picture of `frames` by `mels`."""

    rate: int
    window: int
    hop: int
    fft: int
    mels: int
    low_hz: float
    high_hz: float
    offset: float
    frames: int

    def patches(self, sound: Sound) -> Floats:
        """(p, frames, mels): half-overlapping pictures of a sound, the last one padded."""
        samples = resample(sound.samples, sound.rate, self.rate)
        length = self.window + (self.frames - 1) * self.hop
        step = self.frames // 2 * self.hop
        n = 1 + max(0, -(-(len(samples) - length) // step))
        padded = np.pad(samples, (0, max(0, length + (n - 1) * step - len(samples))))
        starts = np.arange(n) * step
        return np.stack([self._log_mel(padded[s : s + length]) for s in starts])

    def _log_mel(self, samples: Floats) -> Floats:
        pieces = np.lib.stride_tricks.sliding_window_view(samples, self.window)[:: self.hop]
        spectrum = np.abs(np.fft.rfft(pieces * self._hann, self.fft, axis=1))
        return np.log(spectrum @ self._triangles + self.offset).astype(np.float32)

    @cached_property
    def _hann(self) -> NDArray[np.float64]:
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window)

    @cached_property
    def _triangles(self) -> NDArray[np.float64]:
        """(fft / 2 + 1, mels) weights."""
        hertz = np.linspace(0, self.rate / 2, self.fft // 2 + 1)
        mel, low, high = (
            1127 * np.log1p(np.array(f) / 700) for f in (hertz, self.low_hz, self.high_hz)
        )
        edges = np.linspace(low, high, self.mels + 2)
        left, top, right = edges[:-2], edges[1:-1], edges[2:]
        up = (mel[:, None] - left) / (top - left)
        down = (right - mel[:, None]) / (right - top)
        weights = np.maximum(0, np.minimum(up, down))
        weights[0] = 0
        return weights


def front_end(folder: ModelFolder) -> FrontEnd:
    """Read how sound goes in.

    Raises:
        BadModel: It is not told, or not in a way we know.
    """
    where = folder.path / "model.json"
    told = folder.input.get("front_end")
    if isinstance(told, Mapping):
        return _from_table(told, f"{where}: input.front_end")
    found = _SENTENCE.fullmatch(str(folder.input.get("from", "")))
    if not found:
        raise BadModel(
            f"{where}: input.front_end must be a table of "
            f"{', '.join(f.name for f in fields(FrontEnd))}."
        )
    table = found.groupdict()
    return _from_table({**table, "rate": float(table.pop("khz")) * 1000}, str(where))


def _from_table(told: Mapping[str, Any], where: str) -> FrontEnd:
    numbers: dict[str, Any] = {}
    for field in fields(FrontEnd):
        try:
            number = float(told[field.name])
        except (KeyError, TypeError, ValueError):
            raise BadModel(f"{where} has no number {field.name!r}.") from None
        numbers[field.name] = number if field.type is float else int(number)
    return FrontEnd(**numbers)
