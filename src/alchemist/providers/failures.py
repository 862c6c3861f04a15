"""How one attempt can fail, and what the runner may conclude from it.

CallFailed
├── NotSent         the request never reached the server; costs nothing, worth another try
├── Throttled       told to wait; costs nothing, worth another try after retry_after seconds
├── ServerTrouble   the server says it failed; costs nothing, worth another try
├── Rejected        the server refuses this request; costs nothing, no use in trying again
└── Unclear         sent, and no usable answer came back: it may have been billed, so its
                    reservation stays
"""

from alchemist.core.errors import ProviderError


class CallFailed(ProviderError):
    """One attempt failed.

    Attributes:
        may_be_billed: The provider may charge for it all the same.
        worth_retrying: The same request may succeed later.
        retry_after: Seconds the server asks us to wait, if it says.
    """

    may_be_billed = False
    worth_retrying = True
    retry_after: float | None = None


class NotSent(CallFailed):
    """The request never reached the server."""


class Throttled(CallFailed):
    """Too many requests, or too many tokens, for now."""


class ServerTrouble(CallFailed):
    """The server answered that it failed."""


class Rejected(CallFailed):
    """The server refuses this request: its key, its model or its content."""

    worth_retrying = False


class Unclear(CallFailed):
    """Sent, but cut, timed out or garbled: whether it was billed is unknown."""

    may_be_billed = True


def from_status(status: int, sentence: str, retry_after: float | None = None) -> CallFailed:
    """Build the failure a status code stands for.

    Gateway codes (408, 502, 504) leave open whether the model behind the gateway answered.
    """
    kind: type[CallFailed]
    if status in (429, 529) or (status == 503 and retry_after is not None):
        kind = Throttled
    elif status in (408, 502, 504):
        kind = Unclear
    elif status >= 500 or status in (409, 425):
        kind = ServerTrouble
    else:
        kind = Rejected
    failure = kind(sentence)
    failure.retry_after = retry_after
    return failure
