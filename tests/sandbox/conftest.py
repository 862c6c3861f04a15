"""Small bundles and batches for the sandbox's tests."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest

from alchemist.core.contracts import BatchVotes, Bundle, Limits
from alchemist.core.program import Program
from alchemist.core.task import LabelClass
from alchemist.sandbox.process import ProcessSandbox

CLASSES = (LabelClass("ham", aliases=("HAM", "fine")), LabelClass("spam"))


def bundle_of(*sources: str, inputs: Sequence[str] = ("text",), as_mapping: bool = False) -> Bundle:
    programs = tuple(Program(f"p{k}", source) for k, source in enumerate(sources))
    return Bundle(programs, CLASSES, tuple(inputs), as_mapping)


def texts(*values: str | None) -> pa.RecordBatch:
    ids = [f"r{i}" for i in range(len(values))]
    return pa.record_batch({"id": ids, "text": pa.array(values, pa.string())})


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


def kinds(votes: BatchVotes, program: str = "p0") -> dict[str, int]:
    return {kind: n for (name, kind), n in votes.faults.counts.items() if name == program}


def column(votes: BatchVotes, k: int = 0) -> list[Any]:
    return votes.matrix[:, k].tolist()
