"""Studies to talk about, and conversations with scripted models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna

from tunewise import DataCard, Float, Int, SearchSpace, Task, attributes
from tunewise.assistant.conversation import Conversation, Event, Said
from tunewise.assistant.subject import Subject
from tunewise.errors import ModelError
from tunewise.llm.base import ChatReply, ToolCall
from tunewise.llm.ledger import Caps, Ledger
from tunewise.llm.scripted import ScriptedModel
from tunewise.study.storage import Storage, open_storage

SPACE = SearchSpace(
    {
        "C": Float(1e-3, 1e3, log=True, default=1.0, description="inverse regularization strength"),
        "gamma": Float(1e-4, 10, log=True, default=0.1),
        "cache": Int(100, 1000, default=200),
    }
)
TASK = Task(
    model="support vector classifier",
    library="scikit-learn 1.9",
    data=DataCard(name="digits", rows=1437),
    metric="validation error",
    direction="minimize",
    budget=10,
)
RESULTS: tuple[tuple[float | str, dict[str, Any], str], ...] = (
    (0.25, {"C": 1.0, "gamma": 0.1, "cache": 200}, "default"),
    (0.125, {"C": 12.0, "gamma": 0.01, "cache": 200}, "model"),
    ("MemoryError: out of memory", {"C": 900.0, "gamma": 9.0, "cache": 1000}, "model"),
    (0.5, {"C": 0.01, "gamma": 1.0, "cache": 400}, "random"),
    (0.375, {"C": 100.0, "gamma": 0.5, "cache": 300}, "model"),
    ("MemoryError: out of memory", {"C": 800.0, "gamma": 8.0, "cache": 990}, "model"),
)


def study(
    storage: Storage = None, *, results: Any = RESULTS, task: Task = TASK, space: SearchSpace = SPACE, name: str = "svc"
) -> optuna.Study:
    """A study of a support vector machine: the best is trial 1; 2 and 5 failed."""
    made = optuna.create_study(
        study_name=name, storage=open_storage(storage), direction="minimize", load_if_exists=True
    )
    made.set_user_attr(attributes.STUDY, {"space": space.to_dict(), "task": task.to_dict()})
    for value, configuration, source in results:
        failed = isinstance(value, str)
        proposal = {"source": source, "reason": f"tried because of {source}", "configuration": configuration}
        result = {"seconds": 1.5, **({"error": value} if failed else {})}
        made.add_trial(
            optuna.trial.create_trial(
                params=configuration,
                distributions=space.distributions,
                value=None if failed else value,
                state=optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE,
                user_attrs={attributes.PROPOSAL: proposal, attributes.RESULT: result},
                intermediate_values={} if failed else {k: value + 0.3 / (k + 1) for k in range(4)},
            )
        )
    return made


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
