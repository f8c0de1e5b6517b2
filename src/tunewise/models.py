"""Language models: servers, the embedded one, scripts, recording and replaying; and how to bring one's own."""

from tunewise.llm.base import ChatModel, ChatReply, ChatRequest, Message
from tunewise.llm.cassette import RecordingModel, ReplayingModel
from tunewise.llm.embedded import EmbeddedModel
from tunewise.llm.manual import ManualModel
from tunewise.llm.openai import OpenAIModel
from tunewise.llm.prices import Price
from tunewise.llm.resolve import resolve_model
from tunewise.llm.scripted import FunctionModel, ScriptedModel

__all__ = [
    "ChatModel",
    "ChatReply",
    "ChatRequest",
    "EmbeddedModel",
    "FunctionModel",
    "ManualModel",
    "Message",
    "OpenAIModel",
    "Price",
    "RecordingModel",
    "ReplayingModel",
    "ScriptedModel",
    "resolve_model",
]
