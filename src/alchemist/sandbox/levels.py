"""Which isolation this machine offers, and the best sandbox it has.

kernel              Linux: the kernel refuses files, network and processes (Landlock + seccomp)
kernel-nolandlock   Linux without Landlock: seccomp alone refuses the same calls
wasm                programs run inside WebAssembly, which has no way to ask for them
os-profile          macOS: a system profile denies them; memory is not limited
language            rules of Python alone, which a determined attacker gets around
"""

import os
import platform
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alchemist.core.contracts import Sandbox
from alchemist.core.errors import AlchemistError, SandboxError, nearest_hint
from alchemist.core.task import LEVELS

MEANS = {
    "kernel": "the kernel refuses files, network and processes (Landlock and seccomp)",
    "kernel-nolandlock": "the kernel refuses files, network and processes (seccomp alone)",
    "wasm": "programs run inside WebAssembly, without files, network or processes",
    "os-profile": "a system profile denies files and network; memory is not limited",
    "language": "programs are confined by rules of Python alone, which a determined attacker "
    "gets around",
}


class WeakSandbox(UserWarning):
    """Programs run with less isolation than a kernel gives."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `alchemist doctor` tells about isolation.

    Attributes:
        level: The level reached here, or "none".
        backend: The sandbox that reaches it.
        why: One sentence.
        facts: What a bug report needs, by name.
    """

    level: str
    backend: str
    why: str
    facts: dict[str, str] = field(default_factory=dict)


def at_least(level: str, min_level: str) -> bool:
    """Whether one level is as strong as another."""
    return LEVELS.index(level) <= LEVELS.index(min_level)


def open_sandbox(min_level: str | None = None, *, processes: int = 1) -> Sandbox:
    """The strongest sandbox this machine offers.

    Args:
        min_level: The weakest acceptable level; by default "kernel" on Linux, and elsewhere
            whatever there is, with one warning that says what is not protected.
        processes: How many programs it may run at once.

    Raises:
        SandboxError: Nothing here reaches min_level; the message says what would.
    """
    if min_level is not None and min_level not in LEVELS:
        raise SandboxError(f"There is no level {min_level!r}. {nearest_hint(min_level, LEVELS)}")
    wanted = min_level or ("kernel" if sys.platform == "linux" else "language")
    reasons: list[str] = []
    best: Any = None
    for name in ("process", "wasm"):
        if best is not None and at_least(best.level, "wasm"):
            break
        one = _try(name, processes, reasons)
        if one is not None and (best is None or not at_least(best.level, one.level)):
            if best is not None:
                best.close()
            best = one
    if best is None or not at_least(best.level, wanted):
        reached = "none" if best is None else best.level
        if best is not None:
            reasons.append(_why(best))
            best.close()
        raise SandboxError(_refusal(reached, wanted, reasons))
    if not at_least(best.level, "wasm") and min_level is None:
        warnings.warn(_warning(best.level), WeakSandbox, stacklevel=2)
    chosen: Sandbox = best
    return chosen


def _try(name: str, processes: int, reasons: list[str]) -> Any:
    from alchemist.sandbox import SANDBOXES

    try:
        return SANDBOXES.load(name)(processes=processes)  # type: ignore[call-arg]
    except AlchemistError as error:
        reasons.append(str(error))
        return None


def _why(sandbox: Any) -> str:
    facts: dict[str, Any] = getattr(sandbox, "facts", {})
    walls = ", ".join(f"{wall}: {word}" for wall, word in facts.items())
    return f"{MEANS[sandbox.level]} ({walls})" if walls else MEANS[sandbox.level]


def _refusal(reached: str, wanted: str, reasons: list[str]) -> str:
    return (
        f"Programs may only run here at level {wanted!r} or better, and this machine offers "
        f"{reached!r}: {'; '.join(reasons)}. Run on Linux 5.13 or newer, install "
        "alchemist-label[wasm], or accept less with min_level."
    )


def _warning(level: str) -> str:
    return (
        f"This run has no kernel sandbox (level: {level}): {MEANS[level]}. Files, network and "
        "processes are not protected by the kernel. Install alchemist-label[wasm] or run on "
        "Linux for isolation."
    )


def level() -> str:
    """The level a run reaches on this machine, or "none"."""
    return diagnose().level


def diagnose() -> Diagnosis:
    """Level, reason and facts, found out by starting a sandbox and looking."""
    facts = {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "executable": sys.executable,
        "user": "root" if getattr(os, "geteuid", lambda: -1)() == 0 else "not root",
        "container": _container(),
    }
    try:
        # Weak levels are what a diagnosis is for, so it never refuses and never warns.
        sandbox: Any = open_sandbox("language")
    except AlchemistError as error:
        return Diagnosis("none", "none", str(error), facts)
    with sandbox:
        facts |= {wall: str(word) for wall, word in getattr(sandbox, "facts", {}).items()}
        backend = type(sandbox).__name__
        return Diagnosis(sandbox.level, backend, f"{_why(sandbox)}.", facts)


def _container() -> str:
    for path, name in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if Path(path).exists():
            return name
    return os.environ.get("container", "none seen")  # noqa: SIM112 - systemd spells it so
