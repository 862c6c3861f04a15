"""The `re` that programs see: the same answers as the standard library's, sooner.

Three savings, none of which can change an answer: compiled patterns are found by one look-up;
a text that holds none of the words a pattern needs is answered without trying the pattern;
and squeezing white space, which nearly every program does, is done by str.split. What is
proven absent is answered here; every possible match is left to stock `re`.
"""

import re
import types
from collections.abc import Callable, Iterator
from typing import Any

from . import linear as linear_time
from . import literals

# A pattern asked less often is not worth analysing; one that lets more through than
# _WORTHWHILE of its first _TRIAL texts goes back to stock `re` for good.
_ANALYSE_AFTER = 8
_TRIAL = 64
_WORTHWHILE = 0.7
_MOST_PATTERNS = 2_000
# Below this length a call to RE2 costs more than stock `re`; up to so many words, less is needed.
_LONG_TEXT = 200
_FEW_WORDS = 8

Absent = Callable[[str], bool]
METHODS = ("search", "match", "fullmatch", "findall", "finditer", "split", "sub", "subn")


def absence_test(pattern: re.Pattern[str], *, linear: bool = False) -> Absent | None:
    """A function that proves of a text that the pattern matches nowhere in it, if there is one.

    Args:
        pattern: Any compiled pattern of text.
        linear: Let RE2 look at long ASCII texts where a few words prove nothing.
    """
    words = literals.required_words(pattern.pattern, pattern.flags)
    by_words = _without(words, bool(pattern.flags & re.IGNORECASE)) if words else None
    if not linear:
        return by_words
    found = linear_time.matcher(pattern.pattern, pattern.flags)
    if found is None:
        return by_words
    return _by_re2(found, by_words, len(words))


def _by_re2(found: Callable[[str], bool], by_words: Absent | None, words: int) -> Absent:
    def absent(text: str) -> bool:
        if not text.isascii() or len(text) < _LONG_TEXT:
            return by_words is not None and by_words(text)
        if by_words is not None and words <= _FEW_WORDS and by_words(text):
            return True
        return not found(text)

    return absent


def _without(words: tuple[str, ...], fold: bool) -> Absent:
    """Whether none of the words is in a text; a text outside ASCII proves nothing when folded."""
    if not fold:
        if len(words) == 1:
            (word,) = words
            return lambda text: word not in text

        def absent(text: str) -> bool:
            for word in words:  # noqa: SIM110 - a loop is what makes this fast
                if word in text:
                    return False
            return True

        return absent

    def absent_folded(text: str) -> bool:
        if not text.isascii():
            return False
        low = text.lower()
        for word in words:  # noqa: SIM110
            if word in low:
                return False
        return True

    return absent_folded


class QuickPattern:
    """A compiled pattern that answers "nowhere" without looking twice.

    Its methods are made on first use and replaced as it learns whether they pay.
    """

    __slots__ = ("_absent", "_asked", "_linear", "_passed", "_stock", *METHODS)

    def __init__(self, stock: re.Pattern[str], *, linear: bool = False) -> None:
        self._stock = stock
        self._linear = linear
        self._asked = self._passed = 0
        self._absent: Absent | None = None
        for method in METHODS:
            setattr(self, method, _starting(self, method))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stock, name)

    # isinstance(pattern, re.Pattern) holds, as it would with stock `re`.
    __class__ = property(lambda _self: re.Pattern)

    def __repr__(self) -> str:
        return repr(self._stock)

    def __eq__(self, other: object) -> bool:
        return self._stock == (other._stock if type(other) is QuickPattern else other)

    def __hash__(self) -> int:
        return hash(self._stock)

    def __copy__(self) -> "QuickPattern":
        return self

    def __deepcopy__(self, _memo: object) -> "QuickPattern":
        return self

    def settle(self, absent: Absent | None) -> None:
        """From now on answer with this test, or with stock `re` alone."""
        for method in METHODS:
            stock = getattr(self._stock, method)
            setattr(self, method, stock if absent is None else WRAPPERS[method](stock, absent))
        if self._stock.pattern == r"\s+" and self._stock.flags == re.UNICODE:
            self.sub = _squeezing(self._stock.sub)

    def wonder(self, text: object) -> bool:
        """Count one call; True when the text was proven to hold no match."""
        self._asked += 1
        if self._asked < _ANALYSE_AFTER:
            return False
        if self._asked == _ANALYSE_AFTER:
            self._absent = absence_test(self._stock, linear=self._linear)
        if self._absent is None:
            self.settle(None)
            return False
        if type(text) is not str:
            return False
        proven = self._absent(text)
        self._passed += not proven
        if self._asked >= _TRIAL + _ANALYSE_AFTER:
            self.settle(self._absent if self._passed <= _WORTHWHILE * _TRIAL else None)
        return proven


def _starting(pattern: QuickPattern, method: str) -> Callable[..., Any]:
    """The method of a pattern that is still learning."""

    def first_calls(*arguments: Any, **options: Any) -> Any:
        text = arguments[-1] if arguments and not options else None
        proven = pattern.wonder(text)
        stock = getattr(pattern._stock, method)  # noqa: SLF001 - the pattern's own method
        if proven:
            return WRAPPERS[method](stock, lambda _: True)(*arguments)
        return stock(*arguments, **options)

    return first_calls


def _wrap(empty: Callable[[str], Any]) -> Callable[[Callable[..., Any], Absent], Any]:
    """A wrapper for methods of one text; anything unusual goes to stock `re`."""

    def wrapper(stock: Callable[..., Any], absent: Absent) -> Callable[..., Any]:
        def method(text: Any, *rest: Any, **options: Any) -> Any:
            if type(text) is str and not rest and not options and absent(text):
                return empty(text)
            return stock(text, *rest, **options)

        return method

    return wrapper


def _wrap_sub(empty: Callable[[str], Any]) -> Callable[[Callable[..., Any], Absent], Any]:
    def wrapper(stock: Callable[..., Any], absent: Absent) -> Callable[..., Any]:
        def method(replacement: Any, text: Any, *rest: Any, **options: Any) -> Any:
            # A template is checked even when nothing matches, so only plain ones are skipped.
            plain = type(replacement) is str and "\\" not in replacement
            if plain and type(text) is str and not rest and not options and absent(text):
                return empty(text)
            return stock(replacement, text, *rest, **options)

        return method

    return wrapper


def _nowhere(_text: str) -> None:
    return None


def _no_matches(_text: str) -> Iterator[re.Match[str]]:
    return iter(())


WRAPPERS: dict[str, Callable[[Callable[..., Any], Absent], Any]] = {
    "search": _wrap(_nowhere),
    "match": _wrap(_nowhere),
    "fullmatch": _wrap(_nowhere),
    "findall": _wrap(lambda _text: []),
    "finditer": _wrap(_no_matches),
    "split": _wrap(lambda text: [text]),
    "sub": _wrap_sub(lambda text: text),
    "subn": _wrap_sub(lambda text: (text, 0)),
}


def _squeezing(stock: Callable[..., str]) -> Callable[..., str]:
    def sub(replacement: Any, text: Any, *rest: Any, **options: Any) -> str:
        plain = type(replacement) is str and replacement == " " and type(text) is str
        if plain and text and not rest and not options:
            # str.split and \\s agree on what white space is; only the two ends differ.
            words = " ".join(text.split())
            if not words:
                return " "
            return f"{' ' * text[0].isspace()}{words}{' ' * text[-1].isspace()}"
        return stock(replacement, text, *rest, **options)

    return sub


class _Known(dict[Any, Any]):
    """Patterns by (pattern, flags), compiled on first sight."""

    def __init__(self, linear: bool) -> None:
        super().__init__()
        self._linear = linear

    def __missing__(self, key: tuple[Any, Any]) -> Any:
        pattern, flags = key
        if type(pattern) is QuickPattern:
            return re.compile(pattern._stock, flags) if flags else pattern  # noqa: SLF001
        compiled = re.compile(pattern, flags)
        if type(pattern) is not str:
            return compiled
        if len(self) >= _MOST_PATTERNS:
            self.clear()
        quick = self[pattern, flags] = QuickPattern(compiled, linear=self._linear)
        return quick


def make(facade: types.ModuleType, *, linear: bool = False) -> types.ModuleType:
    """The module, with everything else taken from a facade of `re`.

    Args:
        facade: Where the rest of the public names comes from.
        linear: Use RE2, which must be importable.
    """
    known = _Known(linear)

    def split(pattern: Any, string: Any, maxsplit: Any = 0, flags: Any = 0) -> Any:
        return known[pattern, flags].split(string, *((maxsplit,) if maxsplit else ()))

    def sub(pattern: Any, repl: Any, string: Any, count: Any = 0, flags: Any = 0) -> Any:
        return known[pattern, flags].sub(repl, string, *((count,) if count else ()))

    def subn(pattern: Any, repl: Any, string: Any, count: Any = 0, flags: Any = 0) -> Any:
        return known[pattern, flags].subn(repl, string, *((count,) if count else ()))

    functions: dict[str, Callable[..., Any]] = {
        "compile": lambda pattern, flags=0: known[pattern, flags],
        "search": lambda pattern, string, flags=0: known[pattern, flags].search(string),
        "match": lambda pattern, string, flags=0: known[pattern, flags].match(string),
        "fullmatch": lambda pattern, string, flags=0: known[pattern, flags].fullmatch(string),
        "findall": lambda pattern, string, flags=0: known[pattern, flags].findall(string),
        "finditer": lambda pattern, string, flags=0: known[pattern, flags].finditer(string),
        "split": split,
        "sub": sub,
        "subn": subn,
    }
    module = types.ModuleType("re")
    module.__dict__.update(facade.__dict__)
    module.__dict__.update(functions)
    return module
