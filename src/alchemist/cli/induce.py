"""alchemist induce: programs from known rows, without a model."""

from alchemist.cli.options import Folder, Json, Quiet, console, open_task


def induce_command(folder: Folder, quiet: Quiet = False, as_json: Json = False) -> None:
    """Write programs from 20 to 200 rows whose class is known; no key, no model.

    Rows of split valid and test are never learned from, and nothing is scored on rows that are.
    """
    from alchemist.flow.induce import induce_programs

    workspace, task = open_task(folder)
    out = console(quiet=quiet, as_json=as_json)
    with workspace.writing("alchemist induce", wait_s=10):
        report = induce_programs(workspace, task, out)
    out.tell(
        f"{len(report.written)} new programs from {report.gold_rows:,} rows with a known class. "
        f"Then: alchemist run {folder}"
    )
    out.table(
        ("program", "right", "of", "at least", "idea"),
        [
            (
                one.program.name,
                f"{one.right:,}",
                f"{one.votes:,}",
                f"{one.precision_low:.0%}",
                one.program.description,
            )
            for one in report.induced
        ],
    )
    out.document(report)
