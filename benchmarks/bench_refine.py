"""What two rounds of refining buy, from the 20 recorded programs of two sets.

Three independent recordings each: every prompt was written by `prompts export --refine`,
answered once by a model that saw that prompt alone, and brought back by `programs import`.
Prompts and answers lie in recordings/refine. Terms of train rows were sent (privacy.send_terms),
no row. What stays is decided by `refine` itself, from votes on held-out train rows; the blend is
scored on the test rows after each round, and nothing is chosen by it.

`--ask FOLDER` writes the prompts that come next instead; `--work FOLDER` keeps votes between
runs. `cost` is in dollars, by estimated tokens and the price of PRICED_AS.
"""

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alchemist.core.progress import Silent
from alchemist.core.task import Task
from alchemist.flow.refine import RefineRound, export_refining, refine
from alchemist.flow.synthesize import import_answers
from alchemist.flow.vote import vote
from alchemist.providers.prices import PriceTable, Tariff
from alchemist.providers.tokens import estimate_tokens
from alchemist.store.task_file import load_task
from alchemist.store.workspace import Workspace
from benchmarks.recorded_tasks import Source, make_workspace, recordings_root, run_stages
from benchmarks.refine_measures import measures_table
from benchmarks.report import data_root, write_table

COMMAND = "make bench-refine"
RECORDED = Path(__file__).parent / "recordings" / "refine"
DATASETS = ("agnews", "imdb")
RECORDINGS = ("a", "b", "c")
ROUNDS = 2
PRICED_AS = "gpt-5-mini"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One round of one recording."""

    dataset: str
    recording: str
    number: int

    @property
    def asked(self) -> Path:
        """The prompt as it was answered."""
        return RECORDED / f"{self.dataset}-{self.recording}-{self.number}.prompt.md"

    @property
    def answer(self) -> Path:
        """The answer."""
        return RECORDED / f"{self.dataset}-{self.recording}-{self.number}.answer.md"

    @property
    def cost(self) -> float:
        """Dollars."""
        asked, answer = (path.read_text(encoding="utf-8") for path in (self.asked, self.answer))
        tariff = Tariff(PRICED_AS)
        found = PriceTable().price(tariff, estimate_tokens(asked), estimate_tokens(answer))
        return float(found.usd or 0.0)


def base_workspace(name: str, root: Path) -> Workspace:
    """A workspace with the 20 recorded programs, whose terms may be sent."""
    if (root / name).exists():
        return Workspace(root / name)
    data = data_root()
    workspace = make_workspace(Source(name, data, recordings_root(data)), root / name)
    with workspace.task_path.open("a", encoding="utf-8") as file:
        file.write("\n[privacy]\nsend_terms = true\n")
    vote(workspace, workspace.task(), Silent())
    return workspace


def export_next(workspace: Workspace, task: Task, folder: Path) -> Path:
    """The page of the next prompt."""
    exported = export_refining(workspace, task, folder, Silent())
    return exported.paths[1]


def play(workspace: Workspace, exchange: Exchange, folder: Path) -> RefineRound:
    """One round with its recorded answer, through export, import and refine."""
    task = load_task(workspace.task_path)
    page = export_next(workspace, task, folder)
    if _words(page) != _words(exchange.asked):
        print(f"{exchange.asked.name}: the prompt has changed since it was answered.")
    shutil.copyfile(exchange.answer, folder / page.name.replace(".prompt.md", ".md"))
    import_answers(workspace, task, folder)
    (found,) = refine(workspace, task, 1, Silent()).rounds
    return found


def measure(name: str, root: Path) -> list[dict[str, Any]]:
    """Rows of one data set."""
    base = base_workspace(name, root)
    start = _blend(base)
    rows: list[dict[str, Any]] = []
    for recording in RECORDINGS:
        rows.append(_row(name, recording, 0, start, 0.0))
        copy = _copied(base, root / f"{name}-{recording}")
        for number in range(1, ROUNDS + 1):
            exchange = Exchange(name, recording, number)
            if not exchange.answer.exists():
                rows.append(_row(name, recording, number, "not run", ""))
                continue
            found = play(copy, exchange, root / f"ask-{name}-{recording}-{number}")
            # Votes hang on programs and rows alone: a later run starts from them.
            shutil.copytree(copy.votes, base.votes, dirs_exist_ok=True)
            row = _row(name, recording, number, _blend(copy), round(exchange.cost, 4))
            row |= {"kept": len(found.kept), "off": len(found.off)}
            row |= {"worth": round(found.after.value, 4)}
            rows.append(row)
            print(row, dict(found.off), flush=True)
    return rows


def ask(folder: Path) -> None:
    """Write every prompt that can be asked now and has no answer yet."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for name in DATASETS:
            base = base_workspace(name, root)
            for recording in RECORDINGS:
                copy = _copied(base, root / f"{name}-{recording}")
                for number in range(1, ROUNDS + 1):
                    exchange = Exchange(name, recording, number)
                    place = root / f"ask-{name}-{recording}-{number}"
                    if exchange.answer.exists():
                        play(copy, exchange, place)
                        continue
                    if not (folder / exchange.asked.name).exists():
                        page = export_next(copy, load_task(copy.task_path), place)
                        shutil.copyfile(page, folder / exchange.asked.name)
                        print(f"asked: {exchange.asked.name}", flush=True)
                    break


def _copied(base: Workspace, root: Path) -> Workspace:
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(base.root, root)
    copy = Workspace(root)
    vote(copy, copy.task(), Silent())
    return copy


def _blend(workspace: Workspace) -> float:
    metrics: Any = run_stages(workspace)
    return round(float(metrics["scores"]["test"]["blend"]["accuracy"]["value"]), 4)


def _row(name: str, recording: str, number: int, blend: Any, cost: Any) -> dict[str, Any]:
    return {
        "dataset": name,
        "recording": recording,
        "round": number,
        "blend": blend,
        "cost": cost,
        "kept": "",
        "off": "",
        "worth": "",
    }


def _words(page: Path) -> str:
    """A page without the line that names its id."""
    return page.read_text(encoding="utf-8").partition("-->")[2].strip()


def _gain(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean over recordings of the last round's blend less the first's."""
    known = [row for row in rows if isinstance(row["blend"], float)]
    ends: dict[tuple[str, str], list[float]] = {}
    for row in known:
        ends.setdefault((row["dataset"], row["recording"]), []).append(row["blend"])
    whole = [blends[-1] - blends[0] for blends in ends.values() if len(blends) == ROUNDS + 1]
    gain = round(sum(whole) / len(whole), 4) if whole else "not run"
    cost = sum(row["cost"] for row in known)
    return _row("gain", f"{len(whole)} recordings", ROUNDS, gain, round(cost, 4))


def main() -> None:
    """Measure both sets and write the tables; see above for what may be asked instead."""
    if sys.argv[1:2] == ["--ask"]:
        ask(Path(sys.argv[2]))
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(sys.argv[2] if sys.argv[1:2] == ["--work"] else scratch)
        for name in DATASETS:
            rows += measure(name, root)
    write_table("refine", COMMAND, [*rows, _gain(rows)])
    measures_table()


if __name__ == "__main__":
    main()
