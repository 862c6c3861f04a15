import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemist.concepts import reading
from alchemist.concepts.cache import Cache, Entry
from alchemist.concepts.reading import Raw, extract_all


class Lengths:
    """Reads an item as its length; refuses what is longer than five bytes."""

    fingerprint = "lengths"
    width = 2

    def __init__(self) -> None:
        self.read_so_far: list[bytes] = []

    def read(self, items: Sequence[bytes]) -> list[Raw | str]:
        self.read_so_far += items
        return [
            "too long"
            if len(one) > 5
            else Raw(np.array([len(one), 1], dtype=np.float32), "even" if len(one) % 2 == 0 else "")
            for one in items
        ]


def found(source: Lengths, items: Sequence[bytes | None], cache: Cache | None = None) -> object:
    out = extract_all(source, items, cache, 2, lambda values: values)
    return out.values.tolist(), dict(out.problems), dict(out.notes)


def test_an_item_that_comes_twice_is_read_once() -> None:
    source = Lengths()
    values, problems, notes = found(source, [b"ab", b"abc", b"ab", None, b"ab"])  # type: ignore[misc]
    assert source.read_so_far == [b"ab", b"abc"]
    assert [row[0] for row in values] == [2, 3, 2, pytest.approx(np.nan, nan_ok=True), 2]
    assert (problems, notes) == ({3: "missing"}, {0: "even", 2: "even", 4: "even"})


@settings(max_examples=30)
@given(st.lists(st.none() | st.binary(max_size=7), max_size=30), st.integers(1, 5))
def test_chunks_change_nothing(items: list[bytes | None], chunk: int) -> None:
    whole = extract_all(Lengths(), items, None, 2, lambda values: values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "CHUNK", chunk)
        parts = extract_all(Lengths(), items, None, 2, lambda values: values)
    np.testing.assert_array_equal(whole.values, parts.values)
    assert (whole.problems, whole.notes) == (parts.problems, parts.notes)


def test_what_was_read_once_is_never_read_again(tmp_path: Path) -> None:
    items = [b"a", b"toolong", b"abcd", None]
    first = found(Lengths(), items, Cache(tmp_path / "cache.sqlite"))
    again = Lengths()
    second = found(again, items, Cache(tmp_path / "cache.sqlite"))
    assert again.read_so_far == []
    assert str(first) == str(second)


def test_another_fingerprint_reads_anew(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.sqlite")
    found(Lengths(), [b"a"], cache)
    other = Lengths()
    other.fingerprint = "lengths 2"
    found(other, [b"a"], cache)
    assert other.read_so_far == [b"a"]


@pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3\0" + b"x" * 5000])
def test_a_damaged_cache_is_begun_anew(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    path.write_bytes(damage)
    cache = Cache(path)
    cache.put({b"k" * 16: Entry(b"vect")})
    assert cache.get([b"k" * 16]) == {b"k" * 16: Entry(b"vect")}


def test_keys_that_share_their_integer_are_not_mistaken_for_each_other(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.sqlite")
    one, two = b"12345678" + b"a" * 8, b"12345678" + b"b" * 8
    cache.put({one: Entry(b"1111")})
    assert cache.get([two]) == {}
    cache.put({two: Entry(None, "why")})
    assert cache.get([one, two]).get(one) is None


def test_a_cache_in_use_can_be_written_by_another(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    first, second = Cache(path), Cache(path)
    first.put({bytes([i]) * 16: Entry(b"1111") for i in range(50)})
    second.put({bytes([i]) * 16: Entry(b"2222") for i in range(50, 99)})
    assert len(first.get([bytes([i]) * 16 for i in range(99)])) == 99
    first.close()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM vectors").fetchone() == (99,)
