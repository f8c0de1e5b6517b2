"""Hyperparameter optimization that knows what hyperparameters mean.

A language model proposes, statistics vet, Optuna runs.

```python
study = tunewise.tune(objective, space, task=tunewise.Task(model="SVC"), model="embedded", trials=10)
```

Importing this package does nothing; each name is loaded when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunewise import errors
    from tunewise.configspace import from_configspace, to_configspace
    from tunewise.evaluate.command import CommandEvaluator
    from tunewise.evaluate.describe import describe_estimator
    from tunewise.evaluate.estimator import EstimatorEvaluator
    from tunewise.evaluate.function import FunctionEvaluator
    from tunewise.history import History, TrialRecord
    from tunewise.llm.base import ChatModel, ChatReply, ChatRequest, Message
    from tunewise.llm.cassette import RecordingModel, ReplayingModel
    from tunewise.llm.embedded import EmbeddedModel
    from tunewise.llm.ledger import Caps
    from tunewise.llm.openai import OpenAIModel
    from tunewise.llm.prices import Price
    from tunewise.llm.scripted import FunctionModel, ScriptedModel
    from tunewise.prompts.parse import ParsedReply, parse_reply
    from tunewise.proposers import Proposal, ProposalContext
    from tunewise.sampler import LLMSampler
    from tunewise.space import Categorical, Float, Int, SearchSpace
    from tunewise.study.tune import tune
    from tunewise.task import DataCard, Task

__version__ = "0.1.0"

__all__ = [
    "Caps",
    "Categorical",
    "ChatModel",
    "ChatReply",
    "ChatRequest",
    "CommandEvaluator",
    "DataCard",
    "EmbeddedModel",
    "EstimatorEvaluator",
    "Float",
    "FunctionEvaluator",
    "FunctionModel",
    "History",
    "Int",
    "LLMSampler",
    "Message",
    "OpenAIModel",
    "ParsedReply",
    "Price",
    "Proposal",
    "ProposalContext",
    "RecordingModel",
    "ReplayingModel",
    "ScriptedModel",
    "SearchSpace",
    "Task",
    "TrialRecord",
    "describe_estimator",
    "errors",
    "from_configspace",
    "parse_reply",
    "to_configspace",
    "tune",
]

_HOMES = {
    "ProposalContext": "tunewise.proposers",
    "Caps": "tunewise.llm.ledger",
    "Categorical": "tunewise.space",
    "ChatModel": "tunewise.llm.base",
    "ChatReply": "tunewise.llm.base",
    "ChatRequest": "tunewise.llm.base",
    "CommandEvaluator": "tunewise.evaluate.command",
    "DataCard": "tunewise.task",
    "EmbeddedModel": "tunewise.llm.embedded",
    "EstimatorEvaluator": "tunewise.evaluate.estimator",
    "Float": "tunewise.space",
    "FunctionEvaluator": "tunewise.evaluate.function",
    "FunctionModel": "tunewise.llm.scripted",
    "History": "tunewise.history",
    "Int": "tunewise.space",
    "LLMSampler": "tunewise.sampler",
    "Message": "tunewise.llm.base",
    "OpenAIModel": "tunewise.llm.openai",
    "ParsedReply": "tunewise.prompts.parse",
    "Price": "tunewise.llm.prices",
    "Proposal": "tunewise.proposers",
    "RecordingModel": "tunewise.llm.cassette",
    "ReplayingModel": "tunewise.llm.cassette",
    "ScriptedModel": "tunewise.llm.scripted",
    "SearchSpace": "tunewise.space",
    "Task": "tunewise.task",
    "TrialRecord": "tunewise.history",
    "describe_estimator": "tunewise.evaluate.describe",
    "from_configspace": "tunewise.configspace",
    "parse_reply": "tunewise.prompts.parse",
    "to_configspace": "tunewise.configspace",
    "tune": "tunewise.study.tune",
}


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("tunewise.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'tunewise' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
