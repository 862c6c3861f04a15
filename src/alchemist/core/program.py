"""Program: one small Python source that defines a labeling function.

A program is a text, never a live function, outside the sandbox. Its id is the first 12 hex
digits of the sha256 of the source below the header, so a changed header (a cost, a date)
leaves the votes it has cast valid.
"""

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass, field

from alchemist.core.syntax import parse

ENTRY = "label"

_HEADER = re.compile(r"\A# /// alchemist\n((?:#[^\n]*\n)*?)# ///\n?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a program comes from; absent facts are empty, an unknown cost is None.

    Attributes:
        origin: "provider:model", "induced" or "hand".
        strategy: The synthesis strategy that asked for it.
        prompt: "sha256:…" of the request.
        created: UTC time, ISO 8601.
        cost_usd: Its share of the call, in dollars.
        parent: Id of the revision it mends.
    """

    origin: str = "hand"
    strategy: str = ""
    prompt: str = ""
    created: str = ""
    cost_usd: float | None = None
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A named source with its origin.

    Attributes:
        name: File stem; unique within a workspace; the column name of its votes.
        source: Python text below the header.
        origin: Provenance.
    """

    name: str
    source: str
    origin: Origin = field(default_factory=Origin)

    @property
    def id(self) -> str:
        """First 12 hex digits of the sha256 of the source."""
        return hashlib.sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    @property
    def description(self) -> str:
        """First line of the label function's docstring, or empty; never raises."""
        import ast

        try:
            tree = parse(self.source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ""
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == ENTRY:
                return (ast.get_docstring(node) or "").partition("\n")[0].strip()
        return ""


def parse_program(name: str, text: str) -> Program:
    """Split a program file into header and source; a broken or missing header means by hand."""
    text = text.replace("\r\n", "\n")
    match = _HEADER.match(text)
    if match is None:
        return Program(name, text)
    lines = [line[1:].strip() for line in match.group(1).split("\n")]
    try:
        facts = tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError:
        return Program(name, text)
    cost = facts.get("cost_usd")
    origin = Origin(
        origin=str(facts.get("origin", "hand")),
        strategy=str(facts.get("strategy", "")),
        prompt=str(facts.get("prompt", "")),
        created=str(facts.get("created", "")),
        cost_usd=float(cost) if isinstance(cost, int | float) else None,
        parent=str(facts.get("parent", "")),
    )
    return Program(name, text[match.end() :], origin)


def render_program(program: Program) -> str:
    """The file's text: a header unless the program is plainly by hand, then the source."""
    origin = program.origin
    if origin == Origin():
        return program.source
    facts = {
        "origin": origin.origin,
        "strategy": origin.strategy,
        "prompt": origin.prompt,
        "created": origin.created,
        "parent": origin.parent,
    }
    lines = ["# /// alchemist"]
    lines += [f"# {key} = {_quote(value)}" for key, value in facts.items() if value]
    if origin.cost_usd is not None:
        lines.append(f"# cost_usd = {origin.cost_usd!r}")
    return "\n".join([*lines, "# ///", program.source])


def _quote(value: str) -> str:
    # JSON's escapes are TOML's, but for one control character JSON lets through.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
