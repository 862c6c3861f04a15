"""Captions as the token rows a text tower was trained on.

Wrong padding does not fail, it only makes every vector worse: SigLIP 1 pads with 1, SigLIP 2
with 0 after lower-casing, both to exactly 64. So a row's shape comes from tokenizer.json where
it says so, else from a table by the model's type, and an unknown type is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts.towers import TowerFolder
from alchemist.core.errors import BadModel

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rule:
    """How one family of models wants its captions.

    Attributes:
        length: Tokens in a row.
        pad: Token id that fills a row; None for the end token.
        lower: Captions are lower-cased first.
        end: The end token, put behind every caption; None where the tokenizer sees to it.
    """

    length: int
    pad: int | None
    lower: bool = False
    end: str | None = None


RULES = {
    "clip": Rule(77, None, end="<|endoftext|>"),
    "siglip": Rule(64, 1, end="</s>"),
    "siglip2": Rule(64, 0, lower=True, end="<eos>"),
    "clap": Rule(77, 1),
}


class Captions:
    """A tokenizer with its rule."""

    def __init__(self, folder: TowerFolder) -> None:
        from tokenizers import Tokenizer

        path = folder.path / "tokenizer.json"
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # noqa: BLE001  # the library raises plain Exception
            raise BadModel(f"{path} cannot be read: {str(error)[:200]}") from None
        self.rule = self._rule(folder)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._end = self._tokenizer.token_to_id(self.rule.end) if self.rule.end else None
        if self.rule.end and self._end is None:
            raise BadModel(f"{path} knows no token {self.rule.end!r}, which ends a caption.")
        pad = self.rule.pad if self.rule.pad is not None else self._end
        self._pad = 0 if pad is None else pad

    def rows(self, captions: Sequence[str]) -> tuple[Ints, Ints]:
        """(n, length) token ids, and 1 where they are the caption's own."""
        ids = np.full((len(captions), self.rule.length), self._pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for i, caption in enumerate(captions):
            text = caption.lower() if self.rule.lower else caption
            found = self._tokenizer.encode(text).ids
            cut = len(found) > self.rule.length
            last = found[-1:] if self._end is None else [self._end]
            if cut or found[-1:] != last:
                found = found[: self.rule.length - 1] + last
            ids[i, : len(found)] = found
            mask[i, : len(found)] = 1
        return ids, mask

    def _rule(self, folder: TowerFolder) -> Rule:
        kind = str(folder.config.get("model_type", ""))
        # SigLIP 2 at fixed resolution calls itself siglip; its vocabulary is Gemma's.
        gemma = self._tokenizer.token_to_id("<start_of_turn>") is not None
        if kind.startswith("siglip") and gemma:
            kind = "siglip2"
        own = folder.config.get("captions")
        if isinstance(own, Mapping):
            return _own_rule(own, folder)
        told = self._told()
        if kind in RULES:
            rule = RULES[kind]
            pad = told.get("pad", rule.pad)
            return Rule(int(told.get("length", rule.length)), pad, rule.lower, rule.end)
        if {"length", "pad"} <= told.keys():
            return Rule(told["length"], told["pad"])
        raise BadModel(
            f"{folder.path / 'config.json'}: model_type = {kind!r} is none of "
            f"{', '.join(RULES)}, and tokenizer.json names no padding. Say how captions are fed, "
            'for example "captions": {"length": 77, "pad": 0, "lower": false, "end": "</s>"}.'
        )

    def _told(self) -> dict[str, int]:
        told: dict[str, int] = {}
        padding, truncation = self._tokenizer.padding, self._tokenizer.truncation
        if padding:
            told["pad"] = int(padding["pad_id"])
            if padding.get("length"):
                told["length"] = int(padding["length"])
        if truncation and "length" not in told:
            told["length"] = int(truncation["max_length"])
        return told


def _own_rule(own: Mapping[str, Any], folder: TowerFolder) -> Rule:
    try:
        return Rule(
            int(own["length"]),
            int(own["pad"]),
            bool(own.get("lower", False)),
            str(own["end"]) if own.get("end") else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadModel(f"{folder.path / 'config.json'}: captions needs a number {error}.") from None
