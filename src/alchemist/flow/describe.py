"""Describe: what a prompt says of the rows of a task; it quotes none of them."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from alchemist.core.concepts import Feature
from alchemist.core.contracts import ItemModality, SummarisingModality
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.flow.extract import View, found_in, readable
from alchemist.flow.rows import Rows, fit_mask, read_name, take_in
from alchemist.modalities import MODALITIES
from alchemist.store.workspace import Workspace

# Enough for quantiles told with three digits.
SAMPLE_ROWS = 20_000
MOST_LISTED = 100
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_THINGS = {"image": "picture", "audio": "recording", "series": "series", "video": "film"}
_VIEWS = {"full": "", "crop": ", cut to its main object", "object": ", its background taken away"}


def describe_task(workspace: Workspace, task: Task, progress: Progress) -> str:
    """What a row holds; only where that depends on the rows are they read."""
    modality = MODALITIES.load(task.modality)()
    if isinstance(modality, ItemModality | SummarisingModality):
        return describe_rows(take_in(workspace, task, progress))
    return modality.describe(task)


def describe_rows(rows: Rows) -> str:
    """What a row holds, with how its values spread over the rows that are no test rows."""
    if rows.view is not None:
        return _describe_view(rows, rows.view)
    if isinstance(rows.modality, SummarisingModality):
        parts = rows.manifest.parts
        batches = (rows.part(part).take(np.flatnonzero(fit_mask(rows, part))) for part in parts)
        return rows.modality.summarise(rows.task, batches)
    return rows.modality.describe(rows.task)


def _describe_view(rows: Rows, view: View) -> str:
    task = rows.task
    thing = _THINGS[task.modality] + _VIEWS[task.concepts.view]
    values = _sample(rows, view)
    told = (
        f"One read-only mapping `row` of numbers measured on a {thing}: row[name] is a float, or "
        "None where there is nothing to measure. Programs see these numbers and nothing else. Of "
        "each: its name, what it means (unit), and the values below which 5, 25, 50, 75 and 95 % "
        "of the rows lie. Values under one heading are of one group."
    )
    groups: dict[str, list[int]] = {}
    for column, feature in enumerate(view.features):
        groups.setdefault(feature.family or feature.name, []).append(column)
    told_groups = (
        f"{name}:\n" + "\n".join(_group([view.features[c] for c in columns], values[:, columns]))
        for name, columns in groups.items()
    )
    return "\n\n".join([told, *told_groups])


def _group(features: Sequence[Feature], values: NDArray[np.float64]) -> list[str]:
    if len(features) <= MOST_LISTED:
        return [_line(one, column) for one, column in zip(features, values.T, strict=True)]
    # Named alike by the hundred, such as pixels: the names follow from the first and the last.
    first, last = features[0], features[-1].name
    return [f'{_line(first, values.ravel())}; and so on to "{last}", {len(features)} in all']


def _line(feature: Feature, values: NDArray[np.float64]) -> str:
    known = values[~np.isnan(values)]
    if not len(known):
        return f'- "{feature.name}": {feature.meaning} ({feature.unit}); always None'
    quantiles = [f"{value:.3g}" for value in np.quantile(known, QUANTILES)]
    spread = ", ".join(quantiles)
    if len(set(quantiles)) == 1:
        spread = f"{quantiles[0]} in nearly every row"
    lacking = 1 - len(known) / len(values)
    missing = f"; None in {lacking:.0%} of the rows" if lacking >= 0.005 else ""
    return f'- "{feature.name}": {feature.meaning} ({feature.unit}); {spread}{missing}'


def _sample(rows: Rows, view: View) -> NDArray[np.float64]:
    """(n, d) what programs see of the rows that are no test rows, of a sample if there are many."""
    values = np.concatenate(list(_shown(rows, view)))
    if len(values) > SAMPLE_ROWS:
        chosen = np.random.default_rng(0).choice(len(values), SAMPLE_ROWS, replace=False)
        values = values[np.sort(chosen)]
    return values


def _shown(rows: Rows, view: View) -> Iterator[NDArray[np.float64]]:
    for part in rows.manifest.parts:
        found = found_in(rows.workspace, view, read_name(part))
        yield view.visible(found)[fit_mask(rows, part) & readable(found)]
