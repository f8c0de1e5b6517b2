"""A loopback server that speaks the chat-completions protocol and misbehaves on request.

```python
with FaultServer([status(503), reply('{"C": 1}'), hang()]) as server:
    model = OpenAIModel("test", base_url=server.base_url)
```

Each request to `/v1/chat/completions` plays the next behaviour; when the list is played out, `then` is played for ever.
"""

from __future__ import annotations

import json
import re
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tunewise.llm.base import ChatModel, ChatRequest, Message, Tool
from tunewise.testing.exchange import Behaviour, Exchange, FaultServer, Received, error_body

__all__ = [
    "Behaviour",
    "Exchange",
    "FaultServer",
    "Received",
    "answers",
    "answers_slowly",
    "body",
    "completion",
    "context_exceeded",
    "drop_mid_body",
    "empty",
    "error_body",
    "hang",
    "not_json",
    "refusal",
    "rejects",
    "reply",
    "reset",
    "status",
    "stream",
    "tool_call",
    "truncated",
    "wrong_shape",
]


def completion(text: str | None, *, finish_reason: str = "stop", usage: bool = True, **message: Any) -> dict[str, Any]:
    """The JSON of a chat completion. A token is four characters here."""
    answer: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "test-model-2026",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "message": {"role": "assistant", "content": text, **message},
            }
        ],
    }
    if usage:
        answer["usage"] = {"prompt_tokens": 40, "completion_tokens": len(text or "") // 4, "total_tokens": 0}
    return answer


def reply(text: str | Callable[[Mapping[str, Any]], str], **more: Any) -> Behaviour:
    """A proper reply: a text, or a function of the request's JSON. More is passed to `completion`.

    A request for a stream gets one, a word in each event.
    """

    def play(exchange: Exchange, received: Received) -> None:
        answer = completion(text if isinstance(text, str) else text(received.json), **more)
        if received.json.get("stream"):
            options = received.json.get("stream_options") or {}
            exchange.send_events(events(answer, usage=options.get("include_usage") is True))
        else:
            exchange.send(200, json.dumps(answer))

    return play


def answers(model: ChatModel) -> Behaviour:
    """What a model answers, its wishes to call tools included."""

    def play(exchange: Exchange, received: Received) -> None:
        asked = received.json
        messages = tuple(Message(m["role"], m["content"]) for m in asked["messages"])
        offered = [tool["function"] for tool in asked.get("tools", ())]
        tools = tuple(Tool(name=f["name"], description="", schema=f["parameters"]) for f in offered)
        answer = model.complete(ChatRequest(messages=messages, tools=tools))
        calls = [tool_call(c.name, c.arguments, number=i) for i, c in enumerate(answer.tool_calls)]
        reply(answer.text, **({"tool_calls": calls} if calls else {}))(exchange, received)

    return play


def tool_call(name: str, arguments: object, *, number: int = 0) -> dict[str, Any]:
    """A wish to have a tool called, for `reply("", tool_calls=[...])`. Arguments that are no text are made JSON."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": f"call-{number}", "type": "function", "function": {"name": name, "arguments": text}}


def events(answer: Mapping[str, Any], *, usage: bool) -> Iterator[str]:
    """A completion as the data of an event stream."""
    head = {"id": answer["id"], "object": "chat.completion.chunk", "created": 0, "model": answer["model"]}
    choice = answer["choices"][0]
    message = choice["message"]

    def event(delta: Mapping[str, Any], finish_reason: str | None = None) -> str:
        return json.dumps({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})

    yield event({"role": "assistant"})
    for word in re.findall(r"\s*\S+\s*|\s+", message["content"] or ""):
        yield event({"content": word})
    for index, call in enumerate(message.get("tool_calls") or ()):
        written = call["function"]["arguments"]
        begun = {"name": call["function"]["name"], "arguments": written[:3]}
        yield event({"tool_calls": [{**call, "index": index, "function": begun}]})
        yield event({"tool_calls": [{"index": index, "function": {"arguments": written[3:]}}]})
    if message.get("refusal"):
        yield event({"refusal": message["refusal"]})
    yield event({}, choice["finish_reason"])
    if usage and "usage" in answer:
        yield json.dumps({**head, "choices": [], "usage": answer["usage"]})
    yield "[DONE]"


def stream(pieces: Iterable[str], *, pause_s: float = 0.0, end: bool = True) -> Behaviour:
    """A stream of these pieces, with pauses; without an end, the connection is closed in the middle."""

    def play(exchange: Exchange, _: Received) -> None:
        def slowly() -> Iterator[str]:
            first, *_, finish, done = events(completion(""), usage=False)
            yield first
            for piece in pieces:
                yield from list(events(completion(piece), usage=False))[1:-2]
                if exchange.fault_server.closing.wait(pause_s):
                    return
            if end:
                yield from (finish, done)

        exchange.send_events(slowly())

    return play


def body(text: str | bytes, content_type: str = "application/json") -> Behaviour:
    """Status 200 with this body, whatever it is."""
    return lambda exchange, _: exchange.send(200, text, {"content-type": content_type})


def status(
    number: int, message: str = "refused for a test", *, retry_after: float | None = None, **error: object
) -> Behaviour:
    """An HTTP error; `error` goes into its JSON, for example `code="insufficient_quota"`."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return lambda exchange, _: exchange.send(number, error_body(message, **error), headers)


def empty() -> Behaviour:
    """A reply without a character."""
    return reply("")


def truncated(text: str = '{"C": 0.0') -> Behaviour:
    """A reply that was cut off at `max_output_tokens`."""
    return reply(text, finish_reason="length")


def refusal(text: str = "I cannot help with that.") -> Behaviour:
    """The model refuses."""
    return lambda exchange, _: exchange.send(200, json.dumps(completion(None, refusal=text)))


def not_json() -> Behaviour:
    """A page of a proxy in place of the answer."""
    return body("<html>Sign in first</html>", "text/html")


def wrong_shape() -> Behaviour:
    """JSON that is no completion."""
    return body('{"object": "chat.completion", "choices": []}')


def hang(seconds: float = 60.0) -> Behaviour:
    """No answer, until the client gives up or the server closes."""

    def play(exchange: Exchange, _: Received) -> None:
        exchange.fault_server.closing.wait(seconds)
        exchange.close_connection = True

    return play


def answers_slowly(where: str, *, pause_s: float) -> Behaviour:
    """An answer of which a byte comes now and then, without end: of its "headers", its "body", or a "stream"."""

    def play(exchange: Exchange, _: Received) -> None:
        write = exchange.wfile.write
        exchange.close_connection = True
        write(b"HTTP/1.1 200 OK\r\n")
        if where == "body":
            write(b"content-type: application/json\r\nconnection: close\r\n\r\n")
        elif where == "stream":
            write(b"content-type: text/event-stream\r\nconnection: close\r\n\r\n")
        try:
            while not exchange.fault_server.closing.wait(pause_s):
                write(b"x")
                exchange.wfile.flush()
        except OSError:
            exchange.fault_server.hung_up.set()

    return play


def reset() -> Behaviour:
    """The connection is reset without an answer."""

    def play(exchange: Exchange, _: Received) -> None:
        exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        exchange.connection.close()
        exchange.close_connection = True

    return play


def drop_mid_body() -> Behaviour:
    """The connection ends in the middle of the answer."""

    def play(exchange: Exchange, _: Received) -> None:
        exchange.send(200, '{"choices": [', {"content-length": "1000"})
        exchange.close_connection = True

    return play


def context_exceeded() -> Behaviour:
    """The request is too long, in the words of OpenAI."""
    return status(
        400,
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
        code="context_length_exceeded",
    )


def rejects(*parameters: str, otherwise: Behaviour | None = None) -> Behaviour:
    """HTTP 400 when the request has one of these parameters, else `otherwise` (a reply by default).

    `"json_schema"` and `"json_object"` stand for these types of `response_format`.
    """
    accepted = otherwise or reply("{}")

    def play(exchange: Exchange, received: Received) -> None:
        given = {*received.json, received.json.get("response_format", {}).get("type")}
        wrong = next((name for name in parameters if name in given), None)
        if wrong is None:
            accepted(exchange, received)
            return
        name = "response_format" if wrong.startswith("json_") else wrong
        exchange.send(400, error_body(f"Unsupported parameter: {name!r} ({wrong}) is not supported.", param=name))

    return play
