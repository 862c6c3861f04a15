"""Fences: the pieces of code in an answer, however they are set off from the prose."""

import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

_OPEN = re.compile(r"^(?P<indent>[ \t>]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+#.-]*)[^`]*$")
_NOT_PYTHON = {"bash", "sh", "shell", "console", "text", "txt", "markdown", "md", "output", "html"}
_TAGS = re.compile(r"\[(?P<tag>PYTHON|CODE)\]\n?(?P<code>.*?)\[/(?P=tag)\]", re.DOTALL)
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_CODE_START = re.compile(
    r"(?:import \w|from \w[\w.]* import |(?:async )?def \w+\(|@\w|[A-Z_]{2,} *=)"
)
_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060"))
_INVISIBLE[ord("\u00a0")] = " "


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of code.

    Attributes:
        code: Its text, dedented.
        line: 1-based line of the answer on which it starts.
        closed: Whether it was seen to end; an answer cut short leaves its last block open.
    """

    code: str
    line: int
    closed: bool = True


def find_blocks(text: str) -> tuple[Block, ...]:
    """The pieces of code in an answer, in order."""
    text = clean(text)
    fenced = tuple(b for b in _fenced(text) if b.code.strip())
    if fenced:
        return _unpacked(fenced)
    if tagged := tuple(_tagged(text)):
        return tagged
    whole = Block(text, 1)
    unpacked = _unpacked((whole,))
    return unpacked if unpacked != (whole,) else tuple(bare_blocks(text))


def clean(text: str) -> str:
    """Uniform line ends, no invisible characters, and no thinking aloud before the answer."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_INVISIBLE)
    # Lines are kept, so that line numbers still point into what the user sees.
    text = _THOUGHT.sub(lambda m: "\n" * m.group().count("\n"), text)
    before, end, after = text.rpartition("</think>")
    return "\n" * before.count("\n") + after if end else text


def _fenced(text: str) -> Iterator[Block]:
    lines: list[str] = []
    fence = ""
    start = 0
    wanted = False
    for number, line in enumerate(text.split("\n"), start=1):
        match = _OPEN.match(line)
        bare = line.strip(" \t>")
        if fence and bare and set(bare) == {fence[0]} and len(bare) >= len(fence):
            if wanted:
                yield Block(_dedent(lines), start)
            fence = ""
        elif match and (not fence or match["language"].casefold().startswith("py")):
            # A second opening fence: the first block was never closed, and ends here.
            if fence and wanted:
                yield Block(_dedent(lines), start)
            fence, start, lines = match["fence"], number + 1, []
            wanted = match["language"].casefold() not in _NOT_PYTHON
        elif fence:
            lines.append(line)
    if fence and wanted:
        yield Block(_dedent(lines), start, closed=False)


def _dedent(lines: list[str]) -> str:
    filled = [line for line in lines if line.strip()]
    if filled and all(
        line.lstrip().startswith(">") and not line.startswith(">>>") for line in filled
    ):
        lines = [line.lstrip()[1:].removeprefix(" ") for line in lines]
    if filled and filled[0].startswith(">>> "):
        lines = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
    return textwrap.dedent("\n".join(lines)).strip("\n") + "\n"


def _tagged(text: str) -> Iterator[Block]:
    for match in _TAGS.finditer(text):
        yield Block(match["code"], text.count("\n", 0, match.start("code")) + 1)


def _unpacked(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """Blocks with JSON replaced by the programs quoted in it."""
    unpacked: list[Block] = []
    for block in blocks:
        if block.code.lstrip()[:1] not in "[{" or "def " not in block.code:
            unpacked.append(block)
            continue
        try:
            quoted = [s for s in _strings(json.loads(block.code)) if "def " in s]
        except (ValueError, RecursionError):
            quoted = []
        unpacked += [Block(code, block.line) for code in quoted] or [block]
    return tuple(unpacked)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def bare_blocks(text: str) -> Iterator[Block]:
    """Code without any fence: from a line that starts like code to where it reads as prose."""
    lines: list[str] = []
    start = 0
    for number, line in enumerate([*text.split("\n"), "end"], start=1):
        belongs = bool(_CODE_START.match(line)) or (
            bool(lines) and (not line.strip() or line[0] in " \t)]}#")
        )
        if belongs:
            start = start if lines else number
            lines.append(line)
        elif lines:
            if any("def " in one for one in lines):
                last = number > text.count("\n") + 1
                yield Block(_dedent(lines), start, closed=not last)
            lines = []
