import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.concepts import items as made
from tests.concepts import tiny_models

pytestmark = pytest.mark.extra("encoder")
for module in ("onnxruntime", "onnx", "tokenizers", "PIL"):
    pytest.importorskip(module)

from alchemist.concepts import open_extractor  # noqa: E402
from alchemist.concepts.captions import Captions  # noqa: E402
from alchemist.concepts.clip import Clip  # noqa: E402
from alchemist.concepts.preprocessing import ClapSteps, pixel_steps  # noqa: E402
from alchemist.concepts.sounds import Sound  # noqa: E402
from alchemist.concepts.towers import read_tower_folder  # noqa: E402
from alchemist.core.concepts import Concept, Option  # noqa: E402
from alchemist.core.errors import BadConcepts, BadModel  # noqa: E402

RED, BLUE, GREEN = (made.picture(ground=colour) for colour in ("red", "blue", "green"))
COLOUR = Concept(
    "colour",
    "Which?",
    (Option("red", phrases=("a red picture",)), Option("sky", phrases=("blue",))),
)


def opened(folder: Path, **options: Any) -> Clip:
    extractor = open_extractor("clip", **{"modality": "image", "model": folder, **options})
    assert isinstance(extractor, Clip)
    return extractor


def test_a_caption_scores_the_picture_it_describes(tmp_path: Path) -> None:
    clip = opened(tiny_models.pair(tmp_path))
    scores = clip.extract([RED, BLUE, GREEN], [COLOUR]).values
    assert scores[0, 0] == pytest.approx(100, abs=1)
    assert scores[0, 1] == pytest.approx(-100 / 3, abs=1)
    assert (scores[:2].argmax(axis=1) == [0, 1]).all()
    assert scores[2, 0] == pytest.approx(scores[2, 1], abs=1)
    assert clip.vocabulary() == ()


def test_an_option_without_phrases_is_asked_by_its_name(tmp_path: Path) -> None:
    clip = opened(tiny_models.pair(tmp_path))
    plain = Concept("c", "?", (Option("red"), Option("blue")))
    assert clip.extract([RED], [plain]).values[0].argmax() == 0
    with pytest.raises(BadConcepts, match="there are none"):
        clip.features([])


def test_new_concepts_cost_no_second_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, cache = tiny_models.pair(tmp_path / "model"), tmp_path / "cache.sqlite"
    first = opened(model, cache=cache).extract([RED, b"broken", None], [COLOUR])
    again = opened(model, cache=cache)
    monkeypatch.setattr(again._items, "read", lambda items: pytest.fail("looked twice"))
    second = again.extract([RED, b"broken", None], [COLOUR])
    np.testing.assert_array_equal(first.values, second.values)
    assert second.problems == first.problems
    other = Concept("sea", "?", (Option("green"), Option("red")))
    assert again.extract([RED], [other]).values[0].argmax() == 1


def test_both_towers_may_share_a_file(tmp_path: Path) -> None:
    apart = opened(tiny_models.pair(tmp_path / "apart"))
    folder = tiny_models.pair(tmp_path / "together")
    for file in (folder / "onnx").iterdir():
        file.unlink()
    tiny_models.both(folder / "onnx" / "model.onnx")
    items = [RED, BLUE, GREEN] * 5
    np.testing.assert_allclose(
        opened(folder).extract(items, [COLOUR]).values,
        apart.extract(items, [COLOUR]).values,
        atol=1e-4,
    )


def test_the_object_view_is_embedded_without_its_scene(tmp_path: Path) -> None:
    segmenter = tiny_models.segmenter(tmp_path / "segmenter")
    model = tiny_models.pair(tmp_path / "model")
    item = made.picture(lambda d: d.rectangle((20, 12, 43, 35), fill=(255, 40, 40)), ground="blue")
    whole = opened(model).extract([item], [COLOUR]).values[0]
    cut = opened(model, view="object", segmenter=segmenter).extract([item], [COLOUR]).values[0]
    assert whole.argmax() == 1
    assert cut.argmax() == 0


@pytest.mark.parametrize("ending", ["_quantized", "_fp16"])
def test_a_file_with_a_precision_in_its_name_is_found(ending: str, tmp_path: Path) -> None:
    folder = tiny_models.pair(tmp_path)
    for stem in ("vision_model", "text_model"):
        (folder / "onnx" / f"{stem}.onnx").rename(folder / f"{stem}{ending}.onnx")
    assert opened(folder).extract([RED], [COLOUR]).values[0].argmax() == 0


def test_sound_is_compared_with_captions_too(tmp_path: Path) -> None:
    clip = opened(tiny_models.sound_pair(tmp_path), modality="audio")
    high_low = Concept(
        "c", "?", (Option("low", phrases=("red",)), Option("high", phrases=("blue",)))
    )
    items = [made.wav(made.tone(f, 1.3, rate=16000), rate=16000) for f in (150, 3500)]
    found = clip.extract([*items, b"text"], [high_low])
    assert found.values[:2].argmax(axis=1).tolist() == [0, 1]
    assert list(found.problems) == [2]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"truncation": "fusion"}, "only truncation 'rand_trunc'", id="fused views"),
        pytest.param({"feature_extractor_type": "Wav2Vec2"}, "only CLAP's", id="another encoder"),
        pytest.param({"hop_length": None}, "is missing or no number", id="no hop"),
    ],
)
def test_a_sound_encoder_we_do_not_know_is_refused(
    changes: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    folder = tiny_models.sound_pair(tmp_path)
    told = {**tiny_models.HEARING, **changes}
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    with pytest.raises(BadModel, match=complaint):
        opened(folder, modality="audio")


def test_a_film_is_compared_by_its_frames(tmp_path: Path) -> None:
    pytest.importorskip("av")
    clip = opened(tiny_models.pair(tmp_path), modality="video")
    shade = Concept("c", "?", (Option("white"), Option("black")))
    found = clip.extract([made.film(), b"no film"], [shade])
    assert found.values[0].argmax() == 0
    assert list(found.problems) == [1]


def without(name: str) -> Any:
    return lambda folder: (folder / name).unlink()


def config(**changes: Any) -> Any:
    def change(folder: Path) -> None:
        told = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**told, **changes}))

    return change


def pictures(**changes: Any) -> Any:
    def change(folder: Path) -> None:
        told = {**tiny_models.PREPROCESSOR, **changes}
        (folder / "preprocessor_config.json").write_text(json.dumps(told))

    return change


def vision(**options: Any) -> Any:
    return lambda folder: tiny_models.vision(folder / "onnx" / "vision_model.onnx", **options)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        pytest.param(without("onnx/vision_model.onnx"), "no vision_model.onnx, in onnx/", id="no picture tower"),
        pytest.param(without("onnx/text_model.onnx"), "no text_model.onnx", id="no text tower"),
        pytest.param(without("tokenizer.json"), "no tokenizer.json", id="no tokenizer"),
        pytest.param(without("config.json"), "config.json cannot be read", id="no config"),
        pytest.param(without("preprocessor_config.json"), "preprocessor_config.json cannot be read", id="no preprocessing"),
        pytest.param(vision(width=2), "items become 2 numbers and captions 3; one tower was exported without its projection", id="no projection head"),
        pytest.param(vision(output="last_hidden_state"), None, id="one flat output of any name is taken"),
        pytest.param(config(captions=None), "model_type = 'tiny' is none of", id="unknown captions"),
        pytest.param(config(captions={"length": 9}), "needs a number 'pad'", id="captions half told"),
        pytest.param(config(captions={"length": 9, "pad": 0, "end": "<eos>"}), "knows no token '<eos>'", id="no such end"),
        pytest.param(config(model_type="siglip2", captions=None), "knows no token '<eos>'", id="another family"),
        pytest.param(pictures(size="big"), "size = 'big'", id="no size"),
        pytest.param(pictures(image_mean=0.5), "image_mean = 0.5 must be three", id="one mean"),
        pytest.param(pictures(do_resize=False), "do_resize = false", id="no resizing"),
        pytest.param(pictures(size=16, crop_size=16), "refuses its input", id="another size than the tower's"),
        pytest.param(lambda f: (f / "onnx/text_model.onnx").write_bytes(b"?"), "cannot be opened", id="damaged"),
        pytest.param(lambda f: (f / "tokenizer.json").write_text("{}"), "tokenizer.json cannot be read", id="damaged tokenizer"),
    ],
)  # fmt: skip
def test_a_folder_that_does_not_fit_is_refused_with_the_reason(
    spoil: Any, complaint: str | None, tmp_path: Path
) -> None:
    spoil(tiny_models.pair(tmp_path))
    if complaint is None:
        assert opened(tmp_path).extract([RED], [COLOUR]).values[0].argmax() == 0
        return
    with pytest.raises(BadModel, match=complaint):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("rule", "row"),
    [
        pytest.param({"length": 6, "pad": 0, "end": "</s>"}, [3, 9, 2, 0, 0, 0], id="end, then padding"),
        pytest.param({"length": 6, "pad": 2, "end": "</s>"}, [3, 9, 2, 2, 2, 2], id="padding with the end"),
        pytest.param({"length": 4, "pad": 0}, [3, 9, 0, 0], id="no end"),
    ],
)  # fmt: skip
def test_captions_become_rows_as_the_tower_was_trained(
    rule: dict[str, Any], row: list[int], tmp_path: Path
) -> None:
    folder = tiny_models.pair(tmp_path, captions=rule)
    ids, mask = Captions(read_tower_folder(folder, "image")).rows(["a red", "a " * 20 + "red"])
    assert ids[0].tolist() == row
    assert mask[0].sum() == (3 if "end" in rule else 2)
    assert mask[1].all()
    if "end" in rule:
        assert ids[1, -1] == 2  # cut, and the end kept


@pytest.mark.parametrize(
    ("kind", "extra_words", "length", "pad"),
    [
        pytest.param("clip", ["<|endoftext|>"], 77, 14, id="CLIP pads with its end to 77"),
        pytest.param("siglip", [], 64, 1, id="SigLIP pads with 1 to 64"),
        pytest.param("siglip", ["<eos>", "<start_of_turn>"], 64, 0, id="SigLIP 2 is known by its vocabulary"),
        pytest.param("siglip2", ["<eos>"], 64, 0, id="SigLIP 2 pads with 0 to 64"),
    ],
)  # fmt: skip
def test_known_families_need_no_telling(
    kind: str, extra_words: list[str], length: int, pad: int, tmp_path: Path
) -> None:
    folder = tiny_models.pair(tmp_path, model_type=kind, captions=None)
    table = json.loads((folder / "tokenizer.json").read_text())
    for word in extra_words:
        table["model"]["vocab"][word] = len(table["model"]["vocab"])
    (folder / "tokenizer.json").write_text(json.dumps(table))
    captions = Captions(read_tower_folder(folder, "image"))
    ids, _ = captions.rows(["a red"])
    assert ids.shape == (1, length)
    assert ids[0, -1] == pad
    assert captions.rule.lower == (pad == 0)


def test_padding_told_by_the_tokenizer_wins(tmp_path: Path) -> None:
    folder = tiny_models.pair(tmp_path, model_type="unheard of", captions=None)
    table = json.loads((folder / "tokenizer.json").read_text())
    table["padding"] = {
        "strategy": {"Fixed": 9},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "<pad>",
    }
    (folder / "tokenizer.json").write_text(json.dumps(table))
    ids, _ = Captions(read_tower_folder(folder, "image")).rows(["a red"])
    assert ids.tolist() == [[3, 9, 0, 0, 0, 0, 0, 0, 0]]


THREE = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


@pytest.mark.parametrize(
    ("told", "edge", "box"),
    [
        pytest.param({"size": {"shortest_edge": 224}, "crop_size": {"height": 200, "width": 210}}, 224, (200, 210), id="CLIP, new"),
        pytest.param({"size": 224, "crop_size": 224, "do_center_crop": True}, 224, (224, 224), id="CLIP, old"),
        pytest.param({"size": {"height": 384, "width": 300}}, None, (384, 300), id="SigLIP"),
        pytest.param({"size": 256}, None, (256, 256), id="a bare number"),
    ],
)  # fmt: skip
def test_every_way_to_tell_a_size_is_read(
    told: dict[str, Any], edge: int | None, box: tuple[int, int]
) -> None:
    steps = pixel_steps({**told, **THREE}, "preprocessor_config.json")
    assert (steps.edge, steps.box, steps.resample, steps.scale) == (edge, box, 3, 1 / 255)
    from PIL import Image

    assert steps.tensor(Image.new("RGB", (500, 333))).shape == (3, *box)
    assert pixel_steps({**told, **THREE, "do_rescale": False}, "here").scale == 1


def test_a_crop_takes_the_middle_and_a_squash_all(tmp_path: Path) -> None:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (300, 100), "red")
    ImageDraw.Draw(image).rectangle((100, 0, 199, 99), fill="blue")
    crop = pixel_steps({"size": 50, "crop_size": 50, **THREE}, "here").tensor(image)
    squash = pixel_steps({"size": {"height": 50, "width": 50}, **THREE}, "here").tensor(image)
    assert crop[2, 25, 25] == squash[2, 25, 25] == 1
    assert crop[0, 25, 5] == -1
    assert squash[0, 25, 5] == 1


def test_a_short_sound_repeats_and_a_long_one_comes_in_pieces() -> None:
    steps = ClapSteps(48000, 1024, 480, 64, 50, 14000, 480_000)
    tone = made.tone(1000, 1.0, rate=48000).astype(np.float32)
    assert steps.pieces(Sound(tone, 48000)).shape == (1, 1, 1001, 64)
    assert steps.pieces(Sound(np.tile(tone, 25), 48000)).shape == (3, 1, 1001, 64)
    (short,) = steps.pieces(Sound(tone, 48000))[:, 0]
    assert np.ptp(short[50:950].argmax(axis=1)) == 0  # the same tone throughout
