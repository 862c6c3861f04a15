"""An exported two-tower folder: where its files are, what they are fed, what is taken out.

    config.json  preprocessor_config.json  tokenizer.json
    onnx/vision_model.onnx | audio_model.onnx   and   onnx/text_model.onnx
    or one model.onnx with both towers; also visual.onnx / textual.onnx; also beside config.json

Precision endings (_fp16, _int8, …) are accepted; plain float32 is taken first. What would fail
silently is checked: an embedding of another width in each tower (an export without its
projection), an output that is no single vector, weights in a file that is not there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts.folders import Session, hash_files
from alchemist.core.errors import BadModel

ENDINGS = ("", "_fp16", "_quantized", "_int8", "_uint8", "_q4f16", "_q4", "_bnb4")
STEMS = {
    "image": ("vision_model", "visual", "image_model"),
    "audio": ("audio_model",),
    "text": ("text_model", "textual"),
    "both": ("model",),
}
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TowerFolder:
    """The files of a folder that has all it needs."""

    path: Path
    items: Path
    texts: Path
    config: Mapping[str, Any]
    preprocessor: Mapping[str, Any]

    @cached_property
    def items_fingerprint(self) -> str:
        """Changes with whatever an item's embedding depends on."""
        return hash_files(self.items, self.path / "preprocessor_config.json")

    @cached_property
    def texts_fingerprint(self) -> str:
        """Changes with whatever a wording's embedding depends on."""
        return hash_files(self.texts, self.path / "config.json", self.path / "tokenizer.json")


def read_tower_folder(path: Path | None, modality: str) -> TowerFolder:
    """Find the files.

    Raises:
        BadModel: What is missing, and where it was looked for.
    """
    if path is None:
        raise BadModel(
            "The extractor 'clip' needs the folder of an exported model; name one with model."
        )
    kind = "audio" if modality == "audio" else "image"
    items = _find(path, kind) or _find(path, "both")
    texts = _find(path, "text") or _find(path, "both")
    if items is None or texts is None:
        wanted = STEMS[kind if items is None else "text"][0]
        raise BadModel(
            f"{path} has no {wanted}.onnx, in onnx/ or beside config.json; export both towers."
        )
    if not (path / "tokenizer.json").is_file():
        raise BadModel(f"{path} has no tokenizer.json, so captions cannot be read.")
    config, steps = (read_json(path / f"{name}.json") for name in ("config", "preprocessor_config"))
    return TowerFolder(path, items, texts, config, steps)


def _find(path: Path, kind: str) -> Path | None:
    for ending in ENDINGS:
        for stem in STEMS[kind]:
            for folder in (path / "onnx", path):
                file = folder / f"{stem}{ending}.onnx"
                if file.is_file():
                    return file
    return None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises BadModel."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadModel(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise BadModel(f"{path} is no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise BadModel(f"{path} must be one JSON object.")
    return found


class Tower:
    """One tower: a batch in, unit vectors out.

    Args:
        file: The ONNX file.
        kind: image, audio or text: which of its outputs to take.
        spare: What inputs that no batch names are fed, one item each: a file may hold both
            towers.
    """

    def __init__(self, file: Path, kind: str, spare: Mapping[str, NDArray[Any]]) -> None:
        self._session = Session(file)
        self._kind = kind
        self._spare = spare
        self._output = self._choose_output()

    def input_named(self, *names: str) -> str:
        """The declared input that has one of these names; the only input whatever its name."""
        declared = list(self._session.inputs)
        for name in (*names, *(declared if len(declared) == 1 else ())):
            if name in declared:
                return name
        raise BadModel(f"{self._session.file} has no input {names[0]!r}; it has {declared}.")

    def takes(self, name: str) -> bool:
        """Whether an input is declared."""
        return name in self._session.inputs

    def embed(self, feeds: Mapping[str, NDArray[Any]]) -> Floats:
        """(n, d) vectors of length 1. Raises BadModel."""
        n = len(next(iter(feeds.values())))
        full = {name: self._fed(name, {**self._spare, **feeds}) for name in self._session.inputs}
        found = self._session.run(self._output, full)
        if found.ndim != 2 or len(found) != n or not np.isfinite(found).all():
            raise BadModel(
                f"{self._session.file}: output {self._output!r} has shape {found.shape} for {n} "
                "items, or numbers that are not finite; one finite vector an item is needed."
            )
        length = np.linalg.norm(found, axis=1, keepdims=True)
        return found / np.maximum(length, 1e-12)

    def _fed(self, name: str, feeds: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        kind = _TYPES.get(self._session.types[name])
        if kind is None or name not in feeds:
            raise BadModel(
                f"{self._session.file} wants the input {name!r} of type "
                f"{self._session.types[name]}, which we do not know how to feed."
            )
        return feeds[name].astype(kind)

    def _choose_output(self) -> str:
        outputs = self._session.outputs
        names = [f"{self._kind}_embeds", "embeds", "output", "pooler_output"]
        if self._kind == "image":
            names.insert(1, "vision_embeds")
        for name in names:
            if name in outputs:
                return name
        flat = [name for name, shape in outputs.items() if len(shape) == 2]
        if len(flat) == 1:
            return flat[0]
        raise BadModel(
            f"{self._session.file} has no output with one vector an item; it has "
            f"{', '.join(outputs)}. Export it with its projection head."
        )
