"""Job: the Python front door; one object per task folder, one method per stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from alchemist.core.errors import BadRows, InputError, NotReady
from alchemist.core.program import Program
from alchemist.core.progress import Progress, Silent
from alchemist.core.task import Task
from alchemist.flow.init import init
from alchemist.store.program_files import load_programs, save_programs
from alchemist.store.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from alchemist.flow.aggregate import AggregateReport
    from alchemist.flow.concepts import ConceptsReport
    from alchemist.flow.distill import DistillReport
    from alchemist.flow.evaluate import EvaluateReport
    from alchemist.flow.explain import Explanation
    from alchemist.flow.predict import PredictReport
    from alchemist.flow.run import RunReport
    from alchemist.flow.synthesize import SynthesisReport
    from alchemist.flow.vote import VoteReport
    from alchemist.providers.plan import Plan

FRAME = "rows.parquet"


@dataclass(frozen=True, slots=True)
class Job:
    """A task folder and its stages; each stage is skipped when its inputs did not change.

    Attributes:
        workspace: The folder.
        settings: Dotted settings that win over task.toml, such as {"synthesis.model": "…"}.
        progress: Where stages report; silent by default.
    """

    workspace: Workspace
    settings: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress = field(default_factory=Silent)

    @property
    def task(self) -> Task:
        """task.toml as it stands now, with the settings on top."""
        return self.workspace.task(self.settings)

    @property
    def programs(self) -> tuple[Program, ...]:
        """The programs in programs/, by name."""
        return load_programs(self.workspace)

    def add_program(self, name: str, source: str) -> None:
        """Write a program of one's own."""
        save_programs(self.workspace, [Program(name, source)])

    def plan(self) -> "Plan":
        """What synthesis would cost, and labeling row by row; nothing is sent."""
        from alchemist.flow.synthesize import plan

        with self.workspace.writing("Job.plan"):
            return plan(self.workspace, self.task, self.progress)

    def concepts(self) -> "ConceptsReport":
        """Ask which differences to look for in items and write concepts.toml; read it if there."""
        from alchemist.flow.concepts import ask_concepts, list_concepts

        with self.workspace.writing("Job.concepts"):
            found = list_concepts(self.workspace)
            return found or ask_concepts(self.workspace, self.task, self.progress)

    def synthesize(self) -> "SynthesisReport":
        """Ask the task's provider for programs, within synthesis.max_cost_usd."""
        from alchemist.flow.synthesize import synthesize

        with self.workspace.writing("Job.synthesize"):
            return synthesize(self.workspace, self.task, self.progress)

    def import_answers(self, path: str | Path) -> "SynthesisReport":
        """Turn an answers file, or a folder of pasted answers, into programs."""
        from alchemist.flow.synthesize import import_answers

        with self.workspace.writing("Job.import_answers"):
            return import_answers(self.workspace, self.task, Path(path))

    def vote(self) -> "VoteReport":
        """Run every program over every row, in the sandbox."""
        from alchemist.flow.vote import vote

        with self.workspace.writing("Job.vote"):
            return vote(self.workspace, self.task, self.progress)

    def aggregate(self) -> "AggregateReport":
        """Weigh the votes into one soft label per row."""
        from alchemist.flow.aggregate import aggregate

        with self.workspace.writing("Job.aggregate"):
            return aggregate(self.workspace, self.task, self.progress)

    def distill(self) -> "DistillReport":
        """Train the student and write the final labels."""
        from alchemist.flow.distill import distill

        with self.workspace.writing("Job.distill"):
            return distill(self.workspace, self.task, self.progress)

    def evaluate(self) -> "EvaluateReport":
        """Score every output on the rows with gold."""
        from alchemist.flow.evaluate import evaluate

        with self.workspace.writing("Job.evaluate"):
            return evaluate(self.workspace, self.task, self.progress)

    def run(self) -> "RunReport":
        """All stages in order."""
        from alchemist.flow.run import run

        with self.workspace.writing("Job.run"):
            return run(self.workspace, self.task, self.progress)

    def explain(self, row_id: str) -> "Explanation":
        """Why one row got its label."""
        from alchemist.flow.explain import explain

        with self.workspace.writing("Job.explain"):
            return explain(self.workspace, self.task, row_id, self.progress)

    def predict(
        self,
        file: str | Path,
        out: str | Path,
        by: Literal["programs", "student", "blend"] = "blend",
    ) -> "PredictReport":
        """Label another file and write it to a .csv or .parquet."""
        from alchemist.flow.predict import predict

        return predict(self.workspace, self.task, Path(file), Path(out), self.progress, by)

    def labels(self) -> "pa.Table":
        """results/labels.parquet: id, label, proba, covered, confidence, source.

        Raises:
            NotReady: There are no labels yet.
        """
        import pyarrow.parquet as pq

        path = self.workspace.results / "labels.parquet"
        if not path.exists():
            raise NotReady("There are no labels yet; call run() first.")
        return pq.read_table(path)


def open_job(
    folder: str | Path,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Job:
    """Open a task folder.

    Args:
        folder: Made by `alchemist init` or make_job.
        settings: Dotted settings that win over task.toml.
        progress: Where stages report; silent when left out.

    Raises:
        InputError: It is no task folder.
    """
    return Job(open_workspace(Path(folder)), settings or {}, progress or Silent())


def make_job(
    folder: str | Path,
    rows: Any,
    *,
    inputs: Sequence[str],
    classes: Sequence[str],
    instruction: str,
    gold: str | None = None,
    id_column: str | None = None,
    split: str | None = None,
    modality: str = "text",
) -> Job:
    """Make a task folder from a file or from rows in memory.

    Args:
        folder: Where to make it; must not hold a task yet.
        rows: A path; or anything that speaks Arrow (pandas, polars, pyarrow, Hugging Face
            datasets); or an iterable of pyarrow record batches. Rows in memory are written
            to rows.parquet in the folder, batch by batch.
        inputs: Columns programs may read.
        classes: Class names, in vote order.
        instruction: One sentence: what is to be decided.
        gold: Column with known classes, for scoring only.
        id_column: Column with row ids.
        split: Column saying train, valid or test.
        modality: What rows hold: text, image, audio, video, series …

    Raises:
        InputError: The folder holds a task, or the rows are nothing we can read.
    """
    root = Path(folder)
    if isinstance(rows, str | Path):
        data = Path(rows)
    else:
        if Workspace(root).task_path.exists():
            raise InputError(f"{Workspace(root).task_path} is there already; choose a new folder.")
        root.mkdir(parents=True, exist_ok=True)
        data = root / FRAME
        _write_frame(rows, data)
    init(
        root,
        data=data,
        inputs=tuple(inputs),
        classes=tuple(classes),
        instruction=instruction,
        gold=gold,
        id_column=id_column,
        split=split,
        modality=modality,
    )
    return open_job(root)


def _write_frame(rows: Any, path: Path) -> None:
    """Write rows from memory as parquet, one batch at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    batches = _batches(rows)
    first = next(batches, None)
    if first is None:
        raise BadRows("The rows handed over are empty; there must be at least one.")
    temporary = path.with_suffix(".parquet.tmp")
    first = first.cast(_writable(first.schema))
    with pq.ParquetWriter(temporary, first.schema) as writer:
        writer.write_batch(first)
        for number, batch in enumerate(batches, start=2):
            try:
                writer.write_batch(batch.cast(first.schema))
            except (pa.ArrowInvalid, ValueError) as error:
                raise BadRows(
                    f"Batch {number} does not have the columns of the first: {error}."
                ) from None
    temporary.replace(path)


def _writable(schema: "pa.Schema") -> "pa.Schema":
    """The schema with views, which parquet cannot hold, as plain strings and bytes."""
    import pyarrow as pa

    def plain(kind: "pa.DataType") -> "pa.DataType":
        if pa.types.is_string_view(kind):
            return pa.string()
        return pa.binary() if pa.types.is_binary_view(kind) else kind

    return pa.schema([field.with_type(plain(field.type)) for field in schema])


def _batches(rows: Any) -> Any:
    import pyarrow as pa

    if isinstance(rows, pa.RecordBatch):
        return iter([rows])
    if hasattr(rows, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(rows)
        return (batch for batch in reader if batch.num_rows)
    if isinstance(rows, Mapping):
        return iter(pa.table(dict(rows)).to_batches())
    try:
        found = iter(rows)
    except TypeError:
        raise InputError(
            f"Rows of type {type(rows).__name__} cannot be read; hand over a path, a data frame "
            "that speaks Arrow, or record batches."
        ) from None
    return _checked(found)


def _checked(found: Any) -> Any:
    import pyarrow as pa

    for number, batch in enumerate(found, start=1):
        if not isinstance(batch, pa.RecordBatch):
            raise InputError(
                f"Item {number} of the rows is {type(batch).__name__}; an iterable of rows must "
                "hold pyarrow record batches."
            )
        if batch.num_rows:
            yield batch
