"""One call through an official SDK, with every way it can end told apart.

The openai and anthropic SDKs share their shape (both are generated): the same exception
names, the same raw responses. What they raise holds the request and with it the key, so a
failure is returned as ours and the SDK's own exception is left behind in this frame.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from alchemist.providers.failures import CallFailed, NotSent, Unclear, from_status
from alchemist.providers.keys import Secret

_NEVER_SENT = ("ConnectError", "ConnectTimeout", "UnsupportedProtocol", "PoolTimeout")
_LONGEST_COMPLAINT = 300


Create = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Server:
    """Whom an SDK talks to.

    Attributes:
        sdk: The SDK's module, for its exception classes.
        where: The server, as sentences name it.
        key: Hidden wherever the server repeats it.
    """

    sdk: Any
    where: str
    key: Secret | None

    async def call(self, create: Create) -> dict[str, Any] | CallFailed:
        """Make one raw-response call and return the JSON object it brought, or how it failed."""
        text = await self.call_text(create)
        return text if isinstance(text, CallFailed) else _body(text, self.where)

    async def call_text(self, create: Create) -> str | CallFailed:
        """Make one raw-response call and return the text it brought, or how it failed."""
        where = self.where
        try:
            response = (await create()).http_response
            await response.aread()
            text: str = response.text
        except self.sdk.APIStatusError as error:
            return _status_failure(error.response, where, self.key)
        except self.sdk.APITimeoutError as error:
            if type(error.__cause__).__name__ in _NEVER_SENT:
                return NotSent(f"{where} could not be reached in time.")
            return Unclear(f"{where} did not answer in time.")
        except self.sdk.APIConnectionError as error:
            return _connection_failure(error, where)
        except Exception as error:  # noqa: BLE001 - whatever an SDK raises, its request stays inside
            return Unclear(f"The call to {where} ended with {type(error).__name__}.")
        return self.key.scrub(text) if self.key else text


def _body(text: str, where: str) -> dict[str, Any] | CallFailed:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return Unclear(f"{where} answered with something that is no JSON.")
    if not isinstance(body, dict):
        return Unclear(f"{where} answered with JSON that is no object.")
    return body


def _status_failure(response: Any, where: str, key: Secret | None) -> CallFailed:
    said = complaint(response.text)
    said = key.scrub(said) if key else said
    sentence = f"{where} answered with status {response.status_code}: {said}"
    return from_status(response.status_code, sentence, retry_after(response.headers))


def _connection_failure(error: Exception, where: str) -> CallFailed:
    cause = type(error.__cause__).__name__
    if cause in _NEVER_SENT:
        return NotSent(f"{where} could not be reached ({cause}); is the server running?")
    return Unclear(f"The connection to {where} was cut before the answer was complete.")


def complaint(text: str) -> str:
    """What a server says is wrong, out of the usual error bodies, at bounded length."""
    said: Any = text
    try:
        body = json.loads(text)
        error = body.get("error", body)
        said = error.get("message", error) if isinstance(error, dict) else error
    except (ValueError, AttributeError, RecursionError):
        pass
    line = " ".join(str(said).split()) or "no reason given"
    return line if len(line) <= _LONGEST_COMPLAINT else line[: _LONGEST_COMPLAINT - 1] + "…"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds a server asks us to wait, from Retry-After in either of its forms."""
    milliseconds = headers.get("retry-after-ms")
    if milliseconds is not None and (value := _seconds(milliseconds)) is not None:
        return value / 1000
    text = headers.get("retry-after")
    if text is None:
        return None
    if (seconds := _seconds(text)) is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
