"""One bad item is one named problem, or one note; every other item is looked at."""

from pathlib import Path

import numpy as np
import pytest

from alchemist.concepts import open_extractor
from alchemist.core.contracts import Extractor
from tests.concepts import items as made
from tests.concepts import tiny_models


def same_in_any_order(
    extractor: Extractor, items: list[bytes | None], concepts: tuple = ()
) -> None:  # type: ignore[type-arg]
    found = extractor.extract(items, concepts)
    backwards = extractor.extract(items[::-1], concepts)
    np.testing.assert_allclose(backwards.values[::-1], found.values, atol=1e-5, rtol=1e-5)
    last = len(items) - 1
    assert {last - i: why for i, why in backwards.problems.items()} == found.problems
    assert {last - i: note for i, note in backwards.notes.items()} == found.notes


TONE = made.wav(made.tone(300))
STEREO = made.wav(np.repeat(made.tone(300), 2), bits=24, channels=2)
SOUNDS: list[bytes | None] = [TONE, made.wav([]), STEREO, b"ID, name\n1, not a sound\n", None, TONE[:30], TONE]  # fmt: skip


def test_a_folder_of_hostile_sounds() -> None:
    extractor = open_extractor("local_audio", modality="audio")
    found = extractor.extract(SOUNDS, ())
    assert found.problems == {
        1: "sound of zero length",
        3: "no sound: its first bytes are those of no known format",
        4: "missing",
        5: "corrupt WAV: no data",
    }
    assert found.notes == {2: "24 bits a sample; 2 channels, mixed into one"}
    assert np.isnan(found.values[[1, 3, 4, 5]]).all()
    np.testing.assert_allclose(found.values[2], found.values[0], rtol=0.02, atol=0.02)
    same_in_any_order(extractor, SOUNDS)


def test_a_folder_of_hostile_series() -> None:
    good = made.series(np.sin(np.arange(50)))
    hole = made.series([*range(30), np.nan])
    items = [good, hole, b"1.0, 2.0, 3.0", good, b""]
    extractor = open_extractor("local_series", modality="series")
    found = extractor.extract(items, ())
    assert list(found.problems) == [1, 2, 4]
    assert found.problems[1] == "series with 1 of 31 values that are no number"
    assert np.isfinite(found.values[[0, 3]]).any(axis=1).all()
    same_in_any_order(extractor, list(items))


def hostile_pictures() -> list[bytes | None]:
    good = made.picture(lambda d: d.ellipse((9, 9, 40, 40), fill="red"), kind="JPEG", quality=95)
    wide = made.picture(size=(30_000, 20))
    cmyk = made.picture(ground=(0, 200, 200, 10), mode="CMYK", kind="JPEG")
    return [good, good[: len(good) // 2], cmyk, wide, b"I am a text file", TONE, None, b"", good]


@pytest.mark.extra("encoder")
@pytest.mark.parametrize("name", ["local_image", "tagger", "clip"])
def test_a_folder_of_hostile_pictures(name: str, tmp_path: Path) -> None:
    for module in ("onnxruntime", "onnx", "tokenizers", "PIL"):
        pytest.importorskip(module)
    from tests.contracts.test_extractor import COLOUR

    make = {"tagger": tiny_models.picture_tagger, "clip": tiny_models.pair}.get(name)
    extractor = open_extractor(name, modality="image", model=make(tmp_path) if make else None)
    items = hostile_pictures()
    found = extractor.extract(items, (COLOUR,))
    reasons = [found.problems.get(i, "") for i in range(len(items))]
    assert [bool(reason) for reason in reasons] == [False, True, False, True, True, True, True, True, False]  # fmt: skip
    assert reasons[1].startswith("corrupt JPEG: image file is truncated")
    assert reasons[3].startswith("picture of 30000 x 20 pixels")
    assert reasons[4].startswith("no picture: it is text")
    assert reasons[5].startswith("no picture: it is a RIFF file")
    assert found.notes == {2: "CMYK picture, read as RGB without its colour profile"}
    assert np.isfinite(found.values[[0, 2, 8]]).any(axis=1).all()
    same_in_any_order(extractor, items, (COLOUR,))
