import ast
from concurrent.futures import ThreadPoolExecutor

import pytest

from alchemist.core.syntax import parse

SOURCE = "\n".join(
    f"def f{i}(x):\n    return [x + {i} for x in range({i}) if x % 2]" for i in range(60)
)


@pytest.mark.slow
def test_many_threads_may_parse_at_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        trees = list(pool.map(parse, [SOURCE] * 200))
    assert {len(tree.body) for tree in trees} == {60}


def test_it_parses_as_python_does() -> None:
    assert ast.dump(parse(SOURCE)) == ast.dump(ast.parse(SOURCE))
    with pytest.raises(SyntaxError):
        parse("def label(:")
