"""Diversity against its definitions in plain Python, and what must hold for any votes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.core.patterns import PatternCounts
from alchemist.core.votes import Votes
from alchemist.measures.diversity import FAMILY, Diversity, diversity


def compared(matrix: list[list[int]], k: int = 3) -> Diversity:
    votes = np.array(matrix, dtype=np.int16)
    names = tuple(f"p{j}" for j in range(votes.shape[1]))
    return diversity(PatternCounts.of(Votes(votes, names, k)))


@st.composite
def matrices(draw: st.DrawFn) -> list[list[int]]:
    m = draw(st.integers(1, 6))
    row = st.lists(st.integers(-2, 2), min_size=m, max_size=m)
    return draw(st.lists(row, min_size=1, max_size=12))


@given(matrices())
def test_the_maps_are_what_their_definitions_say(matrix: list[list[int]]) -> None:
    found = compared(matrix)
    m = len(matrix[0])
    cast = [{(i, row[j]) for i, row in enumerate(matrix) if row[j] >= 0} for j in range(m)]
    for a in range(m):
        for b in range(m):
            union = cast[a] | cast[b]
            expected = len(cast[a] & cast[b]) / len(union) if union else float(a == b)
            assert found.alike[a, b] == pytest.approx(expected)
            rows = {i for i, _ in cast[a]} & {i for i, _ in cast[b]}
            if rows:
                assert found.agree[a, b] == pytest.approx(len(cast[a] & cast[b]) / len(rows))
            else:
                assert math.isnan(found.agree[a, b])


@given(matrices())
def test_what_a_program_adds_is_counted_row_by_row(matrix: list[list[int]]) -> None:
    for j, one in enumerate(compared(matrix).own):
        spoken = [row for row in matrix if row[j] >= 0]
        n = max(len(spoken), 1)
        alone = [row for row in spoken if sum(v >= 0 for v in row) == 1]
        unseconded = [row for row in spoken if row.count(row[j]) == 1]
        assert one.alone == pytest.approx(len(alone) / n)
        assert one.unseconded == pytest.approx(len(unseconded) / n)


@given(matrices())
def test_every_program_is_in_one_family_and_voices_lie_between_one_and_all(
    matrix: list[list[int]],
) -> None:
    found = compared(matrix)
    members = [name for family in found.families for name in family.members]
    assert sorted(members) == sorted(found.programs)
    assert 1 - 1e-6 <= found.voices <= len(found.programs) + 1e-6
    for family in found.families:
        assert len(family.members) == 1 or family.alike >= FAMILY - 1e-9
        assert all(set(group) <= set(family.members) for group in family.same)


@given(matrices(), st.integers(0, 5))
def test_a_copy_joins_its_original_and_adds_no_voice(matrix: list[list[int]], which: int) -> None:
    j = which % len(matrix[0])
    if all(row[j] < 0 for row in matrix):
        return
    found = compared([[*row, row[j]] for row in matrix])
    name, copy = f"p{j}", f"p{len(matrix[0])}"
    assert found.own[-1].alike == 1.0
    (family,) = (one for one in found.families if name in one.members)
    assert any({name, copy} <= set(group) for group in family.same)
    assert found.voices <= len(matrix[0]) + 1e-6


def test_programs_that_share_no_vote_are_as_many_voices() -> None:
    found = compared([[0, -1, -1], [-1, 0, -1], [-1, -1, 1]])
    assert found.voices == pytest.approx(3)
    assert [family.members for family in found.families] == [("p0",), ("p1",), ("p2",)]
    assert all((one.nearest, one.alone) == (None, 1.0) for one in found.own)


def test_families_are_joined_by_the_mean_over_members_not_by_one_link() -> None:
    # p0 and p1 share two of four votes, p1 and p2 too, p0 and p2 one of five: (.5 + .2) / 2 < .5.
    found = compared([[0, 0, -1], [0, 0, 0], [0, -1, -1], [-1, 0, 0], [-1, -1, 0]])
    assert [family.members for family in found.families] == [("p0", "p1"), ("p2",)]


def test_the_dictionary_is_ready_for_json() -> None:
    found = compared([[0, -1], [-1, 1]]).to_dict()
    assert found["agree"] == [[1.0, None], [None, 1.0]]
    assert found["alike"] == [[1.0, 0.0], [0.0, 1.0]]


def test_no_program_is_no_voice() -> None:
    found = diversity(PatternCounts.of(Votes(np.zeros((2, 0), np.int16), (), 2)))
    assert (found.voices, found.families, found.own) == (0.0, (), ())
