"""Reading answers: from what a model wrote to programs that can be tried.

Every program becomes one self-contained source that defines `label` with the task's
parameters. Names are mended, code is not: what a program means is never guessed. Whatever
cannot be used is kept with its reason.
"""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from alchemist.synthesis.fences import Block, bare_blocks, clean, find_blocks
from alchemist.synthesis.surgery import Unusable, entries, parse_block, program_source

_REFUSAL = re.compile(
    r"\s*(?:i'?m sorry|sorry|i can(?:'|no)?t|i cannot|i am unable|i'm unable|as an ai)\b",
    re.IGNORECASE,
)
_EXCERPT = 160


@dataclass(frozen=True, slots=True)
class Source:
    """One program of an answer.

    Attributes:
        source: Python text that defines `label`.
        idea: The first line of its docstring, or empty.
        line: 1-based line of the answer where its block starts.
    """

    source: str
    idea: str
    line: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A part of an answer that cannot be used.

    Attributes:
        kind: empty · refusal · no_code · syntax · truncated · no_function · parameters ·
            no_body · duplicate.
        reason: A sentence for people and models.
        excerpt: How it begins.
        line: 1-based line of the answer.
        code: The whole piece, where it is code that may be mended.
    """

    kind: str
    reason: str
    excerpt: str = ""
    line: int = 1
    code: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What an answer held."""

    sources: tuple[Source, ...] = ()
    rejected: tuple[Rejected, ...] = ()


def read_answer(
    text: str, parameters: Sequence[str] = ("text",), finish_reason: str = "stop"
) -> ParsedAnswer:
    """Take the programs out of an answer.

    Args:
        text: What the model wrote.
        parameters: Names of the parameters a program has to take.
        finish_reason: "length" says that the answer was cut off.
    """
    if not clean(text).strip():
        return ParsedAnswer(rejected=(Rejected("empty", "The answer is empty."),))
    blocks = find_blocks(text)
    reader = _Reader(tuple(parameters), _shared_code(blocks))
    for block in blocks:
        reader.take(block, cut=not block.closed and finish_reason == "length")
    if not reader.sources and not reader.rejected:
        reader.rejected.append(_no_program(text, finish_reason))
    return ParsedAnswer(tuple(reader.sources), tuple(reader.rejected))


class _Reader:
    """Collects the programs of one answer's blocks."""

    def __init__(self, parameters: tuple[str, ...], shared: str) -> None:
        self.sources: list[Source] = []
        self.rejected: list[Rejected] = []
        self._parameters = parameters
        self._shared = shared
        self._seen: dict[str, int] = {}

    def take(self, block: Block, *, cut: bool) -> None:
        """Read one block."""
        parsed = parse_block(block.code)
        if cut or (parsed.error and not block.closed):
            # The last function of a cut answer may parse by chance and still lack its end.
            self._reject(
                "truncated", "The answer was cut off inside this program.", block, parsed.cut
            )
            parsed = parse_block(parsed.before_last)
        elif parsed.error and "def " not in parsed.code:
            return  # another language, or no program at all
        elif parsed.error and (mended := _without_prose(block)):
            for part in mended:
                self.take(part, cut=False)
            return
        elif parsed.error:
            self._reject("syntax", f"It is no Python: {parsed.error}.", block, parsed.code)
            parsed = parse_block(parsed.before_error)
        if parsed.tree is None or (self._shared and _is_shared(parsed.tree)):
            return
        found = entries(parsed.tree, len(self._parameters))
        if not found and _defines_something(parsed.tree):
            self._reject("no_function", "It defines no function to label with.", block, parsed.code)
        for entry in found:
            self._take_entry(block, parsed.code, parsed.tree, entry)

    def _take_entry(self, block: Block, code: str, tree: ast.Module, entry: ast.stmt) -> None:
        try:
            source = program_source(code, tree, entry, self._parameters, self._shared)
        except Unusable as error:
            excerpt = ast.get_source_segment(code, entry) or code
            self._reject(error.kind, str(error), block, excerpt)
            return
        key = ast.dump(ast.parse(source))
        if key in self._seen:
            reason = f"It is the same as program {self._seen[key]} of this answer."
            self._reject("duplicate", reason, block, source)
            return
        self._seen[key] = len(self.sources) + 1
        self.sources.append(Source(source, _idea(source), block.line))

    def _reject(self, kind: str, reason: str, block: Block, code: str) -> None:
        self.rejected.append(Rejected(kind, reason, _excerpt(code), block.line, code))


def _without_prose(block: Block) -> tuple[Block, ...]:
    """The code of a block that also holds sentences; empty when that is not what is wrong."""
    parts = tuple(bare_blocks(block.code))
    if not parts or any(parse_block(part.code).error for part in parts):
        return ()
    return tuple(Block(part.code, block.line + part.line - 1) for part in parts)


def _shared_code(blocks: Sequence[Block]) -> str:
    """Blocks that only prepare: imports, constants and helpers other blocks may lean on."""
    trees = [parsed for parsed in (parse_block(b.code) for b in blocks) if parsed.tree]
    shared = [parsed.code for parsed in trees if parsed.tree and _is_shared(parsed.tree)]
    return "\n".join(shared) if len(shared) < len(trees) else ""


def _is_shared(tree: ast.Module) -> bool:
    kinds = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    helpers = all(node.name.startswith("_") or "helper" in node.name for node in functions)
    return helpers and all(isinstance(n, (*kinds, ast.FunctionDef)) for n in tree.body)


def _defines_something(tree: ast.Module) -> bool:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign
    return any(isinstance(node, kinds) for node in tree.body)


def _idea(source: str) -> str:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == "label":
            return (ast.get_docstring(node) or "").partition("\n")[0].strip()
    return ""


def _no_program(text: str, finish_reason: str) -> Rejected:
    if finish_reason == "refusal" or _REFUSAL.match(clean(text)):
        return Rejected("refusal", "The model declined to answer.", _excerpt(text))
    if finish_reason == "length":
        reason = "The answer was cut off before its first program."
        return Rejected("truncated", reason, _excerpt(text))
    return Rejected("no_code", "The answer holds no program.", _excerpt(text))


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _EXCERPT else line[: _EXCERPT - 1] + "…"
