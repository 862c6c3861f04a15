"""Rows: take the user's files into the workspace, and read them back part by part."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.contracts import ItemModality, Modality
from alchemist.core.errors import BadRows, nearest_hint
from alchemist.core.progress import Bar, Progress
from alchemist.core.rows import BadRow, RowBatch
from alchemist.core.task import SPLITS, Task
from alchemist.flow.extract import ItemPart, View, extract, found_in, ids_in, readable
from alchemist.modalities import MODALITIES
from alchemist.store.gold import read_given
from alchemist.store.row_parts import (
    Manifest,
    Part,
    load_manifest,
    read_answers,
    read_copied,
    store_rows,
)
from alchemist.store.run_records import digest
from alchemist.store.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

NO_GOLD = -1


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What is known about the rows of a part, for scoring alone.

    Attributes:
        gold: (n,) int16 class index, NO_GOLD where there is none.
        split: n split names, None where there is none.
        groups: Evaluation-only columns by name, as strings.
    """

    gold: NDArray[np.int16]
    split: tuple[str | None, ...]
    groups: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a task, in parts.

    Attributes:
        workspace: Where they are kept.
        task: Whose they are.
        modality: What reads them.
        manifest: Which parts there are. Where an extractor looks at items, a part's name stands
            for what programs see of it, so that another view is voted on anew.
        reread: Whether the files were read just now, rather than found unchanged.
        view: What programs see of items; None where they see rows as they were read.
    """

    workspace: Workspace
    task: Task
    modality: Modality
    manifest: Manifest
    reread: bool
    view: View | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns programs may read."""
        return self.task.rows.inputs if self.view is None else self.view.inputs

    @property
    def view_key(self) -> str:
        """What the view of items depends on; empty where rows are seen as they were read."""
        return "" if self.view is None else self.view.key

    def readable(self, part: Part) -> NDArray[np.bool_]:
        """(n,) bool: rows programs are asked about; not those whose item could not be read."""
        if self.view is None:
            return np.ones(part.rows, dtype=bool)
        return readable(found_in(self.workspace, self.view, read_name(part)))

    def features(self, batch: "pa.RecordBatch") -> Any:
        """What end models learn from, of rows as `part` gives them."""
        return self.modality.features(batch, self.inputs)

    def part(self, part: Part) -> "pa.RecordBatch":
        """Ids and what programs see of one part."""
        if self.view is None:
            return self.as_read(part)
        found = found_in(self.workspace, self.view, read_name(part))
        return self.view.show(self.ids(part), found)

    def as_read(self, part: Part) -> "pa.RecordBatch":
        """Ids and inputs of one part as the modality reads them; items are bytes here."""
        if part.copied:
            return read_copied(self.workspace, as_named(part))
        import pyarrow as pa

        source = self.modality.reread(
            self.task, Path(part.source), part.first, part.rows, part.number
        )
        return pa.Table.from_batches(list(source)).combine_chunks().to_batches()[0]

    def ids(self, part: Part) -> "pa.Array":
        """Ids of one part."""
        if part.copied:
            return read_copied(self.workspace, as_named(part), ["id"]).column(0)
        if self.view is not None:
            return ids_in(self.workspace, self.view, read_name(part))
        return self.as_read(part).column(0)

    def parts(self) -> Iterator[tuple[Part, "pa.RecordBatch"]]:
        """Every part with its rows, in order."""
        for part in self.manifest.parts:
            yield part, self.part(part)

    def answers(self, part: Part) -> Answers:
        """Gold, split and groups of one part; a person's word wins over the file's.

        Raises:
            BadRows: A gold value is no class of the task, or a split is none we know.
        """
        said = read_given(self.workspace).gold
        given = self.classes_of(part, said)
        batch = read_answers(self.workspace, as_named(part))
        if batch is None:
            return Answers(given, (None,) * part.rows, {})
        rows = self.task.rows
        values = {name: batch.column(name).to_pylist() for name in batch.schema.names}
        gold = [None] * part.rows if rows.gold is None else values[rows.gold]
        split = [None] * part.rows if rows.split is None else values[rows.split]
        groups = {name: tuple(str(v) for v in values[name]) for name in rows.evaluation_only}
        in_file = self._gold(gold, part)
        both = np.where(given >= 0, given, in_file)
        return Answers(both, tuple(_split(s, part) for s in split), groups)

    def classes_of(self, part: Part, labels: Mapping[str, str]) -> NDArray[np.int16]:
        """(n,) class index of each row of a part that labels name by id, NO_GOLD elsewhere.

        A name that is no class of the task any more counts as none.
        """
        if not labels:
            return np.full(part.rows, NO_GOLD, dtype=np.int16)
        table = self.task.spellings
        names = (labels.get(one, "").strip().casefold() for one in self.ids(part).to_pylist())
        return np.fromiter((table.get(name, NO_GOLD) for name in names), np.int16, part.rows)

    def _gold(self, values: list[object], part: Part) -> NDArray[np.int16]:
        table = self.task.spellings
        gold = np.full(len(values), NO_GOLD, dtype=np.int16)
        for position, value in enumerate(values):
            if value is None or value == "":
                continue
            index = table.get(str(value).strip().casefold())
            if index is None:
                raise BadRows(
                    f"{part.source}, row {part.first + position + 1}: gold is {value!r}, no class "
                    f"of this task. {nearest_hint(str(value), self.task.class_names)} Name it in "
                    "task.toml, or give the class it means an alias."
                )
            gold[position] = index
        return gold


def read_name(part: Part) -> str:
    """The name a part was read under, whatever is seen of it."""
    return part.name.partition("-")[0]


def as_named(part: Part) -> Part:
    """The part under the name it was read and kept by."""
    return replace(part, name=read_name(part))


def sample_rows(rows: Rows, size: int, seed: int = 0) -> "pa.RecordBatch":
    """Ids and inputs of a seeded sample of rows, in row order; all of them when there are fewer."""
    import pyarrow as pa

    total = rows.manifest.n_rows
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(total, min(size, total), replace=False)) + 1
    pieces = []
    for part in rows.manifest.parts:
        here = chosen[(chosen >= part.number) & (chosen < part.number + part.rows)] - part.number
        if len(here):
            here = here[rows.readable(part)[here]]
            pieces.append(rows.part(part).take(here))
    return pa.Table.from_batches(pieces).combine_chunks().to_batches()[0]


def take_in(workspace: Workspace, task: Task, progress: Progress) -> Rows:
    """Read the task's files into the workspace, unless they are unchanged since last time.

    Raises:
        BadRows: Nothing to read, a bad row under on_bad_row = "stop", or two rows of one id.
    """
    return _seen(read_in(workspace, task, progress), progress)


def read_in(workspace: Workspace, task: Task, progress: Progress) -> Rows:
    """The same without what programs see of items: nothing is looked at.

    Raises:
        BadRows: As in take_in.
    """
    modality = MODALITIES.load(task.modality)()
    base = workspace.root
    fingerprint = _fingerprint(task, modality.sources(task, base))
    manifest = load_manifest(workspace)
    if manifest is not None and manifest.fingerprint == fingerprint:
        return Rows(workspace, task, modality, manifest, reread=False)
    try:
        manifest = _store(workspace, task, modality, fingerprint, progress, None)
    except _RepeatedIds:
        twice = _repeated_ids(task, modality, base)
        manifest = _store(workspace, task, modality, fingerprint, progress, twice)
    if manifest.n_rows == 0:
        raise BadRows(f"{task.rows.path} holds no rows; it needs at least one.")
    return Rows(workspace, task, modality, manifest, reread=True)


def _seen(rows: Rows, progress: Progress) -> Rows:
    """The rows with what programs see of them, where they hold items."""
    if not isinstance(rows.modality, ItemModality):
        return rows
    parts = [
        ItemPart(
            part.name,
            part.rows,
            partial(rows.as_read, part),
            partial(fit_mask, rows, part),
        )
        for part in rows.manifest.parts
    ]
    view = extract(rows.workspace, rows.task, rows.modality, parts, progress)
    named = tuple(replace(part, name=f"{part.name}-{view.key}") for part in rows.manifest.parts)
    return replace(rows, view=view, manifest=replace(rows.manifest, parts=named))


def fit_mask(rows: Rows, part: Part) -> NDArray[np.bool_]:
    """(n,) bool: rows that are not set aside for scoring by a split of valid or test."""
    if rows.task.rows.split is None:
        return np.ones(part.rows, dtype=bool)
    return np.array([split in (None, "train") for split in rows.answers(part).split], dtype=bool)


def _store(
    workspace: Workspace,
    task: Task,
    modality: Modality,
    fingerprint: str,
    progress: Progress,
    twice: frozenset[str] | None,
) -> Manifest:
    base = workspace.root
    with progress.bar("reading rows", None) as bar:
        batches = _counted(modality.read(task, base), bar)
        if task.rows.id is not None:
            batches = (
                _refuse_repeats(batches)
                if twice is None
                else _without_repeats(task, batches, twice)
            )
        return store_rows(
            workspace,
            batches,
            fingerprint=fingerprint,
            # Rows left out for their id alone cannot be told by number when read again.
            referable={
                source: not twice and modality.referable(source)
                for source in modality.sources(task, base)
            },
        )


def _counted(batches: Iterator[RowBatch], bar: Bar) -> Iterator[RowBatch]:
    for batch in batches:
        bar.advance(batch.rows.num_rows)
        yield batch


class _RepeatedIds(Exception):
    """Two rows have ids of one hash: read again, with an eye on the ids themselves."""


def _refuse_repeats(batches: Iterator[RowBatch]) -> Iterator[RowBatch]:
    # 8 bytes an id: a hundred million of them fit in memory where the ids do not.
    hashes = []
    for batch in batches:
        hashes.append(np.fromiter(map(hash, batch.rows.column(0).to_pylist()), dtype=np.int64))
        yield batch
    if hashes:
        together = np.sort(np.concatenate(hashes))
        if (together[1:] == together[:-1]).any():
            raise _RepeatedIds


def _fingerprint(task: Task, sources: tuple[Path, ...]) -> str:
    rows = task.rows
    files = [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in sources]
    reading = [rows.id, rows.inputs, rows.gold, rows.split, rows.evaluation_only, rows.on_bad_row]
    return digest([task.modality, files, reading, dict(rows.types)])


def _split(value: object, part: Part) -> str | None:
    if value is None or value == "":
        return None
    name = str(value).strip().casefold()
    name = {"validation": "valid", "dev": "valid", "training": "train"}.get(name, name)
    if name not in SPLITS:
        raise BadRows(f"{part.source}: split is {value!r}. {nearest_hint(name, SPLITS)}")
    return name


def _repeated_ids(task: Task, modality: Modality, base: Path) -> frozenset[str]:
    """Ids that more than one row has."""
    hashes = [
        np.fromiter(map(hash, batch.rows.column(0).to_pylist()), dtype=np.int64)
        for batch in modality.read(task, base)
    ]
    values, counts = np.unique(np.concatenate(hashes), return_counts=True)
    suspects = set(values[counts > 1].tolist())
    seen = Counter(
        one
        for batch in modality.read(task, base)
        for one in batch.rows.column(0).to_pylist()
        if hash(one) in suspects
    )
    return frozenset(one for one, count in seen.items() if count > 1)


def _without_repeats(
    task: Task, batches: Iterator[RowBatch], twice: frozenset[str]
) -> Iterator[RowBatch]:
    """Stop at the second row of an id, or leave it out, as the task says."""
    import pyarrow as pa

    first_seen: set[str] = set()
    for batch in batches:
        bad = list(batch.bad)
        keep = []
        for position, one in enumerate(batch.rows.column(0).to_pylist()):
            again = one in twice and one in first_seen
            if again:
                where = f"{batch.source}, row {batch.first + position + 1}"
                bad.append(BadRow(where, f"has the id {one!r}, as an earlier row has"))
                if task.rows.on_bad_row == "stop":
                    raise BadRows(
                        f"{where} has the id {one!r}, as an earlier row has; ids must differ. "
                        'Mend the column, or set rows.on_bad_row = "skip" to keep the first.'
                    )
            first_seen.add(one)
            keep.append(not again)
        mask = pa.array(keep, pa.bool_())
        yield RowBatch(
            batch.rows.filter(mask),
            batch.answers.filter(mask),
            batch.source,
            batch.first,
            tuple(bad),
        )
