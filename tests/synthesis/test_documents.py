"""Documents: passages that speak of the task, quoted with where they stand."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.core.errors import BadTask
from alchemist.core.task import Task
from alchemist.synthesis.documents import _best, _html_text, find_passages

MakeTask = Callable[..., Task]
FILLER = "\n\n".join(" ".join(f"word{i}x{j}" for j in range(130)) for i in range(6))


def test_passages_are_found_by_the_words_of_the_task(make_task: MakeTask, tmp_path: Path) -> None:
    (tmp_path / "guide").mkdir()
    text = f"{FILLER}\n\nA spam message often names a prize.\n\n{FILLER}"
    (tmp_path / "guide" / "a.txt").write_text(text)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    found = find_passages(tmp_path, make_task())
    assert any("names a prize" in passage.text for passage in found.passages)
    assert not any("word3x" in p.text and "prize" not in p.text for p in found.passages)
    assert found.files == ("guide/a.txt",)
    assert found.skipped == ("picture.png",)


def test_a_passage_says_where_it_stands(make_task: MakeTask, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("\n\n# Spam\n\nPrizes.\n")
    (passage,) = find_passages(tmp_path, make_task()).passages
    assert (passage.source, passage.text) == ("a.md, lines 3-5", "# Spam\nPrizes.")


def test_every_class_gets_its_passages(make_task: MakeTask, tmp_path: Path) -> None:
    loud = "\n\n".join(f"spam spam spam {i} " + "prize " * 130 for i in range(9))
    (tmp_path / "a.txt").write_text(f"{loud}\n\nham is what friends write\n" + "x " * 130)
    texts = [p.text for p in find_passages(tmp_path, make_task(), per_query=1).passages]
    assert any("what friends write" in text for text in texts)


def test_pages_are_read_without_their_machinery() -> None:
    page = (
        "<html><head><title>no</title><style>p{}</style></head><body><h1>Spam</h1>"
        "<p>It <b>names</b> a\nprize &amp; more.</p><script>let no = 1</script><li>one<li>two"
    )
    lines = [line for line in _html_text(page).splitlines() if line.strip()]
    assert lines == ["Spam", "It names a prize & more.", "one", "two"]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        pytest.param("a.txt", b"caf\xe9", "'a.txt' is not UTF-8", id="not UTF-8"),
        pytest.param("a.pdf", b"no pdf", "'a.pdf'", id="a broken pdf, or nothing to read it"),
    ],
)
def test_a_document_that_cannot_be_read_is_named(
    make_task: MakeTask, tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    from alchemist.core.errors import InputError

    with pytest.raises(InputError, match=complaint):
        find_passages(tmp_path, make_task())


def test_a_missing_or_empty_folder_gives_nothing(make_task: MakeTask, tmp_path: Path) -> None:
    assert find_passages(tmp_path / "none", make_task()).passages == ()
    assert issubclass(BadTask, Exception)


WORDS = st.lists(st.sampled_from(["spam", "prize", "friend", "lunch"]), max_size=8)


@given(st.lists(WORDS, min_size=1, max_size=6), WORDS, st.integers(1, 4))
def test_the_best_are_those_of_the_formula(
    passages: list[list[str]], query: list[str], count: int
) -> None:
    def score(words: list[str]) -> float:
        mean = sum(len(one) for one in passages) / len(passages) or 1.0
        total = 0.0
        for term in set(query):
            f, n = words.count(term), sum(term in one for one in passages)
            idf = math.log(1 + (len(passages) - n + 0.5) / (n + 0.5))
            total += idf * f * 2.5 / (f + 1.5 * (0.25 + 0.75 * len(words) / mean))
        return total

    ranked = sorted(range(len(passages)), key=lambda i: (-score(passages[i]), i))
    expected = [i for i in ranked[:count] if score(passages[i]) > 0]
    got = _best(passages, query, count)
    assert [round(score(passages[i]), 9) for i in got] == [
        round(score(passages[i]), 9) for i in expected
    ]
