"""Reading a chat completion: what stands in it is not trusted, and servers put the answer in several places."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from tunewise.llm.base import ChatReply, FinishReason, ToolCall
from tunewise.plain import Plain
from tunewise.secrets import mask_known
from tunewise.text import encodable

__all__ = ["MAX_REPLY_CHARACTERS", "read_completion"]

MAX_REPLY_CHARACTERS = 200_000
"""A longer reply is cut here, and its finish reason is "length"."""
MAX_TOKENS = 10**9
"""No call has more tokens: a server that says so is not believed."""

finish_reasons: dict[str, FinishReason] = {
    "stop": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "refusal",
}


def read_completion(content: bytes, *, model: str, offered: bool) -> ChatReply:
    """A reply from the JSON of a completion; secrets that the server echoes are masked.

    Some servers leave the content empty and put a whole answer into what should be the thoughts, or into a call of a
    tool that nobody offered. It is read there.

    Args:
        content: The body of the answer.
        model: The model's name, where the server gives none.
        offered: Whether tools were offered.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, RecursionError: It is no completion.
    """
    answer = json.loads(content)
    choice = answer["choices"][0]
    message = choice["message"]
    text, refusal = join(message.get("content")), message.get("refusal")
    calls = tuple(read_call(call, k) for k, call in enumerate(listed_calls(message)))
    reason = finish_reasons.get(str(choice.get("finish_reason")), "other")
    if isinstance(refusal, str) and refusal:
        text, reason = text or refusal, "refusal"
    if calls and reason == "other":
        reason = "stop"  # to have them called
    if not text.strip() and reason != "length":  # else they are thoughts without an end
        if calls and not offered:
            text, calls = "\n".join(call.arguments for call in calls), ()
        elif not calls:
            text = join_thoughts(message)
    if len(text) + sum(len(call.arguments) for call in calls) > MAX_REPLY_CHARACTERS:
        text, calls, reason = text[:MAX_REPLY_CHARACTERS], (), "length"
    named = answer.get("model")
    usage = answer.get("usage") if isinstance(answer.get("usage"), Mapping) else {}
    return ChatReply(
        text=safe(text),
        model=safe(named)[:200] if isinstance(named, str) and named else model,
        finish_reason=reason,
        input_tokens=count(usage.get("prompt_tokens", usage.get("input_tokens"))),
        output_tokens=count(usage.get("completion_tokens", usage.get("output_tokens"))),
        tool_calls=calls,
    )


def join(content: Plain) -> str:
    """The text of a message, which some servers send in parts, or as the object that it should hold."""
    if isinstance(content, Mapping):
        return text if isinstance(text := content.get("text"), str) else json.dumps(content)
    if isinstance(content, list):
        texts = [part.get("text") for part in content if part.get("type") not in ("thinking", "reasoning")]
        return "".join(text for text in texts if isinstance(text, str))
    if content is not None and not isinstance(content, str):
        raise TypeError(content)
    return content or ""


def join_thoughts(message: Mapping[str, Plain]) -> str:
    """What stands where thoughts belong."""
    for name in ("reasoning_content", "reasoning", "thinking"):
        text = message.get(name)
        if isinstance(text, str) and text.strip():
            return text
    return ""


def listed_calls(message: Mapping[str, Plain]) -> Iterable[Mapping[str, Plain]]:
    """The tool calls of a message; the one call of servers that know the older form."""
    older = message.get("function_call")
    called = message.get("tool_calls") or ([{"function": older}] if older else [])
    if not isinstance(called, list):
        raise TypeError(called)
    return called


def read_call(call: Mapping[str, Plain], number: int) -> ToolCall:
    """A tool call; some servers give no id, or the arguments as an object."""
    function = call["function"]
    if not isinstance(function, Mapping) or not isinstance(name := function["name"], str):
        raise TypeError(function)
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else json.dumps({} if arguments is None else arguments)
    return ToolCall(name=safe(name), arguments=safe(text) or "{}", id=safe(str(call.get("id") or f"call_{number}")))


def count(tokens: object) -> int | None:
    """A number of tokens, if it is one."""
    if isinstance(tokens, float) and tokens.is_integer():
        tokens = int(tokens)
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens <= MAX_TOKENS else None


def safe(text: str) -> str:
    """The text without lone surrogates, and without secrets that the server has been given."""
    return mask_known(encodable(text))
