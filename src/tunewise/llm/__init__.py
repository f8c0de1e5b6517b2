"""Language models: the protocol, the adapters, what calls cost, and how they are recorded.

Importing this package imports no SDK; an adapter imports its own when it is used first.
"""

from tunewise.llm.base import (
    ChatModel,
    ChatReply,
    ChatRequest,
    FinishReason,
    Message,
    Role,
    StreamingModel,
    Tool,
    ToolCall,
)
from tunewise.llm.cassette import RecordingModel, ReplayingModel
from tunewise.llm.embedded import EmbeddedModel
from tunewise.llm.ledger import Call, Caps, Ledger, Totals
from tunewise.llm.manual import ManualModel
from tunewise.llm.openai import OpenAIModel, list_models
from tunewise.llm.prices import FREE, Price, find_price
from tunewise.llm.resolve import closing, describe, resolve_model
from tunewise.llm.scripted import FunctionModel, ScriptedModel
from tunewise.llm.streaming import calls_tools, stream

__all__ = [
    "FREE",
    "Call",
    "Caps",
    "ChatModel",
    "ChatReply",
    "ChatRequest",
    "EmbeddedModel",
    "FinishReason",
    "FunctionModel",
    "Ledger",
    "ManualModel",
    "Message",
    "OpenAIModel",
    "Price",
    "RecordingModel",
    "ReplayingModel",
    "Role",
    "ScriptedModel",
    "StreamingModel",
    "Tool",
    "ToolCall",
    "Totals",
    "calls_tools",
    "closing",
    "describe",
    "find_price",
    "list_models",
    "resolve_model",
    "stream",
]
