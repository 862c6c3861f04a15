"""Every modality: labels from recorded answers, beside the shortcut and the gold-taught student.

    make bench-modalities

Prompts were exported by the product and answered once, by a model that saw nothing else (see
recordings/modalities). Here the answers go the product's own way in: `concepts --import` where
there are concepts, `programs import`, run. Settings are the product's defaults for every set. Where
there are concepts, a last line shows the other rule that splits their scores, "centred"; on test
it was looked at after the default had been, so it is no result to choose by.
Gold and groups are read for scores, for the shortcut line and for the reference, which is the
same student taught with the gold of all train rows instead of votes. The sets' own local models
are read from $ALCHEMIST_MODELS.

Birds have the extractor's own baselines beside them, by the tags of the same recorded concepts.
The figures of hand-written concepts and programs are those of results/modality-fixtures.json;
`python -m benchmarks.modality_fixtures` measures them anew.
"""

import json
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alchemist.core.labels import Labels
from alchemist.core.progress import Silent
from alchemist.core.task import ConceptSettings
from alchemist.end_models import END_MODELS
from alchemist.flow.aggregate import voted_rows
from alchemist.flow.baselines import baselines
from alchemist.flow.concepts import export_concept_prompts, import_concepts
from alchemist.flow.rows import Rows
from alchemist.flow.run import run
from alchemist.flow.synthesize import import_answers
from alchemist.measures.scores import Score, score
from alchemist.store.task_file import write_task
from alchemist.store.workspace import Workspace, open_workspace
from benchmarks.modality_fixtures import RULE, models_root
from benchmarks.report import RESULTS, data_root, write_table

COMMAND = "make bench-modalities"
RECORDINGS = Path(__file__).parent / "recordings" / "modalities"
KEPT = Path(".bench/modalities")
# A column that betrays the class in train, and the class each of its values goes with there.
SHORTCUTS = {
    "birds_on_scenes": ("background", {"water": "waterbird", "land": "landbird"}),
    "waterbirds_attributes": ("background", {"water": "waterbird", "land": "landbird"}),
    "cifar_sky": ("blue", {"True": "airplane", "False": "bird"}),
}
# Options of a recorded nuisance concept, for group prompting.
GROUPS = {"birds_on_scenes": ("open_water", "woodland")}
F1_OF = {"adult": ">50K"}
SETS = (
    "birds_on_scenes", "cifar_sky", "waterbirds_attributes", "gunpoint", "fsdd", "adult",
    "mushroom",
)  # fmt: skip
OUTPUTS = {
    "label_model": "programs: label model",
    "student": "programs: student",
    "blend": "programs: both, as delivered",
}
DEFAULT_RULE = ConceptSettings().rule
RECORDED, GOLD, NOT_RUN = "recorded answer", "gold of train", "not run"

Row = dict[str, Any]


def measure(name: str) -> Iterator[Row]:
    """Every row of one set."""
    workspace = prepare(name, DEFAULT_RULE)
    if workspace is None:
        yield {"dataset": name, "what": "programs", "provenance": NOT_RUN, "accuracy": NOT_RUN}
    else:
        yield from labeled(workspace, name, OUTPUTS)
        yield from by_extractor(workspace, name)
        yield _row(name, "the same student", GOLD, taught_with_gold(workspace))
    what, guessed = guess(name)
    yield _row(name, what, "the column itself" if name in SHORTCUTS else GOLD, guessed)
    if workspace is not None and (workspace.root / "concepts.toml").exists():
        prepare(name, RULE)
        shown = {"blend": f"programs: both, rule {RULE!r}, seen after the default"}
        yield from labeled(workspace, name, shown)


def labeled(workspace: Workspace, name: str, shown: Mapping[str, str]) -> Iterator[Row]:
    """What programs came to, by output."""
    run(workspace, workspace.task(), Silent())
    found = json.loads((workspace.results / "metrics.json").read_bytes())["scores"]["test"]
    for output, what in shown.items():
        one = found[output]
        yield {
            "dataset": name,
            "what": what,
            "provenance": RECORDED,
            "accuracy": one["accuracy"]["value"],
            "worst_group": one.get("worst_group", {}).get("value", ""),
            "f1": one["f1"][F1_OF[name]]["value"] if name in F1_OF else "",
        }


def _row(name: str, what: str, provenance: str, found: Score) -> Row:
    worst = found.worst_group
    return {
        "dataset": name,
        "what": what,
        "provenance": provenance,
        "accuracy": found.accuracy.value,
        "worst_group": "" if worst is None else worst.accuracy.value,
        "f1": found.f1[F1_OF[name]].value if name in F1_OF else "",
    }


def prepare(name: str, rule: str) -> Workspace | None:
    """A task folder with the recorded concepts and programs; None without a recording."""
    recorded = RECORDINGS / name
    if not any(recorded.glob("*.answer.md")):
        return None
    root = KEPT / name
    root.mkdir(parents=True, exist_ok=True)
    for stale in (root / "programs", root / ".alchemist" / "calls"):
        shutil.rmtree(stale, ignore_errors=True)
    for stale in (root / "concepts.toml", root / "baselines.toml"):
        stale.unlink(missing_ok=True)
    tables = tomllib.loads((recorded / "task.toml").read_text(encoding="utf-8"))
    tables["rows"] |= {"gold": "label", "split": "split"}
    if name in SHORTCUTS:
        tables["rows"]["evaluation_only"] = ["group"]
    for key in ("model", "segmenter"):
        if folder := tables.get("concepts", {}).get(key):
            tables["concepts"][key] = str((models_root() / folder).resolve())
    if (recorded / "concepts").is_dir():
        tables["concepts"]["rule"] = rule
    _write_rows(name, root / tables["rows"]["path"])
    write_task(root / "task.toml", tables, {})
    workspace = open_workspace(root)
    if (recorded / "concepts").is_dir():
        _import_concepts(workspace, recorded / "concepts")
    import_answers(workspace, workspace.task(), recorded)
    return workspace


def _import_concepts(workspace: Workspace, recorded: Path) -> None:
    """Bring recorded answers in under the ids the two questions have now."""
    task = workspace.task()
    with tempfile.TemporaryDirectory() as folder:
        for asked in export_concept_prompts(workspace, task, Path(folder, "asked")):
            if asked.suffix == ".md":
                stem = asked.name.removesuffix(".prompt.md")
                answer = next(recorded.glob(f"{stem.rpartition('-')[0]}-*.answer.md"))
                shutil.copy(answer, Path(folder, f"{stem}.md"))
        import_concepts(workspace, task, Path(folder))


def _write_rows(name: str, path: Path) -> None:
    """All splits in one file; not again when it is there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.exists():
        return
    tables = []
    for split in ("train", "valid", "test"):
        table = pq.read_table(data_root() / name / f"{split}.parquet")
        tables.append(table.append_column("split", pa.array([split] * table.num_rows)))
    pq.write_table(pa.concat_tables(tables), path, row_group_size=200)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Features, gold, split and group of all rows, in order."""

    features: NDArray[np.float64]
    gold: NDArray[np.int16]
    split: NDArray[np.str_]
    groups: NDArray[np.str_] | None


def _known(rows: Rows) -> Known:
    answers = [rows.answers(part) for part in rows.manifest.parts]
    column = next(iter(rows.task.rows.evaluation_only), None)
    groups = [value for one in answers for value in one.groups[column]] if column else None
    return Known(
        np.concatenate([rows.features(rows.part(part)) for part in rows.manifest.parts]),
        np.concatenate([one.gold for one in answers]),
        np.array([value for one in answers for value in one.split]),
        None if groups is None else np.array(groups),
    )


def taught_with_gold(workspace: Workspace) -> Score:
    """The task's student on the view it has anyway, with gold of train instead of labels."""
    task = workspace.task()
    known = _known(voted_rows(workspace, task, Silent()).rows)
    train, test = known.split == "train", known.split == "test"
    student = END_MODELS.load(task.distill.end_model)()
    student.fit(known.features[train], np.eye(len(task.classes))[known.gold[train]])
    proba = student.predict_proba(known.features[test])
    groups = None if known.groups is None else known.groups[test].tolist()
    covered = np.ones(len(proba), dtype=bool)
    return score(proba, covered, known.gold[test], task.class_names, groups=groups)


def guess(name: str) -> tuple[str, Score]:
    """What the shortcut alone says of the test rows; the commonest class where there is none."""
    import pyarrow.parquet as pq

    card = json.loads((data_root() / name / "dataset.json").read_text(encoding="utf-8"))
    classes = [one["name"] for one in sorted(card["classes"], key=lambda one: one["index"])]
    test = pq.read_table(data_root() / name / "test.parquet")
    gold = np.array([classes.index(one) for one in test["label"].to_pylist()])
    groups = test["group"].to_pylist() if name in SHORTCUTS else None
    if name in SHORTCUTS:
        column, means = SHORTCUTS[name]
        if column == "blue":
            values: Iterable[object] = (v > 0.5 for v in test["border_blue_share"].to_pylist())
        else:
            values = test[column].to_pylist()
        said, what = [classes.index(means[str(value)]) for value in values], f"shortcut: {column}"
    else:
        counts = card["splits"]["train"]["class_balance"]
        said, what = [classes.index(max(counts, key=counts.get))] * len(gold), "commonest class"
    labels = Labels(np.eye(len(classes))[said], np.ones(len(gold), dtype=bool))
    return what, score(labels.proba, labels.covered, gold, classes, groups=groups)


def by_extractor(workspace: Workspace, name: str) -> Iterator[Row]:
    """Zero-shot and group prompting, where recorded concepts say classes and groups in tags."""
    if name not in GROUPS:
        return
    for one in baselines(workspace, workspace.task(), Silent(), GROUPS[name]).scores:
        if one.split == "test" and not one.what.startswith("programs"):
            yield {
                "dataset": name,
                "what": one.what,
                "provenance": RECORDED,
                "accuracy": one.accuracy,
                "worst_group": one.worst_group,
                "f1": "",
            }


def fixtures() -> Iterator[Row]:
    """The hand-written lines, test rows alone."""
    table = json.loads((RESULTS / "modality-fixtures.json").read_bytes())
    for row in table["rows"]:
        if row["split"] == "test":
            model = f", {row['label_model']}" if row["label_model"] else ""
            yield {
                "dataset": row["dataset"],
                "what": f"{row['what']}{model}",
                "provenance": row["provenance"],
                "accuracy": row["accuracy"],
                "worst_group": row.get("worst_group", ""),
                "f1": "",
            }


def rounded(rows: Iterable[Row]) -> Sequence[Row]:
    """Figures with four digits."""
    return [{k: round(v, 4) if isinstance(v, float) else v for k, v in r.items()} for r in rows]


def main() -> None:
    """Measure every set."""
    KEPT.mkdir(parents=True, exist_ok=True)
    rows = [*(row for name in SETS for row in measure(name)), *fixtures()]
    write_table(
        "modalities",
        COMMAND,
        rounded(rows),
        "Test rows. Label model and student are the defaults for every set; f1 is that of >50K. "
        "What is seen after the default is no result to choose by.",
    )


if __name__ == "__main__":
    main()
