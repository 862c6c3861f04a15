"""Exchange: what is said to a language model and what comes back.

A request is its own identity: the hash covers everything that can change the answer, so it
keys the cache, the ledger, recordings and batch files alike.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Message:
    """One turn; role is "system", "user" or "assistant"."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model.

    Attributes:
        messages: The turns, in order.
        model: The model's name as its provider knows it.
        temperature: Sampling temperature.
        max_tokens: Upper bound of the answer, in tokens.
        sample: Which of several answers to the same question is meant.
        purpose: Why it is asked ("synthesize", "annotate" …); bookkeeping, not identity.
        holds: What kinds of content it quotes ("task", "terms", "rows", "documents").
    """

    messages: tuple[Message, ...]
    model: str
    temperature: float = 0.7
    max_tokens: int = 8000
    sample: int = 0
    purpose: str = "synthesize"
    holds: tuple[str, ...] = ("task",)

    @property
    def hash(self) -> str:
        """64 hex digits over all that can change the answer."""
        identity = {
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            "model": self.model,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "sample": self.sample,
        }
        text = json.dumps(identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens a provider billed for one call."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    Attributes:
        text: What the model wrote.
        finish_reason: "stop", "length", "refusal" or the provider's own word.
        usage: Billed tokens, or None where the provider does not say.
        model: The model that answered, as the provider names it.
        raw: The provider's own body, for the record.
    """

    text: str
    finish_reason: str = "stop"
    usage: Usage | None = None
    model: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expected:
    """A request before it is sent, with the length its answer is expected to have.

    Attributes:
        request: What will be asked; later rounds hold a stand-in for answers not known yet.
        output_low: Hardly fewer output tokens.
        output_likely: The most likely number.
        output_high: Hardly more.
    """

    request: Request
    output_low: int
    output_likely: int
    output_high: int


@dataclass(frozen=True, slots=True)
class Collected:
    """What a provider's batch has come to.

    Attributes:
        done: Nothing more will come.
        status: The provider's own word for where it stands.
        replies: Answers by custom id.
        failed: Ids that got none, with the reason; these were not billed.
    """

    done: bool
    status: str
    replies: Mapping[str, Reply] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
