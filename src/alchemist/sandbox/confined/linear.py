"""A linear-time proof that a regular expression matches nowhere in an ASCII text, by RE2.

The pattern is rewritten so that RE2 finds a match wherever `re` would, and perhaps elsewhere:
what RE2 has not (look-around, back-references, possessive repeats) is loosened, never
tightened, and everything else is spelled out character by character, so that the two engines'
different readings of a class or an escape cannot matter. No match by RE2 then means no match
by `re`; a match by RE2 means nothing, and `re` is asked.
"""

import re
from collections.abc import Callable, Iterable
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

_ANY = r"(?s:.)"
_MOST_REPEATS = 100
_MEMORY = 4 << 20
_ASCII = frozenset(range(128))
_DIGITS = frozenset(range(48, 58))
_WORD = _DIGITS | frozenset(range(65, 91)) | frozenset(range(97, 123)) | {95}
_SPACE = frozenset((9, 10, 11, 12, 13, 28, 29, 30, 31, 32))
_CATEGORIES = {
    op.CATEGORY_DIGIT: _DIGITS,
    op.CATEGORY_NOT_DIGIT: _ASCII - _DIGITS,
    op.CATEGORY_SPACE: _SPACE,
    op.CATEGORY_NOT_SPACE: _ASCII - _SPACE,
    op.CATEGORY_WORD: _WORD,
    op.CATEGORY_NOT_WORD: _ASCII - _WORD,
}


class _Loose:
    """Writes a parsed pattern down again, loosened where RE2 has no such thing."""

    def __init__(self, fold: bool, multiline: bool) -> None:
        self.fold, self.multiline = fold, multiline

    def sequence(self, items: Iterable[Any]) -> str:
        return "".join(self._item(code, argument) for code, argument in items)

    def _item(self, code: Any, argument: Any) -> str:
        if code is op.LITERAL:
            return f"\\x{{{argument:x}}}" if argument < 128 else _ANY
        if code is op.IN:
            return self._set(argument)
        if code is op.BRANCH:
            return f"(?:{'|'.join(map(self.sequence, argument[1]))})"
        if code is op.SUBPATTERN:
            return f"(?:{self.sequence(argument[3])})"
        if code is op.ATOMIC_GROUP:
            return f"(?:{self.sequence(argument)})"
        if code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            return self._repeat(*argument)
        if code is op.AT:
            return self._place(argument)
        if code in (op.ASSERT, op.ASSERT_NOT):
            return ""
        if code is op.GROUPREF_EXISTS:
            _, yes, no = argument
            return f"(?:{self.sequence(yes)}|{self.sequence(no or [])})"
        return f"{_ANY}*" if code is op.GROUPREF else _ANY

    def _set(self, members: list[Any]) -> str:
        negated, found = False, set[int]()
        for code, argument in members:
            if code is op.NEGATE:
                negated = True
            elif code is op.LITERAL:
                found.add(argument)
            elif code is op.RANGE:
                found.update(range(argument[0], min(argument[1], 127) + 1))
            else:
                found |= _CATEGORIES[argument]
        if self.fold and (negated or max(found, default=0) > 127):
            return _ANY
        inside = _ASCII - found if negated else _ASCII & found
        if not inside:
            return r"[^\x{0}-\x{10FFFF}]"
        spelled = "".join(f"\\x{{{code:x}}}" for code in sorted(inside))
        return f"[{spelled}]"

    def _repeat(self, least: Any, most: Any, inner: Any) -> str:
        low = min(int(least), _MOST_REPEATS)
        high = "" if most is op.MAXREPEAT or most > _MOST_REPEATS else int(most)
        return f"(?:{self.sequence(inner)}){{{low},{high}}}"

    def _place(self, where: Any) -> str:
        if where in (op.AT_BEGINNING, op.AT_BEGINNING_STRING) and not self.multiline:
            return r"\A"
        return {op.AT_BOUNDARY: r"\b", op.AT_NON_BOUNDARY: r"\B"}.get(where, "")


class Loosened(NamedTuple):
    """A pattern for RE2, and whether it must ignore case."""

    text: str
    fold: bool


def loosened(pattern: str, flags: int) -> Loosened | None:
    """The pattern for RE2; None where classes mean other things than on ASCII text."""
    if flags & re.ASCII:
        return None
    try:
        tree = _parser.parse(pattern, flags)
        # Flags for a part of the pattern are met by loosening the whole of it.
        partly = _has_scoped_flags(tree)
        fold = bool(flags & re.IGNORECASE) or partly
        loose = _Loose(fold, bool(flags & re.MULTILINE) or partly)
        return Loosened(loose.sequence(tree), fold)
    except (RecursionError, MemoryError, KeyError):
        return None


def _has_scoped_flags(part: Any) -> bool:
    if isinstance(part, _parser.SubPattern):
        flagged = any(code is op.SUBPATTERN and (a[1] or a[2]) for code, a in part.data)
        return flagged or any(_has_scoped_flags(argument) for _, argument in part.data)
    return isinstance(part, tuple | list) and any(map(_has_scoped_flags, part))


def matcher(pattern: str, flags: int) -> Callable[[str], bool] | None:
    """Whether RE2 finds the loosened pattern in an ASCII text; None where it cannot tell."""
    import re2

    loose = loosened(pattern, flags)
    if loose is None:
        return None
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MEMORY
    options.case_sensitive = not loose.fold
    try:
        # Not re2.Set: out of memory, a set answers "no match", where this falls back.
        search = re2.compile(loose.text.encode(), options).search
    except re2.error:
        return None
    return lambda text: search(text.encode()) is not None
