"""The result lines of a provider's batch, sorted into answers and failures."""

import json

from alchemist.core.errors import ProviderError
from alchemist.core.exchange import Collected, Reply
from alchemist.core.wire import reply_of_line


def read_results(text: str, status: str) -> Collected:
    """Read what an ended batch brought; the first answer to an id counts.

    A line that cannot be read says nothing about its id, which therefore stays open.
    """
    replies: dict[str, Reply] = {}
    failed: dict[str, str] = {}
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(record, dict) or not isinstance(record.get("custom_id"), str):
            continue
        try:
            reply = reply_of_line(record)
        except ProviderError as error:
            failed.setdefault(record["custom_id"], str(error))
            continue
        if reply is not None:
            replies.setdefault(record["custom_id"], reply)
    failed = {name: why for name, why in failed.items() if name not in replies}
    return Collected(done=True, status=status, replies=replies, failed=failed)
