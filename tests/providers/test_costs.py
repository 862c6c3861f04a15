"""Costs: the ledger read back, by stage, model, program and label, and what left the machine."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemist.core.exchange import Message, Reply, Request, Usage
from alchemist.core.files import append_line
from alchemist.core.program import Origin, Program
from alchemist.providers.costs import read_costs, read_sent
from alchemist.providers.ledger import Entry, Ledger
from alchemist.providers.prices import OwnPrice, PriceTable
from alchemist.providers.runner import Runner, RunnerSettings
from alchemist.providers.scripted import Function

PRICES = PriceTable({"m": OwnPrice(1e6, 1e6), "n": OwnPrice(2e6, 2e6)})


class Far(Function):
    """A callable that says where it sends things."""

    destination = "https://far.example"


def ask(folder: Path, *requests: Request, usage: bool = True, **settings: Any) -> Runner:
    def answer(request: Request) -> Reply:
        return Reply("one two three", usage=Usage(5, 7) if usage else None)

    runner = Runner(
        Far(answer),
        RunnerSettings(
            "far",
            folder / "calls",
            folder / "ledger.jsonl",
            sent=folder / "sent.jsonl",
            **settings,
        ),
        prices=PRICES,
    )
    runner.ask_blocking(requests)
    return runner


def request(text: str, **changes: Any) -> Request:
    return Request((Message("user", text),), **{"model": "m", "max_tokens": 50, **changes})


def test_the_bill_is_split_by_stage_and_model(tmp_path: Path) -> None:
    ask(tmp_path, request("a"), request("b", model="n"), request("c", purpose="annotate"))
    ask(tmp_path, request("a"))
    costs = read_costs(tmp_path / "ledger.jsonl", n_labels=10)
    assert (costs.total.calls, costs.total.cached, costs.total.usd) == (3, 1, 48)
    assert {line.name: line.usd for line in costs.stages} == {"synthesize": 36, "annotate": 12}
    assert {line.name: line.usd for line in costs.models} == {"far:m": 24, "far:n": 24}
    assert costs.per_label_usd == pytest.approx(4.8)


def test_unpriced_and_estimated_calls_are_counted_apart(tmp_path: Path) -> None:
    ask(tmp_path, request("a"), request("b", model="nobody-prices-this"), usage=False)
    costs = read_costs(tmp_path / "ledger.jsonl", n_labels=10)
    assert (costs.total.unpriced, costs.total.estimated) == (1, 2)
    assert costs.per_label_usd is None


def test_a_price_taken_from_another_model_is_named(tmp_path: Path) -> None:
    ask(tmp_path, request("a", model="local"), price_as="n", free=True)
    costs = read_costs(tmp_path / "ledger.jsonl")
    assert costs.total.price_as == ("n",)
    assert costs.total.usd == 24


def test_programs_bring_their_own_share(tmp_path: Path) -> None:
    programs = [Program("a", "", Origin("far:m", cost_usd=0.5)), Program("b", "")]
    costs = read_costs(tmp_path / "ledger.jsonl", programs)
    assert [(p.name, p.origin, p.usd) for p in costs.programs] == [
        ("a", "far:m", 0.5),
        ("b", "hand", None),
    ]


def test_a_torn_ledger_line_is_told_and_the_rest_counts(tmp_path: Path) -> None:
    ask(tmp_path, request("a"))
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes() + b'{"time": "20')
    costs = read_costs(ledger)
    assert (costs.broken, costs.total.usd) == ((3,), 12)
    assert Ledger(ledger).standing().broken == (3,)


def test_every_request_sent_is_listed_with_what_it_held(tmp_path: Path) -> None:
    ask(tmp_path, request("a"), request("grüße", holds=("task", "rows"), purpose="annotate"))
    first, second = read_sent(tmp_path / "sent.jsonl")
    assert (first.to, first.model, first.purpose, first.holds, first.bytes) == (
        "https://far.example",
        "m",
        "synthesize",
        ("task",),
        1,
    )
    assert (second.purpose, second.holds, second.bytes) == ("annotate", ("task", "rows"), 7)
    assert first.call == request("a").hash


def test_what_stays_here_is_not_listed(tmp_path: Path) -> None:
    settings = RunnerSettings(
        "here", tmp_path / "calls", tmp_path / "ledger.jsonl", sent=tmp_path / "sent.jsonl"
    )
    Runner(Function(lambda r: "x"), settings, prices=PRICES).ask_blocking([request("a")])
    assert read_sent(tmp_path / "sent.jsonl") == ()


OUTCOMES = st.sampled_from(["reserved", "unknown", "released", "answered"])


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"), OUTCOMES, st.integers(0, 9), st.none() | st.integers(0, 9)
        )
    )
)
def test_the_running_sums_are_those_of_the_last_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str, int, int | None]]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    running = Ledger(path)
    last: dict[str, tuple[str, int, int | None]] = {}
    for call, outcome, held, price in lines:
        running.append(
            Entry("t", call, "p", "m", reserved_usd=held, price_usd=price, outcome=outcome)
        )
        last[call] = (outcome, held, price)
    spent = sum(price or 0 for outcome, _, price in last.values() if outcome == "answered")
    held_back = sum(
        held for outcome, held, _ in last.values() if outcome in ("reserved", "unknown")
    )
    for ledger in (running, Ledger(path)):
        assert ledger.standing().spent_usd == pytest.approx(spent)
        assert ledger.standing().reserved_usd == pytest.approx(held_back)
        assert ledger.committed_usd == pytest.approx(spent + held_back)


def test_a_ledger_of_a_later_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    append_line(path, {"call": "a", "outcome": "answered", "price_usd": 3, "colour": "red"})
    assert Ledger(path).standing().spent_usd == 3
