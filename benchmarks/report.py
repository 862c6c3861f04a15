"""What every benchmark shares: where the data is, how memory is read, how a table is kept."""

import datetime as dt
import json
import os
import platform
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from numbers import Real
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("alchemist-label", "numpy", "pyarrow", "scikit-learn", "scipy")


def data_root() -> Path:
    """The folder of the shared data sets: $ALCHEMIST_DATA, or ../shared/data.

    Raises:
        SystemExit: There is no such folder.
    """
    root = Path(os.environ.get("ALCHEMIST_DATA", "../shared/data"))
    if not root.is_dir():
        raise SystemExit(
            f"This benchmark needs the data sets, and {str(root)!r} is no folder. "
            "Set ALCHEMIST_DATA to where they are."
        )
    return root


def machine() -> dict[str, Any]:
    """Cores, memory in GB and processor, without any name of the machine itself."""
    import psutil

    return {
        "cores": os.cpu_count(),
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "cpu": _processor(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def write_table(name: str, command: str, rows: Sequence[Mapping[str, Any]], note: str = "") -> Path:
    """Print a table and keep it as benchmarks/results/<name>.json.

    Args:
        name: File stem.
        command: What to type to get the table again.
        rows: One mapping per row; a column missing in a row is left empty.
        note: A sentence to read the table by.
    """
    _print_table(name, rows, note)
    content = {
        "command": command,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "rows": [dict(row) for row in rows],
    }
    if note:
        content["note"] = note
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(content, indent=1, default=_plain) + "\n", encoding="utf-8")
    return path


def _print_table(name: str, rows: Sequence[Mapping[str, Any]], note: str) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=name, caption=note or None)
    for column in columns:
        numeric = all(isinstance(row.get(column, 0), Real) for row in rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(_cell(row.get(column, "")) for column in columns))
    console = Console()
    # A pipe has no width of its own; a wrapped table is unreadable in a log.
    Console(width=None if console.is_terminal else 200).print(table)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _plain(value: Any) -> Any:
    """Numpy scalars as the numbers they are."""
    return value.item() if hasattr(value, "item") else str(value)


@dataclass(slots=True)
class Peak:
    """The highest memory seen so far, in MiB."""

    mb: float = 0.0


@contextmanager
def peak_pss_mb(every_s: float = 0.05) -> Iterator[Peak]:
    """Watch the memory of this process and all its children while the block runs.

    Proportional set size, summed: a page shared by four processes counts a quarter in each.
    Where the system does not tell it, unique set size is read instead.
    """
    peak, done = Peak(), threading.Event()

    def watch() -> None:
        while True:
            peak.mb = max(peak.mb, _tree_mb())
            if done.wait(every_s):
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
        peak.mb = max(peak.mb, _tree_mb())


def _tree_mb() -> float:
    import psutil

    ours = psutil.Process()
    total = 0
    for process in (ours, *ours.children(recursive=True)):
        try:
            memory = process.memory_full_info()
        except psutil.Error:  # it ended between listing and reading
            continue
        total += getattr(memory, "pss", memory.uss)
    return total / 2**20
