from pathlib import Path

import pytest

from alchemist.concepts import EXTRACTORS, open_extractor
from alchemist.core.concepts import Concept, Option
from alchemist.testing.extractor import EXTRACTOR_CHECKS, Check, Exam
from tests.concepts import items as made
from tests.concepts import tiny_models

COLOUR = Concept(
    "colour",
    "Which colour is it?",
    (
        Option("red", phrases=("red",), tags=("scarlet",)),
        Option("other", phrases=("blue", "green"), tags=("green", "azure")),
    ),
)
PITCH = Concept("pitch", "How high is it?", (Option("low", tags=("low",)), Option("high", tags=("high",))))  # fmt: skip


def pictures() -> tuple[bytes, ...]:
    return (
        made.picture(ground="red"),
        made.picture(lambda d: d.ellipse((10, 10, 40, 30), fill="blue"), size=(80, 60)),
        made.picture(lambda d: d.rectangle((30, 0, 40, 99), fill="green"), size=(50, 100)),
        made.picture(ground=(120, 130, 20), size=(300, 200), kind="JPEG"),
    )


def sounds() -> tuple[bytes, ...]:
    return (
        made.wav(made.tone(220)),
        made.wav(made.tone(3000, rate=44100), rate=44100, bits=24),
        made.wav([0.0] * 4000),
    )


def rows() -> tuple[bytes, ...]:
    return (made.series(range(40)), made.series([1.0] * 12), made.series([0, 1, 0, 2, 5] * 9))


def exam(name: str, folder: Path) -> Exam:
    if name == "local_series":
        return Exam(lambda: open_extractor(name, modality="series"), rows())
    if name == "local_audio":
        return Exam(lambda: open_extractor(name, modality="audio"), sounds())
    if name in ("local_image", "pixels"):
        return Exam(lambda: open_extractor(name, modality="image"), pictures())
    if name == "local_video":
        films = (made.film(), made.film(moving=False), made.film(frames=1))
        return Exam(lambda: open_extractor(name, modality="video"), films)
    if name == "precomputed":
        columns = ("colour.red", "colour.other")
        items = tuple(made.series(row) for row in ([1, 2], [0.5, 3], [-1, 9]))
        plain = Concept("colour", "Which?", (Option("red"), Option("other")))
        return Exam(
            lambda: open_extractor(name, modality="image", columns=columns),
            items,
            concepts=(plain,),
        )
    pytest.importorskip("onnx")
    model = tiny_models.picture_tagger(folder) if name == "tagger" else tiny_models.pair(folder)
    return Exam(
        lambda: open_extractor(name, modality="image", model=model), pictures(), concepts=(COLOUR,)
    )


NAMES = [
    pytest.param(name, marks=[pytest.mark.extra(entry.extra)] if entry.extra else [])
    for name, entry in EXTRACTORS.ours.items()
]


@pytest.mark.parametrize("check", EXTRACTOR_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_every_extractor_keeps_its_promises(name: str, check: Check, tmp_path: Path) -> None:
    if not EXTRACTORS.installed(name):
        pytest.skip(f"{name} needs optional packages")
    check(exam(name, tmp_path))


@pytest.mark.extra("encoder")
@pytest.mark.parametrize("check", EXTRACTOR_CHECKS, ids=lambda check: check.__name__)
def test_a_tagger_of_sounds_keeps_them_too(check: Check, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    model = tiny_models.sound_tagger(tmp_path)
    check(
        Exam(
            lambda: open_extractor("tagger", modality="audio", model=model),
            sounds(),
            concepts=(PITCH,),
        )
    )
