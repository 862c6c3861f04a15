from collections.abc import Callable, Iterator

import pytest

from alchemist.core.contracts import BatchVotes, Limits
from alchemist.sandbox.process import ProcessSandbox
from alchemist.testing.sandbox import bundle_of, texts


@pytest.fixture(scope="session")
def sandbox() -> Iterator[ProcessSandbox]:
    with ProcessSandbox(processes=2) as opened:
        yield opened


@pytest.fixture
def run(sandbox: ProcessSandbox) -> Callable[..., BatchVotes]:
    """Run one source over texts."""

    def run_one(source: str, *values: str | None, limits: Limits | None = None) -> BatchVotes:
        return sandbox.run(bundle_of(source), texts(*values), limits or Limits())

    return run_one
