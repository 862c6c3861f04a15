"""Keys: found in no file, log, error, traceback, ledger or record after failures of every kind."""

import io
import itertools
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from alchemist.core.errors import AlchemistError
from alchemist.core.exchange import Message, Request
from alchemist.core.task import SynthesisSettings
from alchemist.providers.batches import Batches
from alchemist.providers.keys import Secret
from alchemist.providers.opening import open_runner
from alchemist.providers.runner import Runner, raise_first
from tests.providers.batch_desk import finish
from tests.providers.fake_server import TROUBLES, FakeServer, Scenario

KEY = 'sk-planted-"42"/\\é'
HEADER_KEY = "sk-planted-4242"
NUMBERS = itertools.count()
ASKS = {f"q{i}": Request((Message("user", f"q {i}"),), "m", max_tokens=60) for i in range(3)}


@pytest.fixture(params=["openai", pytest.param("anthropic", marks=pytest.mark.extra("anthropic"))])
def kind(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    monkeypatch.setenv(f"{name.upper()}_API_KEY", HEADER_KEY)
    return name


class Witness:
    """Everything that was written, said, logged or raised."""

    def __init__(self, folder: Path, log: pytest.LogCaptureFixture) -> None:
        self._folder, self._log = folder, log
        self.said: list[str] = []

    def tell(self, *things: object) -> None:
        self.said += [text for thing in things for text in (repr(thing), str(thing))]

    def tell_error(self, error: BaseException) -> None:
        self.tell(error, error.args, vars(error))
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        self.said += list(told.format())
        self.said.append(repr(pickle.loads(pickle.dumps(error))))

    def everything(self) -> str:
        files = [p for p in self._folder.rglob("*") if p.is_file()]
        written = [p.read_text("utf-8", "replace") for p in files]
        return "\n".join([*map(str, files), *written, *self.said, self._log.text])


@pytest.fixture
def witness(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Witness]:
    caplog.set_level(logging.DEBUG)
    found = Witness(tmp_path, caplog)
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        yield found
    everything = found.everything() + out.getvalue()
    assert "q 0" in everything  # the test looked at something
    assert HEADER_KEY not in everything


def opened(kind: str, server: FakeServer, scenario: Scenario, folder: Path) -> Runner:
    url = server.url(f"keys-{next(NUMBERS)}", scenario)
    settings = SynthesisSettings(provider=kind, base_url=url, model="m")
    runner = open_runner(settings, base=folder, inner=folder)
    object.__setattr__(runner, "_settings", _hasty(runner))
    return runner


def _hasty(runner: Runner) -> Any:
    from dataclasses import replace

    return replace(runner._settings, attempts=2, first_pause_s=0.0, timeout_s=0.3)


FATES = [fate for fate in TROUBLES if fate != "same id"] + ["bad key", "bad request", "banned"]


@pytest.mark.parametrize("fate", FATES)
def test_no_failure_of_a_call_shows_the_key(
    kind: str, fate: str, server: FakeServer, tmp_path: Path, witness: Witness
) -> None:
    scenario = Scenario(script=[fate, fate, "answered"], echo_key=True)
    runner = opened(kind, server, scenario, tmp_path)
    calls = runner.ask_blocking(list(ASKS.values()))
    witness.tell(calls, runner, vars(runner), runner.provider, vars(runner.provider))
    try:
        raise_first(calls)
    except AlchemistError as error:
        witness.tell_error(error)
    assert scenario.happened[fate] >= 1


@pytest.mark.parametrize(
    "script",
    [["answered"] * 9, ["broken"], ["answered", "broken"]],
    ids=["in good health", "refused", "refused later"],
)
def test_no_batch_shows_the_key(
    kind: str, script: list[str], server: FakeServer, tmp_path: Path, witness: Witness
) -> None:
    scenario = Scenario(script=script)
    batches = Batches(opened(kind, server, scenario, tmp_path), tmp_path / "batches")
    step: Callable[[], object]
    for step in (lambda: batches.submit(ASKS), lambda: finish(scenario, fail=1), batches.collect):
        try:
            witness.tell(step())
        except AlchemistError as error:
            witness.tell_error(error)


def test_an_unreachable_server_shows_no_key(kind: str, tmp_path: Path, witness: Witness) -> None:
    settings = SynthesisSettings(provider=kind, base_url="http://127.0.0.1:9/v1", model="m")
    runner = open_runner(settings, base=tmp_path, inner=tmp_path)
    object.__setattr__(runner, "_settings", _hasty(runner))
    calls = runner.ask_blocking(list(ASKS.values()))
    witness.tell(calls, runner)
    with pytest.raises(AlchemistError) as caught:
        raise_first(calls)
    witness.tell_error(caught.value)


def test_a_password_in_an_address_is_not_shown(tmp_path: Path) -> None:
    url = f"http://user:{HEADER_KEY}@127.0.0.1:9/v1?token={HEADER_KEY}"
    runner = open_runner(
        SynthesisSettings(base_url=url, model="m"), base=tmp_path, inner=tmp_path, environ={}
    )
    object.__setattr__(runner, "_settings", _hasty(runner))
    (call,) = runner.ask_blocking([ASKS["q0"]])
    written = "".join(p.read_text() for p in tmp_path.rglob("*") if p.is_file())
    assert HEADER_KEY not in f"{call}{call.error}{written}"


def test_a_secret_prints_as_hidden_and_does_not_travel() -> None:
    secret = Secret(KEY)
    assert KEY not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == KEY
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)


@pytest.mark.parametrize("spelling", [KEY, json.dumps(KEY), json.dumps(KEY, ensure_ascii=False)])
def test_a_key_is_hidden_however_json_spells_it(spelling: str) -> None:
    assert "planted" not in Secret(KEY).scrub(f"your key {spelling} is bad")
