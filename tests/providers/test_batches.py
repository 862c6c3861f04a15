"""Batches: sent once, remembered over a crash, collected once, at the batch price."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alchemist.core.errors import OverBudget, ProviderError
from alchemist.core.exchange import Message, Request
from alchemist.providers.anthropic import Anthropic
from alchemist.providers.batches import Batches
from alchemist.providers.failures import ServerTrouble
from alchemist.providers.ledger import Ledger
from alchemist.providers.openai import OpenAI
from alchemist.providers.prices import OwnPrice, PriceTable
from alchemist.providers.runner import Runner, RunnerSettings
from alchemist.providers.scripted import Scripted
from tests.providers.batch_desk import finish
from tests.providers.fake_server import FakeServer, Scenario

PRICES = PriceTable({"m": OwnPrice(1e6, 1e6, batch_share=0.5)})
NUMBERS = itertools.count()
Open = Callable[..., Batches]


def questions(n: int = 5) -> dict[str, Request]:
    return {f"q-{i}": Request((Message("user", f"q {i}"),), "m", max_tokens=60) for i in range(n)}


@pytest.fixture(params=["openai", pytest.param("anthropic", marks=pytest.mark.extra("anthropic"))])
def desk(request: Any, server: FakeServer, tmp_path: Path) -> tuple[Scenario, Open]:
    scenario = Scenario()
    url = server.url(f"desk-{next(NUMBERS)}", scenario)
    kind = {"openai": OpenAI, "anthropic": Anthropic}[request.param]

    def again(wall: float | None = None) -> Batches:
        settings = RunnerSettings("fake", tmp_path / "calls", tmp_path / "ledger.jsonl", wall)
        runner = Runner(kind(url, None, 10.0), settings, prices=PRICES)
        return Batches(runner, tmp_path / "batches")

    return scenario, again


def standing(folder: Path) -> tuple[float, float]:
    now = Ledger(folder / "ledger.jsonl").standing()
    return now.spent_usd, now.reserved_usd


def test_a_batch_is_sent_and_a_later_run_collects_it(
    desk: tuple[Scenario, Open], tmp_path: Path
) -> None:
    scenario, again = desk
    batch = again().submit(questions())
    assert batch is not None
    assert batch.state == "sent"
    assert [status for _, status in again().collect().waiting] != []

    finish(scenario)
    found = again().collect()
    assert {name: reply.text for name, reply in found.replies.items()} == {
        f"q-{i}": f"about q {i}" for i in range(5)
    }
    assert found.cost_usd == pytest.approx(sum(map(sum, scenario.billed)) / 2)
    assert standing(tmp_path) == (pytest.approx(found.cost_usd), 0)
    assert again().pending() == ()
    assert again().collect().replies == {}


def test_what_is_kept_or_under_way_is_not_sent_again(desk: tuple[Scenario, Open]) -> None:
    scenario, again = desk
    again().submit(questions(3))
    assert again().submit(questions(3)) is None
    more = again().submit(questions(5))
    assert more is not None
    assert list(more.requests) == ["q-3", "q-4"]
    finish(scenario)
    assert len(again().collect().replies) == 5
    assert again().submit(questions(5)) is None


def test_failed_requests_are_released_and_missing_ones_stay_reserved(
    desk: tuple[Scenario, Open], tmp_path: Path
) -> None:
    scenario, again = desk
    batch = again().submit(questions())
    assert batch is not None
    finish(scenario, skip=1, fail=2, twice=True)
    found = again().collect()
    assert set(found.failed) == {"q-4", "q-3"}
    assert all("expired" in why for why in found.failed.values())
    assert found.missing == ("q-0",)
    assert set(found.replies) == {"q-1", "q-2"}
    spent, reserved = standing(tmp_path)
    assert spent == pytest.approx(sum(map(sum, scenario.billed)) / 2)
    assert reserved == batch.entries["q-0"].reserved_usd


def test_the_wall_holds_for_a_batch_as_a_whole(desk: tuple[Scenario, Open], tmp_path: Path) -> None:
    scenario, again = desk
    with pytest.raises(OverBudget, match="These 5 calls could cost up to"):
        again(wall=100).submit(questions())
    assert not scenario.happened
    assert standing(tmp_path) == (0, 0)


def test_a_batch_that_is_not_taken_gives_its_reservations_back(
    desk: tuple[Scenario, Open], tmp_path: Path
) -> None:
    scenario, again = desk
    scenario.script = ["broken"]
    with pytest.raises(ServerTrouble):
        again().submit(questions())
    assert standing(tmp_path) == (0, 0)
    assert again().submit(questions()) is not None


def test_a_batch_that_died_while_being_sent_is_told_and_stays_reserved(
    desk: tuple[Scenario, Open], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, again = desk
    batches = again()

    async def die(self: object, requests: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(batches._provider), "submit", die)
    with pytest.raises(KeyboardInterrupt):
        batches.submit(questions())
    monkeypatch.undo()
    assert standing(tmp_path)[1] > 0
    (lost,) = again().collect().lost
    # While it may exist at the provider, the same questions are not sent a second time.
    assert again().submit(questions()) is None
    again().forget(lost)
    assert again().collect().lost == ()
    assert standing(tmp_path)[1] > 0


def test_a_collect_that_died_half_way_is_taken_up_without_paying_twice(
    desk: tuple[Scenario, Open], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, again = desk
    again().submit(questions())
    finish(scenario)
    batches = again()
    monkeypatch.setattr(Batches, "_save", lambda self, batch: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        batches.collect()
    monkeypatch.undo()
    before = standing(tmp_path)
    assert len(again().collect().replies) == 5
    assert standing(tmp_path) == before


def test_a_provider_without_batches_says_what_to_do(tmp_path: Path) -> None:
    settings = RunnerSettings("scripted", tmp_path / "calls", tmp_path / "ledger.jsonl")
    with pytest.raises(ProviderError, match="takes no batches; ask without --submit"):
        Batches(Runner(Scripted([]), settings), tmp_path / "batches")


def test_a_damaged_batch_file_says_how_to_go_on(
    desk: tuple[Scenario, Open], tmp_path: Path
) -> None:
    _, again = desk
    again().submit(questions())
    (path,) = (tmp_path / "batches").iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ProviderError, match="is damaged; collect the batch at the provider"):
        again().collect()
