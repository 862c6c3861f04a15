"""Surgery on one block of code: find the labeling functions, make each stand alone.

Source text is moved, never regenerated, so comments and layout stay as the model wrote them.
"""

import ast
import builtins
import io
import re
import tokenize
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from alchemist.core.program import ENTRY
from alchemist.synthesis.policy import MODULES

_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'"})
_DEF = re.compile(r"^(?:async )?def |^@|^class ", re.MULTILINE)
_INNER = "_written"

# Names models use without importing them, and where they come from.
_MISSING_IMPORTS = {
    **{module: f"import {module}" for module in MODULES if "." not in module},
    **dict.fromkeys(("Counter", "defaultdict", "OrderedDict", "deque"), "collections"),
    **dict.fromkeys(
        (
            "Any",
            "Dict",
            "Iterable",
            "List",
            "Mapping",
            "Optional",
            "Sequence",
            "Set",
            "Tuple",
            "Union",
        ),
        "typing",
    ),
}

Function = ast.FunctionDef


class Unusable(Exception):
    """A function that cannot become a program; kind and message say why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Parsed:
    """A block as Python sees it.

    Attributes:
        code: Its text, with typographic quotes mended if that made it Python.
        tree: Its syntax tree, None when it is no Python.
        error: What is wrong, with the line.
        before_error: Its text up to the function that is wrong.
        before_last: Its text up to the last function.
    """

    code: str
    tree: ast.Module | None
    error: str = ""
    before_error: str = ""
    before_last: str = ""

    @property
    def cut(self) -> str:
        """The last function, which a cut answer leaves unfinished."""
        return self.code[len(self.before_last) :]


def parse_block(code: str) -> Parsed:
    """Parse a block, without ever raising."""
    starts = [match.start() for match in _DEF.finditer(code)]
    last = code[: starts[-1]] if starts else ""
    error = ""
    line = 1
    for text in (code, code.translate(_QUOTES)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an escape like "\d" is the program's business
                return Parsed(text, ast.parse(text), before_last=last)
        except SyntaxError as failure:
            line = failure.lineno or 1
            error = error or f"{failure.msg} (line {line})"
        except (ValueError, RecursionError, MemoryError) as failure:
            error = error or type(failure).__name__
    upto = sum(len(row) + 1 for row in code.split("\n")[: line - 1])
    before = [start for start in starts if start <= upto]
    return Parsed(code, None, error, code[: before[-1]] if before else "", last)


def entries(tree: ast.Module, n_parameters: int) -> list[ast.stmt]:
    """The statements that define labeling functions.

    Every function called `label`; else every function no other one calls, where several only
    count if they return constants, as labeling functions do and helpers do not.
    """
    named = [node for node in tree.body if ENTRY in _bound(node)]
    functions = [n for n in tree.body if isinstance(n, Function | ast.AsyncFunctionDef)]
    functions = [f for f in functions if not f.name.startswith("test")]
    used = {name for f in functions for name in _used(f) if name != f.name}
    free = [f for f in functions if f.name not in used and f not in named]
    voting = [f for f in free if _arity(f) == n_parameters and _returns_constants(f)]
    if named:
        return [*named, *voting]
    if len(free) <= 1:
        return list(free)
    return list(voting or free[-1:])


def program_source(
    code: str, tree: ast.Module, entry: ast.stmt, parameters: Sequence[str], shared: str = ""
) -> str:
    """The text of one program: what its function needs, and the function as `label`.

    Args:
        code: The block.
        tree: Its syntax tree.
        entry: The statement that defines the labeling function.
        parameters: Names it has to take.
        shared: Code of other blocks that names may come from.

    Raises:
        Unusable: The function takes other parameters, or does nothing.
    """
    function = _as_function(entry)
    body, name, same_names = _checked(function, parameters)
    alone = _stands_alone(tree, entry)
    if alone:
        prelude = code.split("\n")[: _first_line(entry) - 1]
        tail = code.split("\n")[entry.end_lineno or 0 :]
    else:
        prelude, tail = _needed(code, tree, entry), []
    text = _definition(code, entry, body, name, parameters, same_names=same_names)
    source = "\n".join([*prelude, text, *tail]).strip("\n") + "\n"
    return _with_missing(source, shared)


def _as_function(entry: ast.stmt) -> ast.stmt:
    if isinstance(entry, ast.AsyncFunctionDef):
        raise Unusable("no_function", "It is an async function; a program is a plain one.")
    return entry


def _checked(entry: ast.stmt, parameters: Sequence[str]) -> tuple[ast.AST, str, bool]:
    """The node with the parameters, its name, and whether they are called as they should be."""
    node: ast.FunctionDef | ast.Lambda
    if isinstance(entry, Function):
        node, name = entry, entry.name
        if _is_empty(entry):
            raise Unusable("no_body", f"Function {name!r} has no body.")
    elif isinstance(entry, ast.Assign) and isinstance(entry.value, ast.Lambda):
        node, name = entry.value, ENTRY
    else:
        raise Unusable("no_function", f"{ENTRY!r} is no function.")
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
    required = len(names) - len(node.args.defaults)
    fits = required <= len(parameters) <= len(names) or (
        node.args.vararg is not None and required <= len(parameters)
    )
    if not fits or any(default is None for default in node.args.kw_defaults):
        raise Unusable(
            "parameters",
            f"Function {name!r} takes {', '.join(names) or 'nothing'}; a program of this task "
            f"takes {', '.join(parameters)}.",
        )
    # A single input is handed over by position; several are by name.
    plain = len(parameters) == 1 or (
        not node.args.posonlyargs and names[: len(parameters)] == list(parameters)
    )
    return node, name, plain and isinstance(node, Function)


def _is_empty(function: Function) -> bool:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return all(
        isinstance(node, ast.Pass | ast.Raise)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in body
    )


def _definition(
    code: str,
    entry: ast.stmt,
    node: ast.AST,
    name: str,
    parameters: Sequence[str],
    *,
    same_names: bool,
) -> str:
    """The entry's own text as a function `label`, behind a wrapper where parameters differ."""
    lines = code.split("\n")
    # Decorators wrap a function for somebody else's framework, or keep state; they stay out.
    own = "\n".join(lines[entry.lineno - 1 : entry.end_lineno])
    if same_names:
        return own if name == ENTRY else _renamed(own, name, ENTRY)
    idea = ast.get_docstring(node) if isinstance(node, Function) else None
    inner = _renamed(own, name, _INNER)
    header = f"def {ENTRY}({', '.join(parameters)}):"
    docstring = [f"    {_quoted(idea)}"] if idea else []
    call = f"    return {_INNER}({', '.join(parameters)})"
    return "\n".join([inner, "", "", header, *docstring, call])


def _quoted(idea: str) -> str:
    return '"""' + idea.partition("\n")[0].replace("\\", "\\\\").replace('"', "'") + '"""'


def _renamed(text: str, old: str, new: str) -> str:
    """The text with one identifier renamed, attributes and keywords of that name apart."""
    out: list[tuple[int, int, int]] = []
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(text + "\n").readline):
        if token.type == tokenize.NAME and token.string == old and before != ".":
            out.append((token.start[0] - 1, token.start[1], token.end[1]))
        before = token.string
    lines = text.split("\n")
    for row, start, end in reversed(out):
        lines[row] = lines[row][:start] + new + lines[row][end:]
    return "\n".join(lines)


def _stands_alone(tree: ast.Module, entry: ast.stmt) -> bool:
    """Whether the block is this one program and nothing else, to be kept word for word."""
    kinds = ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign | ast.AugAssign | ast.ClassDef
    used = _all_used([entry, *tree.body])
    for node in tree.body:
        if node is entry or (isinstance(node, kinds) and ENTRY not in _used(node)):
            continue
        if isinstance(node, Function) and node.name in used and node.name != ENTRY:
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        return False
    return True


def _needed(code: str, tree: ast.Module, entry: ast.stmt) -> list[str]:
    """Lines of the statements the entry leans on, directly or through others, in order."""
    chosen: set[ast.stmt] = set()
    wanted = [(name, entry) for name in _used(entry)]
    seen: set[str] = set()
    while wanted:
        name, user = wanted.pop()
        if name in seen or name == ENTRY:
            continue
        seen.add(name)
        for node in _binding(tree, name, user):
            if node is not entry and node not in chosen:
                chosen.add(node)
                wanted += [(other, node) for other in _used(node)]
    lines = code.split("\n")
    parts: list[str] = []
    for node in tree.body:
        if node in chosen:
            parts += lines[_first_line(node) - 1 : node.end_lineno]
    return [*parts, "", ""] if parts else []


def _binding(tree: ast.Module, name: str, user: ast.stmt) -> list[ast.stmt]:
    """The statements that give a name its value as its user meets it."""
    binding = [node for node in tree.body if node is not user and name in _shapes(node)]
    before = [node for node in binding if node.lineno < user.lineno]
    # Several programs in one block may each define WORDS anew: the last one before counts,
    # with whatever was added to it since.
    fresh = [i for i, node in enumerate(before) if name in _bound(node) and _defines(node)]
    return before[fresh[-1] :] if fresh else before or binding


def _defines(node: ast.stmt) -> bool:
    return isinstance(node, Function | ast.Assign | ast.AnnAssign | ast.ClassDef)


def _shapes(statement: ast.stmt) -> set[str]:
    """Names whose value at module level a statement sets or changes."""
    if isinstance(statement, Function | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if _is_main(statement):
        return set()
    names = _bound(statement)
    for node in ast.walk(statement):
        target: ast.AST | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            target = node.func.value
        elif isinstance(node, ast.Subscript | ast.Attribute):
            target = None if isinstance(node.ctx, ast.Load) else node.value
        if isinstance(target, ast.Name):
            names.add(target.id)
    return names


def _is_main(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in _used(statement.test)


def _with_missing(source: str, shared: str) -> str:
    """The source with imports and shared helpers that its names lack put in front."""
    tree = ast.parse(source)
    lacking = _lacking(tree)
    if lacking and shared:
        common = ast.parse(shared)
        if lacking & {name for node in common.body for name in _bound(node)}:
            stub = ast.parse(f"def {ENTRY}():\n" + "".join(f"    {n}\n" for n in sorted(lacking)))
            stub.body[0].lineno = len(shared.split("\n")) + 1
            common.body.append(stub.body[0])
            source = "\n".join([*_needed(shared, common, stub.body[0]), source])
            lacking = _lacking(ast.parse(source))
    imports = sorted({_import_of(name) for name in lacking if name in _MISSING_IMPORTS})
    return "\n".join([*imports, "", "", source]) if imports else source


def _import_of(name: str) -> str:
    where = _MISSING_IMPORTS[name]
    return where if where.startswith("import") else f"from {where} import {name}"


def _lacking(tree: ast.Module) -> set[str]:
    bound = {name for node in ast.walk(tree) for name in _binds(node)}
    return _all_used(tree.body) - bound - set(dir(builtins))


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _used(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _all_used(nodes: Iterable[ast.AST]) -> set[str]:
    return {name for node in nodes for name in _used(node)}


def _bound(statement: ast.stmt) -> set[str]:
    """Names a top-level statement binds at module level."""
    if isinstance(statement, Function | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    return {name for node in ast.walk(statement) for name in _binds(node)}


def _binds(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, Function | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name


def _arity(function: Function | ast.AsyncFunctionDef) -> int:
    args = function.args
    return len(args.posonlyargs) + len(args.args) - len(args.defaults)


def _returns_constants(function: Function | ast.AsyncFunctionDef) -> bool:
    returns = [n.value for n in ast.walk(function) if isinstance(n, ast.Return) and n.value]
    return any(_constant(value) for value in returns)


def _constant(value: ast.expr) -> bool:
    if isinstance(value, ast.IfExp):
        return _constant(value.body) or _constant(value.orelse)
    if isinstance(value, ast.UnaryOp):
        return _constant(value.operand)
    return isinstance(value, ast.Constant) or (isinstance(value, ast.Name) and value.id.isupper())
