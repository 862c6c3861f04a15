"""openai: any server that speaks chat completions, reached through `base_url`.

OpenAI, Azure OpenAI, OpenRouter, Gemini's compatible endpoint, Ollama, vLLM, llama.cpp and
LM Studio. The official SDK is imported at the first call; its own retries are off, because
the runner's are the ones the budget knows about.
"""

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Self

from alchemist.core.errors import NoWayOn, ProviderError
from alchemist.core.exchange import Collected, Reply, Request
from alchemist.core.wire import CHAT_URL, batch_line, chat_body, chat_reply
from alchemist.providers.addresses import is_local, shown
from alchemist.providers.failures import CallFailed, Rejected, Unclear
from alchemist.providers.keys import Secret, find_key, key_names
from alchemist.providers.results import read_results
from alchemist.providers.sdk import Create, Server
from alchemist.providers.settings import ProviderSettings

HOME = "https://api.openai.com/v1"
_ENDED = ("completed", "failed", "expired", "cancelled")
_LIMIT_NAMES = {"max_completion_tokens": "max_tokens", "max_tokens": "max_completion_tokens"}

# "… at most 16384 completion tokens", "maximum context length is 8192 tokens and your request
# has 1200 input tokens": OpenAI's and vLLM's words for a limit that is too high.
_MODEL_LIMIT = re.compile(r"at most (\d+) (?:completion|output)? ?tokens")
_CONTEXT = re.compile(r"maximum context length is (\d+) tokens.*?(\d+) input tokens", re.DOTALL)


class OpenAI:
    """Asks a chat-completions server.

    Attributes:
        free: The server is on this machine or a private network.
        destination: Where requests go, as it may be printed.
    """

    def __init__(self, base_url: str, key: Secret | None, timeout_s: float) -> None:
        self.free = is_local(base_url)
        self.destination = shown(base_url)
        self._base_url = base_url
        self._key = key
        self._timeout_s = timeout_s
        self._client: Any = None
        self._limit_name = "max_completion_tokens" if base_url == HOME else "max_tokens"
        self._adapted: set[str] = set()
        self._most: int | None = None

    @classmethod
    def open(cls, settings: ProviderSettings) -> Self:
        """Find address and key; a local server needs no key.

        Raises:
            NoWayOn: There is no key that may be sent to this address.
        """
        base_url = settings.base_url or settings.environ.get("OPENAI_BASE_URL") or HOME
        key = find_key(base_url, settings.environ)
        if key is None and not is_local(base_url):
            names = " or ".join(key_names(base_url, settings.environ))
            raise NoWayOn(f"There is no key for {shown(base_url)}: set {names}.")
        return cls(base_url, key, settings.timeout_s)

    async def complete(self, request: Request) -> Reply:
        """Ask once; a parameter the server refuses is spelled its way and asked again.

        Raises:
            CallFailed: There is no usable answer; the class says what that means.
        """
        failure: CallFailed
        for _ in range(3):
            outcome = await self._post(request)
            if isinstance(outcome, Reply):
                return outcome
            failure = outcome
            if not (isinstance(outcome, Rejected) and self._adapt(str(outcome))):
                break
        raise failure

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _adapt(self, complaint: str) -> bool:
        """Learn from a refusal how this server wants its parameters; False for nothing new."""
        if most := _most_allowed(complaint):
            lower = self._most is None or most < self._most
            self._most = most if lower else self._most
            return lower
        # Servers differ in how they call the limit and in whether a temperature is theirs alone.
        for name in (*_LIMIT_NAMES, "temperature"):
            if name in complaint and name not in self._adapted:
                self._adapted |= {name} if name == "temperature" else {*_LIMIT_NAMES}
                if name != "temperature":
                    self._limit_name = _LIMIT_NAMES[self._limit_name]
                return True
        return False

    async def submit(self, requests: Mapping[str, Request]) -> str:
        """Upload a batch file and start the batch.

        Raises:
            CallFailed: It was not taken, or that is unknown.
        """
        lines = (json.dumps(batch_line(name, request)) for name, request in requests.items())
        file = ("alchemist.jsonl", "".join(f"{line}\n" for line in lines).encode())
        client = self._open_client()
        files = client.files.with_raw_response
        upload = await self._call(lambda: files.create(file=file, purpose="batch"))
        batch = {
            "input_file_id": upload.get("id"),
            "endpoint": CHAT_URL,
            "completion_window": "24h",
        }
        batches = client.batches.with_raw_response
        return str((await self._call(lambda: batches.create(**batch))).get("id"))

    async def collect(self, batch: str) -> Collected:
        """Ask how a batch stands, and take its answers and errors once it has ended.

        Raises:
            CallFailed: The server does not say.
        """
        client = self._open_client()
        batches, files = client.batches.with_raw_response, client.files.with_raw_response
        state = await self._call(lambda: batches.retrieve(batch))
        status = str(state.get("status"))
        if status not in _ENDED:
            return Collected(done=False, status=status)
        lines = []
        for name in ("output_file_id", "error_file_id"):
            if file_id := state.get(name):
                text = await self._server().call_text(partial(files.content, str(file_id)))
                if isinstance(text, CallFailed):
                    raise text
                lines.append(text)
        return read_results("\n".join(lines), status)

    async def _call(self, create: Create) -> dict[str, Any]:
        answer = await self._server().call(create)
        if isinstance(answer, CallFailed):
            raise answer
        return answer

    async def _post(self, request: Request) -> Reply | CallFailed:
        body = chat_body(request, limit_name=self._limit_name)
        if "temperature" in self._adapted:
            body.pop("temperature", None)
        if self._most is not None:
            body[self._limit_name] = min(request.max_tokens, self._most)
        create = self._open_client().chat.completions.with_raw_response.create
        answer = await self._server().call(lambda: create(**body))
        if isinstance(answer, CallFailed):
            return answer
        try:
            return chat_reply(answer)
        except ProviderError as error:
            return Unclear(f"{self.destination}: {error}")

    def _server(self) -> Server:
        import openai

        return Server(openai, self.destination, self._key)

    def _open_client(self) -> Any:
        if self._client is None:
            import openai

            self._client = openai.AsyncOpenAI(
                # The SDK insists on a key; servers that need none ignore this one.
                api_key=self._key.reveal() if self._key else "none",
                base_url=self._base_url,
                max_retries=0,
                timeout=self._timeout_s,
            )
        return self._client


def _most_allowed(complaint: str) -> int | None:
    """The output limit a server names in a refusal."""
    if match := _MODEL_LIMIT.search(complaint):
        return int(match[1])
    if match := _CONTEXT.search(complaint):
        return max(int(match[1]) - int(match[2]) - 1, 0) or None
    return None
