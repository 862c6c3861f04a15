"""What a plan says about tokens, beside a real vocabulary and recorded answers.

For each of the eight text tasks: the prompt tokens planned for its `plain` and `knowledge`
synthesis before anything is asked, and the count by OpenAI's o200k vocabulary (carried by the
package bpe-openai, group `bench`) of the prompts as they are once the recorded notes are in
them; then the band of output tokens, and the tokens of the recorded answers.
"""

import json
from pathlib import Path
from typing import Any

from alchemist.core.task import Task
from alchemist.modalities import MODALITIES
from alchemist.providers.plan import plan_calls
from alchemist.providers.prices import PriceTable
from alchemist.store.task_file import check_task
from alchemist.synthesis.strategies import Brief, expected_calls, next_asks
from alchemist.synthesis.templates import load_templates
from benchmarks.recorded_tasks import RECORDED, Source, recordings_root
from benchmarks.report import data_root, write_table

VOCABULARY = "o200k_base"
COMMAND = "make bench-plan"


def main() -> None:
    """Print and keep the table."""
    try:
        import bpe_openai
    except ImportError:
        raise SystemExit(
            "This benchmark needs the vocabulary in bpe-openai: pip install bpe-openai."
        ) from None
    encoding = bpe_openai.get_encoding(VOCABULARY)
    data = data_root()
    answers = recorded_answers(recordings_root(data))
    rows = [
        row_of(Source(name, data, data), recorded, answers, encoding)
        for name, recorded in RECORDED.items()
    ]
    package = f"bpe-openai {bpe_openai.__version__}"
    note = (
        f"Counted with {VOCABULARY} of {package}; one prompt of each strategy, ten programs each."
    )
    write_table("plan", COMMAND, rows, note)


def recorded_answers(root: Path) -> dict[str, str]:
    """The text of every recorded answer, by custom id."""
    found = {}
    for strategy in ("plain", "knowledge"):
        lines = (root / strategy / "responses.jsonl").read_text(encoding="utf-8").splitlines()
        for line in map(json.loads, lines):
            choice = line["response"]["body"]["choices"][0]
            found[line["custom_id"]] = choice["message"]["content"]
    return found


def row_of(source: Source, recorded: str, answers: dict[str, str], encoding: Any) -> dict[str, Any]:
    """One task's planned and counted tokens."""
    task = task_of(source)
    brief = Brief(task, MODALITIES.load("text")().describe(task), load_templates())
    plan = plan_calls(expected_calls(brief), settings=task.synthesis, prices=PriceTable())
    notes = answers[f"{recorded}-knowledge"]
    (first,) = (ask for ask in next_asks(brief, {}).ready if ask.kind == "knowledge")
    step = next_asks(brief, {first.custom_id: notes})
    counted = sum(
        len(encoding.encode(message.content)) + 4
        for ask in (*step.ready, *step.done)
        for message in ask.request.messages
    )
    written = {
        kind: len(encoding.encode(answers[f"{recorded}-{kind}"]))
        for kind in ("plain", "knowledge", "programs")
    }
    total = sum(written.values())
    return {
        "task": source.name,
        "prompt_tokens_planned": plan.input.likely,
        "prompt_tokens_counted": counted,
        "error": round(plan.input.likely / counted - 1, 3),
        "output_band": f"{plan.output.low}-{plan.output.high}",
        "output_recorded": total,
        "within_band": plan.output.low <= total <= plan.output.high
        and all(each_within(brief, written)),
    }


def each_within(brief: Brief, written: dict[str, int]) -> list[bool]:
    """Whether the band of each single call holds its recorded answer."""
    calls = expected_calls(brief)
    kinds = ("plain", "knowledge", "programs")
    return [
        call.output_low <= written[kind] <= call.output_high
        for call, kind in zip(calls, kinds, strict=True)
    ]


def task_of(source: Source) -> Task:
    """The task a user would write for a data set."""
    facts = source.description
    classes: Any = facts["classes"]
    return check_task(
        {
            "name": source.name.replace("_", "-"),
            "instruction": str(facts["task"]),
            "language": str(facts["language"]),
            "classes": [{"name": c if isinstance(c, str) else c["name"]} for c in classes],
            "rows": {"path": "rows.parquet", "inputs": ["text"]},
            "synthesis": {
                "strategies": ["plain", "knowledge"],
                "prompts": 1,
                "model": "gpt-5-mini",
            },
        }
    )


if __name__ == "__main__":
    main()
