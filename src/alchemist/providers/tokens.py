"""Tokens, estimated offline: no vocabulary is downloaded, so every figure comes with a band.

Byte-pair vocabularies split a text at words, digits, punctuation and line breaks before they
merge, and a common word is one token. Counting those pieces, with long and foreign words
counted by their length, comes within BAND of the vocabularies we measured (bench-plan).
"""

import re
from dataclasses import dataclass

from alchemist.core.exchange import Request

# Half-width of the band around an estimate of text we hold ourselves.
BAND = 0.25

# A turn's own markers: role, separators.
_PER_MESSAGE = 4

_PIECES = re.compile(
    r"(?P<word>[A-Za-z]+)|(?P<number>\d+)|(?P<cjk>[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+)"
    r"|(?P<foreign>(?:[^\W\d_]|[\u0300-\u036f\u064b-\u065f\u0900-\u0dff])+)|(?P<mark>[^\w\s]+|_+)|(?P<line>\s*\n\s*)"
)


@dataclass(frozen=True, slots=True)
class Band:
    """A number of tokens that is not known exactly.

    Attributes:
        low: Hardly less.
        likely: Our estimate.
        high: Hardly more.
    """

    low: int
    likely: int
    high: int

    def __add__(self, other: "Band") -> "Band":
        return Band(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def times(self, count: int) -> "Band":
        """The band of so many alike."""
        return Band(self.low * count, self.likely * count, self.high * count)

    @classmethod
    def around(cls, likely: int) -> "Band":
        """An estimate of text at hand with its usual error."""
        return cls(int(likely * (1 - BAND)), likely, int(likely * (1 + BAND)) + 1)


def estimate_tokens(text: str) -> int:
    """About how many tokens a text is."""
    total = 0.0
    for piece in _PIECES.finditer(text):
        length = piece.end() - piece.start()
        match piece.lastgroup:
            case "word":
                total += 1 + max(0, length - 7) / 5
            case "number":
                total += -(-length // 3)
            case "cjk":
                total += 0.8 * length
            case "foreign":
                total += max(1.0, length / 3)
            case "mark":
                total += 1 + (length - 1) / 2.5
            case _:
                total += 0.7
    return round(total)


def estimate_request(request: Request) -> int:
    """About how many input tokens a request is."""
    return sum(estimate_tokens(m.content) + _PER_MESSAGE for m in request.messages)


def most_tokens(request: Request) -> int:
    """More input tokens than any byte-level vocabulary can make of a request."""
    sizes = (len(m.content.encode("utf-8", "surrogatepass")) for m in request.messages)
    return sum(size + 16 for size in sizes) + 16
