"""Prompts as files: batch lines for a service, and one page each to paste into a chat window."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alchemist.core.files import write_atomically
from alchemist.core.wire import batch_line
from alchemist.synthesis.answers import PROMPT_MARK
from alchemist.synthesis.strategies import Ask, Step


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and what to do next in words."""

    paths: tuple[Path, ...]
    sentence: str


def export_prompts(step: Step, folder: Path, root: Path) -> Exported:
    """Write the asks that are ready: requests.jsonl, and <custom_id>.md for each.

    Args:
        step: Where the synthesis stands.
        folder: Made if needed; files of an earlier export with these names are replaced.
        root: The task's folder, for the commands that come next.
    """
    lines = [json.dumps(batch_line(ask.custom_id, ask.request)) for ask in step.ready]
    requests = folder / "requests.jsonl"
    write_atomically(requests, "".join(f"{line}\n" for line in lines).encode())
    pages = []
    for ask in step.ready:
        page = folder / f"{ask.custom_id}.prompt.md"
        write_atomically(page, _page(ask).encode("utf-8", "surrogatepass"))
        pages.append(page)
    return Exported((requests, *pages), _sentence(step, folder, root))


def _page(ask: Ask) -> str:
    turns = "\n\n".join(m.content.strip() for m in ask.request.messages)
    return f"{PROMPT_MARK}: save the answer as {ask.custom_id}.md -->\n\n{turns}\n"


def _sentence(step: Step, folder: Path, root: Path) -> str:
    if not step.ready:
        return "Every prompt is answered; there is nothing to export."
    ids = _listed([ask.custom_id for ask in step.ready])
    text = (
        f"{len(step.ready)} prompts are in {folder}. Send requests.jsonl to a batch service or "
        "`vllm run-batch`, or paste each .prompt.md page into a fresh chat and save the answer "
        f"beside it as <custom_id>.md ({ids}). Then: alchemist programs import {folder} {root}"
    )
    if step.waiting:
        text += (
            f"\nThis is the first of two rounds: {step.waiting} more prompts quote these answers. "
            f"After the import, run `alchemist prompts export {root}` for the second round."
        )
    return text


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids[:2]) + (", …" if len(ids) > 2 else "")
