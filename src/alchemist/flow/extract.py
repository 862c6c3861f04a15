"""Extract: items in, named numbers out; it comes between reading rows and voting on them.

What an extractor finds is raw. A calibration fitted once on unlabeled rows, and frozen until
the extractor or the concepts change, makes it what programs see; nuisance columns are kept
from programs and students and serve the audit alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Never

import numpy as np
from numpy.typing import NDArray

from alchemist.concepts import open_extractor
from alchemist.concepts.calibration import Calibration
from alchemist.concepts.files import read_concepts
from alchemist.core.concepts import Concept, Extracted, Feature
from alchemist.core.contracts import Extractor, ItemModality
from alchemist.core.errors import BadConcepts, BadRows, NotReady
from alchemist.core.progress import Progress, Silent
from alchemist.core.rows import ID, ITEM
from alchemist.core.task import Task
from alchemist.store.extracted import ExtractedParts, ItemProblem, Problems, cache_file
from alchemist.store.run_records import digest
from alchemist.store.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

CONCEPTS = "concepts.toml"
# Rows a calibration is fitted on at most: a split moves no further with more.
SAMPLE_ROWS = 100_000
SEED = 0
BATCH_ITEMS = 256
NOTES_TOLD = 3


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How items are looked at: by whom, and for which concepts."""

    extractor: Extractor
    concepts: tuple[Concept, ...]

    @property
    def key(self) -> str:
        """Everything the raw values depend on."""
        return digest([self.extractor.fingerprint, [asdict(one) for one in self.concepts]])

    def extract(
        self, batch: "pa.RecordBatch", advance: Callable[[int], None] = lambda _: None
    ) -> Extracted:
        """Look at the items of a batch, a few at a time."""
        items = batch.column(ITEM)
        values: list[NDArray[np.float32]] = []
        problems: dict[int, str] = {}
        notes: dict[int, str] = {}
        for low in range(0, len(items), BATCH_ITEMS):
            some = items.slice(low, BATCH_ITEMS).to_pylist()
            found = self.extractor.extract(some, self.concepts)
            values.append(found.values)
            problems |= {low + at: why for at, why in found.problems.items()}
            notes |= {low + at: why for at, why in found.notes.items()}
            advance(len(some))
        d = len(self.extractor.features(self.concepts))
        empty = np.zeros((0, d), dtype=np.float32)
        return Extracted(np.concatenate([empty, *values]), problems, notes)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What programs, prompts and students see of items.

    Attributes:
        look: Where the raw values come from.
        calibration: What makes them comparable; frozen.
    """

    look: Look
    calibration: Calibration

    @property
    def key(self) -> str:
        """Everything the view depends on beside the rows."""
        return digest([self.look.key, self.calibration.to_json()])

    @property
    def features(self) -> tuple[Feature, ...]:
        """What programs may read."""
        return tuple(one for one in self.calibration.shown if not one.nuisance)

    @property
    def nuisance(self) -> tuple[Feature, ...]:
        """What is kept from programs and compared with the result."""
        return tuple(one for one in self.calibration.shown if one.nuisance)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what programs may read."""
        return tuple(one.name for one in self.features)

    def show(self, ids: "pa.Array", found: Extracted) -> "pa.RecordBatch":
        """Column `id`, then what programs may read: float64, null where there is no answer."""
        import pyarrow as pa

        values = self.visible(found)
        columns = [pa.array(column, mask=np.isnan(column)) for column in values.T]
        return pa.RecordBatch.from_arrays([ids, *columns], names=[ID, *self.inputs])

    def visible(self, found: Extracted) -> NDArray[np.float64]:
        """(n, len(features)) what programs may read."""
        return self._values(found, nuisance=False)

    def hidden(self, found: Extracted) -> NDArray[np.float64]:
        """(n, len(nuisance)) what is kept from programs."""
        return self._values(found, nuisance=True)

    def _values(self, found: Extracted, *, nuisance: bool) -> NDArray[np.float64]:
        wanted = [one.nuisance == nuisance for one in self.calibration.shown]
        return self.calibration.apply(found.values)[:, wanted].astype(np.float64)


def readable(found: Extracted) -> NDArray[np.bool_]:
    """(n,) whether the item gave anything; programs are not asked about the others."""
    there = np.ones(len(found.values), dtype=bool)
    there[list(found.problems)] = False
    return there


def open_look(workspace: Workspace, task: Task, modality: ItemModality) -> Look:
    """The task's extractor with the workspace's concepts.

    Raises:
        NotReady: The extractor scores concepts and there are none yet.
        BadConcepts: concepts.toml does not fit the extractor.
    """
    extractor = open_task_extractor(workspace, task, modality)
    path = workspace.root / CONCEPTS
    own = own_features(extractor)
    if path.exists():
        concepts = tuple(read_concepts(path))
        if extractor.features(concepts) != own:
            return Look(extractor, concepts)
    if not own:
        raise NotReady(
            f"The extractor of this task scores concepts, and there is no {path}. Ask a model "
            f"for some with: alchemist concepts {workspace.root}; or write the file by hand."
        )
    return Look(extractor, ())


def own_features(extractor: Extractor) -> tuple[Feature, ...]:
    """Features that need no concepts; none where the extractor scores concepts alone."""
    try:
        return extractor.features(())
    except BadConcepts:
        return ()


def open_task_extractor(workspace: Workspace, task: Task, modality: ItemModality) -> Extractor:
    """The extractor a task names, or the one of its modality."""
    settings, root = task.concepts, workspace.root
    name = settings.extractor or modality.extractor
    return open_extractor(
        name,
        modality=task.modality,
        model=root / settings.model if settings.model else None,
        view=settings.view,
        segmenter=root / settings.segmenter if settings.segmenter else None,
        cache=cache_file(workspace),
        columns=modality.item_columns(task, root) if name == "precomputed" else (),
    )


def frozen_view(workspace: Workspace, task: Task, modality: ItemModality) -> View:
    """The view as it was calibrated, for rows that come later.

    Raises:
        NotReady: Nothing has been calibrated yet.
    """
    look = open_look(workspace, task, modality)
    text = ExtractedParts(workspace, look.key).calibration(task.concepts.rule)
    if text is None:
        raise NotReady(
            "The items of this task have not been looked at since the extractor or the concepts "
            f"changed. Run: alchemist run {workspace.root}"
        )
    return View(look, Calibration.from_json(text))


@dataclass(frozen=True, slots=True, eq=False)
class ItemPart:
    """A part as it was read.

    Attributes:
        name: Hash of ids and items.
        rows: How many.
        read: Reads ids and items.
        unlabeled: Says which rows, (rows,) bool, a calibration may be fitted on.
    """

    name: str
    rows: int
    read: "Callable[[], pa.RecordBatch]"
    unlabeled: Callable[[], NDArray[np.bool_]]


def extract(
    workspace: Workspace,
    task: Task,
    modality: ItemModality,
    parts: Sequence[ItemPart],
    progress: Progress,
) -> View:
    """Look at the parts that have not been looked at yet, and calibrate if need be.

    Raises:
        BadRows: More items than concepts.max_problems allows could not be read.
        NotReady: There are no concepts yet.
    """
    look = open_look(workspace, task, modality)
    kept = ExtractedParts(workspace, look.key)
    missing = [part for part in parts if not kept.has(part.name)]
    if missing:
        notes: Counter[str] = Counter()
        total = sum(part.rows for part in missing)
        with progress.bar("looking at items", total) as bar:
            for part in missing:
                batch = part.read()
                found = look.extract(batch, bar.advance)
                kept.keep(part.name, batch.column(ID).to_pylist(), found)
                notes.update(found.notes.values())
        kept.forget_others({part.name for part in parts})
        for note, count in notes.most_common(NOTES_TOLD):
            progress.say(f"{count:,} of {total:,} items were read so: {note}.")
    problems = kept.problems()
    if missing or problems is None:
        problems = _count_problems(kept, parts)
        kept.keep_problems(problems)
    _check_problems(task, kept, problems, progress if missing else Silent())
    text = kept.calibration(task.concepts.rule)
    if text is None:
        calibration = _fit(look, task.concepts.rule, kept, parts)
        for concept, why in calibration.dropped.items():
            progress.say(f"The concept {concept!r} is left out: {why}.")
        kept.freeze(task.concepts.rule, calibration.to_json())
    else:
        calibration = Calibration.from_json(text)
    return View(look, calibration)


def found_in(workspace: Workspace, view: View, part: str) -> Extracted:
    """What was found in a part.

    Raises:
        BadRows: It is gone or damaged.
    """
    found = ExtractedParts(workspace, view.look.key).get(part)
    return found if found is not None else _damaged(workspace)


def ids_in(workspace: Workspace, view: View, part: str) -> "pa.Array":
    """The ids of a part.

    Raises:
        BadRows: It is gone or damaged.
    """
    import pyarrow as pa

    ids = ExtractedParts(workspace, view.look.key).ids(part)
    return pa.array(ids if ids is not None else _damaged(workspace), pa.string())


def _damaged(workspace: Workspace) -> Never:
    folder = workspace.inner / "extracted"
    raise BadRows(f"A file in {folder} is damaged; delete the folder and run again.")


def _fit(look: Look, rule: str, kept: ExtractedParts, parts: Sequence[ItemPart]) -> Calibration:
    features = look.extractor.features(look.concepts)
    values = np.concatenate(list(_fitting(kept, parts)))
    if len(values) > SAMPLE_ROWS:
        chosen = np.random.default_rng(SEED).choice(len(values), SAMPLE_ROWS, replace=False)
        values = values[np.sort(chosen)]
    return Calibration.fit(features, values, rule)


def _fitting(kept: ExtractedParts, parts: Sequence[ItemPart]) -> Iterator[NDArray[np.float32]]:
    for part in parts:
        if (found := kept.get(part.name)) is not None:
            yield found.values[part.unlabeled() & readable(found)]


def _count_problems(kept: ExtractedParts, parts: Sequence[ItemPart]) -> Problems:
    problems: list[ItemProblem] = []
    for part in parts:
        if (found := kept.get(part.name)) is not None and found.problems:
            ids = kept.ids(part.name) or []
            problems += [ItemProblem(ids[at], why) for at, why in found.problems.items()]
    return Problems(len(problems), sum(part.rows for part in parts), tuple(problems))


def _check_problems(
    task: Task, kept: ExtractedParts, problems: Problems, progress: Progress
) -> None:
    if not problems.count:
        return
    first = problems.listed[0]
    told = (
        f"{problems.count:,} of {problems.items:,} items could not be read; the first is "
        f"{first.id!r}: {first.problem}. They are listed in {kept.problems_path}"
    )
    if problems.count > task.concepts.max_problems * problems.items:
        raise BadRows(
            f"{told}. More than concepts.max_problems = {task.concepts.max_problems:g} of them is "
            "too many: mend the files, or raise the limit in task.toml."
        )
    progress.say(f"{told}; no program votes on them.")
