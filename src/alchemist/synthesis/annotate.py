"""Annotate: a model labels rows one by one, or a few per prompt; the baseline programs replace."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from alchemist.core.errors import BadTask
from alchemist.core.exchange import Expected, Message, Request
from alchemist.synthesis.strategies import Brief, parameter_name

# A class name and a little around it.
_TOKENS_PER_ROW = 16
_LINE = re.compile(r"\s*(?:row\s*)?#?(\d+)\s*[:.)\-–—]\s*(.+?)\s*$", re.IGNORECASE)


def annotate_request(brief: Brief, rows: Sequence[Mapping[str, str]]) -> Request:
    """Ask for the classes of some rows, each a mapping from input name to its text.

    Raises:
        BadTask: The task does not allow rows to be sent.
    """
    if not brief.task.privacy.send_rows:
        raise BadTask(
            "Labeling rows with a model sends them to the provider, and privacy.send_rows is "
            "false: set it to true in task.toml if that is allowed."
        )
    return _request(brief, rows)


def per_row_expected(brief: Brief) -> Expected:
    """What asking for one row would look like, with an empty row; nothing of it is sent."""
    row = dict.fromkeys(brief.task.rows.inputs, "")
    return Expected(_request(brief, [row]), 2, 5, _TOKENS_PER_ROW)


def read_annotations(brief: Brief, text: str, n_rows: int) -> tuple[int | None, ...]:
    """Class indices a model answered with, None where it named none or several."""
    if n_rows == 1:
        return (_class_in(brief, text),)
    found: dict[int, str] = {}
    for line in text.splitlines():
        if match := _LINE.match(line):
            found.setdefault(int(match[1]), match[2])
    return tuple(_class_in(brief, found.get(number, "")) for number in range(1, n_rows + 1))


def _class_in(brief: Brief, text: str) -> int | None:
    spellings = brief.task.spellings
    said = text.strip().strip("\"'`*_.:!() \n").casefold()
    if said in spellings:
        return spellings[said]
    # The longest spelling counts where one holds another, as "not spam" holds "spam".
    words = "|".join(re.escape(word) for word in sorted(spellings, key=len, reverse=True))
    found = re.findall(rf"(?<!\w)(?:{words})(?!\w)", text.casefold())
    named = {spellings[word] for word in found}
    return named.pop() if len(named) == 1 else None


def _request(brief: Brief, rows: Sequence[Mapping[str, str]]) -> Request:
    task = brief.task
    facts = {
        "instruction": task.instruction.strip(),
        "language": task.language,
        "classes": [asdict(one) for one in task.classes],
        "description": brief.description.strip(),
        "rows": [{parameter_name(name): value for name, value in row.items()} for row in rows],
    }
    return Request(
        messages=(Message("user", brief.templates.render("annotate", facts)),),
        model=brief.models[0],
        temperature=0.0,
        max_tokens=2000 + _TOKENS_PER_ROW * len(rows),
        purpose="annotate",
        holds=("task", "rows"),
    )
