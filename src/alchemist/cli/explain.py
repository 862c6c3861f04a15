"""alchemist explain: why one row got its label."""

from typing import Annotated

import typer

from alchemist.cli.options import Folder, Json, console, open_task


def explain_command(
    folder: Folder,
    row_id: Annotated[str, typer.Argument(metavar="ID", help="The row's id.")],
    as_json: Json = False,
) -> None:
    """Show what each program said about a row, with which weight, and the student's view."""
    from alchemist.flow.explain import explain

    workspace, task = open_task(folder)
    out = console(as_json=as_json)
    with workspace.writing("alchemist explain", wait_s=10):
        found = explain(workspace, task, row_id, out)
    for name, value in found.inputs.items():
        out.tell(f"{name}: {value}")
    out.tell()
    voting = sorted(found.said, key=lambda one: -abs(one.weight or 0))
    out.table(
        ("program", "said", "speaks for", "weight", "idea"),
        [
            (
                one.program,
                one.vote,
                one.toward if abs(one.weight or 0) >= 0.05 else "",
                "" if one.weight is None else f"{one.weight:+.2f}",
                one.fault or one.idea,
            )
            for one in voting
        ],
    )
    out.tell()
    for title, view in (
        ("prior", found.prior),
        ("programs together", found.label_model),
        ("student", found.student),
    ):
        if view is not None:
            out.tell(f"{title}: " + ", ".join(f"{name} {p:.2f}" for name, p in view.items()))
        elif title == "programs together":
            out.tell("programs together: none spoke for this row")
    out.tell(f"label: {found.label or 'none'} ({found.confidence:.2f})")
    out.document(found)
