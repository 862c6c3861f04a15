"""The runner: an answer that arrived is kept, and the wall holds, whatever happens."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from alchemist.core.errors import OverBudget, ProviderError
from alchemist.core.exchange import Message, Reply, Request, Usage
from alchemist.providers.calls import encode
from alchemist.providers.failures import NotSent, Rejected, Throttled, Unclear
from alchemist.providers.ledger import Ledger
from alchemist.providers.prices import OwnPrice, PriceTable
from alchemist.providers.runner import Runner, RunnerSettings, raise_first, run_blocking
from alchemist.providers.scripted import Function, Scripted

# A dollar per token makes the arithmetic plain.
PRICES = PriceTable({"m": OwnPrice(1e6, 1e6)})


def asks(*texts: str, **changes: Any) -> list[Request]:
    changes = {"model": "m", "max_tokens": 100, **changes}
    return [Request((Message("user", text),), **changes) for text in texts]


def reply(text: str = "yes", sent: int = 5, written: int = 7) -> Reply:
    return Reply(text, usage=Usage(sent, written), model="m")


class Heard:
    """Progress that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def bar(self, title: str, total: int | None) -> Any:
        from alchemist.core.progress import Silent

        return Silent().bar(title, total)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def make(folder: Path, provider: Any, **changes: Any) -> Runner:
    progress = changes.pop("progress", None)
    settings = {"first_pause_s": 0.0, "provider": "test", **changes}
    return Runner(
        provider,
        RunnerSettings(calls=folder / "calls", ledger=folder / "ledger.jsonl", **settings),
        prices=PRICES,
        progress=progress,
    )


def test_answers_come_in_the_order_asked_and_are_billed(tmp_path: Path) -> None:
    provider = Function(lambda request: reply(request.messages[0].content.upper()))
    calls = make(tmp_path, provider).ask_blocking(asks("a", "b", "c"))
    assert [call.reply.text for call in calls if call.reply] == ["A", "B", "C"]
    assert [call.price_usd for call in calls] == [12, 12, 12]
    assert Ledger(tmp_path / "ledger.jsonl").standing().spent_usd == 36


def test_a_kept_answer_costs_nothing_and_says_so(tmp_path: Path) -> None:
    make(tmp_path, Scripted([reply()])).ask_blocking(asks("a"))
    heard = Heard()
    again = make(tmp_path, Scripted([]), progress=heard)
    (call,) = again.ask_blocking(asks("a"))
    assert call.cached
    assert call.reply == reply()
    assert (call.price_usd, call.paid_usd) == (0, 12)
    assert heard.said == ["1 of 1 answers were kept from before; they cost nothing now."]
    assert again.ledger.standing().spent_usd == 12
    assert again.ledger.standing().cached == 1


def test_the_same_question_twice_in_one_go_is_asked_once(tmp_path: Path) -> None:
    provider = Scripted([reply()])
    first, second = make(tmp_path, provider).ask_blocking(asks("a", "a"))
    assert first == second
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    "change",
    [{"sample": 1}, {"temperature": 0.1}, {"max_tokens": 99}, {"model": "other"}],
    ids=lambda change: next(iter(change)),
)
def test_whatever_can_change_the_answer_is_another_question(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    provider = Scripted([reply("one"), reply("two")])
    runner = make(tmp_path, provider)
    runner.ask_blocking(asks("a"))
    (call,) = runner.ask_blocking(asks("a", **change))
    assert call.reply is not None
    assert call.reply.text == "two"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda text: text[:-40], id="torn"),
        pytest.param(lambda text: text.replace('"yes"', '"no!"'), id="one word changed"),
        pytest.param(lambda text: "[]", id="other JSON"),
        pytest.param(lambda text: "", id="empty"),
    ],
)
def test_a_damaged_answer_is_told_and_asked_again(tmp_path: Path, damage: Any) -> None:
    make(tmp_path, Scripted([reply()])).ask_blocking(asks("a"))
    (kept,) = (tmp_path / "calls").iterdir()
    kept.write_text(damage(kept.read_text()))
    heard = Heard()
    (call,) = make(tmp_path, Scripted([reply("again")]), progress=heard).ask_blocking(asks("a"))
    assert call.reply is not None
    assert call.reply.text == "again"
    assert heard.said == [f"The kept answer {kept.name} is damaged; it is asked for again."]


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_a_call_that_could_pass_the_wall_is_not_made(tmp_path: Path, concurrency: int) -> None:
    # A call may cost 133 dollars and does cost 12: the wall of 170 leaves room for a fifth only
    # as the ones before it settle, however many are asked side by side.
    provider = Scripted([reply()] * 9)
    runner = make(tmp_path, provider, max_cost_usd=170, concurrency=concurrency)
    calls = runner.ask_blocking(asks(*"abcdefghi"))
    answered = [call.reply is not None for call in calls]
    assert answered.count(True) == len(provider.asked) == 4
    assert runner.ledger.standing().spent_usd == 48
    assert runner.ledger.standing().reserved_usd == 0


def test_over_the_wall_says_what_is_spent_and_what_to_do(tmp_path: Path) -> None:
    (call,) = make(tmp_path, Scripted([reply()]), max_cost_usd=1).ask_blocking(asks("a"))
    with pytest.raises(
        OverBudget, match=r"could cost up to .* pass the limit of \$1: .*--max-cost"
    ):
        raise_first([call])


def test_a_wall_needs_a_price(tmp_path: Path) -> None:
    (call,) = make(tmp_path, Scripted([reply()]), max_cost_usd=1).ask_blocking(
        asks("a", model="nobody-prices-this")
    )
    with pytest.raises(OverBudget, match=r"price of model 'nobody-prices-this' is unknown"):
        raise_first([call])


def test_without_a_wall_an_unknown_price_stays_unknown(tmp_path: Path) -> None:
    runner = make(tmp_path, Scripted([reply()]))
    (call,) = runner.ask_blocking(asks("a", model="nobody-prices-this"))
    assert call.price_usd is None
    assert runner.ledger.standing().unpriced == 1


@pytest.mark.parametrize(
    ("failure", "held"),
    [
        pytest.param(NotSent("no"), 0, id="never sent costs nothing"),
        pytest.param(Throttled("no"), 0, id="throttled costs nothing"),
        pytest.param(Rejected("no"), 0, id="rejected costs nothing"),
        pytest.param(Unclear("no"), 1, id="cut off stays reserved"),
        pytest.param(ProviderError("no"), 1, id="anything else stays reserved"),
        pytest.param(ZeroDivisionError("no"), 1, id="a crash of the provider stays reserved"),
    ],
)
def test_only_what_surely_was_not_billed_is_given_back(
    tmp_path: Path, failure: Exception, held: int
) -> None:
    runner = make(tmp_path, Scripted([failure]), attempts=1)
    (call,) = runner.ask_blocking(asks("a"))
    assert call.error is not None
    bound = 100 + len("a") + 32
    assert runner.ledger.standing().reserved_usd == held * bound


def test_lost_calls_count_against_the_wall_of_a_later_run(tmp_path: Path) -> None:
    make(tmp_path, Scripted([Unclear("cut")]), attempts=1, max_cost_usd=200).ask_blocking(asks("a"))
    (call,) = make(tmp_path, Scripted([reply()]), max_cost_usd=200).ask_blocking(asks("a"))
    assert isinstance(call.error, OverBudget)


def test_passing_trouble_is_tried_again(tmp_path: Path) -> None:
    provider = Scripted([Throttled("no"), NotSent("no"), reply("at last")])
    (call,) = make(tmp_path, provider).ask_blocking(asks("a"))
    assert call.reply is not None
    assert call.reply.text == "at last"


def test_tries_are_bounded(tmp_path: Path) -> None:
    provider = Scripted([NotSent(f"try {n}") for n in range(9)])
    (call,) = make(tmp_path, provider, attempts=3).ask_blocking(asks("a"))
    assert str(call.error) == "try 2"
    assert len(provider.asked) == 3


def test_a_rejected_request_is_not_tried_again(tmp_path: Path) -> None:
    provider = Scripted([Rejected("bad key"), reply()])
    (call,) = make(tmp_path, provider).ask_blocking(asks("a"))
    assert isinstance(call.error, Rejected)
    assert len(provider.asked) == 1


def test_a_server_that_asks_for_a_long_pause_ends_the_request(tmp_path: Path) -> None:
    failure = Throttled("come back tomorrow")
    failure.retry_after = 86_400
    (call,) = make(tmp_path, Scripted([failure, reply()])).ask_blocking(asks("a"))
    assert call.error is failure


def test_one_failure_leaves_the_other_answers_alone(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply:
        if request.messages[0].content == "b":
            raise Rejected("not this one")
        return reply()

    calls = make(tmp_path, Function(answer)).ask_blocking(asks("a", "b", "c"))
    assert [call.reply is not None for call in calls] == [True, False, True]


def test_an_answer_that_takes_too_long_stays_reserved(tmp_path: Path) -> None:
    async def slow(request: Request) -> Reply:
        await asyncio.sleep(30)
        return reply()

    runner = make(tmp_path, Function(slow), timeout_s=0.01, attempts=1)
    (call,) = runner.ask_blocking(asks("a"))
    assert isinstance(call.error, Unclear)
    assert runner.ledger.standing().reserved_usd > 0


def test_concurrency_is_bounded(tmp_path: Path) -> None:
    running = most = 0

    async def answer(request: Request) -> Reply:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return reply()

    runner = make(tmp_path, Function(answer), concurrency=3)
    runner.ask_blocking(asks(*map(str, range(12))))
    assert most == 3


def test_cancelling_keeps_what_arrived_and_the_reservations_of_the_rest(tmp_path: Path) -> None:
    async def answer(request: Request) -> Reply:
        if request.messages[0].content != "fast":
            await asyncio.sleep(30)
        return reply()

    runner = make(tmp_path, Function(answer))

    async def work() -> None:
        task = asyncio.create_task(runner.ask(asks("fast", "slow 1", "slow 2")))
        while runner.ledger.standing().calls == 0:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    standing = Ledger(tmp_path / "ledger.jsonl").standing()
    assert standing.spent_usd == 12
    assert standing.reserved_usd == 2 * (100 + len("slow 1") + 32)
    (call,) = make(tmp_path, Scripted([])).ask_blocking(asks("fast"))
    assert call.cached


def test_a_crash_between_storing_and_settling_is_made_good(tmp_path: Path) -> None:
    runner = make(tmp_path, Scripted([reply()]))
    runner.ask_blocking(asks("a"))
    ledger = tmp_path / "ledger.jsonl"
    reserved, _settled = ledger.read_text().splitlines()
    ledger.write_text(reserved + "\n")
    assert Ledger(ledger).standing().spent_usd == 0

    again = make(tmp_path, Scripted([]))
    again.ask_blocking(asks("a"))
    assert again.ledger.standing().spent_usd == 12
    assert again.ledger.standing().reserved_usd == 0


def test_the_answer_is_on_disk_before_it_is_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, *entries: Any) -> None:
        raise OSError(28, "No space left on device")

    runner = make(tmp_path, Scripted([reply()]))
    (entry,) = runner.budget.reserve(asks("a"))
    monkeypatch.setattr(Ledger, "append", full)
    with pytest.raises(OSError, match="No space"):
        runner.budget.settle([(entry, asks("a")[0], reply())])
    assert len(list((tmp_path / "calls").iterdir())) == 1


def test_every_attempt_is_a_call_of_its_own(tmp_path: Path) -> None:
    runner = make(tmp_path, Scripted([Unclear("cut"), reply()]))
    runner.ask_blocking(asks("a"))
    standing = runner.ledger.standing()
    assert standing.spent_usd == 12
    assert standing.reserved_usd == 100 + len("a") + 32
    lines = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert [(line["call"].partition("#")[2], line["outcome"]) for line in lines] == [
        ("", "reserved"),
        ("", "unknown"),
        ("2", "reserved"),
        ("2", "answered"),
    ]


def test_a_notebook_with_a_running_loop_can_ask(tmp_path: Path) -> None:
    async def cell() -> Any:
        return make(tmp_path, Scripted([reply()])).ask_blocking(asks("a"))

    (call,) = asyncio.run(cell())
    assert call.reply == reply()


def test_errors_cross_from_the_thread_of_a_notebook() -> None:
    async def fail() -> None:
        raise KeyError("inside")

    async def cell() -> None:
        run_blocking(fail())

    with pytest.raises(KeyError, match="inside"):
        asyncio.run(cell())


def test_kept_calls_are_readable_text(tmp_path: Path) -> None:
    make(tmp_path, Scripted([reply("grüße")])).ask_blocking(asks("a"))
    (kept,) = (tmp_path / "calls").iterdir()
    record = json.loads(kept.read_bytes())
    assert kept.stem == asks("a")[0].hash
    assert record["request"]["messages"][0]["content"] == "a"
    assert record["reply"]["text"] == "grüße"


def test_the_same_call_is_the_same_bytes(tmp_path: Path) -> None:
    runner = make(tmp_path, Scripted([reply()]))
    runner.ask_blocking(asks("a"))
    stored = runner.store.find(asks("a")[0])
    assert stored is not None
    assert encode(stored) == next((tmp_path / "calls").iterdir()).read_bytes()
