import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_front_door_is_light() -> None:
    look = (
        "import sys, alchemist\n"
        "heavy = {'torch', 'pandas', 'sklearn', 'scipy', 'pyarrow', 'pydantic', 'openai', 'typer'}\n"
        "print(heavy & sys.modules.keys())"
    )
    seen = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "set()"


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [one for group in project["optional-dependencies"].values() for one in group]
    page = (ROOT / "docs/decisions/dependencies.md").read_text()
    for requirement in (*project["dependencies"], *extras):
        name = re.split(r"[\[<>=~! ;]", requirement)[0]
        assert name in page, name


@pytest.mark.parametrize(
    "page", sorted(p.relative_to(ROOT) for p in ROOT.glob("*.md")) + sorted(p.relative_to(ROOT) for p in ROOT.glob("docs/**/*.md")), ids=str
)  # fmt: skip
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert ((ROOT / page).parent / target).exists(), target
