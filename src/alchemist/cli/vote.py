"""alchemist vote: every program over every row."""

from typing import TYPE_CHECKING

from alchemist.cli.console import Console
from alchemist.cli.options import Folder, Json, Quiet, Verbose, console, open_task

if TYPE_CHECKING:
    from alchemist.flow.vote import VoteReport


def vote_command(
    folder: Folder, quiet: Quiet = False, verbose: Verbose = False, as_json: Json = False
) -> None:
    """Run the programs in the sandbox; votes go to results/votes.parquet."""
    from alchemist.flow.vote import vote

    workspace, task = open_task(folder)
    out = console(quiet=quiet, as_json=as_json, verbose=verbose)
    with workspace.writing("alchemist vote", wait_s=10):
        report = vote(workspace, task, out)
    tell_votes(out, report)
    out.document(report)


def tell_votes(out: Console, report: "VoteReport") -> None:
    """Say how much the programs spoke, and what failed."""
    if report.skipped:
        out.tell(f"vote: skipped, {report.skipped}.")
        return
    how = f"sandbox {report.level}" if report.level else "all votes were there"
    kept = f", {report.columns_kept:,} columns kept" if report.columns_kept else ""
    out.tell(
        f"vote: {len(report.programs)} programs on {report.n_rows:,} rows ({how}{kept}); "
        f"{report.covered:.1%} of the rows have a vote."
    )
    for (program, kind), count in sorted(report.faults.counts.items()):
        example = next(
            (f for f in report.faults.examples if (f.program, f.kind) == (program, kind)), None
        )
        line = f", line {example.line}" if example and example.line else ""
        told = f": {example.message}" if example else ""
        times = "" if example and example.row is None else f" on {count:,} rows"
        out.tell(f"  {program}: {kind}{times}{line}{told}")
