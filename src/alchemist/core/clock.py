"""The time of day, as every log, header and record writes it."""

import time


def utc_now() -> str:
    """Now, to the second: 2026-11-22T10:00:00Z."""
    return utc(time.time())


def utc(seconds: float) -> str:
    """Seconds since 1970, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
