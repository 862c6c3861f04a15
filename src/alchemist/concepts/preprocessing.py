"""Items as the tensors an exported encoder was trained on, read from preprocessor_config.json.

`size` may be a number, a shortest edge, or a height and a width (which squashes the picture);
`do_rescale` may be absent and means yes. Sound is CLAP's log-mel in decibels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts.sounds import Sound, resample
from alchemist.core.errors import BadModel

if TYPE_CHECKING:
    from PIL import Image

Floats = NDArray[np.float32]
MOST_PIECES = 6


@dataclass(frozen=True, slots=True)
class PixelSteps:
    """Resize, crop, rescale, normalise.

    Attributes:
        edge: Shortest edge after resizing, or None where `box` is the size.
        box: (height, width) squashed to, or cropped to from the middle.
        resample: Pillow's number of the filter.
        scale: Factor of pixels of 0 to 255.
        mean: Per channel, after scaling.
        std: Per channel.
    """

    edge: int | None
    box: tuple[int, int]
    resample: int
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def tensor(self, image: Image.Image) -> Floats:
        """(3, h, w)."""
        from PIL import Image

        height, width = self.box
        how = Image.Resampling(self.resample)
        if self.edge is None:
            image = image.resize((width, height), how)
        else:
            short = min(image.size)
            size = tuple(int(self.edge * side / short) for side in image.size)
            image = image.resize(size, how)
            left, top = (image.width - width) // 2, (image.height - height) // 2
            # Beyond the picture Pillow fills with black, as the original does.
            image = image.crop((left, top, left + width, top + height))
        pixels = np.asarray(image, dtype=np.float32) * np.float32(self.scale)
        mean, std = (np.asarray(three, dtype=np.float32) for three in (self.mean, self.std))
        scaled: Floats = (pixels - mean) / std
        return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def pixel_steps(told: Mapping[str, Any], where: object) -> PixelSteps:
    """Read the steps.

    Raises:
        BadModel: A step is not told, or in a way we do not know.
    """
    if not told.get("do_resize", True):
        raise BadModel(f"{where}: do_resize = false; pictures of any size cannot be fed.")
    edge, box = _size(told.get("size"), where)
    if told.get("do_center_crop", "crop_size" in told):
        cut_edge, cut = _size(told.get("crop_size"), where)
        box = cut or ((cut_edge, cut_edge) if cut_edge else None)
    elif edge is not None:
        # A bare number without a crop is a square.
        edge, box = (None, (edge, edge)) if isinstance(told.get("size"), int) else (edge, box)
    if box is None:
        raise BadModel(f"{where}: size and crop_size give no height and width.")
    normal = told.get("do_normalize", True)
    mean, std = (
        _three(told.get(key), where, key) if normal else three
        for key, three in (("image_mean", (0.0,) * 3), ("image_std", (1.0,) * 3))
    )
    scale = float(told.get("rescale_factor", 1 / 255)) if told.get("do_rescale", True) else 1.0
    return PixelSteps(edge, box, int(told.get("resample", 3)), scale, mean, std)


def _size(told: Any, where: object) -> tuple[int | None, tuple[int, int] | None]:
    """(shortest edge, None) or (None, (height, width))."""
    if isinstance(told, int) and told > 0:
        return told, None
    if isinstance(told, Mapping) and told.get("shortest_edge"):
        return int(told["shortest_edge"]), None
    if isinstance(told, Mapping) and told.get("height") and told.get("width"):
        return None, (int(told["height"]), int(told["width"]))
    raise BadModel(f"{where}: size = {told!r} is no number, shortest_edge, or height and width.")


def _three(told: Any, where: object, key: str) -> tuple[float, ...]:
    if isinstance(told, list) and len(told) == 3:
        return tuple(float(one) for one in told)
    raise BadModel(f"{where}: {key} = {told!r} must be three numbers.")


@dataclass(frozen=True)
class ClapSteps:
    """CLAP's log-mel picture: frames by mels, in decibels.

    Source: Wu et al., Large-scale contrastive language-audio pretraining (ICASSP 2023), in the
    form its published feature extractor gives it (slaney mel scale and norm, centred frames).
    """

    rate: int
    window: int
    hop: int
    mels: int
    low_hz: float
    high_hz: float
    samples: int

    def pieces(self, sound: Sound) -> Floats:
        """(p, 1, frames, mels): up to MOST_PIECES evenly spaced pieces; a short sound repeats."""
        heard = resample(sound.samples, sound.rate, self.rate)
        if len(heard) <= self.samples:
            heard = np.tile(heard, self.samples // len(heard))
            heard = np.pad(heard, (0, self.samples - len(heard)))
        count = min(MOST_PIECES, -(-len(heard) // self.samples))
        starts = np.linspace(0, len(heard) - self.samples, count).astype(int)
        return np.stack([self._log_mel(heard[s : s + self.samples])[None] for s in starts])

    def _log_mel(self, samples: Floats) -> Floats:
        padded = np.pad(samples, self.window // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.window)[:: self.hop]
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window)
        power = np.abs(np.fft.rfft(frames * hann, axis=1)) ** 2
        return (10 * np.log10(np.maximum(power @ self._triangles, 1e-10))).astype(np.float32)

    @cached_property
    def _triangles(self) -> NDArray[np.float64]:
        """(window / 2 + 1, mels): triangles in Hz between slaney mels, each of area 1."""
        low, high = _slaney(self.low_hz), _slaney(self.high_hz)
        edges = _from_slaney(np.linspace(low, high, self.mels + 2))
        hertz = np.linspace(0, self.rate // 2, self.window // 2 + 1)[:, None]
        up = (hertz - edges[:-2]) / np.diff(edges)[:-1]
        down = (edges[2:] - hertz) / np.diff(edges)[1:]
        return np.maximum(0, np.minimum(up, down)) * 2 / (edges[2:] - edges[:-2])


_KNEE_HZ, _KNEE_MEL, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27


def _slaney(hertz: float) -> float:
    if hertz < _KNEE_HZ:
        return hertz * _KNEE_MEL / _KNEE_HZ
    return _KNEE_MEL + float(np.log(hertz / _KNEE_HZ)) / _LOG_STEP


def _from_slaney(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    straight = mels * _KNEE_HZ / _KNEE_MEL
    bent = _KNEE_HZ * np.exp(_LOG_STEP * np.maximum(mels - _KNEE_MEL, 0))
    return np.where(mels < _KNEE_MEL, straight, bent)


def clap_steps(told: Mapping[str, Any], where: object) -> ClapSteps:
    """Read how sound goes in.

    Raises:
        BadModel: It is no CLAP extractor, or one that fuses several views of a sound.
    """
    if told.get("feature_extractor_type") != "ClapFeatureExtractor":
        raise BadModel(f"{where}: of the sound encoders only CLAP's feature extractor is known.")
    if told.get("truncation") != "rand_trunc" or told.get("padding") != "repeatpad":
        raise BadModel(f"{where}: only truncation 'rand_trunc' and padding 'repeatpad' are known.")
    try:
        rate, low, high = (
            float(told[k]) for k in ("sampling_rate", "frequency_min", "frequency_max")
        )
        return ClapSteps(
            rate=int(rate),
            window=int(told["fft_window_size"]),
            hop=int(told["hop_length"]),
            mels=int(told["feature_size"]),
            low_hz=low,
            high_hz=high,
            samples=int(float(told["max_length_s"]) * rate),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadModel(f"{where}: {error} is missing or no number.") from None
