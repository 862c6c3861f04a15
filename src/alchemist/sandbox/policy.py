"""The static policy: what a labeling program may say, checked before a line of it runs.

It turns most attacks and many slips into a finding with a line and a sentence that a person
or a model can act on. It is the first wall, not the boundary: see docs/explanation/sandbox.md.
"""

import ast
import string
import unicodedata
import warnings
from collections.abc import Iterator, Sequence

from alchemist.core.faults import Fault
from alchemist.core.program import ENTRY
from alchemist.core.syntax import parse
from alchemist.sandbox.confined.language import (
    ALLOWED_MODULES,
    BANNED_BUILTINS,
    CLOCK_ATTRIBUTES,
    FORMAT_ATTRIBUTES,
    FRAME_ATTRIBUTES,
    words,
)

MAX_CHARS = 32_768
MAX_NODES = 10_000
MAX_DEPTH = 60
MAX_INT_BITS = 256

_BASE_EXCEPTIONS = words(
    "BaseException BaseExceptionGroup SystemExit KeyboardInterrupt GeneratorExit"
)
_DUNDER_NAMES = frozenset(("__name__", "__doc__"))
_DUNDER_ATTRIBUTES = frozenset(("__name__", "__init__"))
_DUNDER_METHODS = words(
    "__init__ __repr__ __str__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __len__ __iter__ "
    "__next__ __contains__ __getitem__ __setitem__ __call__ __post_init__ __add__ __sub__ __mul__ "
    "__bool__ __int__ __float__ __index__ __enter__ __exit__ __missing__ __slots__ __doc__"
)
# Text that shows in another order than it runs, https://trojansource.codes.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNPREDICTABLE = words("random secrets time uuid numpy.random")

Finding = tuple[str, int | None, str]


def check(
    source: str,
    *,
    entry: str = ENTRY,
    inputs: Sequence[str] = ("text",),
    as_mapping: bool = False,
    program: str = "",
) -> list[Fault]:
    """Everything the policy has against a program; empty when it may run.

    Args:
        source: The program's text.
        entry: The function it has to define.
        inputs: Input columns, one keyword parameter each. With a single one, the name of the
            parameter is free.
        as_mapping: The function takes one mapping `row` instead.
        program: Its name, for the faults.

    Returns:
        Whole-program faults of kind "syntax" or "policy.<rule>", by line.
    """
    findings = sorted(_findings(source, entry, inputs, as_mapping), key=lambda f: f[1] or 0)
    return [Fault(program, kind, message, line=line) for kind, line, message in findings]


def _findings(
    source: str, entry: str, inputs: Sequence[str], as_mapping: bool
) -> Iterator[Finding]:
    refusal = _before_parsing(source)
    if refusal is not None:
        yield refusal
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a stray "\d" in a program is not our news
            tree = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        yield "syntax", getattr(error, "lineno", None), f"not valid Python: {message}"
        return
    nodes = _bounded(tree)
    if nodes is None:
        yield (
            "policy.complexity",
            None,
            f"the program is past {MAX_NODES:,} nodes or {MAX_DEPTH} levels; simplify it",
        )
        return
    for node in nodes:
        yield from _node(node)
    yield from _entry(tree, entry, inputs, as_mapping)


def _before_parsing(source: str) -> Finding | None:
    if len(source) > MAX_CHARS:
        return (
            "policy.length",
            None,
            f"the source has {len(source):,} characters; the limit is {MAX_CHARS:,}",
        )
    if "\0" in source:
        return "syntax", None, "not valid Python: the source holds a null byte"
    for number, line in enumerate(source.splitlines(), 1):
        if not _BIDI.isdisjoint(line):
            return (
                "policy.bidi",
                number,
                "a bidirectional control character hides what the code does; write it as an escape",
            )
    return None


def _bounded(tree: ast.AST) -> list[ast.AST] | None:
    """All nodes in no order, or None past the limits; never recursive."""
    found: list[ast.AST] = []
    stack = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        found.append(node)
        if len(found) > MAX_NODES or depth > MAX_DEPTH:
            return None
        stack += [(inner, depth + 1) for inner in ast.iter_child_nodes(node)]
    return found


def _node(node: ast.AST) -> Iterator[Finding]:
    line = getattr(node, "lineno", None)
    match node:
        case ast.Import():
            for alias in node.names:
                yield from _import(alias.name, line)
        case ast.ImportFrom():
            yield from _import_from(node)
        case ast.Name():
            yield from _name(node.id, line)
        case ast.arg():
            yield from _name(node.arg, line)
        case ast.Attribute():
            yield from _attribute(node)
        case ast.FunctionDef() | ast.ClassDef():
            yield from _definition(node)
        case ast.ExceptHandler() if node.type is not None:
            for inner in ast.walk(node.type):
                if isinstance(inner, ast.Name) and inner.id in _BASE_EXCEPTIONS:
                    message = f"catching {inner.id} would swallow the time limit; catch Exception"
                    yield "policy.except", line, message
        case ast.Global():
            message = "a vote may depend on its row alone; do not keep state with 'global'"
            yield "policy.stateful", line, message
        case ast.AsyncFunctionDef() | ast.AsyncFor() | ast.AsyncWith() | ast.Await():
            yield "policy.async", line, "labeling programs are plain functions; drop 'async'"
        case ast.MatchClass():
            for attribute in node.kwd_attrs:
                if attribute.startswith("_") or attribute in FRAME_ATTRIBUTES:
                    yield _banned_attribute(attribute, line)
        case ast.Constant(value=int() as number) if number.bit_length() > MAX_INT_BITS:
            yield "policy.constant", line, "a number this large is no use to a labeling program"
        case _:
            pass


def _import(name: str | None, line: int | None) -> Iterator[Finding]:
    if name in ALLOWED_MODULES:
        return
    if name in _UNPREDICTABLE:
        message = f"{name!r} makes votes unpredictable; decide from the row alone"
    else:
        known = ", ".join(sorted(ALLOWED_MODULES - {"__future__"}))
        message = f"{name!r} may not be imported; allowed: {known}"
    yield "policy.import", line, message


def _import_from(node: ast.ImportFrom) -> Iterator[Finding]:
    names = [alias.name for alias in node.names]
    if node.level or not (node.module == "urllib" and names == ["parse"]):
        yield from _import("." * node.level + (node.module or ""), node.lineno)
    for name in names:
        if name == "*" or name.startswith("_"):
            yield "policy.import", node.lineno, f"import names one by one, not {name!r}"


def _name(name: str, line: int | None) -> Iterator[Finding]:
    if name in BANNED_BUILTINS:
        yield "policy.name", line, f"{name!r} is not available to labeling programs"
    elif name.startswith("__") and name not in _DUNDER_NAMES and name not in _DUNDER_METHODS:
        yield "policy.name", line, f"names like {name!r} are reserved"
    elif not name.isascii():
        shown = unicodedata.normalize("NFKC", name)
        yield "policy.name", line, f"write names in ASCII, not {shown!r}"


def _attribute(node: ast.Attribute) -> Iterator[Finding]:
    name, line = node.attr, node.lineno
    dunder = name.startswith("__") and name not in _DUNDER_ATTRIBUTES
    if dunder or name in FRAME_ATTRIBUTES:
        yield _banned_attribute(name, line)
    elif name in CLOCK_ATTRIBUTES:
        message = f"'.{name}' would make the vote depend on something other than the row"
        yield "policy.clock", line, message
    elif name in FORMAT_ATTRIBUTES and not _plain_template(node.value):
        message = (
            f"'.{name}' works on a plain literal only, without attribute or index fields; "
            "use an f-string"
        )
        yield "policy.format", line, message


def _banned_attribute(name: str, line: int | None) -> Finding:
    message = f"the attribute {name!r} reaches into Python's insides and is not available"
    return "policy.attribute", line, message


def _plain_template(value: ast.expr) -> bool:
    """Whether a literal's fields name arguments only, in the format specification too."""
    if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
        return False
    try:
        fields = list(string.Formatter().parse(value.value))
    except ValueError:
        return False
    return not any(
        "." in (name or "") or "[" in (name or "") or "{" in (spec or "")
        for _, name, spec, _ in fields
    )


def _definition(node: ast.FunctionDef | ast.ClassDef) -> Iterator[Finding]:
    if node.name.startswith("__") and node.name not in _DUNDER_METHODS:
        yield "policy.name", node.lineno, f"names like {node.name!r} are reserved"
    elif not node.name.isascii():
        yield from _name(node.name, node.lineno)
    if isinstance(node, ast.ClassDef) and node.keywords:
        yield "policy.metaclass", node.lineno, "a class takes base classes only, no keywords"


def _entry(
    tree: ast.Module, entry: str, inputs: Sequence[str], as_mapping: bool
) -> Iterator[Finding]:
    wanted = ("row",) if as_mapping else tuple(inputs)
    signature = f"def {entry}({', '.join(wanted)})"
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == entry]
    if not found:
        yield "policy.no_entry", None, f"the program defines no function: start with '{signature}:'"
        return
    function = found[-1]
    if any(isinstance(n, ast.Yield | ast.YieldFrom) for n in _own_nodes(function)):
        message = f"{entry}() must return its vote, not yield it"
        yield "policy.generator", function.lineno, message
    complaint = _parameters(function.args, wanted)
    if complaint:
        yield "policy.parameters", function.lineno, f"{complaint}: write '{signature}:'"


def _own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Nodes of the function itself, without functions defined inside it."""
    stack: list[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            stack += ast.iter_child_nodes(node)


def _parameters(arguments: ast.arguments, wanted: tuple[str, ...]) -> str:
    """What is wrong with the parameters, or nothing."""
    positional = [*arguments.posonlyargs, *arguments.args]
    optional = positional[len(positional) - len(arguments.defaults) :]
    defaults = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    needed_by_name = [arg.arg for arg, default in defaults if default is None]
    required = [arg.arg for arg in positional if arg not in optional]
    if len(wanted) == 1:
        if needed_by_name or len(required) > 1 or not (positional or arguments.vararg):
            return "the function must take exactly one argument"
        return ""
    takeable = {arg.arg for arg in (*arguments.args, *arguments.kwonlyargs)}
    missing = [name for name in wanted if name not in takeable and not arguments.kwarg]
    if missing:
        return f"no parameter for the input {missing[0]!r}"
    surplus = [name for name in (*required, *needed_by_name) if name not in wanted]
    return f"the parameter {surplus[0]!r} is no input" if surplus else ""
