import math

import numpy as np
import pytest

from tests.concepts import items as made

pytestmark = pytest.mark.extra("image")
pytest.importorskip("PIL")

from alchemist.concepts import open_extractor  # noqa: E402
from alchemist.concepts.image_features import FEATURES  # noqa: E402
from alchemist.core.errors import BadConcepts  # noqa: E402


def seen(*items: bytes) -> list[dict[str, float]]:
    found = open_extractor("local_image", modality="image").extract(items, ())
    assert not found.problems
    names = [feature.name for feature in FEATURES]
    return [dict(zip(names, row.tolist(), strict=True)) for row in found.values]


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((250, 250, 250), "white"), ((128, 128, 128), "grey"), ((10, 10, 10), "black"),
        ((220, 30, 30), "red"), ((120, 70, 30), "brown"), ((240, 220, 40), "yellow"),
        ((40, 160, 50), "green"), ((90, 150, 230), "blue"),
    ],
)  # fmt: skip
def test_a_colour_has_its_name_everywhere(colour: tuple[int, int, int], name: str) -> None:
    (look,) = seen(made.picture(ground=colour))
    for region in ("border", "center", "top", "bottom", "all"):
        assert look[f"{name}_share_{region}"] == 1


def test_regions_are_told_apart() -> None:
    (look,) = seen(
        made.picture(lambda d: d.rectangle((0, 0, 64, 24), fill="blue"), ground="green", size=(64, 50))
    )  # fmt: skip
    assert look["blue_share_top"] == look["green_share_bottom"] == 1
    assert look["blue_share_all"] == pytest.approx(0.5, abs=0.02)
    assert look["horizon_position"] == pytest.approx(0.5, abs=0.03)
    assert look["horizon_strength"] > 0.05
    assert look["edges_horizontal_all"] == 1


def test_an_object_is_found_with_its_shape() -> None:
    wide, tall, disc = seen(
        made.picture(lambda d: d.rectangle((8, 20, 55, 31), fill="red"), size=(64, 64)),
        made.picture(lambda d: d.rectangle((20, 8, 27, 55), fill="red"), size=(64, 64)),
        made.picture(lambda d: d.ellipse((16, 16, 47, 47), fill="blue"), size=(64, 64)),
    )
    assert wide["object_aspect"] == pytest.approx(4)
    assert tall["object_aspect"] == pytest.approx(1 / 6)
    assert disc["object_aspect"] == pytest.approx(1)
    assert wide["object_area"] == pytest.approx(48 * 12 / 64**2)
    assert wide["object_fill"] == tall["object_fill"] == 1
    assert disc["object_fill"] == pytest.approx(math.pi / 4, abs=0.03)
    assert disc["object_compactness"] > 0.9 > wide["object_compactness"]
    assert disc["object_elongation"] == pytest.approx(1, abs=0.05)
    assert wide["object_elongation"] == pytest.approx(4, abs=0.2)
    assert abs(wide["object_tilt"]) < 1
    assert abs(tall["object_tilt"]) > 89
    assert (wide["object_red_share"], disc["object_blue_share"]) == (1, 1)
    assert wide["object_center_y"] == pytest.approx(0.4, abs=0.02)
    assert disc["background_uniformity"] == 1


def test_a_slope_has_its_angle() -> None:
    up = made.picture(lambda d: d.line((8, 56, 56, 8), fill="black", width=6), size=(64, 64))
    down = made.picture(lambda d: d.line((8, 8, 56, 56), fill="black", width=6), size=(64, 64))
    for item, tilt in ((up, 45), (down, -45)):
        (look,) = seen(item)
        assert look["object_tilt"] == pytest.approx(tilt, abs=3)
        assert look["edges_diag_all"] > 0.85
        assert look["edge_direction_concentration_all"] > 0.85


def test_symmetry_is_told_by_axis() -> None:
    rng = np.random.default_rng(0)
    half = rng.integers(0, 256, (64, 32, 3), dtype=np.uint8)
    from PIL import Image

    def as_item(pixels: np.ndarray) -> bytes:
        import io

        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return file.getvalue()

    mirrored, noise = seen(
        as_item(np.concatenate([half, half[:, ::-1]], axis=1)),
        as_item(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)),
    )
    assert mirrored["symmetry_left_right"] == pytest.approx(1, abs=1e-5)
    assert abs(mirrored["symmetry_top_bottom"]) < 0.1
    assert abs(noise["symmetry_left_right"]) < 0.1
    assert noise["edge_density_all"] > 0.5


def test_a_level_picture_has_no_object_and_no_edges() -> None:
    (look,) = seen(made.picture(ground="grey"))
    assert math.isnan(look["object_aspect"])
    assert look["edge_density_all"] == look["contrast_all"] == look["horizon_strength"] == 0


def test_a_picture_looks_alike_in_any_size() -> None:
    def draw(scale: int) -> bytes:
        return made.picture(
            lambda d: d.ellipse([n * scale for n in (12, 6, 52, 42)], fill="red"),
            size=(64 * scale, 48 * scale),
        )

    plain, large = seen(draw(1), draw(7))
    for name in ("object_area", "object_aspect", "red_share_center", "object_fill"):
        assert large[name] == pytest.approx(plain[name], rel=0.06), name


def test_the_surroundings_are_flagged_and_the_thing_is_not() -> None:
    flags = {feature.name: feature.nuisance for feature in FEATURES}
    assert flags["blue_share_border"]
    assert flags["horizon_strength"]
    assert not flags["object_aspect"]
    assert not flags["blue_share_center"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        pytest.param({"modality": "audio"}, "reads image", id="sound"),
        pytest.param({"modality": "image", "view": "object"}, "no view 'object'", id="a view"),
        pytest.param({"modality": "image", "view": "half"}, "no view 'half'", id="no view at all"),
    ],
)
def test_what_it_cannot_do_is_refused(options: dict[str, str], complaint: str) -> None:
    with pytest.raises(BadConcepts, match=complaint):
        open_extractor("local_image", **options)  # type: ignore[arg-type]
