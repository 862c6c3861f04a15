"""Wire: requests and replies in the shapes language-model services speak.

    chat      POST /v1/chat/completions   OpenAI and every server that speaks like it
    messages  POST /v1/messages           Anthropic
    batch     one JSON line per request   OpenAI batch files; `vllm run-batch` reads the same

Pure functions between our types and JSON, so that providers, exports and imports agree.
"""

import re
from collections.abc import Mapping
from typing import Any

from alchemist.core.errors import ProviderError
from alchemist.core.exchange import Reply, Request, Usage

CHAT_URL = "/v1/chat/completions"
CUSTOM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

# These models answer any temperature but their own with status 400.
_FIXED_TEMPERATURE = re.compile(r"(?:^|/)(?:o\d|gpt-5(?!.*chat))", re.IGNORECASE)
_FINISH = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "refusal",
    "refusal": "refusal",
}


def chat_body(request: Request, *, limit_name: str = "max_completion_tokens") -> dict[str, Any]:
    """The body of a chat-completions call; older servers call the limit "max_tokens"."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        limit_name: request.max_tokens,
    }
    if not _FIXED_TEMPERATURE.search(request.model):
        body["temperature"] = request.temperature
    return body


def batch_line(custom_id: str, request: Request) -> dict[str, Any]:
    """One line of an OpenAI batch file."""
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": CHAT_URL,
        "body": chat_body(request),
    }


def messages_body(request: Request) -> dict[str, Any]:
    """The body of an Anthropic messages call; the system turns stand apart from the others.

    It names no temperature: newer models answer one with status 400, whatever its value.
    """
    system = "\n\n".join(m.content for m in request.messages if m.role == "system")
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "messages": [
            {"role": m.role, "content": m.content} for m in request.messages if m.role != "system"
        ],
    }
    if system:
        body["system"] = system
    return body


def message_batch(requests: Mapping[str, Request]) -> dict[str, Any]:
    """The body of an Anthropic message batch."""
    return {
        "requests": [
            {"custom_id": custom_id, "params": messages_body(request)}
            for custom_id, request in requests.items()
        ]
    }


def reply_of_line(line: Mapping[str, Any]) -> Reply | None:
    """The reply one line of a batch's output holds, None when it is of no kind we know.

    Raises:
        ProviderError: The line says that the request failed; the message says why.
    """
    if isinstance(line.get("text"), str):
        return Reply(text=line["text"], model=str(line.get("model") or ""))
    if isinstance(result := line.get("result"), Mapping):
        if result.get("type") != "succeeded":
            raise ProviderError(_reason(result.get("error")) or str(result.get("type")))
        return messages_reply(result.get("message"))
    if error := line.get("error"):
        raise ProviderError(_reason(error))
    if isinstance(response := line.get("response"), Mapping):
        status = response.get("status_code", 200)
        body = response.get("body")
        if status != 200:
            failure = body.get("error") if isinstance(body, Mapping) else body
            raise ProviderError(_reason(failure) or f"status {status}")
        return chat_reply(body)
    return None


def _reason(error: Any) -> str:
    if isinstance(error, Mapping):
        # Anthropic nests the error one level deeper than OpenAI.
        inner = error.get("error")
        return _reason(inner) if isinstance(inner, Mapping) else str(error.get("message") or error)
    return "" if error is None else str(error)


def chat_reply(body: Any) -> Reply:
    """Read a chat completion.

    Raises:
        ProviderError: It is none.
    """
    choice = _first(body, "choices")
    message = choice.get("message") if choice else None
    if not isinstance(body, Mapping) or not isinstance(message, Mapping):
        raise ProviderError(f"The answer is no chat completion: {_excerpt(body)}.")
    refusal = message.get("refusal")
    text = _text(message.get("content"))
    finish = str(choice.get("finish_reason") or "stop") if choice else "stop"
    if isinstance(refusal, str) and refusal and not text:
        text, finish = refusal, "refusal"
    return Reply(
        text=text,
        finish_reason=_FINISH.get(finish, finish),
        usage=_usage(body.get("usage"), "prompt_tokens", "completion_tokens"),
        model=str(body.get("model") or ""),
        raw=dict(body),
    )


def messages_reply(body: Any) -> Reply:
    """Read an Anthropic message.

    Raises:
        ProviderError: It is none.
    """
    if not isinstance(body, Mapping) or not isinstance(body.get("content"), list):
        raise ProviderError(f"The answer is no message: {_excerpt(body)}.")
    finish = str(body.get("stop_reason") or "stop")
    return Reply(
        text=_text(body["content"]),
        finish_reason=_FINISH.get(finish, finish),
        usage=_message_usage(body.get("usage")),
        model=str(body.get("model") or ""),
        raw=dict(body),
    )


def _first(body: Any, key: str) -> Mapping[str, Any] | None:
    items = body.get(key) if isinstance(body, Mapping) else None
    if isinstance(items, list) and items and isinstance(items[0], Mapping):
        return items[0]
    return None


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    # Reasoning and tool parts carry no "text" of type text; they are no part of the answer.
    parts = (p for p in content if isinstance(p, Mapping) and p.get("type", "text") == "text")
    return "".join(str(part.get("text") or "") for part in parts)


def _usage(usage: Any, input_name: str, output_name: str) -> Usage | None:
    if not isinstance(usage, Mapping):
        return None
    sent, written = usage.get(input_name), usage.get(output_name)
    if not (isinstance(sent, int) and isinstance(written, int)) or min(sent, written) < 0:
        return None
    return Usage(sent, written)


def _message_usage(usage: Any) -> Usage | None:
    read = _usage(usage, "input_tokens", "output_tokens")
    if read is None:
        return None
    # Cached input is counted apart by Anthropic; all of it is input, the price differs little.
    apart = ("cache_creation_input_tokens", "cache_read_input_tokens")
    extra = sum(n for name in apart if isinstance(n := usage.get(name), int))
    return Usage(read.input_tokens + extra, read.output_tokens)


def _excerpt(body: Any) -> str:
    text = repr(body)
    return text if len(text) <= 80 else text[:77] + "..."
