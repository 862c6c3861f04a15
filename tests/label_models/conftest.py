"""Votes whose truth is known, made small and seeded."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from alchemist.core.votes import ABSTAIN, Votes

Make = Callable[..., tuple[Votes, NDArray[np.int64]]]


def names(m: int) -> tuple[str, ...]:
    return tuple(f"p{j}" for j in range(m))


def as_votes(matrix: object, k: int) -> Votes:
    array = np.asarray(matrix)
    return Votes(array, names(array.shape[1]), k)


def dense(
    seed: int = 0,
    *,
    rows: int = 1000,
    precisions: tuple[float, ...] = (0.8,) * 7,
    k: int = 2,
    speaks: float = 0.6,
) -> tuple[Votes, NDArray[np.int64]]:
    """Programs that choose among all classes and err independently."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, rows)
    shape = (rows, len(precisions))
    right = rng.random(shape) < np.array(precisions)
    other = (truth[:, None] + rng.integers(1, k, shape)) % k
    matrix = np.where(right, truth[:, None], other)
    matrix[rng.random(shape) > speaks] = ABSTAIN
    return as_votes(matrix, k), truth


@pytest.fixture
def make_dense() -> Make:
    return dense
