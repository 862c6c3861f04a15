"""The names, units and meanings of what local_image measures."""

from collections.abc import Iterator

from alchemist.concepts.colours import NAMED
from alchemist.core.concepts import Feature

REGIONS = ("border", "center", "top", "bottom", "all")
_PLACES = {
    "border": "the outer 15 % on every side",
    "center": "the inner half",
    "top": "the upper half",
    "bottom": "the lower half",
    "all": "the whole picture",
}
# Surroundings, not the thing: where a shortcut is read off first.
_SURROUNDINGS = {"border", "top", "bottom"}

# name, unit, meaning, low, high; `%s` is filled with the region in words.
_REGIONAL: tuple[tuple[str, str, str, float, float], ...] = (
    ("brightness", "0-1", "mean brightness of %s", 0, 1),
    ("contrast", "0-1", "spread of brightness within %s", 0, 1),
    ("edge_density", "share", "share of edge pixels in %s", 0, 1),
    ("mean_gradient", "0-1.4", "mean brightness step between near pixels in %s (texture)", 0, 1.5),
)
_EDGES: tuple[tuple[str, str, str, float, float], ...] = (
    ("edges_horizontal", "share", "share of edges that run level, in %s", 0, 1),
    ("edges_vertical", "share", "share of edges that run upright, in %s", 0, 1),
    ("edges_diag", "share", "share of edges that run aslant, in %s", 0, 1),
    (
        "edge_direction_concentration",
        "0-1",
        "how far edges share one direction in %s: 1 all parallel, 0 every way",
        0,
        1,
    ),
)
_OBJECT = (
    ("area", "share", "share of the picture the object covers", 0, 1),
    ("width", "share", "width of the object, of the picture's width", 0, 1),
    ("height", "share", "height of the object, of the picture's height", 0, 1),
    ("aspect", "ratio", "width by height of the object's box: above 1 wider than high", 0, 64),
    ("elongation", "ratio", "long by short axis of the object: 1 round, 3 long and thin", 1, 64),
    ("tilt", "degrees", "slope of the long axis: 0 level, 90 or -90 upright", -90, 90),
    ("fill", "share", "share of its box the object fills: 1 a block, low with thin parts", 0, 1),
    ("compactness", "0-1", "1 a disc, low for ragged or branched outlines", 0, 1),
    ("center_x", "share", "where the object is across: 0 left, 1 right", 0, 1),
    ("center_y", "share", "where the object is down: 0 top, 1 bottom", 0, 1),
    ("brightness", "0-1", "mean brightness of the object", 0, 1),
    ("contrast", "0-1", "difference in brightness between the object and the rest", 0, 1),
    ("saturation", "0-1", "how colourful the object is", 0, 1),
    ("texture", "0-1.4", "mean brightness step between near pixels of the object", 0, 1.5),
    ("warmth", "-1-1", "red minus blue of the object", -1, 1),
)


def _all() -> Iterator[Feature]:
    yield Feature(
        "picture_aspect", "ratio", "width by height of the picture", 0, 1e5, family="frame"
    )
    for colour in NAMED:
        for region in REGIONS:
            yield _regional(
                f"{colour}_share", "share", f"share of {colour} pixels in %s", 0, 1, region
            )
    for row in _REGIONAL:
        for region in REGIONS:
            yield _regional(*row, region=region)
    for row in _EDGES:
        for region in ("all", "center"):
            yield _regional(*row, region=region)
    for name, unit, meaning, low, high in _OBJECT:
        yield Feature(f"object_{name}", unit, meaning, low, high, family="object")
    for colour in NAMED:
        meaning = f"share of {colour} pixels in the object"
        yield Feature(f"object_{colour}_share", "share", meaning, 0, 1, family="object")
    yield from _SCENE


_SCENE = (
    Feature(
        "background_uniformity", "0-1", "1 where the border has one colour", 0, 1, True, "background"
    ),
    Feature("background_warmth", "-1-1", "red minus blue of the border", -1, 1, True, "background"),
    Feature(
        "symmetry_left_right", "-1-1", "likeness to its mirror image: 1 the same", -1, 1, False, "symmetry"
    ),
    Feature(
        "symmetry_top_bottom", "-1-1", "likeness to itself upside down: 1 the same", -1, 1, False, "symmetry"
    ),
    Feature(
        "horizon_strength", "0-1", "how far an upper and a lower part differ in brightness", 0, 1, True, "horizon"
    ),
    Feature("horizon_position", "share", "where that cut lies: 0 top, 1 bottom", 0, 1, True, "horizon"),
)  # fmt: skip


def _regional(name: str, unit: str, meaning: str, low: float, high: float, region: str) -> Feature:
    return Feature(
        f"{name}_{region}",
        unit,
        meaning % _PLACES[region],
        low,
        high,
        nuisance=region in _SURROUNDINGS,
        family=region,
    )


FEATURES: tuple[Feature, ...] = tuple(_all())
