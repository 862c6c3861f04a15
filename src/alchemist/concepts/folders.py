"""A local model's folder: model.json says what goes in and what comes out; nothing is guessed.

    {"kind": "tagger" | "segmenter", "modality": "image" | "audio", "file": "model.onnx",
     "labels": "labels.txt", "input": {…}, "output": {"name": …, "meaning": …}}

An image input: "layout" NCHW or NHWC, "colour" RGB or BGR, "shape" with its height and width,
"normalise" as "(pixel - 128) / 128", "pixel / 255" or {"mean": […], "std": […]} in pixels of
0 to 255, "resize" with the word "crop" (centre crop to a square first) or "squash". An audio
input is told by front_end.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.errors import BadModel

if TYPE_CHECKING:
    from PIL import Image

Floats = NDArray[np.float32]
_NUMBER = r"(-?\d+(?:\.\d+)?)"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder that fits: its model.json, labels in order, and a hash of all it holds."""

    path: Path
    modality: str
    file: Path
    labels: tuple[str, ...]
    input: Mapping[str, Any]
    output: Mapping[str, Any]
    fingerprint: str


def read_model_folder(path: Path | None, kind: str, what_for: str) -> ModelFolder:
    """Read and check a folder.

    Raises:
        BadModel: It is missing, or does not fit; the sentence says where.
    """
    if path is None:
        raise BadModel(f"{what_for} needs a {kind} folder; name one with model.json in it.")
    card = _read_card(path / "model.json")
    if card.get("kind") != kind:
        raise BadModel(f"{path} holds a model of kind {card.get('kind')!r}, not a {kind}.")
    file, labels = path / str(card.get("file", "")), path / str(card.get("labels", ""))
    for key, one in (("file", file), ("labels", labels)):
        if not one.is_file():
            raise BadModel(
                f"{path / 'model.json'} names {key} {card.get(key)!r}, which is no file."
            )
    try:
        names = tuple(labels.read_text(encoding="utf-8").splitlines())
    except UnicodeDecodeError:
        raise BadModel(f"{labels} is not UTF-8; save it as UTF-8, one label a line.") from None
    parts = [card.get(key) for key in ("input", "output")]
    if not all(isinstance(part, Mapping) and part.get("name") for part in parts):
        raise BadModel(f"{path / 'model.json'} must name its input and its output tensor.")
    return ModelFolder(
        path,
        str(card.get("modality")),
        file,
        names,
        card["input"],
        card["output"],
        hash_files(path / "model.json", file, labels),
    )


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadModel(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise BadModel(f"{path} is no JSON: {error}.") from None
    if not isinstance(card, dict):
        raise BadModel(f"{path} must be one JSON object.")
    return card


def hash_files(*paths: Path) -> str:
    """A hash of what files hold, weights kept beside a model file included."""
    digest = blake2b(digest_size=16)
    for path in paths:
        beside = sorted(path.parent.glob(f"{path.name}_data*")) if path.suffix == ".onnx" else []
        for one in (path, *beside):
            with one.open("rb") as file:
                while block := file.read(1 << 22):
                    digest.update(block)
            digest.update(one.name.encode())
    return digest.hexdigest()


class Session:
    """An ONNX model that is fed by names it declares."""

    def __init__(self, file: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Spinning halves what two sessions, or a busy machine, get done.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001  # onnxruntime's errors share no base class
            raise BadModel(f"{file} cannot be opened: {str(error)[:200]}") from None
        self.file = file
        self.inputs = {one.name: one.shape for one in self._session.get_inputs()}
        self.outputs = {one.name: one.shape for one in self._session.get_outputs()}
        self.types = {one.name: str(one.type) for one in self._session.get_inputs()}

    def require(self, *, inputs: tuple[str, ...] = (), outputs: tuple[str, ...] = ()) -> None:
        """Refuse a model without these tensors. Raises BadModel."""
        for kind, wanted, there in (
            ("input", inputs, self.inputs),
            ("output", outputs, self.outputs),
        ):
            for name in wanted:
                if name not in there:
                    raise BadModel(
                        f"{self.file} has no {kind} {name!r}; it has {', '.join(there)}."
                    )

    def run(self, output: str, feeds: Mapping[str, NDArray[Any]]) -> Floats:
        """One output for one batch. Raises BadModel where the model refuses the batch."""
        try:
            (found,) = self._session.run([output], dict(feeds))
        except Exception as error:  # noqa: BLE001  # see above
            raise BadModel(f"{self.file} refuses its input: {str(error)[:200]}") from None
        return np.asarray(found, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class PixelInput:
    """How a picture becomes a tensor: (3, height, width), or channels last."""

    height: int
    width: int
    fit: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels_last: bool = False
    bgr: bool = False

    def tensor(self, image: Image.Image) -> Floats:
        """An RGB picture as the model wants it."""
        from PIL import Image

        if self.fit == "crop":
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            box = (left, top, left + side, top + side)
        else:
            box = (0, 0, *image.size)
        size = (self.width, self.height)
        fitted = image.resize(size, Image.Resampling.BILINEAR, box=box)
        pixels = np.asarray(fitted, dtype=np.float32)[..., :: -1 if self.bgr else 1]
        mean, std = (np.asarray(three, dtype=np.float32) for three in (self.mean, self.std))
        scaled: Floats = (pixels - mean) / std
        return scaled if self.channels_last else np.ascontiguousarray(scaled.transpose(2, 0, 1))


def pixel_input(folder: ModelFolder) -> PixelInput:
    """Read how pictures go in.

    Raises:
        BadModel: The field that cannot be read.
    """
    told, where = folder.input, folder.path / "model.json"
    layout, colour, resize = (str(told.get(k, "")) for k in ("layout", "colour", "resize"))
    if layout not in {"NCHW", "NHWC"}:
        raise BadModel(f"{where}: input.layout = {layout!r} is neither NCHW nor NHWC.")
    if colour not in {"RGB", "BGR"}:
        raise BadModel(f"{where}: input.colour = {colour!r} is neither RGB nor BGR.")
    fits = [fit for fit in ("crop", "squash") if fit in resize]
    if len(fits) != 1:
        raise BadModel(f"{where}: input.resize = {resize!r} must say either crop or squash.")
    shape = list(told.get("shape") or [])
    sides = shape[1:3] if layout == "NHWC" else shape[2:4]
    if len(shape) != 4 or not all(isinstance(s, int) and s > 0 for s in sides):
        raise BadModel(f"{where}: input.shape = {shape!r} must give a height and a width.")
    mean, std = _normalising(told.get("normalise"), where)
    return PixelInput(
        int(sides[0]), int(sides[1]), fits[0], mean, std, layout == "NHWC", colour == "BGR"
    )


def _normalising(told: Any, where: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if isinstance(told, Mapping):
        three = [tuple(map(float, told.get(key, ()))) for key in ("mean", "std")]
        if all(len(numbers) == 3 for numbers in three):
            return three[0], three[1]
    text = str(told)
    if found := re.fullmatch(rf"\(pixel - {_NUMBER}\) / {_NUMBER}", text):
        return (float(found[1]),) * 3, (float(found[2]),) * 3
    if found := re.fullmatch(rf"pixel / {_NUMBER}", text):
        return (0.0,) * 3, (float(found[1]),) * 3
    raise BadModel(
        f"{where}: input.normalise = {told!r} cannot be read; write '(pixel - 128) / 128', "
        "'pixel / 255', or mean and std of three numbers each."
    )


def softmax(logits: Floats, axis: int) -> Floats:
    """Shares along an axis."""
    raised = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)
