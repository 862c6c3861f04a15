"""Concepts: ask a model which differences to look for in items, and keep them in concepts.toml.

A person may edit the file before anything is scored, or after: items are then scored anew,
which costs nothing where the extractor keeps what it saw of them.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from alchemist.concepts.files import read_concepts, write_concepts
from alchemist.core.clock import utc_now
from alchemist.core.concepts import Concept
from alchemist.core.contracts import ItemModality
from alchemist.core.errors import BadConcepts, InputError
from alchemist.core.files import write_atomically
from alchemist.core.progress import Progress
from alchemist.core.task import Task
from alchemist.core.wire import batch_line
from alchemist.flow.extract import CONCEPTS, open_task_extractor, own_features
from alchemist.flow.synthesize import check_ways_on, task_runner
from alchemist.modalities import MODALITIES
from alchemist.providers.calls import CallStore, Stored
from alchemist.store.workspace import Workspace
from alchemist.synthesis.answers import read_answers
from alchemist.synthesis.concepts import SPURIOUS, concept_asks, read_concepts_answer
from alchemist.synthesis.export import write_pages
from alchemist.synthesis.strategies import Ask
from alchemist.synthesis.templates import load_templates


@dataclass(frozen=True, slots=True)
class ConceptsReport:
    """The outcome of asking for concepts, or of reading answers.

    Attributes:
        path: concepts.toml.
        concepts: What it holds, nuisance ones last.
        notes: What was left out or mended, one sentence each.
        cost_usd: Spent now; None when a price is unknown.
    """

    path: Path
    concepts: tuple[Concept, ...]
    notes: tuple[str, ...] = ()
    cost_usd: float | None = 0.0


def list_concepts(workspace: Workspace) -> ConceptsReport | None:
    """What concepts.toml holds, or None where there is none.

    Raises:
        BadConcepts: The file does not hold together.
    """
    path = workspace.root / CONCEPTS
    return ConceptsReport(path, read_concepts(path)) if path.exists() else None


def check_concepts_fit(workspace: Workspace, task: Task) -> None:
    """See whether concepts can be asked for at all, before anything is sent.

    Raises:
        InputError: The rows are no items, or the extractor scores no concepts.
    """
    _asks(workspace, task)


def ask_concepts(workspace: Workspace, task: Task, progress: Progress) -> ConceptsReport:
    """Ask the task's model both questions and write concepts.toml; answers paid for are kept.

    Raises:
        NoWayOn: There is nobody to ask.
        BadConcepts: An answer holds no concepts.
    """
    check_ways_on(workspace, task)
    asks, vocabulary = _asks(workspace, task)
    calls = task_runner(workspace, task, progress).ask_blocking([ask.request for ask in asks])
    texts: dict[str, str] = {}
    cost: float | None = 0.0
    for ask, call in zip(asks, calls, strict=True):
        if call.reply is None:
            raise call.error or InputError(f"No answer came to {ask.custom_id!r}.")
        texts[ask.kind] = call.reply.text
        cost = None if cost is None or call.price_usd is None else cost + call.price_usd
    return _write(workspace, texts, vocabulary, cost)


def export_concept_prompts(workspace: Workspace, task: Task, folder: Path) -> tuple[Path, ...]:
    """Write both questions as batch lines and as .md to paste; import_concepts reads answers."""
    asks, _ = _asks(workspace, task)
    requests = folder / "requests.jsonl"
    lines = (json.dumps(batch_line(ask.custom_id, ask.request)) + "\n" for ask in asks)
    write_atomically(requests, "".join(lines).encode())
    return (requests, *write_pages(asks, folder))


def import_concepts(workspace: Workspace, task: Task, path: Path) -> ConceptsReport:
    """Read answers to both questions and write concepts.toml.

    Raises:
        BadAnswers: There is nothing to read.
        BadConcepts: The question for true differences has no answer, or it holds no concepts.
    """
    asks, vocabulary = _asks(workspace, task)
    found = read_answers(path, known=[ask.custom_id for ask in asks])
    texts = {ask.kind: r.text for ask in asks if (r := found.replies.get(ask.custom_id))}
    if set(texts) <= {SPURIOUS}:
        told = " ".join(found.sentences())
        raise BadConcepts(
            f"{path} holds no answer to the question for true differences. {told} Write the "
            f"questions with: alchemist concepts {workspace.root} --export FOLDER"
        )
    calls = CallStore(workspace.calls)
    calls.keep_all(
        Stored(ask.request, found.replies[ask.custom_id], provider="import", time=utc_now())
        for ask in asks
        if ask.custom_id in found.replies and calls.find(ask.request) is None
    )
    return _write(workspace, texts, vocabulary, 0.0)


def _asks(workspace: Workspace, task: Task) -> tuple[tuple[Ask, ...], tuple[str, ...]]:
    modality = MODALITIES.load(task.modality)()
    if not isinstance(modality, ItemModality):
        raise InputError(
            f"Concepts are for pictures, sound, film and series; rows of modality "
            f"{task.modality!r} are read as they are."
        )
    extractor = open_task_extractor(workspace, task, modality)
    vocabulary = extractor.vocabulary()
    if own_features(extractor) and not vocabulary:
        raise InputError(
            "The extractor of this task has features of its own and scores no concepts; name one "
            "that does in task.toml, such as clip or tagger, under [concepts]."
        )
    templates = load_templates(workspace.prompts)
    model = task.synthesis.model.partition(",")[0].strip()
    return concept_asks(task, templates, vocabulary, model), vocabulary


def _write(
    workspace: Workspace, texts: dict[str, str], vocabulary: tuple[str, ...], cost: float | None
) -> ConceptsReport:
    concepts: list[Concept] = []
    notes: list[str] = []
    for kind, text in texts.items():
        listed = read_concepts_answer(
            text,
            vocabulary,
            nuisance=kind == SPURIOUS,
            taken=[one.name for one in concepts],
        )
        concepts += listed.concepts
        notes += listed.notes
    if all(one.nuisance for one in concepts):
        raise BadConcepts("No concept of the answers can be used. " + " ".join(notes[:3]))
    if SPURIOUS not in texts:
        notes.append("The question for spurious differences has no answer: nothing is audited.")
    path = workspace.root / CONCEPTS
    write_concepts(path, concepts)
    return ConceptsReport(path, tuple(concepts), tuple(notes), cost)
