import math

import numpy as np
import pytest

from alchemist.concepts import local_series, open_extractor
from alchemist.concepts.local_audio import measure
from alchemist.concepts.sounds import Sound, open_sound
from tests.concepts import items as made


def heard(samples: np.ndarray, rate: int = 8000) -> dict[str, float]:
    return measure(Sound(samples.astype(np.float32), rate))


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("hertz", [80, 130, 220, 440])
def test_the_pitch_of_a_buzz_is_found_at_any_rate(hertz: float, rate: int) -> None:
    buzz = sum(made.tone(hertz * k, rate=rate, loud=0.3 / k) for k in range(1, 6))
    assert heard(buzz, rate)["pitch_hz"] == pytest.approx(hertz, rel=0.03)


def test_noise_has_no_pitch_and_a_flat_spectrum() -> None:
    noise = heard(np.random.default_rng(1).normal(0, 0.1, 8000))
    tone = heard(made.tone(300, 1.0))
    assert noise["pitched_share"] < 0.05
    assert math.isnan(noise["pitch_hz"]) or noise["pitched_share"] > 0
    assert noise["flatness"] > 0.4 > 0.01 > tone["flatness"]


def test_brightness_is_told_by_thirds() -> None:
    sound = heard(np.concatenate([made.tone(f, 0.5) for f in (300, 1000, 3000)]))
    for third, hertz in (("start", 300), ("middle", 1000), ("end", 3000)):
        assert sound[f"spectral_centroid_{third}_hz"] == pytest.approx(hertz, rel=0.15)
    assert sound["energy_low_start"] > 0.95
    assert sound["energy_high_end"] > 0.95
    assert sound["fricative_end"] > 10 > 0.1 > sound["fricative_start"]
    assert sound["centroid_slope"] > 500


def test_loudness_and_times_are_told() -> None:
    quiet = np.zeros(4000)
    sound = heard(np.concatenate([quiet, made.tone(400, 0.5, loud=1.0), quiet]))
    assert sound["duration_s"] == pytest.approx(1.5)
    assert sound["voiced_duration_s"] == pytest.approx(0.5, abs=0.05)
    assert sound["silence_share"] == pytest.approx(2 / 3, abs=0.05)
    assert sound["loudness_db"] == pytest.approx(-3, abs=0.5)  # a full tone is 3 dB below full


@pytest.mark.parametrize("knocks", [1, 2, 5])
def test_every_knock_is_a_peak(knocks: int) -> None:
    knock = np.concatenate([made.tone(300, 0.15), np.zeros(1600)])
    assert heard(np.tile(knock, knocks))["energy_peaks"] == knocks


def test_a_silence_has_a_length_and_nothing_else() -> None:
    sound = heard(np.zeros(8000))
    assert (sound["duration_s"], sound["silence_share"]) == (1.0, 1.0)
    assert math.isnan(sound["pitch_hz"])
    assert math.isnan(sound["loudness_db"])


def test_a_long_sound_takes_no_more_frames_than_a_minute() -> None:
    minutes = open_sound(made.wav(np.tile(made.tone(200, 1.0, rate=4000), 300), rate=4000, bits=8))
    assert measure(minutes)["duration_s"] == 300


def step(
    before: int = 30, rise: int = 10, top: int = 40, fall: int = 20, after: int = 50
) -> np.ndarray:
    """0, up to 10 in a line, stay, down in a line, 0."""
    return np.concatenate(
        [
            np.zeros(before),
            np.linspace(0, 10, rise),
            np.full(top, 10.0),
            np.linspace(10, 0, fall),
            np.zeros(after),
        ]
    )


def test_a_step_is_told_by_its_phases() -> None:
    found = local_series.measure(step())
    n = 149
    assert found["rise_time"] == pytest.approx(8 / n, abs=2 / n)
    assert found["fall_time"] == pytest.approx(16 / n, abs=2 / n)
    assert found["plateau_length"] == pytest.approx(44 / n, abs=3 / n)
    assert found["level_before"] == found["level_after"] == 0
    assert found["plateau_std"] < 0.5
    assert found["rise_roughness"] == pytest.approx(0, abs=1e-9)
    assert found["max_rise"] == pytest.approx(10 / 9)
    assert found["max_fall"] == pytest.approx(10 / 19)
    assert found["time_of_max_rise"] == pytest.approx(35 / n, abs=6 / n)


def test_a_dip_is_found_on_its_side() -> None:
    dipped = step()
    dipped[10:13] -= 2
    found = local_series.measure(dipped)
    assert (found["dip_before_rise"], found["dip_after_fall"]) == (2, 0)


def test_a_wave_is_told_by_its_period() -> None:
    wave = np.sin(2 * np.pi * np.arange(200) / 20)
    found = local_series.measure(wave)
    assert found["dominant_period"] == pytest.approx(20)
    assert found["autocorr_20"] > 0.85
    assert found["autocorr_10"] < -0.85
    assert found["direction_changes"] == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("shift", [-5.0, 0.0, 1e6])
def test_a_series_moved_up_keeps_its_shape(shift: float) -> None:
    plain = local_series.measure(step() + np.random.default_rng(2).normal(0, 0.1, 150))
    moved = local_series.measure(step() + np.random.default_rng(2).normal(0, 0.1, 150) + shift)
    for name in ("rise_time", "plateau_length", "std", "roughness", "segment3_slope", "skewness"):
        assert moved[name] == pytest.approx(plain[name], abs=1e-4), name
    assert moved["mean"] == pytest.approx(plain["mean"] + shift)


def test_a_level_series_has_no_rise() -> None:
    found = local_series.measure(np.full(20, 3.0))
    assert found["mean"] == 3
    assert all(math.isnan(found[name]) for name in ("rise_time", "skewness", "autocorr_1"))


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        pytest.param(made.series([1.0] * 20 + [float("nan")] * 2), "2 of 22 values", id="NaN"),
        pytest.param(made.series([float("inf")] * 20), "20 of 20 values", id="infinite"),
        pytest.param(made.series([1, 2]), "series of 2 values", id="too short"),
        pytest.param(b"1,2,3", "5 bytes", id="a text"),
        pytest.param(made.series([1e200] * 20), "beyond", id="beyond measure"),
        pytest.param(b"", "series of 0 values", id="empty"),
    ],
)
def test_a_series_that_cannot_be_read_has_one_reason(item: bytes, reason: str) -> None:
    found = open_extractor("local_series", modality="series").extract([item], ())
    assert reason in found.problems[0]
