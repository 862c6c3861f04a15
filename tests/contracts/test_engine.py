"""Every registered engine keeps the promises, and the promises catch those who do not."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pytest

from alchemist.core.contracts import BatchVotes, Bundle, Engine, Limits
from alchemist.core.errors import SandboxError
from alchemist.core.faults import Faults
from alchemist.engines import ENGINES
from alchemist.testing.engine import ENGINE_CHECKS, MakeEngine, OpenSandbox


@pytest.mark.slow
@pytest.mark.parametrize("check", ENGINE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", list(ENGINES))
def test_promise(name: str, check: Callable[[MakeEngine], None]) -> None:
    if not ENGINES.installed(name):
        pytest.skip(f"the extra of {name!r} is not installed")
    check(lambda open_sandbox: ENGINES.load(name)(open_sandbox))  # type: ignore[call-arg]


class Plain:
    """The simplest right engine; the mutants below each get one thing wrong."""

    def __init__(self, open_sandbox: OpenSandbox) -> None:
        self._open = open_sandbox

    def vote(self, bundle: Bundle, parts: Iterable[pa.RecordBatch]) -> Iterator[BatchVotes]:
        sandbox = self._open(1)
        try:
            for part in parts:
                try:
                    votes = sandbox.run(bundle, part, Limits())
                except SandboxError:
                    sandbox.close()
                    sandbox = self._open(1)
                    votes = sandbox.run(bundle, part, Limits())
                yield votes
        finally:
            sandbox.close()


class ReadsEverythingFirst(Plain):
    def vote(self, bundle: Bundle, parts: Iterable[pa.RecordBatch]) -> Iterator[BatchVotes]:
        return super().vote(bundle, list(parts))


class SwapsParts(Plain):
    def vote(self, bundle: Bundle, parts: Iterable[pa.RecordBatch]) -> Iterator[BatchVotes]:
        yield from reversed(list(super().vote(bundle, parts)))


class SkipsEmptyParts(Plain):
    def vote(self, bundle: Bundle, parts: Iterable[pa.RecordBatch]) -> Iterator[BatchVotes]:
        return super().vote(bundle, (part for part in parts if part.num_rows))


class DropsFaults(Plain):
    def vote(self, bundle: Bundle, parts: Iterable[pa.RecordBatch]) -> Iterator[BatchVotes]:
        for votes in super().vote(bundle, parts):
            yield BatchVotes(votes.matrix, Faults())


class SwapsPrograms(Plain):
    def vote(self, bundle: Bundle, parts: Iterable[pa.RecordBatch]) -> Iterator[BatchVotes]:
        for votes in super().vote(bundle, parts):
            yield BatchVotes(np.ascontiguousarray(votes.matrix[:, ::-1]), votes.faults)


class LeavesSandboxesOpen(Plain):
    def vote(self, bundle: Bundle, parts: Iterable[pa.RecordBatch]) -> Iterator[BatchVotes]:
        for part in parts:
            try:
                yield self._open(1).run(bundle, part, Limits())
            except SandboxError:
                yield self._open(1).run(bundle, part, Limits())


class GivesUpAtOnce(Plain):
    def vote(self, bundle: Bundle, parts: Iterable[pa.RecordBatch]) -> Iterator[BatchVotes]:
        sandbox = self._open(1)
        try:
            for part in parts:
                yield sandbox.run(bundle, part, Limits())
        finally:
            sandbox.close()


class SwallowsErrors(Plain):
    def vote(self, bundle: Bundle, parts: Iterable[pa.RecordBatch]) -> Iterator[BatchVotes]:
        try:
            yield from super().vote(bundle, parts)
        except SandboxError:
            return


MUTANTS: tuple[Callable[[OpenSandbox], Engine], ...] = (
    ReadsEverythingFirst, SwapsParts, SkipsEmptyParts, DropsFaults, SwapsPrograms,
    LeavesSandboxesOpen, GivesUpAtOnce, SwallowsErrors,
)  # fmt: skip


def failures(make: MakeEngine) -> list[str]:
    failed = []
    for check in ENGINE_CHECKS:
        try:
            check(make)
        except (AssertionError, SandboxError):
            failed.append(check.__name__)
    return failed


def test_the_simplest_right_engine_passes() -> None:
    assert failures(Plain) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)  # type: ignore[attr-defined]
def test_the_kit_catches(mutant: MakeEngine) -> None:
    assert failures(mutant)
