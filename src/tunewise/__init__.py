"""Hyperparameter optimization that knows what hyperparameters mean.

A language model proposes, statistics vet, Optuna runs.

```python
study = tunewise.tune(objective, space, task=tunewise.Task(model="SVC"), model="embedded", n_trials=10)
```

Importing this package does nothing; each name is loaded when it is used. What is public stands in `docs/reference.md`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunewise import errors, evaluators, executors, models, proposers, testing, trackers
    from tunewise.codegen.generate import generate
    from tunewise.configspace import from_configspace, to_configspace
    from tunewise.history import History, TrialRecord
    from tunewise.llm.ledger import Caps
    from tunewise.sampler import LLMSampler
    from tunewise.sampler_options import SamplerOptions
    from tunewise.space import Categorical, Float, Int, SearchSpace
    from tunewise.study.options import TuneOptions
    from tunewise.study.stop import StopRules
    from tunewise.study.tune import tune
    from tunewise.task import DataCard, Task

__version__ = "0.2.0"

__all__ = [
    "Caps",
    "Categorical",
    "DataCard",
    "Float",
    "History",
    "Int",
    "LLMSampler",
    "SamplerOptions",
    "SearchSpace",
    "StopRules",
    "Task",
    "TrialRecord",
    "TuneOptions",
    "errors",
    "evaluators",
    "executors",
    "from_configspace",
    "generate",
    "models",
    "proposers",
    "testing",
    "to_configspace",
    "trackers",
    "tune",
]

_HOMES = {
    "Caps": "tunewise.llm.ledger",
    "Categorical": "tunewise.space",
    "DataCard": "tunewise.task",
    "Float": "tunewise.space",
    "History": "tunewise.history",
    "Int": "tunewise.space",
    "LLMSampler": "tunewise.sampler",
    "SamplerOptions": "tunewise.sampler_options",
    "SearchSpace": "tunewise.space",
    "StopRules": "tunewise.study.stop",
    "Task": "tunewise.task",
    "TrialRecord": "tunewise.history",
    "TuneOptions": "tunewise.study.options",
    "from_configspace": "tunewise.configspace",
    "generate": "tunewise.codegen.generate",
    "to_configspace": "tunewise.configspace",
    "tune": "tunewise.study.tune",
}
"""Where each name is made; the names without a home here are modules."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tunewise' has no attribute {name!r}")
    if name not in _HOMES:
        return import_module(f"tunewise.{name}")
    found = getattr(import_module(_HOMES[name]), name)
    if found.__module__ != __name__:
        _publish(found)
    return found


def _publish(found: Any) -> None:
    """Let a class or function say that it is of `tunewise`, as people import it."""
    from contextlib import suppress
    from dataclasses import fields, is_dataclass
    from typing import get_type_hints

    if is_dataclass(found):  # its annotations are texts, which could not be read in this module any more
        with suppress(NameError):  # nor in its own
            hints = get_type_hints(found, include_extras=True)
            found.__annotations__ = {name: hints[name] for name in found.__annotations__}
            for field in fields(found):
                field.type = hints[field.name]
    found.__module__ = __name__


def __dir__() -> list[str]:
    return sorted(__all__)
