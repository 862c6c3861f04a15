"""Keys: read from the environment when a call is made, shown to nobody.

A key travels as a Secret, whose text no repr, log line or traceback prints, and everything a
server says is scrubbed of it before it is raised or stored.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from alchemist.providers.addresses import is_loopback

HIDDEN = "(key hidden)"

# A key is sent to its own service only, so that a stranger's task.toml cannot fetch it.
_OWN_KEYS = {
    "api.openai.com": "OPENAI_API_KEY",
    "openai.azure.com": "AZURE_OPENAI_API_KEY",
    "cognitiveservices.azure.com": "AZURE_OPENAI_API_KEY",
    "openrouter.ai": "OPENROUTER_API_KEY",
    "generativelanguage.googleapis.com": "GEMINI_API_KEY",
    "api.anthropic.com": "ANTHROPIC_API_KEY",
}
_OURS = "ALCHEMIST_API_KEY"


class Secret:
    """A text that prints as hidden; `reveal` is called where it is sent, nowhere else."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return HIDDEN

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("A key is not pickled.")

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def scrub(self, text: str) -> str:
        """The text with every occurrence of the key hidden, also as JSON spells it."""
        if not self._text:
            return text
        quoted = (json.dumps(self._text, ensure_ascii=plain)[1:-1] for plain in (True, False))
        for form in (self._text, *quoted):
            text = text.replace(form, HIDDEN)
        return text


def key_names(
    base_url: str, environ: Mapping[str, str], service: str = "OPENAI"
) -> tuple[str, ...]:
    """The environment variables whose key may be sent to this address, best first.

    Args:
        base_url: The address.
        environ: The environment.
        service: Whose wire format is spoken there, "OPENAI" or "ANTHROPIC".
    """
    host = (urlsplit(base_url).hostname or "").casefold()
    own = [name for site, name in _OWN_KEYS.items() if host == site or host.endswith("." + site)]
    # Whoever exports OPENAI_BASE_URL pairs it with OPENAI_API_KEY by convention.
    paired = environ.get(f"{service}_BASE_URL", "").rstrip("/") == base_url.rstrip("/")
    if not own and (paired or is_loopback(base_url)):
        own = [f"{service}_API_KEY"]
    return (*own, _OURS)


def find_key(base_url: str, environ: Mapping[str, str], service: str = "OPENAI") -> Secret | None:
    """The key for this address, if the environment holds one."""
    for name in key_names(base_url, environ, service):
        if text := environ.get(name, "").strip():
            return Secret(text)
    return None
