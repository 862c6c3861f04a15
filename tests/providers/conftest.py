"""The fake service, shared by the tests of this room."""

from collections.abc import Iterator

import pytest

from tests.providers.fake_server import FakeServer, serving


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake
