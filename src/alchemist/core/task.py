"""Task: what is to be decided, over which rows, and with which settings.

These classes mirror task.toml table by table; the store reads and writes the file. They
hold values only: whether a file exists or a provider is known is for the rooms to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from keyword import iskeyword
from types import MappingProxyType
from typing import Any, ClassVar

from alchemist.core.errors import BadTask, nearest_hint

MODALITIES = ("text", "tabular", "image", "audio", "series", "video")
METRICS = ("accuracy", "balanced_accuracy", "macro_f1")
MOST_PARAMETERS = 8
SPLITS = ("train", "valid", "test")
MEDIA = ("image", "audio", "series", "video")
VIEWS = ("full", "crop", "object")
SPLIT_RULES = ("otsu", "centred")
TYPES = ("int", "float", "bool", "text")
LEVELS = ("kernel", "kernel-nolandlock", "wasm", "os-profile", "language")

# Read by pydantic when the store validates a file: a key we do not know is an error.
_STRICT: Mapping[str, Any] = MappingProxyType({"extra": "forbid"})


@dataclass(frozen=True, slots=True)
class LabelClass:
    """One class: the name users see, what it means, and other spellings of it."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    name: str
    description: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowSettings:
    """Where the rows are, and what each column is for.

    types says of a table's columns what their values are: int, float, bool or text; of columns
    it leaves out the files decide.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    path: str
    inputs: tuple[str, ...]
    id: str | None = None
    gold: str | None = None
    split: str | None = None
    evaluation_only: tuple[str, ...] = ()
    on_bad_row: str = "stop"
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConceptSettings:
    """How pictures, sound, series and film become named numbers; unused for text and tables.

    Attributes:
        extractor: What finds the numbers; local features of the modality when left empty.
        model: Folder of a local model, beside task.toml unless absolute.
        segmenter: Folder of the local model that finds the object, for views other than full.
        view: Which part of a picture is looked at: "full", "crop" or "object".
        rule: How a raw score is split without labels: "otsu" or "centred".
        max_problems: Share of items that may be unreadable before the run stops.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    extractor: str = ""
    model: str = ""
    segmenter: str = ""
    view: str = "full"
    rule: str = "otsu"
    max_problems: float = 0.05


@dataclass(frozen=True, slots=True)
class SynthesisSettings:
    """How programs are asked for; max_cost_usd is a wall, in dollars.

    mend is how often a program that does not work goes back.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    strategies: tuple[str, ...] = ("knowledge",)
    provider: str = "openai"
    model: str = ""
    price_as: str = ""
    base_url: str = ""
    prompts: int = 2
    programs_per_prompt: int = 10
    temperature: float = 0.7
    max_cost_usd: float = 1.0
    mend: int = 1


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """What may be quoted to a provider. Nothing, unless a person says so."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    send_rows: bool = False
    send_terms: bool = False


@dataclass(frozen=True, slots=True)
class VoteSettings:
    """Where programs run; min_level is the weakest acceptable sandbox."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    engine: str = "local"
    min_level: str = "kernel"


@dataclass(frozen=True, slots=True)
class AggregateSettings:
    """Which label model, and what it may know beside the votes.

    Attributes:
        label_model: Its name.
        class_balance: Share of each class by name, if it is known.
        learn_from_given: Whether classes that people gave to rows (gold.jsonl) sharpen it; such
            rows are never scored afterwards.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    label_model: str = "default"
    class_balance: Mapping[str, float] = field(default_factory=dict)
    learn_from_given: bool = False


@dataclass(frozen=True, slots=True)
class DistillSettings:
    """Which student; when left empty, the one that suits what the modality's rows hold."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    end_model: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A labeling task: one label per row, from an ordered list of classes.

    The index of a class is the vote programs cast. Raises BadTask when two classes answer
    to one name, or fewer than two are given.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    name: str
    instruction: str
    classes: tuple[LabelClass, ...]
    rows: RowSettings
    schema: int = 1
    modality: str = "text"
    language: str = "en"
    metric: str = "accuracy"
    concepts: ConceptSettings = field(default_factory=ConceptSettings)
    synthesis: SynthesisSettings = field(default_factory=SynthesisSettings)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    vote: VoteSettings = field(default_factory=VoteSettings)
    aggregate: AggregateSettings = field(default_factory=AggregateSettings)
    distill: DistillSettings = field(default_factory=DistillSettings)

    def __post_init__(self) -> None:
        _check_classes(self.classes)
        _check_rows(self.rows)
        _check_choice("modality", self.modality, MODALITIES)
        _check_choice("rows.on_bad_row", self.rows.on_bad_row, ("stop", "skip"))
        _check_choice("vote.min_level", self.vote.min_level, LEVELS)
        _check_metric(self)
        _check_balance(self)
        _check_synthesis(self.synthesis)
        _check_concepts(self)
        if not self.distill.end_model:
            suits = "tfidf" if self.modality == "text" else "linear"
            object.__setattr__(self, "distill", replace(self.distill, end_model=suits))

    @property
    def as_mapping(self) -> bool:
        """Programs take one mapping `row`, not a parameter per input: all but short text tasks.

        Several columns become parameters only where each has a name Python can spell; a single
        one is handed over by position, so its name does not matter.
        """
        inputs = self.rows.inputs
        if self.modality != "text" or len(inputs) > MOST_PARAMETERS:
            return True
        spellable = (n.isascii() and n.isidentifier() and not iskeyword(n) for n in inputs)
        return len(inputs) > 1 and not all(spellable)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in vote order."""
        return tuple(c.name for c in self.classes)

    @property
    def spellings(self) -> dict[str, int]:
        """Every accepted spelling of a class, case-folded, to its index."""
        return spellings(self.classes)


def spellings(classes: tuple[LabelClass, ...]) -> dict[str, int]:
    """Every accepted spelling of each class, case-folded and trimmed, to the class index."""
    table: dict[str, int] = {}
    for index, one in enumerate(classes):
        for word in (one.name, *one.aliases):
            table[word.strip().casefold()] = index
    return table


def _check_classes(classes: tuple[LabelClass, ...]) -> None:
    if len(classes) < 2:
        raise BadTask(
            f"A task needs at least two classes, and task.toml names {len(classes)}. "
            "Add a [[classes]] table."
        )
    owner: dict[str, LabelClass] = {}
    for one in classes:
        if not one.name.strip():
            raise BadTask("A class has an empty name; give each [[classes]] table a name.")
        for word in dict.fromkeys(w.strip().casefold() for w in (one.name, *one.aliases)):
            other = owner.setdefault(word, one)
            if other is not one:
                raise BadTask(
                    f"The classes {other.name!r} and {one.name!r} both answer to {word!r} (case "
                    "does not count). Rename one of them or drop the alias."
                )


def _check_rows(rows: RowSettings) -> None:
    if not rows.inputs:
        raise BadTask("rows.inputs is empty; name at least one column that programs may read.")
    if "id" in rows.inputs:
        raise BadTask(
            "rows.inputs names the column 'id', which is where a row's own id goes; rename it."
        )
    hidden = {"gold": rows.gold, "split": rows.split}
    for role, column in (*hidden.items(), *(("evaluation_only", c) for c in rows.evaluation_only)):
        if column is not None and column in rows.inputs:
            raise BadTask(
                f"Column {column!r} is both an input and rows.{role}; programs must not see "
                "it, so take it out of rows.inputs."
            )
    if len(set(rows.inputs)) < len(rows.inputs):
        raise BadTask("rows.inputs names a column twice; name each once.")
    for column, kind in rows.types.items():
        if column not in rows.inputs:
            raise BadTask(
                f"rows.types names {column!r}, which is no input. "
                f"{nearest_hint(column, rows.inputs)}"
            )
        _check_choice(f"rows.types.{column}", kind, TYPES)


def _check_choice(field_name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise BadTask(f"{field_name} = {value!r} is not one we know. {nearest_hint(value, known)}")


def _check_metric(task: Task) -> None:
    metric, _, detail = task.metric.partition(":")
    if metric == "f1" and detail:
        if detail.strip().casefold() not in task.spellings:
            hint = nearest_hint(detail, task.class_names)
            raise BadTask(f"metric = {task.metric!r} names no class of this task. {hint}")
    elif metric == "worst_group" and detail:
        if detail not in task.rows.evaluation_only:
            raise BadTask(
                f"metric = {task.metric!r} needs the column {detail!r} in rows.evaluation_only."
            )
    else:
        known = (*METRICS, "f1:<class>", "worst_group:<column>")
        _check_choice("metric", task.metric, known)


def _check_balance(task: Task) -> None:
    balance = task.aggregate.class_balance
    if not balance:
        return
    for name, share in balance.items():
        if name.strip().casefold() not in task.spellings:
            hint = nearest_hint(name, task.class_names)
            raise BadTask(f"aggregate.class_balance names {name!r}, no class of this task. {hint}")
        if share <= 0:
            raise BadTask(f"aggregate.class_balance.{name} = {share} must be above 0.")
    indices = {task.spellings[name.strip().casefold()] for name in balance}
    missing = [c.name for i, c in enumerate(task.classes) if i not in indices]
    if missing:
        raise BadTask(
            f"aggregate.class_balance leaves out {', '.join(map(repr, missing))}; "
            "give a share for every class, or none at all."
        )


def _check_synthesis(settings: SynthesisSettings) -> None:
    for name in ("prompts", "programs_per_prompt"):
        value = getattr(settings, name)
        if not 1 <= value <= 1000:
            raise BadTask(f"synthesis.{name} = {value} must lie between 1 and 1000.")
    if not 0 <= settings.temperature <= 2:
        raise BadTask(f"synthesis.temperature = {settings.temperature} must lie between 0 and 2.")
    if settings.max_cost_usd < 0:
        raise BadTask(f"synthesis.max_cost_usd = {settings.max_cost_usd} must not be negative.")
    if not settings.strategies:
        raise BadTask('synthesis.strategies is empty; name at least one, such as "knowledge".')


def _check_concepts(task: Task) -> None:
    settings = task.concepts
    if settings != ConceptSettings() and task.modality not in MEDIA:
        raise BadTask(
            f"[concepts] is for {', '.join(MEDIA)}; rows of modality {task.modality!r} are read "
            "as they are, so take the table out."
        )
    _check_choice("concepts.view", settings.view, VIEWS)
    _check_choice("concepts.rule", settings.rule, SPLIT_RULES)
    if not 0 <= settings.max_problems <= 1:
        raise BadTask(
            f"concepts.max_problems = {settings.max_problems} is a share between 0 and 1."
        )
