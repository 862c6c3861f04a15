r"""The paper's table on Waterbirds: zero-shot, group prompting, programs over concepts.

    ALCHEMIST_WATERBIRDS=waterbird_complete95_forest2water2 ALCHEMIST_CLIP=clip-vit-base-patch32 \
        make bench-waterbirds

Neither the pictures nor a CLIP are part of this project. Who has the published folder and a
two-tower folder in ONNX gets accuracy, worst group and the gap on test rows, by one extractor;
who has not is told so. Concepts and programs are hand-written (concepts/waterbirds.toml; one
program per concept, which abstains near the split): with a model of your own, run
`alchemist concepts` and `alchemist run` in the task folder this writes.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alchemist.concepts.files import read_concepts
from alchemist.core.files import write_atomically
from alchemist.core.program import render_program
from alchemist.core.progress import Silent
from alchemist.flow.baselines import baselines
from alchemist.flow.init import init_waterbirds
from alchemist.flow.run import run
from alchemist.flow.waterbirds import CLASSES
from alchemist.store.workspace import Workspace, open_workspace
from benchmarks.modality_fixtures import pair_program
from benchmarks.report import write_table

COMMAND = "make bench-waterbirds"
CONCEPTS = Path(__file__).parent / "concepts" / "waterbirds.toml"
KEPT = Path(".bench/waterbirds")
GROUPS = ("on land", "on water")


def given_folder(variable: str, what: str) -> Path:
    """A folder a person names.

    Raises:
        SystemExit: It is not named, or is none.
    """
    named = os.environ.get(variable, "")
    if not Path(named).is_dir() or not named:
        raise SystemExit(
            f"Not run: this benchmark needs {what}, which is not part of this project. "
            f"Set {variable} to the folder" + (f"; {named!r} is none." if named else ".")
        )
    return Path(named).resolve()


def prepare(root: Path, data: Path, model: Path) -> Workspace:
    """A task over the published folder, with hand-written concepts and programs.

    What an extractor saw of pictures is kept from an earlier run.
    """
    (root / "task.toml").unlink(missing_ok=True)
    (root / "baselines.toml").unlink(missing_ok=True)
    shutil.rmtree(root / "programs", ignore_errors=True)
    init_waterbirds(root, data=data)
    task = root / "task.toml"
    text = task.read_text(encoding="utf-8")
    task.write_text(text.replace('"clip"', f'"clip"\nmodel = "{model.as_posix()}"'), "utf-8")
    shutil.copy(CONCEPTS, root / "concepts.toml")
    for concept in read_concepts(CONCEPTS):
        if not concept.nuisance:
            program = pair_program(concept, CLASSES)
            path = root / "programs" / f"{program.name}.py"
            write_atomically(path, render_program(program).encode())
    return open_workspace(root)


def measure(workspace: Workspace) -> Iterator[dict[str, Any]]:
    """The table's rows."""
    run(workspace, workspace.task(), Silent())
    found = baselines(workspace, workspace.task(), Silent(), GROUPS)
    for one in found.scores:
        if one.split == "test":
            hand = one.what.startswith("programs")
            yield {
                "what": one.what,
                "provenance": "hand-written concepts and programs" if hand else "class names",
                "n": one.n,
                "accuracy": round(one.accuracy, 4),
                "worst_group": one.worst_group and round(one.worst_group, 4),
                "gap": one.gap and round(one.gap, 4),
            }


def main() -> None:
    """Measure, for those who have pictures and model."""
    data = given_folder("ALCHEMIST_WATERBIRDS", "Waterbirds as it is published")
    model = given_folder("ALCHEMIST_CLIP", "a two-tower model exported to ONNX")
    write_table("waterbirds", COMMAND, list(measure(prepare(KEPT, data, model))))


if __name__ == "__main__":
    main()
