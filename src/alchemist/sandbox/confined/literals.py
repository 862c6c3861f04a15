"""Words that any match of a regular expression must contain.

Given a pattern, find a small set of strings such that every text it matches holds at least one
of them. A text with none of them cannot match, which a few substring searches tell many times
faster than the pattern itself; a text with one of them is left to `re`. Substring search is
exact on every text; a pattern that ignores case is asked on ASCII texts alone, where lower
case means the same to both.

    set of a sequence   the cheapest of its runs of adjoining finite pieces
    set of a choice     all of its branches' sets together, if every branch has one
"""

from collections.abc import Iterable
from itertools import product
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

Words = frozenset[str]

_MOST_WORDS = 64
_LONGEST_WORD = 24
_SET_CHARS = 8
_NOTHING: Words = frozenset([""])


class Piece(NamedTuple):
    """What is known of one part of a pattern.

    Attributes:
        exact: All strings it can match; None when they are not few.
        needed: Strings one of which its match must contain; None when not known.
    """

    exact: Words | None
    needed: Words | None


_UNKNOWN = Piece(None, None)


def required_words(pattern: str, flags: int) -> tuple[str, ...]:
    """Words one of which every match contains, shortest list first; empty when none is known.

    Args:
        pattern: A pattern that compiles.
        flags: Flags of the compiled pattern, inline ones included. With IGNORECASE the words
            are in lower case, for texts in ASCII and lower case.
    """
    try:
        tree = _parser.parse(pattern, flags)
    except (RecursionError, MemoryError):
        return ()
    piece = _sequence(tree, bool(flags & op.SRE_FLAG_IGNORECASE))
    best = _cheaper(piece.exact, piece.needed)
    # The most telling words first: they are the ones a text most rarely holds in vain.
    return tuple(sorted(best, key=lambda word: (-len(word), word))) if best else ()


def _sequence(items: Iterable[Any], fold: bool) -> Piece:
    run, best, whole = _NOTHING, None, True
    for code, argument in items:
        piece = _item(code, argument, fold)
        longer = _joined(run, piece.exact) if piece.exact is not None else None
        if longer is not None:
            run = longer
            continue
        whole = False
        best = _cheaper(best, _cheaper(run, piece.needed))
        run = piece.exact if piece.exact is not None else _NOTHING
    if whole:
        return Piece(run, None)
    return Piece(None, _cheaper(best, run))


def _item(code: Any, argument: Any, fold: bool) -> Piece:
    if code is op.LITERAL:
        return _characters([argument], fold)
    if code is op.IN:
        return _set(argument, fold)
    if code in (op.AT, op.ASSERT, op.ASSERT_NOT):
        return Piece(_NOTHING, None)
    if code is op.SUBPATTERN:
        _, on, off, inner = argument
        return _UNKNOWN if on or off else _sequence(inner, fold)
    if code is op.ATOMIC_GROUP:
        return _sequence(argument, fold)
    if code is op.BRANCH:
        return _choice([_sequence(branch, fold) for branch in argument[1]])
    if code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        least, most, inner = argument
        return _repeat(least, most, _sequence(inner, fold))
    return _UNKNOWN


def _characters(codes: list[int], fold: bool) -> Piece:
    if not fold:
        return Piece(frozenset(map(chr, codes)), None)
    # A letter outside ASCII may match an ASCII one when case is ignored (K and the Kelvin sign).
    if any(code > 127 for code in codes):
        return _UNKNOWN
    return Piece(frozenset(chr(code).lower() for code in codes), None)


def _set(members: list[Any], fold: bool) -> Piece:
    codes: list[int] = []
    for code, argument in members:
        if code is op.LITERAL:
            codes.append(argument)
        elif code is op.RANGE and argument[1] - argument[0] < _SET_CHARS:
            codes += range(argument[0], argument[1] + 1)
        else:
            return _UNKNOWN
        if len(codes) > _SET_CHARS:
            return _UNKNOWN
    return _characters(codes, fold)


def _choice(branches: list[Piece]) -> Piece:
    exact = [piece.exact for piece in branches if piece.exact is not None]
    if len(exact) == len(branches):
        together = frozenset().union(*exact)
        if len(together) <= _MOST_WORDS:
            return Piece(together, None)
    needed = [_cheaper(piece.exact, piece.needed) for piece in branches]
    known = [words for words in needed if words is not None]
    if len(known) < len(branches):
        return _UNKNOWN
    return Piece(None, _fewest(frozenset().union(*known)))


def _repeat(least: int, most: int, inner: Piece) -> Piece:
    if least == 0:
        if most == 1 and inner.exact is not None:
            return Piece(inner.exact | _NOTHING, None)
        return _UNKNOWN
    if least == most == 1:
        return inner
    if inner.exact is not None and least == most and least <= 4:
        repeated = _NOTHING
        for _ in range(least):
            longer = _joined(repeated, inner.exact)
            if longer is None:
                break
            repeated = longer
        else:
            return Piece(repeated, None)
    return Piece(None, _cheaper(inner.exact, inner.needed))


def _joined(left: Words, right: Words) -> Words | None:
    if len(left) * len(right) > _MOST_WORDS:
        return None
    joined = frozenset(a + b for a, b in product(left, right))
    return joined if max(map(len, joined)) <= _LONGEST_WORD else None


def _fewest(words: Words) -> Words | None:
    """Words that do the work of all: one inside another makes the longer superfluous."""
    kept: list[str] = []
    for word in sorted(words, key=len):
        if not word:
            return None
        if not any(other in word for other in kept):
            kept.append(word)
    return frozenset(kept) if len(kept) <= _MOST_WORDS else None


def _cheaper(one: Words | None, other: Words | None) -> Words | None:
    candidates = [_fewest(words) for words in (one, other) if words is not None]
    known = [words for words in candidates if words]
    return min(known, key=_cost, default=None)


def _cost(words: Words) -> float:
    """Searches to make, plus the pattern's own price where a word is likely there in vain."""
    return len(words) + 60 * min(1.0, sum(1000 * 20.0 ** -len(word) for word in words))
