"""The layout that parent, zygote and child agree on.

Votes travel through shared memory of fixed size, one slot per program. A child can write
its own slot only; whatever it writes there is read as numbers and bounded text, never
unpickled, so a program that breaks its child can forge no more than its own votes.

    slot    header of HEADER bytes, then one int16 cell per row, rounded up to whole pages
    header  WORDS int64 words (PHASE, ROW, LOG_END), then log records up to LOG_END
    record  RECORD (row, line, cell, length), then that many bytes of UTF-8
    cell    0 not run, 1 abstained, 2 + class index, or a negative failure code
"""

import mmap
import struct

HEADER = 1 << 16
WORDS = 8
PHASE, ROW, LOG_END = 0, 1, 2
LOG_START = WORDS * 8
RECORD = struct.Struct("<qihH")

STARTING, SETTING_UP, RUNNING, DONE, STOPPED, BROKEN = range(6)
"""Phases: STOPPED gave up part of the way, BROKEN never became a function."""

NOT_RUN, ABSTAINED, FIRST_CLASS = 0, 1, 2
EXCEPTION, TIMEOUT, MEMORY, INVALID_RETURN, SECURITY, CRASH = -1, -2, -3, -4, -5, -6

KINDS = {
    EXCEPTION: "exception",
    TIMEOUT: "timeout",
    MEMORY: "memory",
    INVALID_RETURN: "invalid_return",
    SECURITY: "security",
    CRASH: "crash",
}

EXIT_OK, EXIT_OURS, EXIT_MEMORY, EXIT_TIMEOUT = 0, 90, 92, 93
"""How a child ends; EXIT_OURS is a defect of this package, not of the program."""

MESSAGE_CHARS = 300
WHOLE_PROGRAM = -1


def slot_size(rows: int) -> int:
    """Bytes of one program's slot; slots start on page borders so each is mapped alone."""
    page = mmap.ALLOCATIONGRANULARITY
    return -(-(HEADER + 2 * rows) // page) * page
