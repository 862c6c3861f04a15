"""anthropic: the messages API, and message batches at half the price.

The official SDK is an extra and imported at the first call; its own retries are off, because
the runner's are the ones the budget knows about.
"""

from collections.abc import Mapping
from typing import Any, Self

from alchemist.core.errors import NoWayOn, ProviderError
from alchemist.core.exchange import Collected, Reply, Request
from alchemist.core.wire import message_batch, messages_body, messages_reply
from alchemist.providers.addresses import is_local, shown
from alchemist.providers.failures import CallFailed, Unclear
from alchemist.providers.keys import Secret, find_key, key_names
from alchemist.providers.results import read_results
from alchemist.providers.sdk import Create, Server
from alchemist.providers.settings import ProviderSettings

HOME = "https://api.anthropic.com"


class Anthropic:
    """Asks Anthropic, or a server that speaks like it.

    Attributes:
        free: The server is on this machine or a private network.
        destination: Where requests go, as it may be printed.
    """

    def __init__(self, base_url: str, key: Secret | None, timeout_s: float) -> None:
        self.free = is_local(base_url)
        self.destination = shown(base_url)
        # The SDK adds /v1 itself; people copy addresses with it.
        self._base_url = base_url.rstrip("/").removesuffix("/v1")
        self._key = key
        self._timeout_s = timeout_s
        self._client: Any = None

    @classmethod
    def open(cls, settings: ProviderSettings) -> Self:
        """Find address and key; a local server needs no key.

        Raises:
            NoWayOn: There is no key that may be sent to this address.
        """
        base_url = settings.base_url or settings.environ.get("ANTHROPIC_BASE_URL") or HOME
        key = find_key(base_url, settings.environ, "ANTHROPIC")
        if key is None and not is_local(base_url):
            names = " or ".join(key_names(base_url, settings.environ, "ANTHROPIC"))
            raise NoWayOn(f"There is no key for {shown(base_url)}: set {names}.")
        return cls(base_url, key, settings.timeout_s)

    async def complete(self, request: Request) -> Reply:
        """Ask once.

        Raises:
            CallFailed: There is no usable answer; the class says what that means.
        """
        create = self._open_client().messages.with_raw_response.create
        answer = await self._call(lambda: create(**messages_body(request)))
        try:
            return messages_reply(answer)
        except ProviderError as error:
            failure = Unclear(f"{self.destination}: {error}")
        raise failure

    async def submit(self, requests: Mapping[str, Request]) -> str:
        """Send a message batch.

        Raises:
            CallFailed: It was not taken, or that is unknown.
        """
        create = self._open_client().messages.batches.with_raw_response.create
        return str((await self._call(lambda: create(**message_batch(requests)))).get("id"))

    async def collect(self, batch: str) -> Collected:
        """Ask how a message batch stands, and take its results once it has ended.

        Raises:
            CallFailed: The server does not say.
        """
        calls = self._open_client().messages.batches.with_raw_response
        state = await self._call(lambda: calls.retrieve(batch))
        status = str(state.get("processing_status"))
        if status != "ended":
            return Collected(done=False, status=status)
        lines = await self._server().call_text(lambda: calls.results(batch))
        if isinstance(lines, CallFailed):
            raise lines
        return read_results(lines, status)

    async def _call(self, create: Create) -> dict[str, Any]:
        answer = await self._server().call(create)
        if isinstance(answer, CallFailed):
            raise answer
        return answer

    def _server(self) -> Server:
        import anthropic

        return Server(anthropic, self.destination, self._key)

    def _open_client(self) -> Any:
        if self._client is None:
            import anthropic

            self._client = anthropic.AsyncAnthropic(
                # The SDK insists on a key; servers that need none ignore this one.
                api_key=self._key.reveal() if self._key else "none",
                base_url=self._base_url,
                max_retries=0,
                timeout=self._timeout_s,
            )
        return self._client

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
