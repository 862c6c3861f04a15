"""alchemist concepts: what to look for in pictures, sound, film and series."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alchemist.cli.console import Console
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
from alchemist.core.errors import InputError, OverBudget

if TYPE_CHECKING:
    from alchemist.flow.concepts import ConceptsReport


def concepts_command(
    folder: Folder,
    export_to: Annotated[
        Path | None, typer.Option("--export", help="Write the two questions to this folder.")
    ] = None,
    import_from: Annotated[
        Path | None, typer.Option("--import", help="Read answers: a file, or that folder.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Replace the concepts.toml that is there.")
    ] = False,
    provider: ProviderName = None,
    model: ModelName = None,
    max_cost: MaxCost = None,
    yes: Yes = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Ask which differences to look for in pictures, sound or series; or show them."""
    from alchemist.flow.concepts import (
        ask_concepts,
        check_concepts_fit,
        export_concept_prompts,
        import_concepts,
        list_concepts,
    )

    workspace, task = open_task(folder, asking(provider, model, max_cost))
    out = console(quiet=quiet, as_json=as_json)
    if export_to is not None:
        paths = export_concept_prompts(workspace, task, export_to)
        out.tell(
            f"Paste each .prompt.md of {export_to} into a fresh chat and save the answer beside it "
            f"as <custom_id>.md. Then: alchemist concepts {folder} --import {export_to}"
        )
        out.document([str(path) for path in paths])
        return
    found = None if again else list_concepts(workspace)
    if found is not None and import_from is not None:
        raise InputError(f"{found.path} is there already; say --again to replace it.")
    if found is None:
        with workspace.writing("alchemist concepts", wait_s=10):
            if import_from is not None:
                found = import_concepts(workspace, task, import_from)
            else:
                check_concepts_fit(workspace, task)
                _agree(task.synthesis.provider, task.synthesis.max_cost_usd, yes=yes)
                found = ask_concepts(workspace, task, out)
        out.tell(f"Wrote {found.path} for {dollars(found.cost_usd)}; edit it as you see fit.")
    _tell(out, found)
    out.document(found)


def _agree(provider: str, most: float, *, yes: bool) -> None:
    if not yes and provider != "replay":
        raise OverBudget(
            f"This sends two prompts to {provider} and may cost up to {dollars(most)} "
            "(--max-cost); say --yes to agree, or --export FOLDER to ask by hand."
        )


def _tell(out: Console, found: "ConceptsReport") -> None:
    out.table(
        ("concept", "options", "question"),
        [
            (
                one.name,
                " | ".join(option.name for option in one.options),
                f"{one.question}{' (nuisance: audited, never voted on)' if one.nuisance else ''}",
            )
            for one in found.concepts
        ],
    )
    for note in found.notes:
        out.tell(note)
