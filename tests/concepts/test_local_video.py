import pytest

from tests.concepts import items as made

pytestmark = pytest.mark.extra("video")
pytest.importorskip("av")
pytest.importorskip("PIL")

from alchemist.concepts import open_extractor  # noqa: E402
from alchemist.concepts.frames import FRAMES, sample_frames  # noqa: E402


def seen(*items: bytes) -> list[dict[str, float]]:
    extractor = open_extractor("local_video", modality="video")
    found = extractor.extract(items, ())
    assert not found.problems
    names = [feature.name for feature in extractor.features(())]
    return [dict(zip(names, row.tolist(), strict=True)) for row in found.values]


def test_motion_tells_a_moving_film_from_a_still_one() -> None:
    moving, still = seen(made.film(), made.film(moving=False))
    assert moving["motion_all"] > 5 * still["motion_all"]
    assert moving["motion_center"] > moving["motion_border"]
    assert moving["change_all"] > 10 * still["change_all"]
    assert moving["duration_s"] == pytest.approx(2, abs=0.1)
    assert moving["frames_per_s"] == pytest.approx(12)
    assert moving["brightness_all"] == pytest.approx(still["brightness_all"], abs=0.02)


@pytest.mark.parametrize("frames", [1, 2, 5, 200])
def test_frames_are_spread_over_films_of_any_length(frames: int) -> None:
    film = sample_frames(made.film(frames))
    assert len(film.frames) == len(film.nexts) == FRAMES
    lefts = [frame.crop((0, 20, 64, 28)).convert("L").tobytes() for frame in film.frames]
    if 5 <= frames <= 24:
        assert len(set(lefts)) >= min(frames, FRAMES) - 1


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        pytest.param(b"", "empty file", id="empty"),
        pytest.param(b"not a film at all", "no film", id="text"),
        pytest.param(made.wav(made.tone(300)), "no pictures", id="a sound"),
        pytest.param(made.film()[:600], "film", id="cut short"),
    ],
)
def test_a_film_that_cannot_be_read_has_one_reason(item: bytes, reason: str) -> None:
    extractor = open_extractor("local_video", modality="video")
    found = extractor.extract([made.film(), item], ())
    assert list(found.problems) == [1]
    assert reason in found.problems[1]
