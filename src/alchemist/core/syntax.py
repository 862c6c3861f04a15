"""Parsing programs, one at a time.

CPython up to 3.12 counts the depth of the tree it builds in one place for all threads: two
threads that parse at once can both fail with "AST constructor recursion depth mismatch"
(python/cpython issue 106905). The engine checks programs from several threads.
"""

import ast
import threading

_ONE_AT_A_TIME = threading.Lock()


def parse(source: str) -> ast.Module:
    """ast.parse, safe to call from several threads. Raises what ast.parse raises."""
    with _ONE_AT_A_TIME:
        return ast.parse(source)
