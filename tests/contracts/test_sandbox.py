"""Every registered sandbox keeps the promises, and the promises catch those who do not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from alchemist.core.contracts import BatchVotes, Bundle, Limits, Sandbox
from alchemist.core.faults import Fault, Faults
from alchemist.core.votes import ABSTAIN, MISSING
from alchemist.sandbox import SANDBOXES
from alchemist.sandbox.in_process import InProcessSandbox
from alchemist.testing.sandbox import ISOLATION_CHECKS, SANDBOX_CHECKS

CONFINED = [name for name in SANDBOXES if name != "in-process"]


def maker(name: str) -> Callable[[], Sandbox]:
    if not SANDBOXES.installed(name):
        pytest.skip(f"the extra of {name!r} is not installed")
    options: dict[str, Any] = {"i_trust_this_code": True} if name == "in-process" else {}
    return lambda: SANDBOXES.load(name)(**options)


@pytest.mark.slow
@pytest.mark.parametrize("check", SANDBOX_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", list(SANDBOXES))
def test_promise(name: str, check: Callable[[Callable[[], Sandbox]], None]) -> None:
    check(maker(name))


@pytest.mark.slow
@pytest.mark.parametrize("check", ISOLATION_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", CONFINED)
def test_promise_of_isolation(name: str, check: Callable[[Callable[[], Sandbox]], None]) -> None:
    check(maker(name))


class Mutant(InProcessSandbox):
    """A sandbox with one fault of its own."""

    def __init__(self) -> None:
        super().__init__(i_trust_this_code=True)


class TurnsFailureIntoSilence(Mutant):
    def run(self, bundle: Bundle, batch: pa.RecordBatch, limits: Limits) -> BatchVotes:
        votes = super().run(bundle, batch, limits)
        return BatchVotes(np.where(votes.matrix == MISSING, ABSTAIN, votes.matrix), votes.faults)


class SaysNothingOfFailures(Mutant):
    def run(self, bundle: Bundle, batch: pa.RecordBatch, limits: Limits) -> BatchVotes:
        return BatchVotes(super().run(bundle, batch, limits).matrix, Faults())


class SortsTheRows(Mutant):
    def run(self, bundle: Bundle, batch: pa.RecordBatch, limits: Limits) -> BatchVotes:
        votes = super().run(bundle, batch, limits)
        return BatchVotes(np.sort(votes.matrix, axis=0), votes.faults)


class CountsDistinctFailures(Mutant):
    def run(self, bundle: Bundle, batch: pa.RecordBatch, limits: Limits) -> BatchVotes:
        votes = super().run(bundle, batch, limits)
        return BatchVotes(
            votes.matrix, Faults(dict.fromkeys(votes.faults.counts, 1), votes.faults.examples)
        )


class NamesTheWrongRow(Mutant):
    def run(self, bundle: Bundle, batch: pa.RecordBatch, limits: Limits) -> BatchVotes:
        votes = super().run(bundle, batch, limits)
        moved = [Fault(f.program, f.kind, f.message, "r0", f.line) for f in votes.faults.examples]
        return BatchVotes(votes.matrix, Faults.of(moved))


class TakesTrueForOne(Mutant):
    def run(self, bundle: Bundle, batch: pa.RecordBatch, limits: Limits) -> BatchVotes:
        votes = super().run(bundle, batch, limits)
        said = [f.row for f in votes.faults.examples if "bool" in f.message]
        matrix = votes.matrix.copy()
        for i, row in enumerate(batch.column("id").to_pylist()):
            matrix[i] = np.where(row in said, 1, matrix[i])
        return BatchVotes(matrix, votes.faults)


class LosesTheNeighbour(Mutant):
    def run(self, bundle: Bundle, batch: pa.RecordBatch, limits: Limits) -> BatchVotes:
        votes = super().run(bundle, batch, limits)
        failed = votes.faults.total > 0 and len(bundle.programs) > 1
        return BatchVotes(
            np.full_like(votes.matrix, MISSING) if failed else votes.matrix, votes.faults
        )


class Remembers(Mutant):
    def __init__(self) -> None:
        super().__init__()
        self._runs = 0

    def run(self, bundle: Bundle, batch: pa.RecordBatch, limits: Limits) -> BatchVotes:
        votes = super().run(bundle, batch, limits)
        self._runs += 1
        return BatchVotes(votes.matrix + (self._runs - 1), votes.faults)


class RunsAfterClosing(Mutant):
    def close(self) -> None:
        pass


MUTANTS = (
    TurnsFailureIntoSilence, SaysNothingOfFailures, SortsTheRows, CountsDistinctFailures,
    NamesTheWrongRow, TakesTrueForOne, LosesTheNeighbour, Remembers, RunsAfterClosing,
)  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_kit_catches(mutant: type[Mutant]) -> None:
    caught = []
    for check in SANDBOX_CHECKS:
        try:
            check(mutant)
        except Exception:
            caught.append(check.__name__)
    assert caught


@pytest.mark.parametrize("check", ISOLATION_CHECKS[-1:], ids=lambda check: check.__name__)
def test_the_kit_catches_a_sandbox_that_confines_nothing(check: Callable[..., None]) -> None:
    with pytest.raises(AssertionError, match="wrote a file"):
        check(Mutant)
