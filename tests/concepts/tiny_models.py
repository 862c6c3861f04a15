"""Hand-made ONNX models with meaning: a few hundred bytes each, written where they are needed.

The two towers know colours: a picture is its mean colour, a caption the sum of its colour words.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

COLOURS = {
    "red": (1, -1, -1),
    "green": (-1, 1, -1),
    "blue": (-1, -1, 1),
    "white": (1, 1, 1),
    "black": (-1, -1, -1),
}
WORDS = ("<pad>", "<unk>", "</s>", "a", "photo", "of", "picture", "that", "shows", *COLOURS)
PREPROCESSOR = {
    "size": {"shortest_edge": 8},
    "crop_size": 8,
    "do_center_crop": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
CAPTIONS = {"length": 12, "pad": 0, "lower": True, "end": "</s>"}


def save(
    path: Path,
    nodes: Sequence[Any],
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Mapping[str, Sequence[int | str]],
    weights: Mapping[str, np.ndarray] = {},
) -> None:
    """Write a graph of float inputs (int64 where the name says ids or mask)."""
    from onnx import TensorProto, checker, helper, numpy_helper, save_model

    def told(shapes: Mapping[str, Sequence[int | str]]) -> list[Any]:
        kinds = {
            n: TensorProto.INT64 if "ids" in n or "mask" in n else TensorProto.FLOAT for n in shapes
        }
        return [helper.make_tensor_value_info(n, kinds[n], s) for n, s in shapes.items()]

    stored = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(list(nodes), "tiny", told(inputs), told(outputs), stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(model, str(path))


def node(kind: str, inputs: str, output: str, **attributes: Any) -> Any:
    """One node; inputs are names between spaces."""
    from onnx import helper

    return helper.make_node(kind, inputs.split(), [output], **attributes)


def vision(path: Path, width: int = 3, output: str = "image_embeds") -> None:
    """A picture's mean colour."""
    nodes = [
        node("ReduceMean", "pixel_values", "colour", axes=[2, 3], keepdims=0),
        node("MatMul", "colour w", output),
    ]
    weights = {"w": np.eye(3, width, dtype=np.float32)}
    save(path, nodes, {"pixel_values": ["n", 3, 8, 8]}, {output: ["n", width]}, weights)


def text(path: Path, output: str = "text_embeds") -> None:
    """The sum of a caption's colour words."""
    table = np.array([COLOURS.get(word, (0, 0, 0)) for word in WORDS], dtype=np.float32)
    nodes = [
        node("Gather", "table input_ids", "each", axis=0),
        node("ReduceSum", "each axes", output, keepdims=0),
    ]
    weights = {"table": table, "axes": np.array([1], dtype=np.int64)}
    save(path, nodes, {"input_ids": ["n", "length"]}, {output: ["n", 3]}, weights)


def both(path: Path) -> None:
    """Both towers in one file, which wants both fed."""
    table = np.array([COLOURS.get(word, (0, 0, 0)) for word in WORDS], dtype=np.float32)
    nodes = [
        node("ReduceMean", "pixel_values", "image_embeds", axes=[2, 3], keepdims=0),
        node("Gather", "table input_ids", "each", axis=0),
        node("ReduceSum", "each axes", "text_embeds", keepdims=0),
    ]
    weights = {"table": table, "axes": np.array([1], dtype=np.int64)}
    inputs = {"input_ids": ["m", "length"], "pixel_values": ["n", 3, 8, 8]}
    save(path, nodes, inputs, {"text_embeds": ["m", 3], "image_embeds": ["n", 3]}, weights)


def tokenizer(path: Path) -> None:
    """One token a word."""
    words = {word: i for i, word in enumerate(WORDS)}
    table = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "<unk>"},
    }
    path.write_text(json.dumps(table))


def pair(folder: Path, **config: Any) -> Path:
    """A folder of two towers."""
    vision(folder / "onnx" / "vision_model.onnx")
    text(folder / "onnx" / "text_model.onnx")
    tokenizer(folder / "tokenizer.json")
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    told = {"model_type": "tiny", "captions": CAPTIONS, **config}
    (folder / "config.json").write_text(json.dumps(told))
    return folder


HEARING = {
    "feature_extractor_type": "ClapFeatureExtractor",
    "truncation": "rand_trunc",
    "padding": "repeatpad",
    "sampling_rate": 8000,
    "fft_window_size": 256,
    "hop_length": 80,
    "feature_size": 4,
    "frequency_min": 50,
    "frequency_max": 4000,
    "max_length_s": 0.5,
}


def sound_pair(folder: Path) -> Path:
    """Two towers for sound: low sounds are red, high ones blue."""
    pair(folder)
    (folder / "onnx" / "vision_model.onnx").unlink()
    nodes = [
        node("ReduceMean", "input_features", "bands", axes=[1, 2], keepdims=0),
        node("ReduceMean", "bands", "middle", axes=[1], keepdims=1),
        node("Sub", "bands middle", "centred"),
        node("MatMul", "centred w", "audio_embeds"),
    ]
    weights = {"w": np.array([COLOURS["red"]] * 2 + [COLOURS["blue"]] * 2, dtype=np.float32)}
    file = folder / "onnx" / "audio_model.onnx"
    save(file, nodes, {"input_features": ["n", 1, 51, 4]}, {"audio_embeds": ["n", 3]}, weights)
    (folder / "preprocessor_config.json").write_text(json.dumps(HEARING))
    return folder


def card(folder: Path, tags: Sequence[str], **told: Any) -> Path:
    """model.json and labels.txt beside a model."""
    (folder / "labels.txt").write_text("\n".join(tags))
    table = {"file": "model.onnx", "labels": "labels.txt", **told}
    (folder / "model.json").write_text(json.dumps(table))
    return folder


PIXELS = {
    "name": "pixel_values",
    "layout": "NCHW",
    "colour": "RGB",
    "normalise": "pixel / 255",
    "shape": ["batch", 3, 8, 8],
    "resize": "squash to 8 x 8",
}
COLOUR_TAGS = ("red, scarlet", "green", "blue, azure")


def picture_tagger(folder: Path, **changes: Any) -> Path:
    """Which of three colours a picture has, as probabilities."""
    nodes = [
        node("ReduceMean", "pixel_values", "colour", axes=[2, 3], keepdims=0),
        node("Mul", "colour eight", "logits"),
        node("Softmax", "logits", "scores", axis=1),
    ]
    weights = {"eight": np.array(8, dtype=np.float32)}
    save(
        folder / "model.onnx",
        nodes,
        {"pixel_values": ["n", 3, 8, 8]},
        {"scores": ["n", 3]},
        weights,
    )
    told = {
        "kind": "tagger",
        "modality": "image",
        "input": PIXELS,
        "output": {"name": "scores", "meaning": "softmax probabilities"},
    }
    return card(folder, COLOUR_TAGS, **{**told, **changes})


def segmenter(folder: Path) -> Path:
    """What is redder than green is the object."""
    weights = {"w": np.array([[0, 0, 0], [20, -20, 0]], dtype=np.float32).reshape(2, 3, 1, 1)}
    shift = {"b": np.array([2, 0], dtype=np.float32)}
    save(
        folder / "model.onnx",
        [node("Conv", "pixel_values w b", "logits", kernel_shape=[1, 1])],
        {"pixel_values": ["n", 3, 32, 32]},
        {"logits": ["n", 2, 32, 32]},
        {**weights, **shift},
    )
    pixels = {**PIXELS, "shape": ["batch", 3, 32, 32], "resize": "squash to 32 x 32"}
    output = {"name": "logits", "meaning": "class logits"}
    return card(
        folder,
        ("background", "thing"),
        kind="segmenter",
        modality="image",
        input=pixels,
        output=output,
    )


FRONT_END = {
    "rate": 8000,
    "window": 200,
    "hop": 80,
    "fft": 256,
    "mels": 8,
    "low_hz": 100,
    "high_hz": 3800,
    "offset": 0.001,
    "frames": 20,
}


def sound_tagger(folder: Path) -> Path:
    """Whether the lower or the upper half of the spectrum is louder, as logits."""
    halves = np.array([[1, 0]] * 4 + [[0, 1]] * 4, dtype=np.float32)
    nodes = [
        node("ReduceMean", "log_mel", "bands", axes=[1], keepdims=0),
        node("MatMul", "bands halves", "scores"),
    ]
    save(
        folder / "model.onnx",
        nodes,
        {"log_mel": ["n", 20, 8]},
        {"scores": ["n", 2]},
        {"halves": halves},
    )
    return card(
        folder,
        ("low", "high"),
        kind="tagger",
        modality="audio",
        input={"name": "log_mel", "front_end": FRONT_END},
        output={"name": "scores", "meaning": "class logits"},
    )
