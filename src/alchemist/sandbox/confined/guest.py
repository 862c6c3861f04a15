"""The worker inside WebAssembly: one program over some rows, results as lines of text.

Standard input is one JSON line (the job) and then the chunk's bytes. Standard output gets, as
JSON lines, `[first row, cells]` for finished rows and `{row, line, cell, message}` for
failures. The host reads whatever was said before a limit ended the session.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from . import child, language, rows, wire
from .ballot import Ballot, ask_all

_SAY_EVERY_S = 0.05


class _Cells:
    """Looks like the cells of a slot, and tells them as they come."""

    def __init__(self, start: int, careful: bool) -> None:
        self._first, self._held = start, list[int]()
        self._careful, self._said = careful, time.monotonic()

    def __setitem__(self, row: int, cell: int) -> None:
        # A row is set twice when it failed: the loop's own mark, then the recorder's.
        at = row - self._first
        self._held[at:] = [cell]
        if self._careful or time.monotonic() - self._said > _SAY_EVERY_S:
            self.tell(row + 1)

    def tell(self, following: int) -> None:
        if self._held:
            _say([self._first, self._held])
        self._first, self._held, self._said = following, [], time.monotonic()


class _Recorder:
    def __init__(self, cells: _Cells, job: dict[str, Any]) -> None:
        self._cells, self._job = cells, job
        self._failed = 0

    def failed(self, row: int, error: BaseException) -> bool:
        cell, line = child.cell_of(error), child.line_of(error)
        sentence = child.describe(error)
        if sentence is None:
            cell, sentence = wire.INVALID_RETURN, "label() raised an error without a text"
        self._cells[row] = cell
        self._failed += 1
        _say({"row": row, "line": line, "cell": cell, "message": sentence[: wire.MESSAGE_CHARS]})
        if cell == wire.MEMORY and self._failed >= self._job["limits"]["strikes"]:
            return self._stop(line, cell, "stopped after rows ran out of memory")
        asked = row + 1 - self._job["start"]
        enough = asked >= child.ROWS_BEFORE_STOPPING
        if enough and self._failed > self._job["limits"]["max_failed_share"] * asked:
            message = (
                f"stopped after failing on {self._failed} of {asked} rows, last with: {sentence}"
            )
            return self._stop(line, cell, message)
        return True

    def _stop(self, line: int, cell: int, message: str) -> bool:
        _say({"row": wire.WHOLE_PROGRAM, "line": line, "cell": cell, "message": message})
        return False


def _say(message: Any) -> None:
    sys.__stdout__.write(json.dumps(message) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def main() -> None:
    """Do the job on standard input."""
    job = json.loads(sys.stdin.buffer.readline())
    names = job["names"]
    decoded = rows.decode(memoryview(sys.stdin.buffer.read()), job["columns"], names, job["rows"])
    asked = rows.shape(decoded, names, job["style"])
    language.preload()
    modules = language.facades()
    namespace: dict[str, Any] = {
        "__name__": "program",
        "__builtins__": language.safe_builtins(modules),
    }
    _say({"ready": True})
    try:
        exec(compile(job["source"], "<program>", "exec"), namespace)  # noqa: S102
        label: Callable[[Any], object] = namespace[child.ENTRY]
    except BaseException as error:  # noqa: BLE001 - a program's failure is data
        cell, line = child.cell_of(error), child.line_of(error)
        message = child.describe(error) or type(error).__name__
        _say({"row": wire.WHOLE_PROGRAM, "line": line, "cell": cell, "message": message})
        _say({"done": True})
        return
    _say({"set_up": True})
    cells = _Cells(job["start"], job["careful"])
    call = child.by_keyword(label) if job["style"] == "keywords" else label
    ballot = Ballot(job["spellings"], job["classes"])
    ask_all(call, asked[: job["end"]], job["start"], cells, ballot, _Recorder(cells, job))
    cells.tell(job["end"])
    _say({"done": True})


if __name__ == "__main__":
    main()
