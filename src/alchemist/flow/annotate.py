"""Annotate: a model labels a sample of rows one by one; the zero-shot baseline, with its bill."""

from dataclasses import dataclass

from alchemist.core.errors import BadTask
from alchemist.core.progress import Progress
from alchemist.core.rows import ID
from alchemist.core.task import Task
from alchemist.flow.rows import sample_rows, take_in
from alchemist.flow.synthesize import check_ways_on, make_brief, task_runner
from alchemist.store.gold import MODEL, give, read_given
from alchemist.store.workspace import Workspace
from alchemist.synthesis.annotate import annotate_request, read_annotations


@dataclass(frozen=True, slots=True)
class AnnotateReport:
    """What a model said of a sample of rows.

    Attributes:
        n_rows: Rows asked about.
        labeled: Rows it named one class for.
        calls: Answers used, of which
        cached: came from the cache.
        cost_usd: Spent now; None when a price is unknown.
        failures: Why calls went unanswered, one sentence each.
        model: Which model.
    """

    n_rows: int
    labeled: int
    calls: int
    cached: int
    cost_usd: float | None
    failures: tuple[str, ...]
    model: str


def annotate(
    workspace: Workspace, task: Task, progress: Progress, *, sample: int, per_prompt: int = 1
) -> AnnotateReport:
    """Ask a model for the classes of a seeded sample of rows and keep them in gold.jsonl.

    The answers are marked as a model's: they never count as a person's gold.

    Raises:
        BadTask: privacy.send_rows is false: these rows would leave the machine.
        NoWayOn: There is nobody to ask.
    """
    if not task.privacy.send_rows:
        raise BadTask(
            "Labeling rows with a model sends them to the provider, and privacy.send_rows is "
            "false: set it to true in task.toml if that is allowed."
        )
    check_ways_on(workspace, task)
    brief = make_brief(workspace, task, progress)
    batch = sample_rows(take_in(workspace, task, progress), sample)
    ids = batch.column(0).to_pylist()
    rows = batch.drop_columns([ID]).to_pylist()
    groups = [range(i, min(i + per_prompt, len(rows))) for i in range(0, len(rows), per_prompt)]
    requests = [annotate_request(brief, [rows[i] for i in group]) for group in groups]
    calls = task_runner(workspace, task, progress).ask_blocking(requests)
    known = read_given(workspace).models
    labeled = 0
    for group, call in zip(groups, calls, strict=True):
        if call.reply is None:
            continue
        source = f"{MODEL}{call.reply.model or call.request.model}"
        found = read_annotations(brief, call.reply.text, len(group))
        for i, label in zip(group, found, strict=True):
            if label is None:
                continue
            labeled += 1
            if ids[i] not in known.get(source, {}):
                give(workspace, ids[i], task.class_names[label], source=source)
    prices = [call.price_usd for call in calls if call.reply is not None]
    return AnnotateReport(
        len(rows),
        labeled,
        len(prices),
        sum(call.cached for call in calls if call.reply is not None),
        None if None in prices else sum(price for price in prices if price is not None),
        tuple(str(call.error) for call in calls if call.error is not None),
        task.synthesis.model,
    )
