"""The parts of a study file that say how a configuration is evaluated, and who proposes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import Discriminator, Field, PositiveInt, Tag

from tunewise.errors import TaskError
from tunewise.evaluate import CommandEvaluator, Evaluator, FunctionEvaluator, import_objective
from tunewise.llm.base import ChatModel
from tunewise.llm.prices import Price
from tunewise.llm.resolve import check, resolve_model
from tunewise.secrets import remember_environment
from tunewise.space import SearchSpace
from tunewise.task import Task

__all__ = ["EVALUATE", "CommandPart", "EstimatorPart", "EvaluatePart", "Made", "ModelPart", "PythonPart", "kind_of"]

Seconds: TypeAlias = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a part needs to know of the rest of its study file."""

    folder: Path
    seed: int
    isolate: bool


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a part and what was said of the task."""

    evaluator: Evaluator
    task: Task
    space: SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPart:
    """A program in any language; see `CommandEvaluator`."""

    command: str | list[str]
    metric: str = "value"
    timeout_s: Seconds | None = None
    cwd: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    pattern: str | None = None

    def __post_init__(self) -> None:
        remember_environment(self.env)

    def make(self, place: Place, task: Task, space: SearchSpace) -> Made:
        """The evaluator. `python` means the one that runs tunewise, whether or not its environment is activated."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        evaluator = CommandEvaluator(
            self.command,
            metric=self.metric,
            timeout_s=self.timeout_s,
            cwd=place.folder / self.cwd if self.cwd else place.folder,
            env={"PATH": path, **self.env},
            pattern=self.pattern,
            flags=space.flags,
            names=[task.metric],
        )
        return Made(evaluator, named(task, self.metric), space)


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonPart:
    """A Python function; see `FunctionEvaluator`."""

    python: str
    metric: str = "value"
    timeout_s: Seconds | None = None
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        remember_environment(self.env)

    def make(self, place: Place, task: Task, space: SearchSpace) -> Made:
        """The evaluator."""
        address = str(place.folder / self.python) if ".py:" in self.python else self.python
        evaluator = FunctionEvaluator(
            import_objective(address),
            metric=self.metric,
            timeout_s=self.timeout_s,
            isolate=place.isolate or bool(self.env),
            env=self.env,
        )
        return Made(evaluator, named(task, self.metric), space)


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorPart:
    """A scikit-learn estimator, or several, which make a pipeline; see `EstimatorEvaluator`."""

    estimator: str | list[str]
    data: str | dict[str, object]
    params: dict[str, object] = field(default_factory=dict)
    scoring: str = "accuracy"
    cv: Annotated[int, Field(ge=2)] = 5
    steps: Annotated[int, Field(ge=0)] | None = None
    timeout_s: Seconds | None = None
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        remember_environment(self.env)

    def make(self, place: Place, task: Task, space: SearchSpace) -> Made:
        """The evaluator, with a task and a space that the estimator and the data describe."""
        from tunewise.evaluate.data import load_data
        from tunewise.evaluate.describe import describe_estimator
        from tunewise.evaluate.estimator import EstimatorEvaluator
        from tunewise.evaluate.sklearn_interface import load_estimator

        spec = self.data
        if isinstance(spec, dict) and "csv" in spec:
            spec = {**spec, "csv": str(place.folder / str(spec["csv"]))}
        data = load_data(spec)
        estimator = load_estimator(self.estimator, self.params)
        evaluator = EstimatorEvaluator(
            estimator,
            data.X,
            data.y,
            scoring=self.scoring,
            cv=self.cv,
            steps=self.steps,
            timeout_s=self.timeout_s,
            seed=place.seed,
            isolate=place.isolate or bool(self.env),
            env=self.env,
        )
        described, space = describe_estimator(
            estimator,
            space,
            data.X,
            data.y,
            data_name=data.name,
            metric=evaluator.metric_name,
            direction=evaluator.direction,
        )
        return Made(evaluator, merged(described, task), space)


EVALUATE: dict[str, type[CommandPart | PythonPart | EstimatorPart]] = {
    "command": CommandPart,
    "python": PythonPart,
    "estimator": EstimatorPart,
}
"""How a configuration becomes a number: the key that says it, and the part."""


def kind_of(part: object) -> str | None:
    """The key that says what kind of evaluation it is; None where there is not exactly one."""
    given = [key for key in EVALUATE if key in part] if isinstance(part, Mapping) else []
    return given[0] if len(given) == 1 else None


EvaluatePart: TypeAlias = Annotated[
    Annotated[CommandPart, Tag("command")]
    | Annotated[PythonPart, Tag("python")]
    | Annotated[EstimatorPart, Tag("estimator")],
    Discriminator(
        kind_of,
        custom_error_type="kind",
        custom_error_message=f"it needs exactly one of {', '.join(list(EVALUATE)[:-1])} and {list(EVALUATE)[-1]}",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPart:
    """Who proposes; see `resolve_model`. The price is for models that no list has."""

    name: str
    base_url: str | None = None
    api_key_env: str | None = None
    timeout_s: Seconds | None = None
    context_tokens: PositiveInt | None = None
    max_output_tokens: PositiveInt | None = None
    threads: PositiveInt | None = None
    price: Price | None = None

    def connect(self) -> ChatModel:
        """The model.

        Raises:
            ModelUnusable: It is clear without a call that none can succeed.
        """
        options: dict[str, Any] = {key: value for key, value in asdict(self).items() if key not in ("name", "price")}
        model = resolve_model(self.name, **options)
        check(model)
        return model


def named(task: Task, metric: str) -> Task:
    """The task, with the name of what the objective returns where the task has none of its own."""
    return replace(task, metric=metric) if task.metric == Task().metric and metric != "value" else task


def merged(described: Task, given: Task) -> Task:
    """What the user says about a task goes before what the estimator and the data say of themselves."""
    if given.direction not in (None, described.direction):
        raise TaskError(
            f"task.direction is {given.direction}, but {described.metric} is to be {described.direction}d. "
            "Leave the direction out: the scoring decides it."
        )
    usual = Task()
    said: dict[str, Any] = {
        key: getattr(given, key) for key in asdict(given) if getattr(given, key) != getattr(usual, key)
    }
    return replace(described, **said)
