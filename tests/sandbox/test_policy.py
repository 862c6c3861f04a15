"""What the static policy refuses, and what it lets through."""

import ast
from typing import Any

import pytest

from alchemist.sandbox import policy
from alchemist.sandbox.confined.language import ALLOWED_MODULES, facades

FINE = "def label(text):\n    return None\n"


def rules(source: str, **options: Any) -> list[str]:
    return [fault.kind for fault in policy.check(source, **options)]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("import os", "policy.import"),
        ("import os.path", "policy.import"),
        ("from . import x", "policy.import"),
        ("from re import *", "policy.import"),
        ("from re import _parser", "policy.import"),
        ("import random", "policy.import"),
        ("eval('1')", "policy.name"),
        ("open('x')", "policy.name"),
        ("__builtins__", "policy.name"),
        ("été = 1", "policy.name"),
        ("ｏｐｅｎ('x')", "policy.name"),
        ("().__class__", "policy.attribute"),
        ("f.gi_frame", "policy.attribute"),
        ("f.__globals__", "policy.attribute"),
        ("'{0.x}'.format(f)", "policy.format"),
        ("f.format(1)", "policy.format"),
        ("datetime.now()", "policy.clock"),
        ("class A(metaclass=B): pass", "policy.metaclass"),
        ("async def f(): pass", "policy.async"),
        ("try: pass\nexcept BaseException: pass", "policy.except"),
        ("def f():\n    global x\n    x = 1", "policy.stateful"),
        (f"x = {'9' * 400}", "policy.constant"),
        ("x = 1  # \u202e", "policy.bidi"),
        ("x = " + "(" * 70 + "1" + ",)" * 70, "policy.complexity"),
        ("x = 1\n" * 8000, "policy.length"),
        ("def f(", "syntax"),
        ("x = '\0'", "syntax"),
    ],
)
def test_refused_with_its_rule(line: str, rule: str) -> None:
    assert rule in rules(f"{FINE}{line}\n")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import re, json\nfrom collections import Counter\n" + FINE, id="imports"),
        pytest.param("from urllib.parse import urlparse\n" + FINE, id="urllib.parse"),
        pytest.param("from urllib import parse\n" + FINE, id="parse from urllib"),
        pytest.param("def label(text):\n    return '{} {:.2f}'.format(1, 2)\n", id="literal format"),
        pytest.param("def label(text):\n    return f'{text!r:>5}' and None\n", id="f-string"),
        pytest.param("class A:\n    def __init__(self): self._x = 1\n" + FINE, id="a class"),
        pytest.param("class E(Exception):\n    def __init__(self): super().__init__('x')\n" + FINE, id="super"),
        pytest.param("WORDS = ['caf\u00e9', '\u200d', '\u200f']\n" + FINE, id="any text in strings"),
        pytest.param("if __name__ == '__main__': pass\n" + FINE, id="a main guard"),
        pytest.param("def label(text, cache={}):\n    return None\n", id="an optional parameter"),
        pytest.param("def label(*args):\n    return None\n", id="any positional"),
        pytest.param("def label(comment):\n    return None\n", id="one input, another name"),
        pytest.param("def label(text):\n    def g():\n        yield 1\n    return None\n", id="an inner generator"),
    ],
)  # fmt: skip
def test_let_through(source: str) -> None:
    assert policy.check(source) == []


@pytest.mark.parametrize(
    ("signature", "inputs", "as_mapping", "rule"),
    [
        ("def label():", ("text",), False, "policy.parameters"),
        ("def label(a, b):", ("text",), False, "policy.parameters"),
        ("def label(*, text):", ("text",), False, "policy.parameters"),
        ("def label(title):", ("title", "body"), False, "policy.parameters"),
        ("def label(title, body, other):", ("title", "body"), False, "policy.parameters"),
        ("def label(title, body, /):", ("title", "body"), False, "policy.parameters"),
        ("def label(a, b):", ("x", "y"), True, "policy.parameters"),
        ("def lable(text):", ("text",), False, "policy.no_entry"),
        ("async def label(text):", ("text",), False, "policy.no_entry"),
    ],
)
def test_wrong_entry(signature: str, inputs: tuple[str, ...], as_mapping: bool, rule: str) -> None:
    source = f"{signature}\n    return None\n"
    assert rule in rules(source, inputs=inputs, as_mapping=as_mapping)


@pytest.mark.parametrize(
    ("signature", "inputs", "as_mapping"),
    [
        ("def label(body, title):", ("title", "body"), False),
        ("def label(title, *, body):", ("title", "body"), False),
        ("def label(**inputs):", ("title", "body"), False),
        ("def label(row):", ("a", "b", "c"), True),
    ],
)
def test_right_entry(signature: str, inputs: tuple[str, ...], as_mapping: bool) -> None:
    source = f"{signature}\n    return None\n"
    assert rules(source, inputs=inputs, as_mapping=as_mapping) == []


def test_a_generator_is_refused_by_line() -> None:
    (fault,) = policy.check("\n\ndef label(text):\n    yield 1\n", program="mine")
    assert (fault.program, fault.kind, fault.row, fault.line) == (
        "mine",
        "policy.generator",
        None,
        3,
    )


def test_findings_come_by_line_and_say_what_to_do() -> None:
    found = policy.check("import os\nimport time\n" + FINE)
    assert [fault.line for fault in found] == [1, 2]
    assert "allowed: abc" in found[0].message
    assert "unpredictable" in found[1].message


@pytest.mark.parametrize(
    "bomb",
    [
        "-" * 30_000 + "1", "not " * 8_000 + "1", "a" + ".a" * 15_000, "[" * 15_000,
        "lambda:" * 4_000 + "1", "f(" * 10_000, "1" + "+1" * 15_000, "a[" * 15_000,
        "if 1:\n" + " if 1:\n" * 3_000, "x" + "=x" * 15_000, "{" * 199 + "}" * 199,
    ],
    ids=lambda bomb: bomb[:6].strip(),
)  # fmt: skip
def test_no_source_crashes_the_parser(bomb: str) -> None:
    assert policy.check(f"{FINE}{bomb}\n")


def test_every_allowed_module_has_a_facade_without_modules_in_it() -> None:
    made = facades()
    assert set(made) >= ALLOWED_MODULES
    for name, module in made.items():
        for attribute, value in vars(module).items():
            inner = isinstance(value, type(ast)) and (name, attribute) not in {
                ("collections", "abc"), ("urllib", "parse"),
            }  # fmt: skip
            assert not inner, f"{name}.{attribute} leads to a real module"
            assert not attribute.startswith("_") or attribute == "__name__", f"{name}.{attribute}"
