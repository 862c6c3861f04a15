import pytest

from docs.generate import REFERENCE, pages


@pytest.mark.slow
@pytest.mark.parametrize("name", ["commands.md", "errors.md", "python.md"])
def test_reference_pages_say_what_the_code_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    assert (REFERENCE / name).read_text(encoding="utf-8") == pages()[name], "run: make docs"
