import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.concepts import items as made
from tests.concepts import tiny_models

pytestmark = pytest.mark.extra("encoder")
for module in ("onnxruntime", "onnx", "PIL"):
    pytest.importorskip(module)

from alchemist.concepts import open_extractor  # noqa: E402
from alchemist.concepts.tagger import FLOOR, Tagger  # noqa: E402
from alchemist.core.concepts import Concept, Option  # noqa: E402
from alchemist.core.errors import BadConcepts, BadModel  # noqa: E402

RED, BLUE = made.picture(ground="red"), made.picture(ground="blue")
WARMTH = Concept(
    "warmth", "Warm?", (Option("warm", tags=("red",)), Option("cold", tags=("green", "Azure")))
)


def opened(folder: Path, **options: Any) -> Tagger:
    extractor = open_extractor("tagger", **{"modality": "image", "model": folder, **options})
    assert isinstance(extractor, Tagger)
    return extractor


def test_an_option_s_score_is_the_log_of_its_tags_summed(tmp_path: Path) -> None:
    tagger = opened(tiny_models.picture_tagger(tmp_path))
    shares = tagger.probabilities([RED, BLUE]).values.astype(np.float64)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    scores = tagger.extract([RED, BLUE], [WARMTH]).values
    wanted = np.log(np.stack([shares[:, 0], shares[:, 1] + shares[:, 2]], axis=1) + FLOOR)
    np.testing.assert_allclose(scores, wanted, atol=1e-5)
    assert scores[0, 0] > scores[0, 1] + 5


def test_new_concepts_cost_no_second_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, cache = tiny_models.picture_tagger(tmp_path / "model"), tmp_path / "cache.sqlite"
    first = opened(model, cache=cache).extract([RED, b"broken", BLUE], [WARMTH])
    again = opened(model, cache=cache)
    monkeypatch.setattr(again, "read", lambda items: pytest.fail("looked twice"))
    np.testing.assert_array_equal(
        again.extract([RED, b"broken", BLUE], [WARMTH]).values, first.values
    )
    other = Concept("sea", "Sea?", (Option("sea", tags=("blue",)), Option("land", tags=("green",))))
    found = again.extract([RED, b"broken", BLUE], [other])
    assert found.values[2, 0] > found.values[2, 1]
    assert (
        found.problems == first.problems == {1: "no picture: it is text (UnidentifiedImageError)"}
    )


@pytest.mark.parametrize(
    ("tags", "complaint"),
    [
        pytest.param(
            ("rd",), "names 'rd', no tag of the tagger. Did you mean 'red'", id="misspelt"
        ),
        pytest.param((), "names no tag", id="none"),
    ],
)
def test_an_option_without_a_tag_of_the_vocabulary_is_refused(
    tags: tuple[str, ...], complaint: str, tmp_path: Path
) -> None:
    tagger = opened(tiny_models.picture_tagger(tmp_path))
    concept = Concept("warmth", "?", (Option("warm", tags=tags), Option("cold", tags=("blue",))))
    for ask in (lambda: tagger.features([concept]), lambda: tagger.extract([RED], [concept])):
        with pytest.raises(BadConcepts, match=complaint):
            ask()
    with pytest.raises(BadConcepts, match="there are none"):
        tagger.features([])


def test_tags_answer_to_every_name_of_their_line(tmp_path: Path) -> None:
    tagger = opened(tiny_models.picture_tagger(tmp_path))
    assert tagger.vocabulary() == ("red, scarlet", "green", "blue, azure")
    for tag in ("red, scarlet", "Scarlet", " red "):
        concept = Concept("c", "?", (Option("a", tags=(tag,)), Option("b", tags=("green",))))
        assert tagger.extract([RED], [concept]).values[0, 0] > -0.1


GOOD_INPUT = tiny_models.PIXELS


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"kind": "segmenter"}, "of kind 'segmenter', not a tagger", id="another kind"),
        pytest.param({"modality": "audio"}, "tags audio", id="another modality"),
        pytest.param({"file": "other.onnx"}, "names file 'other.onnx'", id="no such file"),
        pytest.param({"labels": "names.txt"}, "names labels 'names.txt'", id="no such labels"),
        pytest.param({"input": {**GOOD_INPUT, "name": "pixels"}}, "no input 'pixels'; it has pixel_values", id="no such input"),
        pytest.param({"output": {"name": "logits", "meaning": "logits"}}, "no output 'logits'", id="no such output"),
        pytest.param({"output": {"name": "scores", "meaning": "numbers"}}, "must say either", id="unknown meaning"),
        pytest.param({"output": {}}, "must name its input and its output", id="no output"),
        pytest.param({"input": {**GOOD_INPUT, "normalise": "as usual"}}, "'as usual' cannot be read", id="unknown scaling"),
        pytest.param({"input": {**GOOD_INPUT, "resize": "somehow"}}, "crop or squash", id="unknown resizing"),
        pytest.param({"input": {**GOOD_INPUT, "layout": "CHW"}}, "neither NCHW nor NHWC", id="unknown layout"),
        pytest.param({"input": {**GOOD_INPUT, "colour": "YUV"}}, "neither RGB nor BGR", id="unknown colours"),
        pytest.param({"input": {**GOOD_INPUT, "shape": ["n", 3]}}, "height and a width", id="no size"),
    ],
)  # fmt: skip
def test_a_folder_that_does_not_fit_is_refused_with_the_reason(
    changes: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(BadModel, match=complaint):
        opened(tiny_models.picture_tagger(tmp_path, **changes))


def test_a_folder_that_is_not_there_or_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="needs a tagger folder"):
        open_extractor("tagger", modality="image")
    with pytest.raises(BadModel, match="No such file"):
        opened(tmp_path)
    folder = tiny_models.picture_tagger(tmp_path)
    (folder / "model.onnx").write_bytes(b"no model")
    with pytest.raises(BadModel, match=r"model\.onnx cannot be opened"):
        opened(folder)


def test_labels_that_do_not_fit_the_model_are_refused(tmp_path: Path) -> None:
    folder = tiny_models.picture_tagger(tmp_path)
    (folder / "labels.txt").write_text("red\ngreen\nblue\nblack")
    four = Concept("c", "?", (Option("a", tags=("red",)), Option("b", tags=("black",))))
    with pytest.raises(BadModel, match=r"gives \(3,\) numbers an item, and labels.txt has 4"):
        opened(folder).extract([RED], [four])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"normalise": {"mean": [0, 0, 0], "std": [255, 255, 255]}}, id="mean and std"),
        pytest.param({"resize": "centre crop to a square"}, id="crop of one colour"),
    ],
)
def test_other_ways_to_say_the_same_give_the_same(change: dict[str, Any], tmp_path: Path) -> None:
    plain = opened(tiny_models.picture_tagger(tmp_path / "a"))
    other = opened(tiny_models.picture_tagger(tmp_path / "b", input={**GOOD_INPUT, **change}))
    np.testing.assert_allclose(
        plain.probabilities([RED]).values, other.probabilities([RED]).values, atol=1e-6
    )
    assert plain.fingerprint != other.fingerprint


def bird_on_scene(scene: str, bird: tuple[int, int, int] = (255, 40, 40)) -> bytes:
    return made.picture(lambda d: d.rectangle((20, 12, 43, 35), fill=bird), ground=scene)


def test_the_object_view_does_not_see_the_scene(tmp_path: Path) -> None:
    model = tiny_models.picture_tagger(tmp_path / "model")
    segmenter = tiny_models.segmenter(tmp_path / "segmenter")
    on_blue, on_green = bird_on_scene("blue"), bird_on_scene("green")
    shares = {
        view: opened(model, view=view, segmenter=segmenter)
        .probabilities([on_blue, on_green])
        .values
        for view in ("full", "crop", "object")
    }
    apart = {view: float(np.abs(one[0] - one[1]).max()) for view, one in shares.items()}
    assert apart["object"] < 0.05 < apart["crop"] < apart["full"]
    assert shares["object"][0].argmax() == 0


def test_without_an_object_the_whole_picture_is_looked_at_and_that_is_said(tmp_path: Path) -> None:
    model = tiny_models.picture_tagger(tmp_path / "model")
    segmenter = tiny_models.segmenter(tmp_path / "segmenter")
    cut = opened(model, view="object", segmenter=segmenter).probabilities([BLUE])
    assert "no object found" in cut.notes[0]
    np.testing.assert_allclose(cut.values, opened(model).probabilities([BLUE]).values, atol=1e-6)


def test_views_have_fingerprints_of_their_own(tmp_path: Path) -> None:
    model = tiny_models.picture_tagger(tmp_path / "model")
    segmenter = tiny_models.segmenter(tmp_path / "segmenter")
    views = ("full", "crop", "object")
    prints = {opened(model, view=view, segmenter=segmenter).fingerprint for view in views}
    assert len(prints) == 3
    with pytest.raises(BadModel, match="view 'crop' needs a segmenter folder"):
        opened(model, view="crop")


def test_sound_is_tagged_by_its_front_end(tmp_path: Path) -> None:
    tagger = opened(tiny_models.sound_tagger(tmp_path), modality="audio")
    low, high, long = (
        made.wav(made.tone(300)),
        made.wav(made.tone(3000, rate=44100), rate=44100),
        made.wav(np.concatenate([made.tone(300, 2), made.tone(3000, 2)])),
    )
    shares = tagger.probabilities([low, high, long]).values
    assert shares[0, 0] > 0.9
    assert shares[1, 1] > 0.9
    assert shares[2, 0] == pytest.approx(0.5, abs=0.1)
    with pytest.raises(BadConcepts, match="no view 'crop' of a sound"):
        opened(tmp_path, modality="audio", view="crop")


def test_a_front_end_that_is_not_told_is_refused(tmp_path: Path) -> None:
    folder = tiny_models.sound_tagger(tmp_path)
    card = json.loads((folder / "model.json").read_text())
    del card["input"]["front_end"]["mels"]
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(BadModel, match="no number 'mels'"):
        opened(folder, modality="audio")
    card["input"] = {"name": "log_mel", "from": "sound, somehow"}
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(BadModel, match="must be a table of rate, window"):
        opened(folder, modality="audio")
