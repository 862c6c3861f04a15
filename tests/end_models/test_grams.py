import math
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import vstack

from alchemist.end_models import grams

words = st.text(st.sampled_from("abcé'!0 "), max_size=12)
texts = st.lists(words, min_size=1, max_size=6)


def plain_grams(text: str) -> Counter[tuple[str, ...]]:
    """The definition, one string at a time."""
    padded = f" {' '.join(text.lower().split())} "
    tokens = re.findall(r"[^\W_]+", padded)
    found = [("word", token) for token in tokens]
    found += [("pair", *pair) for pair in pairwise(tokens)]
    found += [("mark", one) for one in padded if one != " " and not one.isalnum()]
    for n in (3, 4, 5):
        for i in range(len(padded) - n + 1):
            piece = padded[i : i + n]
            if " " not in piece[1:-1]:
                found.append(("chars", piece))
    return Counter(found)


@settings(max_examples=30, deadline=None)
@given(texts)
def test_vocabulary_counts_texts_as_the_definition_does(rows: list[str]) -> None:
    found = grams.learn_vocabulary(rows, max_features=10_000, min_rows=1)

    holding = Counter(gram for row in rows for gram in plain_grams(row))
    assert found.n_words == sum(gram[0] != "chars" for gram in holding)
    idf = [math.log((1 + len(rows)) / (1 + n)) + 1 for n in holding.values()]
    np.testing.assert_allclose(np.sort(found.idf), sorted(idf), rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(texts)
def test_tfidf_values_are_those_of_the_definition(rows: list[str]) -> None:
    vocabulary = grams.learn_vocabulary(rows, max_features=10_000, min_rows=1)
    table = vstack([chunk for _, chunk in grams.weigher(vocabulary)(rows)], format="csr")

    holding = Counter(gram for row in rows for gram in plain_grams(row))
    for i, row in enumerate(rows):
        for in_block in ({"word", "pair", "mark"}, {"chars"}):
            values = [
                (1 + math.log(n)) * (math.log((1 + len(rows)) / (1 + holding[gram])) + 1)
                for gram, n in plain_grams(row).items()
                if gram[0] in in_block
            ]
            length = math.sqrt(sum(v * v for v in values))
            columns = slice(0, vocabulary.n_words)
            if in_block == {"chars"}:
                columns = slice(vocabulary.n_words, None)
            got = table[i, columns].data
            np.testing.assert_allclose(np.sort(got), np.sort(values) / (length or 1), rtol=1e-5)


def test_rare_grams_and_the_least_frequent_are_left_out() -> None:
    rows = ["red bike", "red car", "red boat", "blue boat"]
    twice = grams.learn_vocabulary(rows, max_features=10_000, min_rows=2)
    assert twice.n_words == 2
    best = grams.learn_vocabulary(rows, max_features=1, min_rows=1)
    assert len(best) == 2
    assert best.idf[0] == pytest.approx(math.log(5 / 4) + 1)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"text number {i} says {i % 7}" for i in range(60)]
    vocabulary = grams.learn_vocabulary(rows, max_features=500, min_rows=1)
    whole = vstack([chunk for _, chunk in grams.weigher(vocabulary)(rows)])

    monkeypatch.setattr(grams, "_CHUNK_CHARS", 100)
    cut = grams.learn_vocabulary(rows, max_features=500, min_rows=1)
    np.testing.assert_array_equal(cut.buckets, vocabulary.buckets)
    pieces = list(grams.weigher(cut)(rows))
    assert len(pieces) > 10
    assert [first for first, _ in pieces][:2] == [0, pieces[0][1].shape[0]]
    assert (vstack([chunk for _, chunk in pieces]) != whole).nnz == 0


def test_case_and_blanks_do_not_count() -> None:
    rows = ["Two  Wheels\n", "two wheels"]
    vocabulary = grams.learn_vocabulary(rows, max_features=500, min_rows=1)
    table = vstack([chunk for _, chunk in grams.weigher(vocabulary)(rows)], format="csr")
    assert (table[0] != table[1]).nnz == 0
