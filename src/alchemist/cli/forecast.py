"""alchemist forecast: will this work on my data?"""

from typing import Annotated

import typer

from alchemist.cli.options import Folder, Json, Quiet, console, open_task


def forecast_command(
    folder: Folder,
    gold: Annotated[
        bool, typer.Option("--gold/--no-gold", help="Use the rows with gold to sharpen it.")
    ] = False,
    label_next: Annotated[
        int, typer.Option("--next", min=0, help="Name so many rows worth labeling by hand.")
    ] = 0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say how many labels are probably right, with an interval and the reasons for doubt."""
    from alchemist.flow.inspect import forecast_labels

    workspace, task = open_task(folder)
    out = console(quiet=quiet, as_json=as_json)
    with workspace.writing("alchemist forecast", wait_s=10):
        found = forecast_labels(workspace, task, out, with_gold=gold, label_next=label_next)
    seen = found.forecast
    basis = f"with {seen.gold_rows:,} gold rows" if seen.gold_rows else "from the votes alone"
    out.tell(
        f"Of the {found.covered:,} rows programs spoke for ({found.n_rows:,} in all), probably "
        f"{seen.accuracy:.0%} are labeled right, and with nine chances in ten between "
        f"{seen.low:.0%} and {seen.high:.0%} ({basis})."
    )
    for reason in seen.reasons:
        out.tell(f"  doubt: {reason}")
    out.tell(f"About {seen.halved_by:,} more well-chosen gold rows would halve that interval.")
    if found.label_next:
        out.tell("Worth labeling next: " + ", ".join(found.label_next))
    out.document(found)
