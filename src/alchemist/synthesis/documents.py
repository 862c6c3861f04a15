"""Documents: passages about the task out of a folder of texts, found by BM25 and quoted.

    score(q, d) = Σ_t idf(t) · f(t, d)·(k1 + 1) / (f(t, d) + k1·(1 − b + b·|d| / mean |d|))
    idf(t)      = ln(1 + (N − n(t) + 0.5) / (n(t) + 0.5))

f(t, d) counts term t in passage d, n(t) the passages that hold it, N all passages. Every class
asks with its own words and the task with all of them, so that no class goes without.

Source: Robertson and Zaragoza, 2009, Foundations and Trends in IR 3(4). doi:10.1561/1500000019
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from alchemist.core.errors import BadTask, MissingExtra
from alchemist.core.task import Task
from alchemist.synthesis.strategies import Passage

_K1, _B = 1.5, 0.75
_PASSAGE_WORDS = 120
_PER_QUERY = 3
_SUFFIXES = (".txt", ".md", ".html", ".htm", ".pdf")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder of documents gave.

    Attributes:
        passages: The best passages, in document order, each once.
        files: Files that were read, all of which may be quoted to the provider.
        skipped: Files of another kind, by name.
    """

    passages: tuple[Passage, ...]
    files: tuple[str, ...]
    skipped: tuple[str, ...] = ()


def find_passages(folder: Path, task: Task, *, per_query: int = _PER_QUERY) -> Found:
    """Read a folder and pick the passages that speak of the task.

    Args:
        folder: Holds .txt, .md, .html and .pdf files, in folders of any depth.
        task: Its instruction and classes are the queries.
        per_query: Passages taken for the task and for each class.

    Raises:
        BadTask: A file is not UTF-8, or a PDF cannot be read.
        MissingExtra: There is a PDF and nothing to read it with.
    """
    paths = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    read = [p for p in paths if p.suffix.casefold() in _SUFFIXES]
    passages = [
        passage for path in read for passage in _passages(path, path.relative_to(folder).as_posix())
    ]
    chosen: dict[int, None] = {}
    words = [_words(passage.text) for passage in passages]
    for query in _queries(task):
        chosen |= dict.fromkeys(_best(words, query, per_query))
    return Found(
        passages=tuple(passages[i] for i in sorted(chosen)),
        files=tuple(p.relative_to(folder).as_posix() for p in read),
        skipped=tuple(p.relative_to(folder).as_posix() for p in paths if p not in read),
    )


def _queries(task: Task) -> list[list[str]]:
    classes = [" ".join((c.name, *c.aliases, c.description)) for c in task.classes]
    return [_words(text) for text in (" ".join((task.instruction, *classes)), *classes)]


def _best(passages: Sequence[list[str]], query: list[str], count: int) -> list[int]:
    """Indices of the highest-scoring passages, those without any word of the query left out."""
    if not passages:
        return []
    counts = [Counter(words) for words in passages]
    holding = Counter(word for words in counts for word in words)
    mean = sum(map(len, passages)) / len(passages) or 1.0
    scores = []
    for index, (words, found) in enumerate(zip(passages, counts, strict=True)):
        norm = _K1 * (1 - _B + _B * len(words) / mean)
        score = sum(
            math.log(1 + (len(passages) - holding[t] + 0.5) / (holding[t] + 0.5))
            * found[t]
            * (_K1 + 1)
            / (found[t] + norm)
            for t in set(query)
            if found[t]
        )
        scores.append((-score, index))
    return [index for score, index in sorted(scores)[:count] if score < 0]


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.casefold()) if len(word) > 2]


def _passages(path: Path, name: str) -> Iterator[Passage]:
    for place, text in _sections(path):
        lines: list[tuple[int, str]] = []
        size = 0
        for number, line in enumerate(text.splitlines(), start=1):
            # A passage ends at a paragraph's end once it is long enough, or when it must.
            if size >= _PASSAGE_WORDS and (not line.strip() or size >= 2 * _PASSAGE_WORDS):
                yield _passage(name, place, lines)
                lines, size = [], 0
            if line.strip():
                lines.append((number, line.strip()))
                size += len(line.split())
        if lines:
            yield _passage(name, place, lines)


def _passage(name: str, place: str, lines: Sequence[tuple[int, str]]) -> Passage:
    where = place or f"lines {lines[0][0]}-{lines[-1][0]}"
    return Passage(f"{name}, {where}", "\n".join(line for _, line in lines))


def _sections(path: Path) -> Iterator[tuple[str, str]]:
    """The texts of a file, each with its place where lines would not name it."""
    suffix = path.suffix.casefold()
    if suffix == ".pdf":
        yield from _pdf_pages(path)
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadTask(
            f"Document {path.name!r} is not UTF-8 (byte {error.start}); save it as UTF-8."
        ) from None
    yield "", _html_text(text) if suffix.startswith(".htm") else text


def _pdf_pages(path: Path) -> Iterator[tuple[str, str]]:
    try:
        import pypdf
    except ImportError:
        raise MissingExtra.needed_by("document", path.name, "documents") from None
    try:
        for number, page in enumerate(pypdf.PdfReader(path).pages, start=1):
            yield f"page {number}", page.extract_text()
    except Exception as error:  # noqa: BLE001 - a broken PDF breaks its reader in many ways
        raise BadTask(
            f"Document {path.name!r} cannot be read ({type(error).__name__}); save it as text."
        ) from None


class _Reader(HTMLParser):
    """Collects the text of a page, a line per block."""

    _SILENT = ("script", "style", "head", "template", "noscript")
    _INLINE = ("a", "b", "i", "em", "strong", "span", "code", "sub", "sup", "u", "small", "mark")

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._silent += tag in self._SILENT
        if tag not in self._INLINE:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in self._SILENT))
        if tag not in self._INLINE:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(re.sub(r"\s+", " ", data))


def _html_text(text: str) -> str:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return re.sub(r"\n{2,}", "\n\n", "".join(reader.parts))
