"""What a room must offer so that the rest of the house can use it.

The promises in these docstrings are also code in alchemist.testing. Batches are pyarrow
RecordBatches whose first column is `id` (string), followed by the input columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from alchemist.core.concepts import Concept, Extracted, Feature
from alchemist.core.exchange import Collected, Reply, Request
from alchemist.core.faults import Faults
from alchemist.core.labels import Labels
from alchemist.core.patterns import PatternCounts
from alchemist.core.program import Program
from alchemist.core.rows import RowBatch
from alchemist.core.task import LabelClass, Task
from alchemist.core.votes import Votes

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]


@runtime_checkable
class Provider(Protocol):
    """Answers requests. Caching, budget, retries and the ledger live around it, not in it."""

    async def complete(self, request: Request) -> Reply:
        """Ask once. Raises ProviderError; never logs or repeats a key."""


@runtime_checkable
class BatchProvider(Provider, Protocol):
    """A provider that also answers many requests later, at a lower price where it gives one."""

    async def submit(self, requests: Mapping[str, Request]) -> str:
        """Hand requests over by custom id; returns the provider's name for the batch."""

    async def collect(self, batch: str) -> Collected:
        """Ask how a batch stands, and take its answers once it is done."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything a worker needs to run programs: texts and names, never closures.

    Attributes:
        programs: What to run.
        classes: In vote order; programs may return any accepted spelling, or an index.
        inputs: Input column names, in parameter order.
        as_mapping: Programs take one read-only mapping `row` instead of one parameter per input.
    """

    programs: tuple[Program, ...]
    classes: tuple[LabelClass, ...]
    inputs: tuple[str, ...]
    as_mapping: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use. Seconds are CPU seconds, sizes are bytes.

    Attributes:
        row_s: Time for one row before it counts as a timeout.
        hard_s: Time without progress before the worker is killed.
        memory: Memory above that of an idle worker.
        strikes: Timeouts, or memory failures, before the program is quarantined.
        max_failed_share: Share of failing rows, of at least 200, at which the program is stopped.
    """

    row_s: float = 0.1
    hard_s: float = 1.0
    memory: int = 512 << 20
    strikes: int = 3
    max_failed_share: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class BatchVotes:
    """The votes on one batch: matrix (n, m) as in Votes, and what failed."""

    matrix: NDArray[np.int16]
    faults: Faults


@runtime_checkable
class Sandbox(Protocol):
    """Runs programs it does not trust.

    A program may not touch files, network, processes, the environment or another
    program's votes; it may not hang or exhaust the machine. Its failures are faults.
    """

    level: str

    def run(self, bundle: Bundle, batch: pa.RecordBatch, limits: Limits) -> BatchVotes:
        """Run every program over every row of one batch."""

    def close(self) -> None:
        """End every process it started."""


@runtime_checkable
class Engine(Protocol):
    """Spreads programs × rows over workers.

    Same votes as one plain loop, in the order of the parts; closing the iterator stops
    promptly and leaves nothing running. After voting, level names the isolation programs ran at.
    """

    level: str

    def vote(self, bundle: Bundle, parts: Iterable[pa.RecordBatch]) -> Iterator[BatchVotes]:
        """Yield the votes of each part, in order, with a bounded number in flight."""


@dataclass(frozen=True, slots=True, eq=False)
class GoldVotes:
    """Rows whose class is known: votes on them, (g,) class indices."""

    votes: Votes
    labels: NDArray[np.int16]


@runtime_checkable
class LabelModel(Protocol):
    """Turns many noisy votes per row into one soft label per row.

    The same input and seed give the same labels. Row order, program order and class
    renaming change only names; a program that never votes changes nothing.
    """

    def fit(
        self,
        counts: PatternCounts,
        *,
        class_balance: Sequence[float] | Floats | None = None,
        gold: GoldVotes | None = None,
    ) -> Self:
        """Estimate how far to trust each program. Gold, when given, is never needed."""

    def predict(self, votes: Votes) -> Labels:
        """Label rows, which need not be the rows fitted on."""


@runtime_checkable
class ExplainableLabelModel(LabelModel, Protocol):
    """A label model whose posterior is a sum of evidence."""

    def evidence(self, votes: Votes) -> Floats:
        """Split the posterior into what each program's vote, or silence, adds.

        Returns:
            (n, m + 1, k) log-evidence, the last slot the prior; the softmax of its sum over
            axis 1 is what predict returns.
        """


@runtime_checkable
class EndModel(Protocol):
    """A small model distilled from soft labels.

    Features are what the modality's `features` yields: a sequence of strings for text,
    an (n, d) float array otherwise. load(save(model)) predicts the same.

    Attributes:
        trained_on: How many of the rows handed over it learned from; it may choose fewer.
    """

    @property
    def trained_on(self) -> int:
        """How many rows it learned from."""

    def fit(self, features: Any, labels: Floats, weights: Floats | None = None) -> Self:
        """Learn from n rows with (n, k) soft labels and (n,) weights."""

    def predict_proba(self, features: Any) -> Floats:
        """(n, k) class probabilities."""

    def save(self, folder: Path) -> None:
        """Write arrays and JSON; never a pickle."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what save wrote; runs no code from the folder."""


@runtime_checkable
class Modality(Protocol):
    """What a row is: how it is read, told to a model, shown to programs and to a student."""

    def columns(self, path: str, base: Path) -> tuple[str, ...]:
        """Column names of the data at a path, from its head alone. Raises BadRows."""

    def sources(self, task: Task, base: Path) -> tuple[Path, ...]:
        """The files a task reads, in order. Raises BadRows when there is none."""

    def read(self, task: Task, base: Path) -> Iterator[RowBatch]:
        """Read the rows of a task in bounded batches.

        Reading twice gives the same rows. Ids are strings: the id column, or the 1-based row
        number. Raises BadRows, on bad rows too unless the task skips them.
        """

    def referable(self, source: Path) -> bool:
        """Whether `reread` can find rows of this file by number, so that none need be copied."""

    def reread(
        self, task: Task, source: Path, first: int, rows: int, number: int
    ) -> Iterator[pa.RecordBatch]:
        """Read a range of good rows again, as `read` gave them; number is the first one's."""

    def originals(self, task: Task, base: Path) -> Iterator[pa.RecordBatch]:
        """The same rows with the user's own columns, all of them, as the files hold them."""

    def describe(self, task: Task) -> str:
        """Text for a prompt that says what a row holds and quotes no row."""

    def features(self, batch: pa.RecordBatch, inputs: Sequence[str]) -> Any:
        """What end models learn from: strings for text, an (n, d) float array otherwise."""


@runtime_checkable
class ItemModality(Modality, Protocol):
    """A modality whose rows are items: column `id`, then `item`, its bytes.

    Programs never see an item; an extractor makes named numbers of it first.

    Attributes:
        extractor: The extractor used unless a task names another.
    """

    extractor: str

    def item_columns(self, task: Task, base: Path) -> tuple[str, ...]:
        """The columns an item is made of, in order."""


@runtime_checkable
class SummarisingModality(Modality, Protocol):
    """A modality whose rows are told to a model by a summary over many of them."""

    def summarise(self, task: Task, batches: Iterable[pa.RecordBatch]) -> str:
        """Text for a prompt that says what a row holds and how its values spread; no row."""


@runtime_checkable
class Extractor(Protocol):
    """Turns items (the bytes of a picture, a sound, a film, a series) into named numbers.

    An item's row depends on that item alone: not on the others, their order or how many come
    at once. What cannot be read is a row of NaN with a reason, never an exception.

    Attributes:
        fingerprint: Changes whenever the same item and concepts could give other numbers: code
            version, model files, preprocessing, view.
    """

    @property
    def fingerprint(self) -> str:
        """What the numbers depend on, beside the item and the concepts."""

    def vocabulary(self) -> tuple[str, ...]:
        """The tags an option may name; empty where phrases are read, or no concepts are needed."""

    def features(self, concepts: Sequence[Concept]) -> tuple[Feature, ...]:
        """The columns `extract` gives, in order. Raises BadConcepts."""

    def extract(self, items: Sequence[bytes | None], concepts: Sequence[Concept]) -> Extracted:
        """Find the features in items; None is a missing item. Raises BadConcepts."""
