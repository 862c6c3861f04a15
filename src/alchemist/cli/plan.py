"""alchemist plan: what it would cost, before anything is sent."""

from alchemist.cli.money import tell_plan
from alchemist.cli.options import Folder, Json, console, open_task


def plan_command(folder: Folder, as_json: Json = False) -> None:
    """Show calls, tokens and dollars, and what labeling row by row would cost."""
    from alchemist.flow.synthesize import plan

    workspace, task = open_task(folder)
    out = console(as_json=as_json)
    with workspace.writing("alchemist plan", wait_s=10):
        found = plan(workspace, task, out)
    tell_plan(out, found)
    out.document(found.to_json())
