"""Every tutorial runs as it stands: its Python, its programs, its commands.

```python          runs, in one namespace per page
```python a/b.py   is written to that file
```sh              one `alchemist` command per line; each must succeed
```text            each line was said by the commands just before
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from alchemist.cli.app import app, spelled_out

PAGES = Path(__file__).parents[2] / "docs" / "tutorial"
NEEDS = {"image": ("PIL",), "video": ("av", "PIL")}
EVERY = ("text", "tabular", "series", "audio", "image", "video")
_FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the file it is, and what is in it."""

    language: str
    file: str
    content: str


def blocks(page: str) -> list[Block]:
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return [Block(*(part or "" for part in found)) for found in _FENCE.findall(text)]


def commands(content: str) -> list[list[str]]:
    return [shlex.split(line) for line in content.replace("\\\n", " ").strip().splitlines()]


def test_every_modality_has_a_tutorial() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(EVERY)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.extra(page) if page in NEEDS else ()) for page in EVERY],
)
def test_a_tutorial_runs_as_it_stands(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in NEEDS.get(page, ()):
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    space: dict[str, object] = {}
    said = ""
    for block in blocks(page):
        if block.language == "sh":
            capsys.readouterr()
            for program, *words in commands(block.content):
                assert program == "alchemist", program
                app(spelled_out(words), standalone_mode=False)
            said = " ".join("".join(capsys.readouterr()).split())
        elif block.language == "text":
            for line in block.content.strip().splitlines():
                assert " ".join(line.split()) in said, f"{line!r} is not in: {said}"
        elif block.file:
            Path(block.file).write_text(block.content, encoding="utf-8")
        else:
            assert block.language == "python", block.language
            exec(compile(block.content, f"{page}.md", "exec"), space)
