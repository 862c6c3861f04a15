"""alchemist costs: what was bought, and what left the machine."""

from typing import Annotated

import typer

from alchemist.cli.money import dollars
from alchemist.cli.options import Folder, Json, console, open_task


def costs_command(
    folder: Folder,
    sent: Annotated[
        bool, typer.Option("--sent", help="List every request that left the machine.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read the ledger: by stage, model and program, and what each label cost."""
    from alchemist.providers.costs import Line, read_costs, read_sent
    from alchemist.store.program_files import load_programs
    from alchemist.store.row_parts import load_manifest

    workspace, _ = open_task(folder)
    out = console(as_json=as_json)
    if sent:
        requests = read_sent(workspace.inner / "sent.jsonl")
        out.table(
            ("time", "to", "model", "for", "held", "bytes"),
            [
                (one.time, one.to, one.model, one.purpose, ", ".join(one.holds), f"{one.bytes:,}")
                for one in requests
            ],
        )
        if not requests:
            out.tell("Nothing has left this machine.")
        out.document(requests)
        return
    manifest = load_manifest(workspace)
    n_labels = (
        manifest.n_rows if manifest and (workspace.results / "labels.parquet").exists() else 0
    )
    costs = read_costs(workspace.ledger, load_programs(workspace), n_labels)

    def row(title: str, line: Line) -> tuple[str, ...]:
        price = dollars(line.usd) if not line.unpriced else f"{dollars(line.usd)} + unknown"
        return (
            f"{title}{line.name}",
            f"{line.calls:,}",
            f"{line.cached:,}",
            f"{line.input_tokens:,}",
            f"{line.output_tokens:,}",
            price,
        )

    out.table(
        ("", "calls", "cached", "input tokens", "output tokens", "dollars"),
        [
            *(row("stage ", line) for line in costs.stages),
            *(row("model ", line) for line in costs.models),
            row("", costs.total),
        ],
    )
    if costs.programs:
        out.tell()
        out.table(
            ("program", "from", "dollars"),
            [(one.name, one.origin, dollars(one.usd)) for one in costs.programs],
        )
    if costs.total.reserved_usd:
        out.tell(f"Held back for calls without an outcome: {dollars(costs.total.reserved_usd)}.")
    if costs.per_label_usd is not None:
        out.tell(f"Each of {costs.n_labels:,} labels cost {dollars(costs.per_label_usd)}.")
    if costs.broken:
        out.tell(f"{len(costs.broken)} lines of the ledger cannot be read and are not counted.")
    out.document(costs.to_json())
