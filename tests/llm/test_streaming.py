"""Tools and streams: over HTTP with every mishap, through ledger and cassette."""

import json
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tunewise.errors import ModelUnavailable, ReplayMiss
from tunewise.llm import dialect, wire
from tunewise.llm.base import ChatModel, ChatReply, ChatRequest, Message, StreamingModel, Tool, ToolCall
from tunewise.llm.calls import Call
from tunewise.llm.cassette import RecordingModel, ReplayingModel
from tunewise.llm.estimate import most_input_tokens
from tunewise.llm.ledger import Ledger
from tunewise.llm.manual import ManualModel
from tunewise.llm.openai import OpenAIModel
from tunewise.llm.prices import Price
from tunewise.llm.scripted import FunctionModel, ScriptedModel
from tunewise.llm.streaming import calls_tools, stream
from tunewise.testing.server import Behaviour, FaultServer, body, hang, refusal, rejects, reply, status, tool_call
from tunewise.testing.server import stream as streaming

TOOL = Tool(
    name="trials",
    description="Lists trials.",
    schema={"type": "object", "properties": {"last": {"type": "integer"}}},
)
CALL = ToolCall(name="trials", arguments='{"last": 3}', id="call-0")
PLAIN = ChatRequest(messages=(Message("user", "Why?"),))
ASK = replace(PLAIN, tools=(TOOL,))
TALK = replace(
    ASK,
    messages=(
        Message("system", "Be brief."),
        Message("user", "Why?"),
        Message("assistant", "Let me see.", tool_calls=(CALL, replace(CALL, arguments="{broken", id="call-1"))),
        Message("tool", "trial 3 failed", tool_call_id="call-0"),
        Message("tool", "nothing", tool_call_id="call-1"),
    ),
)
SPOKEN = ["because ", "it ", "diverged"]


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "known", {})


class Start:
    """Starts servers that play behaviours, each with a model on it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(self, *behaviours: Behaviour, timeout_s: float = 60.0) -> tuple[FaultServer, OpenAIModel]:
        server = self._stack.enter_context(FaultServer(behaviours))
        model = OpenAIModel("test-model", base_url=server.base_url, max_retries=0, timeout_s=timeout_s)
        self._stack.callback(model.close)
        return server, model


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:
        yield Start(stack)


def read(reading: Generator[str, None, ChatReply]) -> tuple[list[str], ChatReply]:
    """All pieces, and the reply that they end in."""
    pieces = []
    while True:
        try:
            pieces.append(next(reading))
        except StopIteration as done:
            return pieces, done.value


def test_a_request_without_tools_has_the_key_that_it_had_before_there_were_any() -> None:
    assert PLAIN.key == "58f56525ba97a40db80e35c876729823caa62b916d525b30d9c1b2b62b60d815"
    assert ASK.key != PLAIN.key != TALK.key
    assert [Message.from_dict(json.loads(json.dumps(m.to_dict()))) for m in TALK.messages] == list(TALK.messages)


def test_tools_are_offered_and_calls_come_back(start: Start) -> None:
    server, model = start(reply("", tool_calls=[tool_call("trials", {"last": 3})], finish_reason="tool_calls"))
    answer = model.complete(TALK)
    assert (answer.text, answer.finish_reason, answer.tool_calls) == ("", "stop", (CALL,))
    sent = server.received[0].json
    assert sent["tools"] == [
        {"type": "function", "function": {"name": "trials", "description": "Lists trials.", "parameters": TOOL.schema}}
    ]
    assert sent["messages"][2]["tool_calls"][0] == tool_call("trials", '{"last": 3}')
    assert sent["messages"][2]["tool_calls"][1]["function"]["arguments"] == "{}"  # servers read them as JSON
    assert sent["messages"][3] == {"role": "tool", "content": "trial 3 failed", "tool_call_id": "call-0"}
    assert "stream" not in sent


@pytest.mark.parametrize(
    ("given", "arguments", "id_"),
    [
        ({"function": {"name": "trials", "arguments": {"last": 3}}}, '{"last": 3}', "call_0"),
        ({"function": {"name": "trials"}, "id": None}, "{}", "call_0"),
        ({"function": {"name": "trials", "arguments": "\ud83d"}, "id": "x"}, "?", "x"),
    ],
)
def test_odd_tool_calls_are_tool_calls(start: Start, given: dict[str, object], arguments: str, id_: str) -> None:
    _, model = start(reply("", tool_calls=[given]))
    assert model.complete(ASK).tool_calls == (ToolCall(name="trials", arguments=arguments, id=id_),)


@pytest.mark.parametrize("wrong", [["trials"], [{"function": None}], [{"function": {"name": 3}}], 3])
def test_what_is_no_tool_call_is_no_reply(start: Start, wrong: object) -> None:
    _, model = start(reply("", tool_calls=wrong))
    with pytest.raises(ModelUnavailable, match="no chat completion"):
        model.complete(ASK)


@pytest.mark.parametrize(
    "refused",
    [
        rejects("tools", otherwise=reply("without")),
        status(400, "registry/smol does not support tools"),
        status(404, "No endpoints found that support tool use."),
        status(500, "tools param requires --jinja flag"),
        status(422, "something is wrong"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_server_without_tools_is_told_in_words(start: Start, refused: Behaviour, streamed: bool) -> None:
    server, model = start(refused, *([refused] * streamed), reply("without"), reply("without"))
    assert calls_tools(model)
    for _ in range(2):
        answer = read(model.stream(TALK))[1] if streamed else model.complete(TALK)
        assert answer.text == "without"
    assert not calls_tools(model)
    last = server.received[-1].json
    assert "tools" not in last
    assert [m["role"] for m in last["messages"]] == ["system", "user", "assistant", "user"]
    assert last["messages"][2]["content"] == ('Let me see.\n(I look up: trials {"last": 3})\n(I look up: trials {})')
    assert "trial 3 failed" in last["messages"][3]["content"]
    assert "nothing" in last["messages"][3]["content"]


def test_a_stream_is_the_reply_in_pieces(start: Start) -> None:
    call = tool_call("trials", {"last": 3})
    server, model = start(reply("because it diverged"), reply("hm", tool_calls=[call, {**call, "id": "b"}]))
    pieces, answer = read(model.stream(ASK))
    assert pieces == SPOKEN
    assert (answer.text, answer.model, answer.finish_reason) == ("because it diverged", "test-model-2026", "stop")
    assert (answer.input_tokens, answer.output_tokens) == (40, 4)
    assert answer.seconds > 0
    _, answer = read(model.stream(ASK))
    assert answer.tool_calls == (CALL, replace(CALL, id="b"))
    assert server.received[0].json["stream_options"] == {"include_usage": True}


def test_servers_that_know_no_streams_or_no_stream_options_answer_all_the_same(start: Start) -> None:
    text = json.dumps({"choices": [{"message": {"content": "because it diverged"}, "finish_reason": "stop"}]})
    server, model = start(
        body(text), rejects("stream_options"), reply("because it diverged"), refusal("No."), refusal("No.")
    )
    assert read(model.stream(PLAIN))[1].text == "because it diverged"
    pieces, answer = read(model.stream(PLAIN))
    assert (pieces, answer.input_tokens) == (SPOKEN, None)
    assert "stream_options" not in server.received[2].json
    assert read(model.stream(PLAIN))[1].finish_reason == "refusal"


def sse(*events: object) -> Behaviour:
    """An event stream of these events, and of lines that are none."""
    lines = [": keep-alive", "event: message", *(f"data: {e if isinstance(e, str) else json.dumps(e)}" for e in events)]
    return body("\n\n".join(lines) + "\n\n", "text/event-stream; charset=utf-8")


def delta(**parts: object) -> dict[str, object]:
    return {"choices": [{"delta": parts}]}


def called(**parts: object) -> dict[str, object]:
    return delta(tool_calls=[parts])


END = {"choices": [{"finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("behaviour", "text", "ids"),
    [
        (sse(delta(content="a"), delta(content=None), delta(reasoning_content="hm"), END), "a", []),
        (sse(delta(content="a"), {"choices": []}, END, "[DONE]", "{broken"), "a", []),
        (sse(delta(content="a"), "[DONE]"), "a", []),
        (
            sse(
                called(id="1", function={"name": "trials", "arguments": {"last": 3}}),
                called(id="2", function={"name": "trials", "arguments": '{"last"'}),
                called(function={"arguments": ": 3}"}),
                END,
            ),
            "",
            ["1", "2"],
        ),
        (
            sse(
                called(index=0, id="1", function={"name": "trials", "arguments": '{"last": 3}'}),
                called(index=0, id="2", function={"name": "trials", "arguments": '{"last": 3}'}),
                END,
            ),
            "",
            ["1", "2"],
        ),
    ],
)
def test_odd_streams_are_replies(start: Start, behaviour: Behaviour, text: str, ids: list[str]) -> None:
    _, model = start(behaviour)
    answer = read(model.stream(ASK))[1]
    assert (answer.text, [call.id for call in answer.tool_calls]) == (text, ids)
    assert all(call == replace(CALL, id=call.id) for call in answer.tool_calls)


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (sse(delta(content="a"), {"error": {"message": "overloaded"}}), "broke off.*overloaded"),
        (sse(delta(content="a"), "{broken"), "not of this protocol"),
        (sse(delta(content=["a"])), "not of this protocol"),
        (sse(delta(content="a")), "ended before the reply did"),
        (streaming(["a "], end=False), "ended before the reply did"),
        (body("<html>", "text/html"), "no chat completion"),
        (hang(), "did not answer within"),
        (lambda exchange, _: exchange.send(200, "data: ", {"content-type": "text/event-stream", "content-length": 99}),
         "did not answer|failed in"),
    ],
)  # fmt: skip
def test_a_stream_that_breaks_is_no_reply(start: Start, behaviour: Behaviour, words: str) -> None:
    silent = "did not answer" in words  # only there does a limit have to be waited for
    _, model = start(behaviour, timeout_s=1.0 if silent else 60.0)
    with pytest.raises(ModelUnavailable, match=words):
        read(model.stream(ASK))


def test_a_stream_without_end_is_cut(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    thought = json.dumps(delta(reasoning_content="x" * 50_000))
    _, model = start(sse(*[thought] * 101))
    monkeypatch.setattr(wire, "MAX_BYTES", 5_000_000)
    with pytest.raises(ModelUnavailable, match="longer than 5000000 bytes"):
        read(model.stream(ASK))
    _, model = start(sse(*[json.dumps(delta(content="word " * 10_000))] * 101))
    assert read(model.stream(ASK))[1].finish_reason == "length"


def test_who_stops_reading_stops_the_server_and_what_came_is_kept(start: Start, tmp_path: Path) -> None:
    server, model = start(streaming(["word "] * 10_000, pause_s=0.002))
    calls: list[Call] = []
    tape = tmp_path / "tape.jsonl"
    ledger = Ledger(RecordingModel(model, tape), price=Price(1, 1))
    reading = ledger.stream(ASK, calls.append)
    assert [next(reading) for _ in range(3)] == ["word "] * 3
    reading.close()
    assert server.hung_up.wait(5)
    assert (calls[0].error, calls[0].text, calls[0].cost_usd) == ("interrupted", "word " * 3, None)
    assert ledger.totals.failed_calls == 1
    replayed = ReplayingModel(tape).complete(ASK)
    assert (replayed.text, replayed.finish_reason) == ("word " * 3, "interrupted")


def test_a_failure_in_the_middle_is_billed_with_what_had_come(start: Start, tmp_path: Path) -> None:
    _, model = start(streaming(["word "], end=False))
    calls: list[Call] = []
    tape = tmp_path / "tape.jsonl"
    with pytest.raises(ModelUnavailable):
        read(Ledger(RecordingModel(model, tape)).stream(ASK, calls.append))
    assert calls[0].text == "word "
    assert calls[0].error.startswith("ModelUnavailable: ")
    with pytest.raises(ModelUnavailable):
        read(ReplayingModel(tape).stream(ASK))


def test_tools_and_streams_are_recorded_replayed_and_billed(tmp_path: Path) -> None:
    first = ChatReply(text="let me see", model="m-2", input_tokens=3, output_tokens=4, tool_calls=(CALL,))
    tape = tmp_path / "tape.jsonl"
    recording = RecordingModel(ScriptedModel([first, "because"], name="gpt"), tape)
    calls: list[Call] = []
    assert read(Ledger(recording).stream(ASK, calls.append)) == (["let ", "me ", "see"], first)
    assert Ledger(recording).complete(TALK, calls.append).text == "because"
    replaying = ReplayingModel(tape)
    assert calls_tools(recording)
    assert calls_tools(replaying)
    assert read(Ledger(replaying).stream(ASK, calls.append)) == (["let ", "me ", "see"], first)
    assert replaying.complete(TALK).text == "because"
    assert calls[0].reply() == first
    assert [Call.from_dict(json.loads(json.dumps(call.to_dict()))) for call in calls] == calls


def test_what_differs_in_tools_is_said(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    recording = RecordingModel(ScriptedModel(["a", "b"]), tape)
    recording.complete(ASK)
    recording.complete(TALK)
    other = replace(TALK, messages=(*TALK.messages[:2], replace(TALK.messages[2], tool_calls=()), *TALK.messages[3:]))
    replaying = ReplayingModel(tape)
    with pytest.raises(ReplayMiss, match="tools was 1 long when it was recorded, and is null"):
        replaying.complete(PLAIN)
    with pytest.raises(ReplayMiss, match="message 3 has other tool calls"):
        replaying.complete(other)


def test_models_without_streams_are_read_in_one_piece() -> None:
    class Plain:
        name = "plain"
        context_tokens = None

        def complete(self, request: ChatRequest) -> ChatReply:
            return ChatReply(text=request.messages[-1].content, model="plain")

    model = Plain()
    assert isinstance(model, ChatModel)
    assert not isinstance(model, StreamingModel)
    assert not calls_tools(model)
    assert not calls_tools(ManualModel())
    assert read(stream(model, PLAIN))[0] == ["Why?"]


def test_an_interrupt_in_a_scripted_stream_passes() -> None:
    def interrupt(request: ChatRequest) -> str:
        raise KeyboardInterrupt

    calls: list[Call] = []
    with pytest.raises(KeyboardInterrupt):
        read(Ledger(FunctionModel(interrupt)).stream(ASK, calls.append))
    assert calls[0].error == "interrupted"


def test_tools_count_as_prompt() -> None:
    assert most_input_tokens(ASK) > most_input_tokens(PLAIN)
    assert most_input_tokens(TALK) > most_input_tokens(replace(TALK, messages=TALK.messages[:2])) + 40


def test_threads_that_stream_do_not_mix(start: Start) -> None:
    _, model = start(*[reply(lambda json_: json_["messages"][0]["content"])] * 4)
    read_by: dict[str, str] = {}

    def ask(word: str) -> None:
        read_by[word] = "".join(read(model.stream(ChatRequest(messages=(Message("user", word * 3),))))[0])

    threads = [threading.Thread(target=ask, args=(f"{k} ",)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_by == {f"{k} ": f"{k} " * 3 for k in range(4)}
