import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import MISSING, Votes
from alchemist.measures.agreement import agreement

K = 3
sides = st.integers(1, 6)
matrices = arrays(np.int16, st.tuples(sides, sides), elements=st.integers(MISSING, K - 1))


@settings(max_examples=60, deadline=None)
@given(matrices)
def test_shares_are_counted_row_by_row(matrix: NDArray[np.int16]) -> None:
    n, m = matrix.shape
    votes = Votes(matrix, tuple(f"p{j}" for j in range(m)), K)
    found = agreement(PatternCounts.of(votes))

    rows = [[int(v) for v in row] for row in matrix]
    assert found.n == n
    assert found.coverage == pytest.approx(np.mean([any(v >= 0 for v in r) for r in rows]))
    assert found.overlap == pytest.approx(np.mean([sum(v >= 0 for v in r) > 1 for r in rows]))
    assert found.conflict == pytest.approx(np.mean([len({*r} - {-1, -2}) > 1 for r in rows]))
    for j, one in enumerate(found.programs):
        others = [[v for i, v in enumerate(r) if i != j and v >= 0] for r in rows]
        own = [r[j] for r in rows]
        spoke = [v >= 0 for v in own]
        beside = [s and bool(o) for s, o in zip(spoke, others, strict=True)]
        against = [
            s and any(v != mine for v in o) for s, o, mine in zip(spoke, others, own, strict=True)
        ]
        assert one.name == f"p{j}"
        assert one.coverage == pytest.approx(np.mean(spoke))
        assert one.overlap == pytest.approx(np.mean(beside))
        assert one.conflict == pytest.approx(np.mean(against))
        assert one.missing == pytest.approx(own.count(MISSING) / n)
        assert one.votes == tuple(own.count(c) for c in range(K))


def test_no_rows_have_no_shares() -> None:
    votes = Votes(np.zeros((0, 2), dtype=np.int16), ("a", "b"), K)
    found = agreement(PatternCounts.of(votes))
    assert (found.n, found.coverage, found.programs[1].conflict) == (0, 0.0, 0.0)
    assert found.programs[0].to_dict()["votes"] == [0, 0, 0]
