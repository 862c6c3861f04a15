"""Recorded programs with a fault planted in each, as a language model would have written it.

Ten programs of each of four tasks, and four kinds of fault in turn: 10 of each kind. A fault
decides nothing by itself, so a program without it votes as the recorded one does.
"""

import ast
import re
from dataclasses import dataclass

from alchemist.core.program import Program

TASKS = ("youtube", "sms", "finance", "medabs")
PER_TASK = 10
KINDS = ("policy", "exception", "timeout", "invalid_return")

# Lines for the head of the program, and for the start of its function.
_POLICY = (
    (
        "import os\n",
        """\
if os.environ.get("LABEL_DEBUG"):
    return None
""",
    ),
    (
        "import random\n",
        """\
if random.random() < 0:
    return None
""",
    ),
    (
        "import numpy as np\n",
        """\
if np.mean([len(word) for word in text.split()] or [0]) > 1e6:
    return None
""",
    ),
    (
        "",
        """\
if text.__len__() == 0:
    return None
""",
    ),
    (
        "from nltk.stem import PorterStemmer\n",
        """\
stemmer = PorterStemmer()
""",
    ),
    (
        "import time\n",
        """\
started = time.time()
""",
    ),
    (
        "",
        """\
if eval("len(text)") == 0:
    return None
""",
    ),
    (
        "",
        """\
with open("words.txt") as file:
    extra_words = file.read().split()
""",
    ),
    (
        "CALLS = 0\n",
        """\
global CALLS
CALLS += 1
""",
    ),
    (
        "import sys\n",
        """\
if len(text) > sys.maxsize:
    return None
""",
    ),
)
_EXCEPTION = (
    """\
words = text.split()
if len(words[12]) > 400:
    return None
""",
    """\
shouting = sum(c.isupper() for c in text) / text.count("!")
if shouting > 1e6:
    return None
""",
    """\
number = int(re.search(r"\\d+", text).group())
if number < 0:
    return None
""",
    """\
start = text.index("the")
if start < 0:
    return None
""",
    """\
kinds = {"a": 1, "e": 1, "t": 1, "i": 1, "s": 1}
if kinds[text[0].lower()] > 1:
    return None
""",
    """\
first, rest = text.split(", ", 1)
if not first and not rest:
    return None
""",
    """\
if max(len(line) for line in text.split(".")[1:-1]) > 10**6:
    return None
""",
    """\
ratio = len(text) / len(re.findall(r"[,;:]", text))
if ratio > 1e6:
    return None
""",
    """\
if text.index("%") < 0:
    return None
""",
    """\
values = [float(part) for part in re.findall(r"\\d[\\d,.]*", text)]
if sum(values) < 0:
    return None
""",
)
_TIMEOUT = (
    """\
if re.match(r"^(\\w+\\s?)*$", text + "!"):
    return None
""",
    """\
if re.match(r"^((\\w|\\s|[.,'])+)+#$", text):
    return None
""",
    """\
position = 0
while position < len(text):
    if text[position] != ",":
        position += 1
""",
    """\
pairs = 0
for i in range(len(text)):
    for j in range(len(text)):
        for k in range(len(text)):
            pairs += text[i] == text[j] == text[k]
if pairs < 0:
    return None
""",
    """\
rest = text
while "  " in rest or "e" in rest:
    rest = rest.replace("  ", " ")
""",
    """\
if re.search(r"(([a-z])+.)+[A-Z]([a-z])+#$", text):
    return None
""",
    """\
left, right = 0, len(text)
while left < right:
    middle = (left + right) // 2
    if text[middle:] > "b":
        left = middle
    else:
        right = middle
""",
    """\
if re.match(r"^(?:[\\w\\s,.]+-?)+;$", text):
    return None
""",
    """\
steps = 0
n = len(text)
while n != 1:
    n = n // 2 if n % 2 == 0 else n + 1 if n > 1 else 3
    steps += 1
    n = n if n > 1 else 2
""",
    """\
if re.match(r"^(?:[^!]+!?)+\\$$", text):
    return None
""",
)


@dataclass(frozen=True, slots=True)
class Planted:
    """A recorded program and the same with a fault in it."""

    kind: str
    whole: Program
    broken: Program


def plant(programs: tuple[Program, ...], first: int) -> tuple[Planted, ...]:
    """Plant one fault in each program.

    Args:
        programs: Recorded programs that work, of a task with one input `text`.
        first: How many were planted before, so that kinds and variants go on in turn.
    """
    found = []
    for number, whole in enumerate(programs, start=first):
        kind, variant = KINDS[number % len(KINDS)], number // len(KINDS)
        source = _planted(whole.source, kind, variant)
        found.append(Planted(kind, whole, Program(whole.name, source, whole.origin)))
    return tuple(found)


def _planted(source: str, kind: str, variant: int) -> str:
    if kind == "policy":
        head, body = _POLICY[variant]
        return _insert(source, head, body)
    if kind == "exception":
        return _insert(source, "import re\n", _EXCEPTION[variant])
    if kind == "timeout":
        return _insert(source, "import re\n", _TIMEOUT[variant])
    return _misreturned(source, variant)


def _insert(source: str, head: str, body: str) -> str:
    """Put lines at the head of a program and at the start of its function."""
    function = _function(source)
    prelude = ast.Expr | ast.Import | ast.ImportFrom
    at = next(node for node in function.body if not isinstance(node, prelude))
    lines = source.splitlines(keepends=True)
    indent = " " * at.col_offset
    parameter = function.args.args[0].arg
    body = re.sub(r"\btext\b", parameter, body)
    lines.insert(at.lineno - 1, "".join(f"{indent}{line}\n" for line in body.splitlines()))
    missing = "" if head.strip() and head.strip() in source else head
    return missing + "".join(lines)


def _misreturned(source: str, variant: int) -> str:
    """Return something that is no vote: in place of every None, or around every class."""
    function = _function(source)
    returns = [
        node for node in ast.walk(function) if isinstance(node, ast.Return) and _own(function, node)
    ]
    wrong = ('"unknown"', '""', '"N/A"', "0.5", "[]", '"none"', "{}", '"other"', '"abstain"', "-2")
    lines = source.splitlines(keepends=True)
    for node in sorted(returns, key=lambda n: -n.lineno):
        value = node.value
        if value is None or (isinstance(value, ast.Constant) and value.value is None):
            line = lines[node.lineno - 1]
            start = line.index("return", node.col_offset)
            tail = line[start:].replace("return None", f"return {wrong[variant]}", 1)
            if value is None:
                tail = f"return {wrong[variant]}\n"
            lines[node.lineno - 1] = line[:start] + tail
    changed = "".join(lines)
    if changed == source:
        changed = source.replace("else None", f"else {wrong[variant]}")
    last = function.body[-1]
    if changed == source or not isinstance(last, ast.Return):
        indent = " " * function.body[0].col_offset
        return changed.rstrip("\n") + f"\n{indent}return {wrong[variant]}\n"
    return changed


def _own(function: ast.FunctionDef, node: ast.AST) -> bool:
    inner = [n for n in ast.walk(function) if isinstance(n, ast.FunctionDef | ast.Lambda)][1:]
    return not any(node in ast.walk(one) for one in inner)


def _function(source: str) -> ast.FunctionDef:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == "label":
            return node
    raise ValueError("the program defines no label function")
