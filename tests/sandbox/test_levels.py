"""Which sandbox is chosen, and what is said when it is weak or missing."""

from collections.abc import Callable
from typing import Any, Self

import pytest

from alchemist.core.errors import MissingExtra, SandboxError
from alchemist.sandbox import SANDBOXES, diagnose, level, levels, open_sandbox
from alchemist.sandbox.in_process import InProcessSandbox
from alchemist.sandbox.process import ProcessSandbox, Walls, _Zygote


class Weak:
    """A sandbox of any level."""

    def __init__(self, level: str) -> None:
        self.level, self.closed = level, False
        self.facts = {"landlock": "not in this kernel"}

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


Offers = Callable[..., dict[str, Weak]]


@pytest.fixture
def offers(monkeypatch: pytest.MonkeyPatch) -> Offers:
    """Pretend that a machine offers these levels, by backend."""

    def offer(**by_backend: str) -> dict[str, Weak]:
        made = {name: Weak(level) for name, level in by_backend.items()}

        def attempt(name: str, _processes: int, reasons: list[str]) -> Any:
            if name not in made:
                reasons.append(f"no {name}")
            return made.get(name)

        monkeypatch.setattr(levels, "_try", attempt)
        return made

    return offer


def test_here_it_is_the_kernel() -> None:
    assert level() == "kernel"
    found = diagnose()
    assert found.backend == "ProcessSandbox"
    assert "Landlock and seccomp" in found.why
    assert {"system", "machine", "python", "landlock", "seccomp"} <= set(found.facts)


def test_levels_are_ordered() -> None:
    order = ("kernel", "kernel-nolandlock", "wasm", "os-profile", "language")
    for i, one in enumerate(order):
        assert [levels.at_least(one, other) for other in order] == [k >= i for k in range(5)]


def test_the_strongest_is_taken_and_the_others_closed(offers: Offers) -> None:
    made = offers(process="language", wasm="wasm")
    assert open_sandbox("wasm").level == "wasm"
    assert made["process"].closed
    assert not made["wasm"].closed


def test_too_weak_is_refused_with_the_way_on(offers: Offers) -> None:
    made = offers(process="language")
    with pytest.raises(
        SandboxError, match=r"'kernel' or better.*'language'.*alchemist-label\[wasm\]"
    ):
        open_sandbox("kernel")
    assert made["process"].closed


def test_nothing_at_all_is_refused_and_diagnosed(offers: Offers) -> None:
    offers()
    with pytest.raises(SandboxError, match="this machine offers 'none': no process; no wasm"):
        open_sandbox("language")
    assert level() == "none"


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_weak_is_taken_with_one_warning(
    offers: Offers, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    offers(process="os-profile")
    monkeypatch.setattr(levels.sys, "platform", platform)
    with pytest.warns(levels.WeakSandbox, match="no kernel sandbox.*os-profile.*Install") as told:
        assert open_sandbox().level == "os-profile"
    assert len(told) == 1


def test_on_linux_weak_needs_to_be_asked_for(offers: Offers) -> None:
    offers(process="language")
    with pytest.raises(SandboxError):
        open_sandbox()
    assert open_sandbox("language").level == "language"


def test_an_unknown_level_offers_the_nearest() -> None:
    with pytest.raises(SandboxError, match="Did you mean 'kernel'"):
        open_sandbox("kernal")


def test_untrusted_code_is_not_run_in_process() -> None:
    with pytest.raises(SandboxError, match="i_trust_this_code=True"):
        InProcessSandbox()


def test_a_missing_extra_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("alchemist.core.registry.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"alchemist-label\[wasm\]"):
        SANDBOXES.load("wasm")
    with pytest.raises(MissingExtra, match=r"alchemist-label\[re2\]"):
        ProcessSandbox(walls=Walls(prefilter="re2"))


def test_a_zygote_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys._base_executable", "/bin/false", raising=False)
    with pytest.raises(SandboxError, match=r"could not be started.*exit status 1"):
        _Zygote(Walls())
