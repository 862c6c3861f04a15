"""alchemist annotate: a model labels a sample of rows."""

from typing import Annotated

import typer

from alchemist.cli.money import dollars
from alchemist.cli.options import (
    Folder,
    Json,
    MaxCost,
    ModelName,
    ProviderName,
    Quiet,
    Yes,
    asking,
    console,
    open_task,
)
from alchemist.core.errors import OverBudget


def annotate_command(
    folder: Folder,
    sample: Annotated[int, typer.Option("--sample", min=1, help="Rows to label.")] = 100,
    per_prompt: Annotated[
        int, typer.Option("--per-prompt", min=1, max=100, help="Rows asked about at once.")
    ] = 1,
    provider: ProviderName = None,
    model: ModelName = None,
    max_cost: MaxCost = None,
    yes: Yes = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Have a model label rows one by one: the baseline programs are compared with."""
    from alchemist.flow.annotate import annotate

    workspace, task = open_task(folder, asking(provider, model, max_cost))
    out = console(quiet=quiet, as_json=as_json)
    if task.privacy.send_rows and not yes and task.synthesis.provider != "replay":
        raise OverBudget(
            f"This sends {sample:,} rows to {task.synthesis.provider} and may cost up to "
            f"{dollars(task.synthesis.max_cost_usd)} (--max-cost); say --yes to agree."
        )
    with workspace.writing("alchemist annotate", wait_s=10):
        report = annotate(workspace, task, out, sample=sample, per_prompt=per_prompt)
    cached = f" ({report.cached:,} from the cache)" if report.cached else ""
    out.tell(
        f"{report.labeled:,} of {report.n_rows:,} rows labeled by {report.model} in "
        f"{report.calls:,} calls{cached} for {dollars(report.cost_usd)}; kept in {workspace.gold}."
    )
    for sentence in dict.fromkeys(report.failures):
        out.tell(f"  not answered: {sentence}")
    out.document(report)
