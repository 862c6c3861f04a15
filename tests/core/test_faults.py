from hypothesis import given
from hypothesis import strategies as st

from alchemist.core.faults import EXAMPLES_KEPT, Fault, Faults

faults = st.lists(
    st.builds(
        Fault,
        program=st.sampled_from("ab"),
        kind=st.sampled_from(["exception", "timeout"]),
        message=st.just("m"),
        row=st.sampled_from(["1", "2", None]),
    )
)


@given(faults, faults)
def test_counts_stay_exact_when_added(one: list[Fault], two: list[Fault]) -> None:
    assert (Faults.of(one) + Faults.of(two)).counts == Faults.of(one + two).counts


def test_examples_are_capped_and_counts_are_not() -> None:
    many = Faults.of(Fault("p", "exception", "m", row=str(i)) for i in range(3 * EXAMPLES_KEPT))
    both = many + many
    assert both.total == 6 * EXAMPLES_KEPT
    assert len(both.examples) == EXAMPLES_KEPT
