"""Programs as code objects: parsed, rewritten and compiled once, in the parent.

The child unmarshals what its own parent compiled, so no program is parsed per chunk.
"""

import ast
import marshal
import warnings
from dataclasses import dataclass

from alchemist.core.contracts import Bundle
from alchemist.core.faults import Fault
from alchemist.core.program import Program
from alchemist.core.syntax import parse
from alchemist.sandbox import policy

_MODULES = "<modules>"


class _Rewrite(ast.NodeTransformer):
    """Changes that keep every vote: bare excepts let the timer pass, inner imports get cheap."""

    def __init__(self) -> None:
        self._inside = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._inside += 1
        self.generic_visit(node)
        self._inside -= 1
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self.generic_visit(node)
        if node.type is None:
            node.type = ast.Name("Exception", ast.Load())
        return node

    def visit_Import(self, node: ast.Import) -> ast.AST:
        plain = all("." not in alias.name for alias in node.names)
        if not (self._inside and plain):
            return node
        # `import re` in a function runs per row: a look-up in the table of facades instead.
        names = [ast.Name(alias.asname or alias.name, ast.Store()) for alias in node.names]
        facades = [
            ast.Subscript(ast.Name(_MODULES, ast.Load()), ast.Constant(alias.name), ast.Load())
            for alias in node.names
        ]
        targets: ast.expr = ast.Tuple(list(names), ast.Store()) if len(names) > 1 else names[0]
        values: ast.expr = ast.Tuple(list(facades), ast.Load()) if len(names) > 1 else facades[0]
        return ast.copy_location(ast.Assign([targets], values), node)


def compile_program(source: str, *, rewrite_imports: bool = True) -> bytes:
    """Marshalled code of a program.

    Raises:
        SyntaxError: Python does not accept it; also for limits only the compiler knows.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = parse(source)
            rewriter = _Rewrite()
            if not rewrite_imports:
                rewriter.visit_Import = lambda node: node  # type: ignore[method-assign]
            tree = ast.fix_missing_locations(rewriter.visit(tree))
            return marshal.dumps(compile(tree, "<program>", "exec", dont_inherit=True))
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error) or type(error).__name__) from error


@dataclass(frozen=True, slots=True)
class Prepared:
    """A program ready to run, or why it may not."""

    code: bytes
    refusals: tuple[Fault, ...] = ()


def prepare(program: Program, bundle: Bundle, *, checked: bool, facades: bool) -> Prepared:
    """Check and compile one program.

    Args:
        program: Its name and source.
        bundle: Says which parameters it has to take.
        checked: Apply the policy.
        facades: It will run with stand-in modules, which inner imports may look up.
    """
    if checked:
        refusals = policy.check(
            program.source,
            inputs=bundle.inputs,
            as_mapping=bundle.as_mapping,
            program=program.name,
        )
        if refusals:
            return Prepared(b"", tuple(refusals))
    try:
        return Prepared(compile_program(program.source, rewrite_imports=facades))
    except SyntaxError as error:
        message = f"not valid Python: {error.msg}"
        return Prepared(b"", (Fault(program.name, "syntax", message, line=error.lineno),))
