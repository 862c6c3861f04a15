"""Prompts as files: batch lines for a service, and one page each to paste into a chat window."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alchemist.core.files import write_atomically
from alchemist.core.wire import batch_line, message_batch
from alchemist.synthesis.answers import PROMPT_MARK
from alchemist.synthesis.strategies import Ask, Step


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and what to do next in words."""

    paths: tuple[Path, ...]
    sentence: str


def export_prompts(
    step: Step, folder: Path, root: Path, *, shape: Literal["openai", "anthropic"] = "openai"
) -> Exported:
    """Write the asks that are ready: one file for a batch service, and a page for each.

    Args:
        step: Where the synthesis stands.
        folder: Made if needed; files of an earlier export with these names are replaced.
        root: The task's folder, for the commands that come next.
        shape: requests.jsonl as OpenAI and `vllm run-batch` read it, or batch.json, the body of
            an Anthropic message batch.
    """
    if shape == "anthropic":
        requests = folder / "batch.json"
        batch = message_batch({ask.custom_id: ask.request for ask in step.ready})
        write_atomically(requests, json.dumps(batch).encode())
    else:
        lines = (json.dumps(batch_line(ask.custom_id, ask.request)) for ask in step.ready)
        requests = folder / "requests.jsonl"
        write_atomically(requests, "".join(f"{line}\n" for line in lines).encode())
    pages = write_pages(step.ready, folder)
    return Exported((requests, *pages), _sentence(step, requests, root))


def write_pages(asks: Sequence[Ask], folder: Path) -> list[Path]:
    """Write a page to paste for each ask."""
    pages = []
    for ask in asks:
        page = folder / f"{ask.custom_id}.prompt.md"
        # Exporting again brings a lost page back; thousands need not each wait for the disk.
        write_atomically(page, _page(ask).encode("utf-8", "surrogatepass"), durable=False)
        pages.append(page)
    return pages


def _page(ask: Ask) -> str:
    turns = "\n\n".join(m.content.strip() for m in ask.request.messages)
    return f"{PROMPT_MARK}: save the answer as {ask.custom_id}.md -->\n\n{turns}\n"


def _sentence(step: Step, requests: Path, root: Path) -> str:
    folder = requests.parent
    if not step.ready:
        return "Every prompt is answered; there is nothing to export."
    ids = _listed([ask.custom_id for ask in step.ready])
    service = "a batch service or `vllm run-batch`"
    if requests.suffix == ".json":
        service = "POST /v1/messages/batches at Anthropic"
    text = (
        f"{len(step.ready)} prompts are in {folder}. Send {requests.name} to {service}, "
        "or paste each .prompt.md page into a fresh chat and save the answer beside it as "
        f"<custom_id>.md ({ids}). Then: alchemist programs import {folder} {root}"
    )
    if step.waiting:
        text += (
            f"\nThis is the first of two rounds: {step.waiting} more prompts quote these answers. "
            f"After the import, run `alchemist prompts export {root}` for the second round."
        )
    return text


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids[:2]) + (", …" if len(ids) > 2 else "")
