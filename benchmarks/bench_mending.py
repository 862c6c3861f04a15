"""How many of 40 planted faults a recorded exchange of mending repairs.

The programs that do not work are found, put into prompts and mended by the product's own
`prompts export --mend` and `programs import`. Each prompt was answered once by a model that saw
that prompt alone; prompts and answers lie in recordings/mending. Repaired means: it passes policy
and trial without a fault. `same_votes` counts those that also vote as the recorded program did
before the fault was planted, on at least 99 of 100 sampled rows.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from alchemist.core.contracts import Bundle
from alchemist.core.files import write_atomically
from alchemist.core.program import Program, render_program
from alchemist.core.progress import Silent
from alchemist.flow.rows import Rows, sample_rows, take_in
from alchemist.flow.synthesize import export_mending, import_answers
from alchemist.flow.trial import try_programs
from alchemist.flow.vote import open_engine
from alchemist.store.program_files import load_programs
from alchemist.store.workspace import Workspace
from benchmarks.planted_faults import KINDS, PER_TASK, TASKS, Planted, plant
from benchmarks.recorded_tasks import Source, make_workspace, recordings_root
from benchmarks.report import data_root, write_table

COMMAND = "make bench-mending"
RECORDED = Path(__file__).parent / "recordings" / "mending"
_ROWS = 1_000
_ALIKE = 0.99


def prepare(name: str, number: int, root: Path) -> tuple[Workspace, tuple[Planted, ...]]:
    """A workspace of one task in which ten recorded programs are broken, and nothing else is."""
    data = data_root()
    workspace = make_workspace(
        Source(name, data, recordings_root(data)), root / name, splits=("train",)
    )
    programs = load_programs(workspace)
    rows = take_in(workspace, workspace.task(), Silent())
    faults = try_programs(rows, workspace.task(), programs)
    whole = [one for one in programs if not faults[one.name]]
    chosen = tuple(whole[i] for i in np.linspace(0, len(whole) - 1, PER_TASK).astype(int))
    planted = plant(chosen, number * PER_TASK)
    for path in workspace.programs.glob("*.py"):
        path.unlink()
    for one in planted:
        path = workspace.programs / f"{one.broken.name}.py"
        write_atomically(path, render_program(one.broken).encode())
    return workspace, planted


def measure(name: str, number: int, root: Path) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Planted, repaired, and voting as before, by kind of fault."""
    workspace, planted = prepare(name, number, root)
    task = workspace.task()
    rows = take_in(workspace, task, Silent())
    before = try_programs(rows, task, [one.broken for one in planted])
    folder = root / f"{name}-ask"
    exported = export_mending(workspace, task, folder, Silent())
    if exported is None or len(exported.paths) != 2:
        raise SystemExit(f"{name}: the planted faults do not fill one prompt.")
    page = exported.paths[1]
    asked = (RECORDED / f"{name}.prompt.md").read_text(encoding="utf-8")
    if _words(asked) != _words(page.read_text(encoding="utf-8")):
        print(f"{name}: the prompt has changed since it was answered.")
    answer = (RECORDED / f"{name}.answer.md").read_text(encoding="utf-8")
    (folder / page.name.replace(".prompt.md", ".md")).write_text(answer, encoding="utf-8")
    import_answers(workspace, task, folder)
    now = {one.name: one for one in load_programs(workspace)}
    after = try_programs(rows, task, list(now.values()))
    totals = Counter(one.kind for one in planted if before[one.broken.name])
    fixed = [one for one in planted if before[one.broken.name] and not after[one.broken.name]]
    same = Counter(one.kind for one in fixed if _votes_alike(rows, one.whole, now[one.whole.name]))
    return totals, Counter(one.kind for one in fixed), same


def _votes_alike(rows: Rows, one: Program, other: Program) -> bool:
    task = rows.task
    batch = sample_rows(rows, _ROWS, seed=2)
    votes = []
    for program in (one, other):
        bundle = Bundle((program,), task.classes, task.rows.inputs, task.as_mapping)
        (found,) = open_engine(task).vote(bundle, [batch])
        votes.append(found.matrix[:, 0])
    return float((votes[0] == votes[1]).mean()) >= _ALIKE


def _words(page: str) -> str:
    """A page without the line that names its id."""
    return page.partition("-->")[2].strip()


def ask(folder: Path) -> None:
    """Write the prompts out, one page per task, for somebody who answers them."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for number, name in enumerate(TASKS):
            workspace, planted = prepare(name, number, Path(scratch))
            task = workspace.task()
            faults = try_programs(
                take_in(workspace, task, Silent()), task, [one.broken for one in planted]
            )
            for one in planted:
                kinds = sorted({fault.kind for fault in faults[one.broken.name]})
                print(f"{name}: {one.broken.name}: planted {one.kind}, found {kinds}")
            exported = export_mending(workspace, task, Path(scratch) / f"{name}-ask", Silent())
            if exported is not None:
                text = exported.paths[1].read_text(encoding="utf-8")
                (folder / f"{name}.prompt.md").write_text(text, encoding="utf-8")


def main() -> None:
    """Measure every task and write the table; `--ask FOLDER` writes the prompts instead."""
    if sys.argv[1:2] == ["--ask"]:
        ask(Path(sys.argv[2]))
        return
    totals: Counter[str] = Counter()
    fixed: Counter[str] = Counter()
    same: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        for number, name in enumerate(TASKS):
            found = measure(name, number, Path(scratch))
            totals, fixed, same = totals + found[0], fixed + found[1], same + found[2]
    rows = [
        {"fault": kind, "planted": totals[kind], "repaired": fixed[kind], "same_votes": same[kind]}
        for kind in KINDS
    ]
    total = {
        "fault": "all",
        "planted": totals.total(),
        "repaired": fixed.total(),
        "same_votes": same.total(),
    }
    write_table("mending", COMMAND, [*rows, total])


if __name__ == "__main__":
    main()
