import pytest

from tunewise.errors import ModelUnavailable, ModelUnusable
from tunewise.llm.base import ChatModel, ChatReply, ChatRequest, Message
from tunewise.llm.scripted import FunctionModel, ScriptedModel

ASK = ChatRequest(messages=(Message("user", "Propose."),))


def test_a_script_is_played_and_its_end_is_an_error() -> None:
    full = ChatReply(text="two", model="m", input_tokens=3)
    model = ScriptedModel(["one", full, ModelUnavailable("busy")])
    assert model.complete(ASK) == ChatReply(text="one", model="scripted")
    assert model.complete(ASK) is full
    with pytest.raises(ModelUnavailable, match="busy"):
        model.complete(ASK)
    with pytest.raises(ModelUnusable, match="asked 4 times and has 3 replies"):
        model.complete(ASK)
    assert model.requests == [ASK] * 4


def test_a_lone_string_is_one_reply_and_not_a_reply_per_letter() -> None:
    assert ScriptedModel("hello").complete(ASK).text == "hello"


def test_a_function_answers_and_no_token_count_is_invented() -> None:
    model = FunctionModel(lambda request: request.messages[-1].content.upper())
    reply = model.complete(ASK)
    assert (reply.text, reply.input_tokens, reply.output_tokens) == ("PROPOSE.", None, None)
    assert model.requests == [ASK]


def test_both_are_chat_models() -> None:
    assert isinstance(ScriptedModel([]), ChatModel)
    assert isinstance(FunctionModel(lambda _: ""), ChatModel)
