"""Induce: readable programs from known rows, which any sandbox takes and no name breaks."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alchemist.core.errors import BadRows
from alchemist.core.program import Program
from alchemist.sandbox.policy import check
from alchemist.synthesis.induce import VIEWS, induce, wilson_low

CLASSES = ("bikes", 'soup\'s "best"')
WORDS = (["saddle", "wheel", "brake", "gear box"], ["soup", "bread", "cheese plate", "tea"])


def topics(n: int, seed: int = 0) -> tuple[list[dict[str, str]], list[int]]:
    rng = np.random.default_rng(seed)
    labels = [int(y) for y in rng.integers(0, 2, n)]
    texts = [
        " ".join([*rng.choice(WORDS[y], 3), *rng.choice(["the", "a", "of"], 4)]) for y in labels
    ]
    return [{"text": text} for text in texts], labels


def votes(program: Program, rows: list[dict[str, str]]) -> list[object]:
    space: dict[str, object] = {}
    exec(compile(program.source, program.name, "exec"), space)
    entry = space["label"]
    return [entry(**row) for row in rows]  # type: ignore[operator]


@pytest.mark.slow
def test_two_topics_are_told_apart_on_rows_never_seen() -> None:
    induced = induce(*topics(60), CLASSES)
    rows, labels = topics(200, seed=1)
    assert len(induced) >= 5
    shares = []
    for one in induced:
        said = votes(one.program, rows)
        right = [v == CLASSES[y] for v, y in zip(said, labels, strict=True) if v is not None]
        shares.append(np.mean(right) - one.precision_low)
        if one.program.name == "weighing_words":
            assert np.mean(right) > 0.95
            assert len(right) > 150
    # The floors are estimates: most programs keep theirs, and on the whole they do.
    assert np.mean(np.array(shares) >= 0) > 0.7
    assert np.mean(shares) > 0


@pytest.mark.slow
def test_programs_pass_the_policy_and_say_what_they_rest_on() -> None:
    induced = induce(*topics(60), CLASSES)
    for one in induced:
        assert check(one.program.source) == []
        assert one.program.origin.origin == "induced"
        assert f"spoke on {one.votes} known rows" in one.program.description
        assert one.right <= one.votes
    assert len({one.program.name for one in induced}) == len(induced)


@pytest.mark.slow
def test_several_inputs_become_parameters() -> None:
    rows, labels = topics(60)
    split = [dict(zip(("title", "body"), r["text"].rsplit(" ", 3), strict=False)) for r in rows]
    induced = induce(split, labels, CLASSES, ("title", "body"))
    for one in induced:
        assert check(one.program.source, inputs=("title", "body")) == []
        assert len(votes(one.program, split)) == 60


@pytest.mark.slow
def test_the_same_rows_give_the_same_programs() -> None:
    assert induce(*topics(40), CLASSES) == induce(*topics(40), CLASSES)


@pytest.mark.slow
def test_a_class_nobody_has_is_never_voted_for() -> None:
    rows, labels = topics(40)
    for one in induce(rows, labels, (*CLASSES, "nobody")):
        assert "nobody" not in votes(one.program, rows)


@pytest.mark.slow
def test_labels_without_a_pattern_give_few_programs_and_low_floors() -> None:
    rows, _ = topics(60)
    chance = [int(y) for y in np.random.default_rng(5).integers(0, 2, 60)]
    assert all(one.precision_low < 0.9 for one in induce(rows, chance, CLASSES))


@pytest.mark.parametrize(
    ("n", "labels"), [(9, [0, 1] * 4 + [0]), (20, [1] * 20)], ids=["too few rows", "one class"]
)
def test_too_little_to_learn_from_is_said(n: int, labels: list[int]) -> None:
    with pytest.raises(BadRows, match="needs 10 or more known rows of at least two classes"):
        induce(topics(n)[0], labels, CLASSES)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
@given(
    text=st.text(max_size=60) | st.sampled_from(["İstanbul'da", "a  b\n\nc", "ΑΣ ΐ", "___ it's"])
)
def test_a_program_sees_the_terms_it_was_made_from(view: object, text: str) -> None:
    space: dict[str, object] = {}
    exec(f"import re\ndef found(text):\n{view.code}\n    return found", space)  # type: ignore[attr-defined]
    assert space["found"](text) == view.terms(text)  # type: ignore[operator, attr-defined]


@pytest.mark.slow
@settings(max_examples=8)
@given(st.lists(st.tuples(st.text(max_size=25), st.integers(0, 1)), min_size=10, max_size=25))
def test_no_text_whatever_makes_a_program_the_sandbox_refuses(known: list[tuple[str, int]]) -> None:
    rows = [{"text": text * 2} for text, _ in known]
    labels = [y for _, y in known]
    if len(set(labels)) < 2:
        return
    for one in induce(rows, labels, CLASSES):
        assert check(one.program.source) == [], one.program.source
        votes(one.program, rows)


@given(st.integers(0, 50), st.integers(0, 50))
@example(0, 49)
def test_the_floor_lies_under_the_share_and_grows_with_evidence(right: int, wrong: int) -> None:
    def low(k: int, n: int) -> float:
        return float(wilson_low(np.array(float(k)), np.array(float(n))))

    n = right + wrong
    assert 0 <= low(right, n) <= (right / n if n else 0) + 1e-12
    assert low(2 * right, 2 * n) >= low(right, n) - 1e-12
