import contextlib
import io
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemist.concepts.reading import Unreadable
from alchemist.concepts.sounds import LONGEST_S, open_sound, resample
from tests.concepts import items as made

TONE = made.tone(440)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"bits": 8}, id="8 bits"),
        pytest.param({"bits": 16}, id="16 bits"),
        pytest.param({"bits": 24}, id="24 bits"),
        pytest.param({"bits": 32}, id="32 bits"),
        pytest.param({"bits": 24, "extensible": True}, id="24 bits, extensible header"),
        pytest.param({"bits": 32, "floats": True}, id="floats"),
        pytest.param({"bits": 64, "floats": True, "extensible": True}, id="long floats"),
    ],
)
def test_a_wav_of_any_width_is_the_same_sound(options: dict[str, int]) -> None:
    sound = open_sound(made.wav(TONE, **options))
    assert sound.rate == 8000
    np.testing.assert_allclose(sound.samples, TONE, atol=1 / 120 if options["bits"] == 8 else 1e-4)


def test_channels_are_mixed_into_one_and_that_is_said() -> None:
    both = np.stack([TONE, -TONE / 2], axis=1).reshape(-1)
    sound = open_sound(made.wav(both, bits=24, channels=2))
    np.testing.assert_allclose(sound.samples, TONE / 4, atol=1e-4)
    assert sound.note == "24 bits a sample; 2 channels, mixed into one"


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        pytest.param(b"", "empty file", id="empty"),
        pytest.param(made.wav([]), "zero length", id="no samples"),
        pytest.param(made.wav(TONE)[:20], "corrupt WAV: no data", id="cut in the header"),
        pytest.param(made.wav(TONE, rate=3), "3 samples a second", id="absurd rate"),
        pytest.param(made.wav(TONE, bits=16, channels=0), "0 channels", id="no channels"),
        pytest.param(made.wav([np.nan] * 99, bits=32, floats=True), "not numbers", id="not numbers"),
        pytest.param(made.wav(TONE).replace(b"fmt ", b"fnt "), "no format", id="no format"),
        pytest.param(made.wav(TONE).replace(b"\x01\0\x01\0", b"\x55\0\x01\0"), "kind 85", id="MP3 in a WAV"),
        pytest.param(b"a text file", "no sound", id="text"),
        pytest.param(b"\x89PNG\r\n", "no sound", id="a picture"),
    ],
)  # fmt: skip
def test_a_sound_that_cannot_be_read_has_one_reason(item: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        open_sound(item)


def test_a_file_cut_short_is_read_as_far_as_it_goes_and_that_is_said() -> None:
    whole = made.wav(TONE)
    sound = open_sound(whole[: len(whole) // 2 + 1])
    assert 1900 < len(sound.samples) < 2000
    assert sound.note == "the file ends before its sound does"


def test_of_a_long_sound_the_beginning_is_read_and_that_is_said() -> None:
    sound = open_sound(made.wav(np.zeros((LONGEST_S + 5) * 1000), rate=1000, bits=8))
    assert len(sound.samples) == LONGEST_S * 1000
    assert sound.note == f"only the first {LONGEST_S} seconds read"


@settings(max_examples=50)
@given(st.binary(max_size=80), st.integers(0, 60))
def test_damage_anywhere_is_a_reason_or_a_sound(damage: bytes, at: int) -> None:
    item = bytearray(made.wav(TONE[:100]))
    item[at : at + len(damage)] = damage
    with contextlib.suppress(Unreadable):
        assert np.isfinite(open_sound(bytes(item)).samples).all()


@pytest.mark.parametrize("wanted", [4000, 11025, 16000, 48000])
def test_a_tone_at_another_rate_is_the_same_tone(wanted: int) -> None:
    plain = made.tone(440, 1.0)
    heard = resample(plain.astype(np.float32), 8000, wanted)
    assert len(heard) == wanted
    middle = slice(wanted // 10, -wanted // 10)  # the ends ring: the FFT takes them for joined
    np.testing.assert_allclose(heard[middle], made.tone(440, 1.0, rate=wanted)[middle], atol=0.02)


@pytest.mark.skipif(find_spec("soundfile") is not None, reason="soundfile is installed")
def test_without_soundfile_the_way_to_other_formats_is_told() -> None:
    with pytest.raises(
        Unreadable, match=r"FLAC, which needs: pip install 'alchemist-label\[audio\]'"
    ):
        open_sound(b"fLaC" + bytes(40))


@pytest.mark.extra("audio")
@pytest.mark.parametrize(("kind", "near"), [("FLAC", 1e-4), ("OGG", 0.05)])
def test_other_formats_are_read_with_soundfile(kind: str, near: float) -> None:
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    soundfile.write(file, TONE, 8000, format=kind)
    sound = open_sound(file.getvalue())
    np.testing.assert_allclose(sound.samples[500:-500], TONE[500:-500], atol=near)
    with pytest.raises(Unreadable, match="corrupt"):
        open_sound(file.getvalue()[:9])
