"""Named numbers of a sound without any model: loudness, pitch, spectrum, and how they move.

Frames of 25 ms every 10 ms (further apart in sounds over a minute). What is within 35 dB of
the loudest frame sounds; its span is cut in thirds: start, middle, end.
"""

import math

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts.audio_features import BANDS, FEATURES, FORMANTS, PITCHES, THIRDS
from alchemist.concepts.local import Local
from alchemist.concepts.sounds import Samples, Sound, open_sound

_SOUNDING_DB = 35
_MOST_FRAMES = 6000
_TINY = 1e-10

Floats = NDArray[np.float64]


class LocalAudio(Local):
    """Extractor of FEATURES."""

    name = "local_audio"
    modality = "audio"
    version = 1
    named = FEATURES

    def measure_item(self, item: bytes) -> tuple[dict[str, float], str]:
        """Measure one sound."""
        sound = open_sound(item)
        return measure(sound), sound.note


def measure(sound: Sound) -> dict[str, float]:
    """Every feature of one sound, by name; NaN where it has none (a silence has no pitch)."""
    seconds = len(sound.samples) / sound.rate
    found = dict.fromkeys((f.name for f in FEATURES), float("nan"))
    found |= {"duration_s": seconds, "silence_share": 1.0, "voiced_duration_s": 0.0}
    frames, step = framed(sound.samples, sound.rate)
    power = (frames * frames).mean(axis=1)
    decibels = 10 * np.log10(power + _TINY)
    sounding = np.flatnonzero((decibels > decibels.max() - _SOUNDING_DB) & (power > 1e-9))
    if not len(sounding):
        return found
    span = slice(sounding[0], sounding[-1] + 1)
    found["silence_share"] = 1 - len(sounding) / len(frames)
    found["voiced_duration_s"] = min(seconds, (span.stop - span.start) * step)
    found |= _loudness(decibels[span], step)
    found |= _pitch(frames[sounding], sound.rate)
    return found | _spectrum(frames[span], sound.rate, step)


def framed(samples: Samples, rate: int) -> tuple[NDArray[np.float32], float]:
    """(frames, window) pieces of 25 ms, and the seconds from one to the next."""
    window = max(16, round(0.025 * rate))
    hop = max(1, round(0.010 * rate), len(samples) // _MOST_FRAMES)
    padded = np.pad(samples, (0, max(0, window - len(samples))))
    return np.lib.stride_tricks.sliding_window_view(padded, window)[::hop], hop / rate


def _loudness(decibels: Floats, step: float) -> dict[str, float]:
    low, high = np.quantile(decibels, (0.1, 0.9))
    smooth = np.convolve(np.pad(decibels, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    return {
        "loudness_db": float(10 * np.log10(np.mean(10 ** (decibels / 10)))),
        "loudness_range_db": float(high - low),
        "attack_s": float(decibels.argmax()) * step,
        "energy_peaks": float(_peaks(smooth, depth=3.0)),
    }


def _peaks(curve: Floats, depth: float) -> int:
    """How many rises by at least `depth` are followed by such a fall, the end counting as one."""
    count, low, high, rising = 0, curve[0] - depth, curve[0] - depth, True
    for value in curve.tolist():
        if rising:
            high = max(high, value)
            if value < high - depth:
                count, rising, low = count + 1, False, value
        else:
            low = min(low, value)
            if value > low + depth:
                rising, high = True, value
    return count + rising


def _pitch(frames: NDArray[np.float32], rate: int) -> dict[str, float]:
    """Pitch by the autocorrelation of 250 evenly spaced frames, doubled in length with zeros."""
    from scipy import fft

    chosen = frames[np.unique(np.linspace(0, len(frames) - 1, 250).astype(int))]
    window = chosen.shape[1]
    centred = chosen - chosen.mean(axis=1, keepdims=True)
    spectrum = np.abs(fft.rfft(centred, fft.next_fast_len(2 * window, real=True), axis=1)) ** 2
    alike = fft.irfft(spectrum, axis=1)[:, :window]
    # Longer lags overlap less; without this correction low voices lose.
    alike = alike / np.maximum(alike[:, :1], _TINY) * (window / (window - np.arange(window)))
    shortest, longest = math.ceil(rate / PITCHES[1]), min(int(rate / PITCHES[0]), window * 3 // 4)
    if longest <= shortest + 1:
        return {"pitched_share": 0.0}
    lags = alike[:, shortest:longest]
    # The first lag near the best one: a multiple of the period is nearly as like.
    best = lags.max(axis=1, keepdims=True)
    first = (lags > 0.9 * best).argmax(axis=1)
    peak = np.array([f + _top(row[f:]) for f, row in zip(first, lags, strict=True)])
    has = best[:, 0] > 0.5
    if not has.any():
        return {"pitched_share": 0.0}
    pitch = rate / (shortest + peak[has])
    low, high = np.quantile(pitch, (0.1, 0.9))
    return {
        "pitch_hz": float(np.median(pitch)),
        "pitch_range_hz": float(high - low),
        "pitched_share": float(has.mean()),
    }


def _top(curve: NDArray[np.float32]) -> int:
    """Where a curve that climbs stops climbing."""
    falls = np.flatnonzero(np.diff(curve) < 0)
    return int(falls[0]) if len(falls) else len(curve) - 1


def _spectrum(frames: NDArray[np.float32], rate: int, step: float) -> dict[str, float]:
    from scipy import fft

    window = frames.shape[1]
    tapered = frames * np.hanning(window).astype(np.float32)
    power = np.abs(fft.rfft(tapered, axis=1)).astype(np.float64) ** 2 + _TINY
    hertz = np.arange(power.shape[1]) * rate / window
    total = power.sum(axis=1)
    centroid = power @ hertz / total
    mean = power.sum(axis=0) / total.sum()
    centre = float(mean @ hertz)
    found = {
        "spectral_bandwidth_hz": float(np.sqrt(mean @ (hertz - centre) ** 2)),
        "rolloff85_hz": float(
            hertz[np.searchsorted(np.cumsum(mean), 0.85).clip(max=len(mean) - 1)]
        ),
        "flatness": float(np.exp(np.log(power).mean(axis=1)).sum() / power.mean(axis=1).sum()),
        "centroid_slope": _slope(centroid, total) / step,
    }
    signs = np.signbit(frames)
    crossings = (signs[:, 1:] != signs[:, :-1]).mean(axis=1)
    for third, part in zip(THIRDS, np.array_split(np.arange(len(frames)), 3), strict=True):
        if len(part):
            found[f"zero_crossing_rate_{third}"] = float(crossings[part].mean())
            found |= _third(power[part].mean(axis=0), hertz, third)
    return found


def _third(power: Floats, hertz: Floats, third: str) -> dict[str, float]:
    total = power.sum()
    found = {f"spectral_centroid_{third}_hz": float(power @ hertz / total)}
    for band, (low, high) in BANDS.items():
        found[f"energy_{band}_{third}"] = float(
            power[(hertz >= low) & (hertz < high)].sum() / total
        )
    for formant, (low, high) in FORMANTS.items():
        inside = np.flatnonzero((hertz >= low) & (hertz <= high))
        if len(inside):
            found[f"{formant}_{third}_hz"] = float(hertz[inside[power[inside].argmax()]])
    if third != "middle":
        bright = power[hertz > 2000].sum()
        found[f"fricative_{third}"] = float(bright / max(total - bright, 1e-6 * total))
    return found


def _slope(values: Floats, weights: Floats) -> float:
    """Weighted least-squares slope per step; 0 for a single value."""
    at = np.arange(len(values)) - np.average(np.arange(len(values)), weights=weights)
    power = float(weights @ at**2)
    return float(weights @ (at * values)) / power if power > 0 else 0.0
