"""Files: whole or absent, and logs of which only the last line may tear."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemist.core.files import append_line, read_lines, write_atomically

records = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(), max_size=3)


def test_a_written_file_holds_the_content_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.json"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_a_failed_write_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, b"old")

    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_missing_log_is_empty(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "none.jsonl").records == ()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(entries=st.lists(records, max_size=6), cut=st.integers(0, 200))
def test_whatever_is_cut_off_the_end_only_the_last_record_is_lost(
    tmp_path_factory: pytest.TempPathFactory, entries: list[dict[str, Any]], cut: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "ledger.jsonl"
    for entry in entries:
        append_line(path, entry)
    whole = path.read_bytes() if entries else b""
    kept = whole[: max(0, len(whole) - cut)]
    path.write_bytes(kept)
    append_line(path, {"after": "crash"})

    lines = read_lines(path)
    complete = kept.count(b"\n")
    # A record whose text is whole counts even when only its newline was lost.
    assert lines.records[:complete] == tuple(entries[:complete])
    assert lines.records[-1] == {"after": "crash"}
    assert len(lines.records) + len(lines.broken) == complete + 1 + (
        not kept.endswith(b"\n") and bool(kept)
    )


@pytest.mark.parametrize("line", [b"[1, 2]", b"{", b"\xff\xfe", b"null"], ids=repr)
def test_a_line_that_is_no_object_is_named_by_its_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"a": 1}\n' + line + b'\n{"b": 2}\n')
    lines = read_lines(path)
    assert lines.records == ({"a": 1}, {"b": 2})
    assert lines.broken == (2,)
