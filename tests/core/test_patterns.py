from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from alchemist.core.patterns import PatternCounts, find_patterns
from alchemist.core.votes import MISSING, Votes

K = 4
sides = st.integers(1, 7)
matrices = arrays(np.int16, st.tuples(sides, sides), elements=st.integers(MISSING, K - 1))


@given(matrices)
def test_patterns_are_the_distinct_rows_with_their_counts(matrix: NDArray[np.int16]) -> None:
    found = find_patterns(matrix)

    slow = Counter(tuple(row) for row in matrix.tolist())
    assert [tuple(row) for row in found.patterns.tolist()] == sorted(slow)
    assert found.counts.tolist() == [slow[row] for row in sorted(slow)]
    np.testing.assert_array_equal(found.patterns[found.inverse], matrix)


@given(matrices, st.data())
def test_merging_counts_equals_counting_merged(
    matrix: NDArray[np.int16], data: st.DataObject
) -> None:
    votes = Votes(matrix, tuple(map(str, range(matrix.shape[1]))), K)
    cut = data.draw(st.integers(0, len(matrix)))
    parts = [Votes(piece, votes.programs, K) for piece in (matrix[:cut], matrix[cut:])]

    merged = PatternCounts.of(parts[0]) + PatternCounts.of(parts[1])

    whole = PatternCounts.of(votes)
    np.testing.assert_array_equal(merged.patterns, whole.patterns)
    np.testing.assert_array_equal(merged.counts, whole.counts)


def test_counting_leaves_the_matrix_of_the_caller_writable() -> None:
    matrix = np.zeros((3, 2), dtype=np.int16)
    PatternCounts.of(Votes(matrix, ("a", "b"), 2))
    matrix[0, 0] = 1
    assert matrix[0, 0] == 1


@pytest.mark.parametrize("votes", [(-2, -1), (-1, 0), (-2, 1), (-2, 76)], ids=str)
def test_rows_of_many_programs_that_differ_in_one_vote_are_told_apart(
    votes: tuple[int, int],
) -> None:
    low, high = votes
    matrix = np.full((61, 60), low, dtype=np.int16)
    matrix[np.arange(60), np.arange(60)] = high
    found = find_patterns(matrix)
    assert len(found.patterns) == 61
    np.testing.assert_array_equal(found.patterns[found.inverse], matrix)
