"""alchemist demo: the main job on the bundled sample."""

from pathlib import Path
from typing import Annotated

import typer

from alchemist.cli.options import Quiet, Verbose, console
from alchemist.cli.run import run_and_tell


def demo_command(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to put it.")] = Path(
        "demo"
    ),
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run everything on a bundled sample with recorded answers: no key, no network."""
    from alchemist.flow.demo import EXAMPLE, make_demo

    workspace = make_demo(folder)
    out = console(quiet=quiet, verbose=verbose)
    out.tell(f"A sample of customer messages and its task are in {folder}.")
    with workspace.writing("alchemist demo", wait_s=10):
        run_and_tell(out, workspace, workspace.task())
    out.tell()
    out.tell(f"Look at {workspace.results / 'labels.csv'}, or ask why a row got its label:")
    out.tell(f"  alchemist explain {folder} {EXAMPLE}")
