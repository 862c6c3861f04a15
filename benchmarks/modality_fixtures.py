"""Hand-written concepts and programs of three sets with a shortcut, measured without any model.

    python -m benchmarks.modality_fixtures

They stand in for what a language model writes (benchmarks/concepts/*.toml), so that extractors,
calibration and label models are measured alone. The concepts were written before any score was
seen, by one author who knew the classes. The calibration rule and the label model are one choice
for all sets, made on validation rows; test rows are scored. Groups are read for scores alone.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alchemist.concepts import open_extractor
from alchemist.concepts.calibration import Calibration
from alchemist.concepts.files import read_concepts
from alchemist.concepts.tagger import Tagger
from alchemist.core.concepts import Concept, Feature
from alchemist.core.contracts import Bundle, Limits
from alchemist.core.labels import Labels
from alchemist.core.patterns import PatternCounts
from alchemist.core.program import Program
from alchemist.core.task import LabelClass
from alchemist.core.votes import Votes
from alchemist.label_models import LABEL_MODELS
from alchemist.label_models.families import by_family
from alchemist.sandbox.in_process import InProcessSandbox
from benchmarks.report import data_root, write_table

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """n items as an extractor reads them; classes and groups for scores alone."""

    items: list[bytes]
    gold: NDArray[np.int16]
    groups: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Over all rows, and in the group where it is lowest."""

    average: float
    worst_group: float


def pictures(name: str, split: str, classes: Sequence[str], column: str = "image") -> Split:
    """Rows of a set whose items are bytes."""
    table = pq.read_table(data_root() / name / f"{split}.parquet")
    return _split(table, table[column].to_pylist(), classes)


def attributes(split: str, classes: Sequence[str]) -> Split:
    """Rows of waterbirds_attributes: 312 shares of annotators, as `precomputed` reads them."""
    table = pq.read_table(data_root() / "waterbirds_attributes" / f"{split}.parquet")
    water = [float(scene == "water") for scene in table["background"].to_pylist()]
    lists = zip(table["attributes"].to_pylist(), water, strict=True)
    items = [np.array([*a, w, 1 - w], dtype="<f8").tobytes() for a, w in lists]
    return _split(table, items, classes)


def attribute_names() -> tuple[str, ...]:
    """Columns of those items; the last two are the scene's."""
    card = json.loads((data_root() / "waterbirds_attributes" / "dataset.json").read_text())
    return (*card["attribute_names"], "scene::water", "scene::land")


def _split(table: pa.Table, items: list[bytes], classes: Sequence[str]) -> Split:
    gold = np.array([classes.index(one) for one in table["label"].to_pylist()], dtype=np.int16)
    groups = table["group"].to_pylist() if "group" in table.column_names else [""] * len(items)
    return Split(items, gold, np.array(groups))


def concepts_of(name: str) -> tuple[Concept, ...]:
    """The hand-written concepts of a set, nuisance ones last."""
    return read_concepts(Path(__file__).parent / "concepts" / f"{name}.toml")


def pair_program(concept: Concept, classes: Sequence[str]) -> Program:
    """The program a person would write for a pair: the first option speaks for classes[0].

    It abstains within a quarter of a standard deviation of the split.
    """
    key = f"{concept.name}.{concept.options[0].name}"
    source = (
        "def label(row):\n"
        f'    """{concept.question}"""\n'
        f'    seen = row["{key}"]\n'
        "    if seen is None or 0.4 < seen < 0.6:\n"
        "        return None\n"
        f'    return "{classes[0]}" if seen > 0.5 else "{classes[1]}"\n'
    )
    return Program(concept.name, source)


def vote(
    programs: Sequence[Program], classes: Sequence[str], features: Sequence[Feature], values: Values
) -> Votes:
    """What programs say of n rows of calibrated values."""
    columns = {"id": pa.array([str(i) for i in range(len(values))])}
    for feature, column in zip(features, values.T, strict=True):
        numbers = column.astype(np.float64)
        columns[feature.name] = pa.array(numbers, mask=~np.isfinite(numbers))
    batch = pa.RecordBatch.from_pydict(columns)
    bundle = Bundle(
        tuple(programs),
        tuple(LabelClass(one) for one in classes),
        tuple(f.name for f in features),
        as_mapping=True,
    )
    with InProcessSandbox(i_trust_this_code=True) as sandbox:
        matrix = sandbox.run(bundle, batch, Limits()).matrix
    return Votes(matrix, tuple(p.name for p in programs), len(classes))


def accuracy(labels: Labels, split: Split) -> Accuracy:
    """Score labels by group; tied classes share a row's credit."""
    best = labels.proba >= labels.proba.max(axis=1, keepdims=True) - 1e-9
    credit = best[np.arange(len(best)), split.gold] / best.sum(axis=1)
    by_group = [credit[split.groups == group].mean() for group in np.unique(split.groups)]
    return Accuracy(float(credit.mean()), float(min(by_group)))


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Calibrated values of a set's splits, by split name."""

    features: tuple[Feature, ...]
    values: Mapping[str, Values]
    dropped: Mapping[str, str]


def score(
    splits: Mapping[str, Split],
    concepts: Sequence[Concept],
    extractor: str,
    rule: str = "otsu",
    **opening: Any,
) -> Scored:
    """Extract every split and calibrate on the train rows."""
    opened = open_extractor(extractor, **opening)
    features = opened.features(concepts)
    raw = {name: opened.extract(split.items, concepts).values for name, split in splits.items()}
    fitted = Calibration.fit(features, raw["train"], rule)
    return Scored(fitted.shown, {n: fitted.apply(v) for n, v in raw.items()}, fitted.dropped)


def run(
    splits: Mapping[str, Split],
    scored: Scored,
    programs: Sequence[Program],
    classes: Sequence[str],
    label_model: str,
    on: str = "test",
    merge: str = "",
) -> Accuracy:
    """Vote on train and on another split, aggregate and score the latter.

    Programs on a dropped concept are left out; those whose names begin with `merge` share one
    vote.
    """
    kept = {f.family for f in scored.features}
    usable = [p for p in programs if p.name in kept or (merge and p.name.startswith(merge))]
    votes = {n: vote(usable, classes, scored.features, scored.values[n]) for n in ("train", on)}
    family = {p.name: merge for p in usable if merge and p.name.startswith(merge)}
    model = by_family(LABEL_MODELS.load(label_model)(), family)
    return accuracy(model.fit(PatternCounts.of(votes["train"])).predict(votes[on]), splits[on])


def models_root() -> Path:
    """The folder of local models: $ALCHEMIST_MODELS, or ../shared/models.

    Raises:
        SystemExit: There is no such folder.
    """
    root = Path(os.environ.get("ALCHEMIST_MODELS", "../shared/models"))
    if not root.is_dir():
        raise SystemExit(
            f"This benchmark needs local models, and {str(root)!r} is no folder. "
            "Set ALCHEMIST_MODELS to where they are."
        )
    return root


RULE = "centred"
LABEL_MODEL = "dawid_skene"
TAGGER = "mobilenet_v2_imagenet"
SEGMENTER = "deeplab_v3_voc"
BIRDS = ("landbird", "waterbird")
SKY = ("airplane", "bird")
SEEDS = 20

Row = dict[str, Any]


def bird_pictures() -> Iterator[Row]:
    """birds_on_scenes by the ImageNet tagger, in three views."""
    name, concepts = "birds_on_scenes", concepts_of("birds_on_scenes")
    splits = {one: pictures(name, one, BIRDS) for one in ("train", "valid", "test")}
    for view in ("full", "crop", "object"):
        scored = score(splits, concepts, "tagger", RULE, **tagger(TAGGER, view=view))
        yield from _rows(name, f"{view} view", splits, scored, concepts, BIRDS)


def sky_pictures() -> Iterator[Row]:
    """cifar_sky by one contrast of the ImageNet tagger."""
    name, concepts = "cifar_sky", concepts_of("cifar_sky")
    splits = {one: pictures(name, one, SKY) for one in ("train", "valid", "test")}
    scored = score(splits, concepts, "tagger", RULE, **tagger(TAGGER))
    programs = [pair_program(one, SKY) for one in concepts]
    for on in ("valid", "test"):
        found = run(splits, scored, programs, SKY, "majority_vote", on)
        yield _row(name, "one contrast", on, "majority_vote", found)


def bird_attributes() -> Iterator[Row]:
    """waterbirds_attributes with its scores as given, and perturbed."""
    name, concepts = "waterbirds_attributes", concepts_of("waterbirds_attributes")
    splits = {one: attributes(one, BIRDS) for one in ("train", "valid", "test")}
    given = {"modality": "image", "columns": attribute_names()}
    scored = score(splits, concepts, "precomputed", RULE, **given)
    yield from _rows(name, "scores as given", splits, scored, concepts, BIRDS)
    opened = open_extractor("precomputed", modality="image", columns=attribute_names())
    features = opened.features(concepts)
    raw = {one: opened.extract(splits[one].items, concepts).values for one in splits}
    seeds = [_perturbed(features, raw, seed) for seed in range(SEEDS)]
    programs = [pair_program(one, BIRDS) for one in concepts if not one.nuisance]
    for on in ("valid", "test"):
        for model in ("majority_vote", LABEL_MODEL, "default"):
            found = [run(splits, one, programs, BIRDS, model, on) for one in seeds]
            mean = Accuracy(*(float(np.mean(v)) for v in zip(*map(astuple, found), strict=True)))
            yield _row(name, f"perturbed, mean of {SEEDS} seeds", on, model, mean)


def _perturbed(features: Sequence[Feature], raw: Mapping[str, Values], seed: int) -> Scored:
    """Scores as a two-tower model would give them: offsets, noise, and the scene leaking in.

    In units of a concept's own spread: an offset of each option (sd 1), noise of each score
    (sd 1), the scene raising both options (1) and the water option beyond that (.3).
    """
    names = [f.name for f in features]
    at = names.index("scene.water")
    rng = np.random.default_rng(seed)
    spread = np.repeat(raw["train"].reshape(len(raw["train"]), -1, 2).std(axis=0).mean(axis=1), 2)
    offset = rng.normal(size=len(names)) * spread
    water = np.array([name.endswith(".water") for name in names])
    values = {}
    for split in sorted(raw):
        noise = rng.normal(size=raw[split].shape)
        leak = raw[split][:, [at]] * (1 + 0.3 * water)
        values[split] = raw[split] + offset + (noise + leak) * spread
    fitted = Calibration.fit(features, values["train"], RULE)
    shown = {split: fitted.apply(one) for split, one in values.items()}
    return Scored(fitted.shown, shown, fitted.dropped)


def _rows(
    name: str,
    what: str,
    splits: Mapping[str, Split],
    scored: Scored,
    concepts: Sequence[Concept],
    classes: Sequence[str],
) -> Iterator[Row]:
    programs = [pair_program(one, classes) for one in concepts if not one.nuisance]
    scenes = [pair_program(one, classes) for one in concepts if one.nuisance]
    for on in ("valid", "test"):
        for model in ("majority_vote", LABEL_MODEL, "default"):
            found = run(splits, scored, programs, classes, model, on)
            yield _row(name, what, on, model, found)
        alone = run(splits, scored, scenes[:1], classes, "majority_vote", on)
        yield _row(name, f"{what}: scene alone", on, "majority_vote", alone)
        thrice = [Program(f"{scenes[0].name}_{i}", scenes[0].source) for i in range(3)]
        for model in (LABEL_MODEL, "default"):
            found = run(splits, scored, [*programs, *thrice], classes, model, on, merge="scene_")
            yield _row(name, f"{what}: and three scene programs, one family", on, model, found)


def _row(name: str, what: str, on: str, model: str, found: Accuracy) -> Row:
    return {
        "dataset": name,
        "what": what,
        "split": on,
        "label_model": model,
        "provenance": "hand-written concepts and programs",
        "accuracy": round(found.average, 4),
        "worst_group": round(found.worst_group, 4),
    }


def speech() -> Iterator[Row]:
    """The share of fsdd clips that the sound tagger takes for speech."""
    digits = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    split = pictures("fsdd", "test", digits, column="audio")
    opened = open_extractor("tagger", **tagger("yamnet_audioset", modality="audio"))
    assert isinstance(opened, Tagger)
    said = opened.probabilities(split.items).values[:, opened.vocabulary().index("Speech")]
    yield {
        "dataset": "fsdd",
        "what": "share of clips with Speech over .5",
        "split": "test",
        "label_model": "",
        "provenance": "yamnet_audioset",
        "accuracy": float((said > 0.5).mean()),
    }


def tagger(model: str, *, modality: str = "image", view: str = "full") -> dict[str, Any]:
    """How a tagger is opened here."""
    cache = os.environ.get("ALCHEMIST_CACHE")
    return {
        "modality": modality,
        "model": models_root() / model,
        "view": view,
        "segmenter": None if view == "full" else models_root() / SEGMENTER,
        "cache": Path(cache) if cache else None,
    }


def main() -> None:
    """Measure every fixture."""
    rows = [*speech(), *bird_attributes(), *sky_pictures(), *bird_pictures()]
    write_table(
        "modality-fixtures",
        "python -m benchmarks.modality_fixtures",
        rows,
        f"calibration rule {RULE!r} and label model {LABEL_MODEL!r} for all sets",
    )


if __name__ == "__main__":
    main()
