"""Noise: the same text as another person, keyboard or scanner would have left it.

Each kind is a function of a text and a random generator, and changes no meaning a reader
would miss.
"""

import unicodedata
from collections.abc import Callable, Mapping

import numpy as np

Noise = Callable[[str, np.random.Generator], str]

# A typo for about one word in eight; a scanner mistakes about one character in thirty.
_TYPO_RATE = 1 / 8
_OCR_RATE = 1 / 30
_LOOKS_LIKE = {
    "rn": "m", "m": "rn", "l": "1", "1": "l", "i": "l", "o": "0", "0": "O", "cl": "d", "e": "c",
    "s": "5", "5": "S", "b": "6", "g": "9", "vv": "w", "w": "vv", "h": "b", "t": "f", "I": "l",
    "O": "0", "B": "8", "S": "5",
}  # fmt: skip


def typos(text: str, rng: np.random.Generator) -> str:
    """Swap, drop or double a letter inside some words."""
    words = text.split(" ")
    for index, word in enumerate(words):
        if len(word) > 3 and rng.random() < _TYPO_RATE:
            at = int(rng.integers(1, len(word) - 1))
            words[index] = (
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                word[:at] + word[at + 1 :],
                word[:at] + word[at] + word[at:],
            )[int(rng.integers(3))]
    return " ".join(words)


def other_case(text: str, rng: np.random.Generator) -> str:
    """All capitals, all small, or every word capitalised, whichever changes something."""
    changed = [one for one in (text.upper(), text.lower(), text.title()) if one != text]
    return changed[int(rng.integers(len(changed)))] if changed else text


def no_diacritics(text: str, _: np.random.Generator) -> str:
    """Letters without their marks."""
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))


def doubled_spaces(text: str, rng: np.random.Generator) -> str:
    """Some spaces doubled, or turned into a line break."""
    return "".join(
        c if c != " " or rng.random() > 1 / 4 else ("  ", "\n")[int(rng.integers(2))] for c in text
    )


def scanned(text: str, rng: np.random.Generator) -> str:
    """Characters a scanner takes for others."""
    pieces, at = [], 0
    while at < len(text):
        for width in (2, 1):
            seen = text[at : at + width]
            if seen in _LOOKS_LIKE and rng.random() < _OCR_RATE:
                pieces.append(_LOOKS_LIKE[seen])
                break
        else:
            seen = text[at]
            pieces.append(seen)
        at += len(seen)
    return "".join(pieces)


NOISES: Mapping[str, Noise] = {
    "typos": typos,
    "other case": other_case,
    "no diacritics": no_diacritics,
    "doubled spaces": doubled_spaces,
    "scanned": scanned,
}
