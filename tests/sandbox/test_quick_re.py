"""The quick `re` answers exactly as the standard library's does."""

import importlib
import random
import re
import sys
import types
import warnings
from re import _constants as op
from re import _parser
from typing import Any

import pytest

from alchemist.sandbox.confined import linear, quick_re
from alchemist.sandbox.confined.literals import required_words
from alchemist.sandbox.confined.quick_re import METHODS, QuickPattern, absence_test

ALPHABET = "abks\u00e9\u017f\u212a\u0130\u00df 1_-.\n\t"
FLAGS = [
    0,
    0,
    0,
    re.IGNORECASE,
    re.IGNORECASE,
    re.MULTILINE,
    re.DOTALL,
    re.ASCII,
    re.VERBOSE,
    re.IGNORECASE | re.ASCII,
]


def random_pattern(rng: random.Random, depth: int = 0) -> str:
    """A pattern from a grammar wide enough to hold every construct `re` parses."""
    pieces = []
    for _ in range(rng.randint(1, 3)):
        kind = rng.random()
        if kind < 0.4:
            piece = "".join(
                re.escape(rng.choice(ALPHABET)) for _ in range(rng.choice([1, 1, 1, 2, 4]))
            )
        elif kind < 0.55:
            piece = rng.choice([r"\w", r"\d", r"\s", r"\W", ".", ".", ".", r"\b", r"\B"])
        elif kind < 0.65:
            members = "".join(re.escape(rng.choice(ALPHABET)) for _ in range(rng.randint(1, 3)))
            more = rng.choice(["", "a-f", r"\d", r"\s"])
            piece = f"[{rng.choice(['', '', '^'])}{members}{more}]"
        elif kind < 0.7:
            piece = rng.choice(["^", "$", r"\A", r"\Z"])
        elif depth < 2:
            inner = "|".join(random_pattern(rng, depth + 1) for _ in range(rng.randint(1, 3)))
            opening = rng.choice(
                ["(", "(?:", "(?:", "(?:", "(?=", "(?!", "(?i:", "(?-i:", "(?>", "(?s:"]
            )
            piece = f"{opening}{inner})"
        else:
            piece = rng.choice("ab")
        if rng.random() < 0.3 and not piece.startswith(("^", "$", r"\A", r"\Z", r"\b", r"\B")):
            # Unbounded repeats of groups would make stock `re` itself backtrack without end.
            bounded = ["?", "{2}", "{0,2}", "??", "{1,2}"]
            repeat = rng.choice(bounded if depth or "|" in piece else [*bounded, "*", "+", "+?"])
            piece = f"(?:{piece}){repeat}"
        pieces.append(piece)
    return "".join(pieces)


def random_text(rng: random.Random, pattern: str, flags: int) -> str:
    """Noise around strings that the pattern is likely to match, or nearly."""
    parts = []
    for _ in range(rng.randint(0, 4)):
        part = example(rng, _parser.parse(pattern, flags))
        if rng.random() < 0.3:
            part = part[: rng.randint(0, len(part))] + rng.choice(ALPHABET)
        parts.append(rng.choice([part, part, part, other_case(rng, part), rng.choice(ALPHABET)]))
    return rng.choice(["", "", " "]).join(parts)[:60]


def example(rng: random.Random, items: Any) -> str:
    """A string that fits the consuming parts of a parsed pattern; assertions are ignored."""
    return "".join(example_of(rng, code, argument) for code, argument in items)


def example_of(rng: random.Random, code: Any, argument: Any) -> str:
    if code is op.LITERAL:
        return other_case(rng, chr(argument)) if rng.random() < 0.4 else chr(argument)
    if code is op.IN:
        code, argument = rng.choice(argument)
        if code is op.RANGE:
            return chr(rng.randint(*argument))
        return chr(argument) if code is op.LITERAL else rng.choice(ALPHABET)
    if code in (op.ANY, op.NOT_LITERAL):
        return rng.choice(ALPHABET)
    if code is op.SUBPATTERN:
        return example(rng, argument[3])
    if code is op.ATOMIC_GROUP:
        return example(rng, argument)
    if code is op.BRANCH:
        return example(rng, rng.choice(argument[1]))
    if code in (op.MAX_REPEAT, op.MIN_REPEAT):
        least, most, inner = argument
        return "".join(example(rng, inner) for _ in range(rng.randint(least, min(most, least + 2))))
    return ""


def other_case(rng: random.Random, text: str) -> str:
    """Another spelling that may count as the same when case is ignored."""
    odd = {"k": "\u212a", "s": "\u017f", "i": "\u0130", "\u212a": "k", "\u017f": "s"}
    return "".join(rng.choice([c, c.upper(), c.lower(), odd.get(c, c)])[0] for c in text)


def compiled(pattern: str, flags: int) -> re.Pattern[str] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return re.compile(pattern, flags)
        except re.error:
            return None


def answer(method: Any, *arguments: Any) -> Any:
    """What a call comes to, in a form that can be compared."""
    try:
        found = method(*arguments)
    except Exception as error:
        return type(error), str(error)
    if isinstance(found, re.Match):
        return found.span(), found.groups()
    if isinstance(found, types.GeneratorType) or hasattr(found, "__next__"):
        return [(m.span(), m.groups()) for m in found]
    return found


def compare(seed: int, quick_of: Any) -> bool:
    """One random pattern on one random text through every method; True if anything was spared."""
    rng = random.Random(seed)
    pattern, flags = random_pattern(rng), rng.choice(FLAGS)
    stock = compiled(pattern, flags)
    if stock is None:
        return False
    text = random_text(rng, pattern, flags)
    quick, spared = quick_of(stock, text)
    replacement = rng.choice([" ", "", "x", r"\g<0>", r"\9", r"\q"])
    for method in METHODS:
        arguments = (replacement, text) if method.startswith("sub") else (text,)
        wanted, got = (
            answer(getattr(stock, method), *arguments),
            answer(getattr(quick, method), *arguments),
        )
        assert wanted == got, (pattern, flags, text, method, wanted, got)
    return spared


def settled_by_words(stock: re.Pattern[str], text: str) -> tuple[QuickPattern, bool]:
    quick, absent = QuickPattern(stock), absence_test(stock)
    quick.settle(absent)
    return quick, absent is not None and absent(text)


def settled_by_re2(stock: re.Pattern[str], text: str) -> tuple[QuickPattern, bool]:
    """RE2 alone, at any length, so that a wrong word list cannot hide behind it."""
    found = linear.matcher(stock.pattern, stock.flags)
    if found is None:
        return QuickPattern(stock), False

    def absent(candidate: str) -> bool:
        return candidate.isascii() and not found(candidate)

    quick = QuickPattern(stock)
    quick.settle(absent)
    return quick, absent(text)


@pytest.mark.extra("re2")
@pytest.mark.parametrize("block", range(4))
def test_no_answer_differs_when_re2_looks_first(block: int) -> None:
    pytest.importorskip("re2")
    spared = sum(compare(block * 1000 + i, settled_by_re2) for i in range(1000))
    assert spared > 50


@pytest.mark.extra("re2")
@pytest.mark.stress
def test_no_answer_differs_in_a_hundred_thousand_pairs_with_re2() -> None:
    pytest.importorskip("re2")
    compare_pairs(100_000, settled_by_re2)


@pytest.mark.parametrize("block", range(4))
def test_no_answer_differs_from_stock_re(block: int) -> None:
    spared = sum(compare(block * 1000 + i, settled_by_words) for i in range(1000))
    assert spared > 50, "the comparison is empty unless some texts were answered early"


@pytest.mark.stress
def test_no_answer_differs_in_a_hundred_thousand_pairs() -> None:
    compare_pairs(100_000, settled_by_words)


def compare_pairs(pairs: int, quick_of: Any) -> None:
    done = tried = 0
    while done < pairs:
        seed = 10_000_000 + tried
        tried += 1
        rng = random.Random(seed)
        if compiled(random_pattern(rng), rng.choice(FLAGS)) is not None:
            compare(seed, quick_of)
            done += 1


@pytest.mark.parametrize(
    ("pattern", "flags", "words"),
    [
        pytest.param(r"\b(?:love|great)\b", 0, {"love", "great"}, id="a choice of words"),
        pytest.param(r"tumou?rs?\b", 0, {"tumor", "tumour"}, id="optional letters"),
        pytest.param(r"\bfree\b", re.IGNORECASE, {"free"}, id="ignoring case"),
        pytest.param(r"(?i)FREE", 0, {"free"}, id="an inline flag"),
        pytest.param(r"x[bc]yy", 0, {"xbyy", "xcyy"}, id="a small set"),
        pytest.param(r"\w+@\w+\.com", 0, {".com"}, id="the rarer of two runs"),
        pytest.param(r"(?:abc)?", 0, set(), id="nothing is needed"),
        pytest.param(r"abc|\d", 0, set(), id="one branch without a word"),
        pytest.param("\u212a", re.IGNORECASE, set(), id="a letter outside ASCII, ignoring case"),
        pytest.param(r"(?i:abc)", 0, set(), id="a flag for a part"),
        pytest.param(r"[^a]", 0, set(), id="a negated set"),
    ],
)
def test_words_a_pattern_needs(pattern: str, flags: int, words: set[str]) -> None:
    assert set(required_words(pattern, re.compile(pattern, flags).flags)) == words


def test_white_space_is_squeezed_as_re_does() -> None:
    spaces = "".join(chr(c) for c in range(sys.maxunicode + 1) if chr(c).isspace())
    stock = re.compile(r"\s+")
    quick = QuickPattern(stock)
    quick.settle(None)
    rng = random.Random(1)
    for _ in range(3000):
        text = "".join(rng.choice(spaces + "ab\u200b\x00é") for _ in range(rng.randint(0, 12)))
        assert quick.sub(" ", text) == stock.sub(" ", text)


def test_pattern_objects_behave_like_stock_ones() -> None:
    module = quick_re.make(re)
    pattern = module.compile(r"(?P<a>x)(y)?", re.IGNORECASE)
    stock = re.compile(r"(?P<a>x)(y)?", re.IGNORECASE)
    assert isinstance(pattern, re.Pattern)
    assert (pattern.pattern, pattern.flags, pattern.groups) == (stock.pattern, stock.flags, 2)
    assert (pattern.groupindex, repr(pattern), hash(pattern)) == (
        stock.groupindex, repr(stock), hash(stock),
    )  # fmt: skip
    assert pattern == stock
    assert module.compile(pattern) is pattern
    assert module.search(pattern, "aXy").group("a") == "X"
    with pytest.raises(ValueError, match="flags"):
        module.compile(pattern, re.MULTILINE)
    with pytest.raises(TypeError):
        module.search("a", 1)
    with pytest.raises(re.error):
        module.search("(", "a")


def test_a_filter_that_lets_everything_through_is_dropped() -> None:
    pattern = quick_re.make(re).compile("needle")
    for _ in range(200):
        assert pattern.search("hay needle hay")
    assert pattern.search == re.compile("needle").search


def test_module_functions_count_flags_and_limits() -> None:
    module, text = quick_re.make(re), "a b  c a"
    assert module.sub("a", "x", text, 1) == re.sub("a", "x", text, count=1)
    assert module.subn("A", "x", text, flags=re.IGNORECASE) == re.subn(
        "A", "x", text, flags=re.IGNORECASE
    )
    assert module.split(" ", text, 1) == re.split(" ", text, maxsplit=1)
    assert module.findall("A", text, re.IGNORECASE) == ["a", "a"]
    assert importlib.import_module("re") is re
