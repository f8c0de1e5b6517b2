"""The study file: one YAML file that says what is tuned, how it is evaluated, who proposes, and when to stop.

```yaml
task: {metric: error}
space:
  C: {type: float, low: 0.001, high: 1000, log: true, default: 1.0}
evaluate: {command: "python train.py", metric: error}
model: embedded
trials: 10
```
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from tunewise.errors import StudyError, TaskError
from tunewise.evaluate import Evaluator
from tunewise.llm.base import ChatModel
from tunewise.llm.ledger import Caps
from tunewise.llm.prices import Price
from tunewise.llm.resolve import check, resolve_model
from tunewise.sampler import LLMSampler
from tunewise.secrets import remember, remember_address, remember_environment
from tunewise.space import SearchSpace
from tunewise.task import DataCard, Task
from tunewise.text import did_you_mean, shorten

__all__ = ["StudyFile", "read_study_file"]


class Part(BaseModel):
    """Strict about keys: one that is unknown is a typing error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataPart(Part):
    """Facts about the data; see `tunewise.DataCard`."""

    name: str = ""
    rows: PositiveInt | None = None
    features: PositiveInt | None = None
    classes: PositiveInt | None = None
    description: str = ""


class TaskPart(Part):
    """What is tuned; see `tunewise.Task`."""

    model: str = ""
    library: str = ""
    data: DataPart | None = None
    metric: str = ""
    direction: Literal["minimize", "maximize"] | None = None
    hardware: str = ""
    facts: list[str] = []


class EvaluatePart(Part):
    """How a configuration becomes a number: one of `command`, `python` and `estimator`."""

    command: str | list[str] | None = None
    python: str | None = None
    estimator: str | list[str] | None = None
    metric: str = "value"
    timeout_s: float | None = Field(default=None, gt=0)
    cwd: str | None = None
    env: dict[str, str] = {}
    params: dict[str, Any] = {}
    data: str | dict[str, Any] | None = None
    scoring: str = "accuracy"
    cv: int = Field(default=5, ge=2)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [key for key in ("command", "python", "estimator") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of command, python and estimator, and has {given or 'none'}")
        if self.estimator is not None and self.data is None:
            raise ValueError("needs data beside estimator: the name of a data set, or {csv: path, target: column}")
        return self


class PricePart(Part):
    """What the model costs, where no list has it."""

    input_usd_per_million: float = Field(ge=0)
    output_usd_per_million: float = Field(ge=0)


class ModelPart(Part):
    """Who proposes."""

    name: str
    base_url: str | None = None
    api_key_env: str | None = None
    timeout_s: float | None = Field(default=None, gt=0)
    context_tokens: PositiveInt | None = None
    max_output_tokens: PositiveInt | None = None
    threads: PositiveInt | None = None
    price: PricePart | None = None


class CapsPart(Part):
    """What the model's calls may take."""

    max_calls: int | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=0)
    max_usd: float | None = Field(default=None, ge=0)


class StudyFile(Part):
    """A study file that has been read. Paths in it are relative to the folder it stands in."""

    path: Path
    name: str
    task: TaskPart = TaskPart()
    space: dict[str, Any]
    evaluate: EvaluatePart
    model: ModelPart | None = None
    proposer: Literal["auto", "compressed", "chat", "random", "auto+prior"] = "auto"
    reasoning: bool = False
    expert: bool = True
    temperature: float = Field(default=0.0, ge=0, le=2)
    default: bool = True
    trials: PositiveInt = 10
    workers: PositiveInt = 1
    seed: int = Field(default=0, ge=0)
    caps: CapsPart = CapsPart()
    max_fallbacks: PositiveInt | None = 3
    storage: str | None = None

    @property
    def folder(self) -> Path:
        """Where the file stands."""
        return self.path.parent

    @property
    def storage_address(self) -> str:
        """The journal file beside the study file, when nothing else is said."""
        if self.storage is None:
            return str(self.path.with_suffix(".journal"))
        return self.storage if "://" in self.storage else str(self.folder / Path(self.storage).expanduser())

    def build(self) -> tuple[Task, SearchSpace, Evaluator]:
        """What is tuned, the space, and how to evaluate.

        Raises:
            UsageError: A part is wrong.
        """
        space = SearchSpace.from_dict(self.space)
        given = self._task()
        if self.evaluate.estimator is None:
            return given, space, self._evaluator()
        from tunewise.evaluate.data import load_data
        from tunewise.evaluate.describe import describe_estimator
        from tunewise.evaluate.estimator import EstimatorEvaluator, load_estimator

        part = self.evaluate
        spec = part.data
        if isinstance(spec, dict) and "csv" in spec:
            spec = {**spec, "csv": str(self.folder / str(spec["csv"]))}
        assert spec is not None
        data = load_data(spec)
        estimator = load_estimator(part.estimator or "", part.params)
        evaluator = EstimatorEvaluator(
            estimator,
            data.X,
            data.y,
            scoring=part.scoring,
            cv=part.cv,
            timeout_s=part.timeout_s,
            seed=self.seed,
            isolate=self.workers > 1,
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
        return merged(described, given), space, evaluator

    def connect(self) -> ChatModel | None:
        """The model that the file names; None when it names none.

        Raises:
            ModelUnusable: It is clear without a call that none can succeed.
        """
        if self.model is None:
            return None
        part = self.model
        model = resolve_model(
            part.name,
            base_url=part.base_url,
            api_key_env=part.api_key_env,
            timeout_s=part.timeout_s,
            context_tokens=part.context_tokens,
            max_output_tokens=part.max_output_tokens,
            threads=part.threads,
        )
        check(model)
        return model

    def sampler(self, model: ChatModel | None, task: Task, space: SearchSpace) -> LLMSampler:
        """The sampler that the file describes, around a model that has been made."""
        price = self.model.price if self.model else None
        return LLMSampler(
            model,
            task=replace(task, budget=self.trials),
            space=space,
            proposer=self.proposer,
            reasoning=self.reasoning,
            expert=self.expert,
            temperature=self.temperature,
            default=self.default,
            seed=self.seed,
            caps=Caps(**self.caps.model_dump()),
            price=Price(**price.model_dump()) if price else None,
            max_fallbacks=self.max_fallbacks,
        )

    def _task(self) -> Task:
        part = self.task
        metric = part.metric or (self.evaluate.metric if self.evaluate.metric != "value" else "loss")
        return Task(
            model=part.model,
            library=part.library,
            data=DataCard(**part.data.model_dump()) if part.data else None,
            metric=metric,
            direction=part.direction,
            hardware=part.hardware,
            facts=tuple(part.facts),
        )

    def _evaluator(self) -> Evaluator:
        from tunewise.evaluate import CommandEvaluator, FunctionEvaluator, import_objective

        part = self.evaluate
        if part.command is not None:
            cwd = self.folder / part.cwd if part.cwd else self.folder
            # `python` means the one that runs tunewise, whether or not its environment is activated.
            path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
            env = {"PATH": path, **part.env}
            return CommandEvaluator(part.command, metric=part.metric, timeout_s=part.timeout_s, cwd=cwd, env=env)
        address = str(part.python)
        if ".py:" in address:
            address = str(self.folder / address)
        return FunctionEvaluator(
            import_objective(address), metric=part.metric, timeout_s=part.timeout_s, isolate=self.workers > 1
        )


def merged(described: Task, given: Task) -> Task:
    """What the user says about a task goes before what the estimator and the data say of themselves."""
    if given.direction not in (None, described.direction):
        raise TaskError(
            f"task.direction is {given.direction}, but {described.metric} is to be {described.direction}d. "
            "Leave the direction out: the scoring decides it."
        )
    said = {key: value for key, value in asdict(given).items() if value not in ("", None, ()) and key != "data"}
    if said.get("metric") == "loss":
        del said["metric"]
    return replace(described, **said, data=given.data or described.data)


def read_study_file(path: str | Path, **changes: Any) -> StudyFile:
    """Read and check a study file.

    Args:
        path: Of a YAML file.
        changes: Entries that take the place of the file's, from the command line; None leaves the file's.

    Raises:
        StudyError: It cannot be read, or the first rule that is broken, with the way out.
    """
    path = Path(path)
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}. Name a study file.") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise StudyError(f"{path} is not YAML: {' '.join(str(error).split())}. Correct it.") from None
    if not isinstance(data, dict):
        raise StudyError(f"{path} holds {shorten(data)}, not a mapping. Write for example: trials: 10.")
    if isinstance(data.get("model"), str):
        data["model"] = {"name": data["model"]}
    if "path" in data:
        raise StudyError(f"{path}: the key 'path' is unknown. Remove it: a study file stands where it is.")
    data |= {key: value for key, value in changes.items() if value is not None}
    data.setdefault("name", path.stem)
    try:
        spec = StudyFile(**{str(key): value for key, value in data.items()}, path=path)
    except ValidationError as error:
        raise StudyError(f"{path}: {explain(error)}") from None
    remember_environment(spec.evaluate.env)
    if spec.model is not None and spec.model.api_key_env:
        remember(os.environ.get(spec.model.api_key_env, ""))
    remember_address(spec.storage or "")
    return spec


def explain(error: ValidationError) -> str:
    """The first broken rule, in a sentence."""
    first = error.errors()[0]
    place = ".".join(str(step) for step in first["loc"] if step not in ("function-after[_one_way()]", "[key]"))
    if first["type"] == "extra_forbidden":
        keys = keys_at(first["loc"][:-1])
        hint = did_you_mean(place.rpartition(".")[2], keys, f"The keys are {', '.join(keys)}.")
        return f"the key {place!r} is unknown. {hint}"
    if first["type"] == "missing":
        needs = ", ".join(key for key, field in part_at(first["loc"][:-1]).model_fields.items() if field.is_required())
        return f"{place!r} is missing. It needs {needs.removeprefix('path, name, ')}."
    if first["type"] in ("model_type", "dict_type"):
        return f"{place} = {shorten(first['input'])} is not a mapping. Write key: value below it."
    message = first["msg"].removeprefix("Value error, ")
    given = "" if isinstance(first["input"], dict) else f" = {shorten(first['input'])}"
    return f"{place}{given}: {message[0].lower()}{message[1:]}. Correct it."


def keys_at(place: tuple[int | str, ...]) -> list[str]:
    """The keys that are allowed at a place of the study file."""
    return [key for key in part_at(place).model_fields if key != "path"]


def part_at(place: tuple[int | str, ...]) -> type[Part]:
    """The part of a study file that stands at a place."""
    parts = {part.__name__.removesuffix("Part").lower(): part for part in Part.__subclasses__()}
    found: type[Part] = StudyFile
    for step in place:
        found = parts.get(str(step), found)
    return found
