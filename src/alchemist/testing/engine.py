"""The promises every engine keeps. Authors of engines run these too.

A check gets a function that makes an engine from a function that opens a sandbox; the
sandboxes used here are fakes that compute votes without running anything.
"""

# ruff: noqa: S101 - an assertion is what a promise is

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from alchemist.core.contracts import BatchVotes, Bundle, Engine, Limits, Sandbox
from alchemist.core.errors import SandboxError
from alchemist.core.faults import Fault, Faults
from alchemist.core.program import Program
from alchemist.core.task import LabelClass
from alchemist.core.votes import ABSTAIN, MISSING

if TYPE_CHECKING:
    import pyarrow as pa

OpenSandbox = Callable[[int], Sandbox]
MakeEngine = Callable[[OpenSandbox], Engine]

CLASSES = tuple(LabelClass(name) for name in ("zero", "one", "two"))


class FakeSandbox:
    """Program number k votes (length of the text + k) mod 3; a text "bad" is a fault.

    Args:
        breaks: How many runs raise SandboxError, over all sandboxes sharing this list's length.
        hold: Runs wait for this event, as a long run would, until the sandbox is closed.
    """

    level = "kernel"

    def __init__(
        self, breaks: list[int] | None = None, hold: threading.Event | None = None
    ) -> None:
        self._breaks, self._hold = breaks if breaks is not None else [], hold
        self.closed = threading.Event()

    def run(self, bundle: Bundle, batch: pa.RecordBatch, limits: Limits) -> BatchVotes:
        """Votes by arithmetic."""
        del limits
        if self.closed.is_set():
            raise SandboxError("closed")
        if self._breaks:
            self._breaks.pop()
            raise SandboxError("broken on purpose")
        if self._hold is not None:
            while not (self._hold.wait(0.01) or self.closed.is_set()):
                pass
            if self.closed.is_set():
                raise SandboxError("closed")
        return expected(bundle, batch)

    def close(self) -> None:
        """Wake a run that waits."""
        self.closed.set()


def expected(bundle: Bundle, batch: pa.RecordBatch) -> BatchVotes:
    """What FakeSandbox answers: one plain loop."""
    matrix = np.full((batch.num_rows, len(bundle.programs)), ABSTAIN, np.int16)
    faults = []
    ids, values = batch.column("id").to_pylist(), batch.column("text").to_pylist()
    for k, program in enumerate(bundle.programs):
        number = int(program.name[1:])
        for i, text in enumerate(values):
            matrix[i, k] = MISSING if text == "bad" else (len(text) + number) % 3
            if text == "bad":
                faults.append(Fault(program.name, "exception", "bad", ids[i]))
    return BatchVotes(matrix, Faults.of(faults))


def bundle_of(programs: int) -> Bundle:
    """Programs p0, p1 … without sources."""
    return Bundle(tuple(Program(f"p{k}", "") for k in range(programs)), CLASSES, ("text",))


def parts_of(*sizes: int) -> list[pa.RecordBatch]:
    """Parts of these many rows; every seventh text is "bad"."""
    import pyarrow as pa

    made = []
    for number, size in enumerate(sizes):
        ids = [f"{number}-{i}" for i in range(size)]
        values = ["bad" if i % 7 == 3 else "x" * ((i * i + number) % 11) for i in range(size)]
        made.append(
            pa.record_batch(
                {"id": pa.array(ids, pa.string()), "text": pa.array(values, pa.string())}
            )
        )
    return made


def _same(one: BatchVotes, other: BatchVotes) -> None:
    np.testing.assert_array_equal(one.matrix, other.matrix)
    assert one.faults.counts == other.faults.counts, (one.faults.counts, other.faults.counts)
    assert set(one.faults.examples) == set(other.faults.examples)


def check_votes_equal_one_plain_loop(make: MakeEngine) -> None:
    """Whatever the sizes, every part comes back in order with its own votes and faults."""
    bundle = bundle_of(5)
    for sizes in ((), (0,), (1,), (40, 0, 3, 17), (5,) * 12):
        parts = parts_of(*sizes)
        found = list(make(lambda _: FakeSandbox()).vote(bundle, iter(parts)))
        assert len(found) == len(parts), f"{len(parts)} parts went in, {len(found)} came out"
        for part, votes in zip(parts, found, strict=True):
            _same(votes, expected(bundle, part))


def check_parts_can_be_resumed(make: MakeEngine) -> None:
    """Voting on the parts that are missing gives what voting on all of them gave."""
    bundle, parts = bundle_of(3), parts_of(9, 4, 8, 2)
    whole = list(make(lambda _: FakeSandbox()).vote(bundle, parts))
    rest = list(make(lambda _: FakeSandbox()).vote(bundle, parts[2:]))
    for one, other in zip(whole[2:], rest, strict=True):
        _same(one, other)


def check_reading_ahead_is_bounded(make: MakeEngine) -> None:
    """Not many more parts are read than have been handed out."""
    read = 0

    def parts() -> Iterator[pa.RecordBatch]:
        nonlocal read
        for part in parts_of(*(3,) * 400):
            read += 1
            yield part

    for done, _ in enumerate(make(lambda _: FakeSandbox()).vote(bundle_of(2), parts()), 1):
        assert read - done <= 200, f"{read} parts were read when {done} had been handed out"


def check_closing_is_prompt_and_complete(make: MakeEngine) -> None:
    """Closing the iterator in the middle closes every sandbox and ends every thread."""
    opened: list[FakeSandbox] = []
    hold = threading.Event()
    hold.set()

    def open_one(_: int) -> FakeSandbox:
        opened.append(FakeSandbox(hold=hold))
        return opened[-1]

    before = set(threading.enumerate())
    results = make(open_one).vote(bundle_of(2), parts_of(*(3,) * 50))
    next(iter(results))
    hold.clear()
    results.close()  # type: ignore[attr-defined]
    assert opened, "no sandbox was opened"
    assert all(sandbox.closed.is_set() for sandbox in opened), "a sandbox was left open"
    assert not set(threading.enumerate()) - before, "a thread was left running"


def check_every_sandbox_is_closed_at_the_end(make: MakeEngine) -> None:
    """After the last part nothing is left open."""
    opened: list[FakeSandbox] = []

    def open_one(_: int) -> FakeSandbox:
        opened.append(FakeSandbox())
        return opened[-1]

    list(make(open_one).vote(bundle_of(2), parts_of(3, 3)))
    assert opened
    assert all(sandbox.closed.is_set() for sandbox in opened), "a sandbox was left open"


def check_a_broken_sandbox_is_replaced(make: MakeEngine) -> None:
    """One SandboxError costs nothing: the rows run again in another sandbox."""
    breaks = [1]
    bundle, parts = bundle_of(2), parts_of(6, 6)
    found = list(make(lambda _: FakeSandbox(breaks)).vote(bundle, parts))
    assert not breaks
    for part, votes in zip(parts, found, strict=True):
        _same(votes, expected(bundle, part))


def check_an_error_reaches_the_caller(make: MakeEngine) -> None:
    """Where no sandbox can be opened, the caller sees the SandboxError, and nothing hangs."""

    def refuse(_: int) -> Sandbox:
        raise SandboxError("no sandbox here")

    try:
        list(make(refuse).vote(bundle_of(1), parts_of(2)))
    except SandboxError as error:
        assert "no sandbox here" in str(error)  # noqa: PT017 - a kit does not need pytest
        return
    raise AssertionError("votes came from nowhere")


ENGINE_CHECKS: tuple[Callable[[MakeEngine], None], ...] = (
    check_votes_equal_one_plain_loop,
    check_parts_can_be_resumed,
    check_reading_ahead_is_bounded,
    check_closing_is_prompt_and_complete,
    check_every_sandbox_is_closed_at_the_end,
    check_a_broken_sandbox_is_replaced,
    check_an_error_reaches_the_caller,
)
