"""Terms: ranked by a likelihood ratio, and never of so few rows that one could be told by them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.synthesis.terms import FEWEST_ROWS, TermTable, _likelihood_ratio

WORDS = st.sampled_from(["alpha", "beta", "gamma", "delta", "l'été", "x"])
TEXTS = st.lists(st.lists(WORDS, max_size=6).map(" ".join), min_size=1, max_size=40)


def halves(first: list[bool]) -> np.ndarray:
    return np.stack([first, np.logical_not(first)], axis=1).astype(float)


@given(TEXTS, st.integers(0, 2**16))
def test_a_term_is_held_by_several_rows(texts: list[str], seed: int) -> None:
    table = TermTable.of(texts)
    assert len(table.names) == len(set(table.names))
    for name in table.names:
        rows = sum(f" {name} " in f" {text} " for text in texts)
        assert rows >= FEWEST_ROWS
    first = (np.random.default_rng(seed).random(len(texts)) < 0.5).tolist()
    told = table.telling(halves(first), 100)
    assert {term for group in told for term in group} <= set(table.names)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=5))
def test_the_ratio_is_twice_the_gain_in_log_likelihood(held: list[tuple[int, int]]) -> None:
    size = np.array([20.0, 30.0])
    found = _likelihood_ratio(np.array(held, dtype=float), size)
    for (a, b), score in zip(held, found, strict=True):
        expected = 0.0
        for count, n in ((a, size[0]), (b, size[1])):
            together = (a + b) / size.sum()
            for seen, mean in ((count, n * together), (n - count, n * (1 - together))):
                expected += 2 * seen * math.log(seen / mean) if seen else 0.0
        assert score == pytest.approx(expected, abs=1e-9)


def test_terms_go_to_the_group_that_holds_them_most_without_pairs_that_add_nothing() -> None:
    texts = ["red wine"] * 30 + ["new york"] * 30 + ["york minster"] * 30
    groups = np.repeat(np.eye(3), 30, axis=0)
    first, second, third = TermTable.of(texts).telling(groups, 10)
    assert first == ("red", "wine")
    assert second == ("new", "york")
    assert third == ("minster",)


def test_no_more_terms_than_asked_and_none_by_chance() -> None:
    texts = [f"word{n % 7} other{n % 5}" for n in range(200)]
    even = halves([n % 2 == 0 for n in range(200)])
    assert TermTable.of(texts).telling(even, 100) == ((), ())
    telling = halves([n % 7 == 0 for n in range(200)])
    assert sum(map(len, TermTable.of(texts).telling(telling, 1))) == 1
    assert TermTable.of([]).telling(np.zeros((0, 2)), 5) == ((), ())
