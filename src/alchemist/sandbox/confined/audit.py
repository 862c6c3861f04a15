"""The audit wall: Python itself reports what a program is about to do, and we stop it."""

import sys
from collections.abc import Callable

from .language import words

_WATCHED = words(
    "open os subprocess socket ctypes shutil signal sys gc winreg msvcrt fcntl mmap urllib http "
    "ftplib smtplib pty resource syslog tempfile webbrowser code marshal pickle cpython _thread "
    "pathlib glob sqlite3 setopencodehook function"
)
# namedtuple, dataclass and enum ask for the calling module's name.
_HARMLESS = frozenset(("sys._getframe", "sys._getframemodulename"))
_FRAMES = frozenset(("tb_frame", "gi_frame", "cr_frame", "ag_frame", "f_code", "gi_code"))


class Forbidden(BaseException):
    """Raised where a program reaches for the world; not an Exception, so it is not swallowed."""


def arm() -> Callable[[bool], None]:
    """Install the hook, which can never be removed, and return its switch; it starts off.

    The switch exists because recording a failure reads its traceback, which the hook watches.
    """
    armed = False

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if not armed:
            return
        if event == "import":
            # An Exception: the standard library tries imports it can do without.
            raise ImportError(f"{arguments[0]!r} is not available to labeling programs")
        if event == "object.__getattr__" and arguments[1] in _FRAMES:
            raise Forbidden(f"the program reached for a frame ({arguments[1]})")
        if event.partition(".")[0] in _WATCHED and event not in _HARMLESS:
            raise Forbidden(f"the program tried {event!r}, which no labeling program may")

    def switch(on: bool) -> None:
        nonlocal armed
        armed = on

    sys.addaudithook(hook)
    return switch
