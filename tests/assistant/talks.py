"""Conversations with scripted models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewise.assistant.conversation import Conversation, Event, Said
from tunewise.assistant.subject import Subject
from tunewise.errors import ModelError
from tunewise.llm.base import ChatReply, ToolCall
from tunewise.llm.ledger import Caps, Ledger
from tunewise.llm.scripted import ScriptedModel


def talk(
    replies: Sequence[str | ChatReply | ModelError],
    subject: Subject | None = None,
    *,
    tools: bool = True,
    caps: Caps | None = None,
    **options: Any,
) -> tuple[Conversation, ScriptedModel]:
    """A conversation and the model that plays these replies."""
    model = ScriptedModel(replies)
    model.calls_tools = tools
    return Conversation(Ledger(model, caps=caps), subject or Subject(), **options), model


def wants(name: str, arguments: str = "{}", *, text: str = "", id_: str = "1") -> ChatReply:
    """A reply that wants a tool called."""
    return ChatReply(text=text, model="m", tool_calls=(ToolCall(name=name, arguments=arguments, id=id_),))


def events(conversation: Conversation, question: str = "Why?") -> list[Event]:
    """A whole turn."""
    return list(conversation.ask(question))


def said(conversation: Conversation, question: str = "Why?") -> str:
    """The answer of a turn."""
    return "".join(event.text for event in events(conversation, question) if isinstance(event, Said))
