"""The study file: one YAML file that says what is tuned, how it is evaluated, who proposes, and when to stop.

```yaml
task: {metric: error}
space:
  C: {type: float, low: 0.001, high: 1000, log: true, default: 1.0}
evaluate: {command: "python train.py", metric: error}
model: embedded
n_trials: 10
```
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, NonNegativeInt, PositiveInt, StringConstraints, TypeAdapter, ValidationError

from tunewise.errors import StudyError
from tunewise.evaluate import Evaluator
from tunewise.evaluate.fidelity import Fidelity
from tunewise.llm.base import ChatModel
from tunewise.llm.ledger import Caps
from tunewise.prior_studies import PriorStudy
from tunewise.sampler import LLMSampler
from tunewise.sampler_options import SamplerOptions
from tunewise.secrets import remember, remember_address
from tunewise.space import SearchSpace
from tunewise.study.explain import explain
from tunewise.study.options import TuneOptions
from tunewise.study.parts import EvaluatePart, ModelPart, Place
from tunewise.study.prior import read_prior_study, split_name
from tunewise.study.stop import StopRules, capped
from tunewise.study.watch import Callback
from tunewise.task import Task
from tunewise.text import shorten
from tunewise.yaml12 import read_yaml_file

__all__ = ["StudyFile", "form", "options_of", "read_study_file"]

Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Count = Annotated[int, Field(gt=0, lt=10**9)]
"""Of trials or workers: nobody lives to see more."""

RENAMED = {
    "name": "study_name",
    "trials": "n_trials",
    "workers": "n_jobs",
    "n_workers": "n_jobs",
    "budget": "n_trials",
}
"""Keys that people try, and how Optuna and we call it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFile:
    """A study file that has been read. Paths in it are relative to the folder it stands in."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # of its parts, too

    path: Path
    study_name: Name
    task: Task = field(default_factory=Task)
    space: dict[str, object]
    evaluate: EvaluatePart
    model: ModelPart | None = None
    proposer: str = "auto"
    reasoning: bool = False
    expert: bool = True
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    default: bool = True
    n_trials: Count = 10
    n_jobs: Count = 1
    seed: NonNegativeInt = 0
    caps: Caps = field(default_factory=Caps)
    max_fallbacks: PositiveInt | None = 3
    storage: Name | None = None
    fidelity: Fidelity | None = None
    pruner: str | dict[str, object] | None = None
    stop: StopRules = field(default_factory=StopRules)
    devices: list[int | str] = field(default_factory=list)
    executor: str | None = None
    track: str | dict[str, object] | None = None
    prior_studies: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where the file stands."""
        return self.path.parent

    @property
    def storage_address(self) -> str:
        """The journal file beside the study file, when nothing else is said."""
        if self.storage is not None:
            return self._beside(self.storage)
        named = self.path.stem if self.path.suffix == ".yaml" else self.path.name  # c.yml beside it is another
        return str(self.folder / f"{named}.journal")

    def _beside(self, address: str) -> str:
        """A storage whose path is relative to the study file, that of a SQLite database too."""
        if "://" not in address:
            return str(self.folder / Path(address).expanduser())
        scheme, _, file = address.partition(":///")
        beside = scheme.startswith("sqlite") and file and not file.startswith((":memory:", "/", "file:"))
        return f"{scheme}:///{self.folder / file}" if beside else address

    def read_prior_studies(self, space: SearchSpace) -> list[PriorStudy]:
        """What the earlier studies that the file names say about a space.

        Raises:
            StudyError: One cannot be read, fits nowhere, or is this study itself.
        """
        read = []
        for given in self.prior_studies:
            address = self._beside(given)
            if given.endswith((".yaml", ".yml")):
                other = read_study_file(address)
                address = f"{other.storage_address}#{other.study_name}"
            if split_name(address) in ((self.storage_address, None), (self.storage_address, self.study_name)):
                raise StudyError(f"{self.path}: prior_studies names {given}, which is this study. Remove it.")
            read.append(read_prior_study(address, space))
        return read

    def build(self) -> tuple[Task, SearchSpace, Evaluator]:
        """What is tuned, the space, and how to evaluate.

        Raises:
            UsageError: A part is wrong.
        """
        isolate = (self.n_jobs > 1 and self.executor is None) or bool(self.devices)
        place = Place(folder=self.folder, seed=self.seed, isolate=isolate)
        made = self.evaluate.make(place, self.task, SearchSpace.from_dict(self.space))
        return made.task, made.space, made.evaluator

    def connect(self) -> ChatModel | None:
        """The model that the file names; None when it names none.

        Raises:
            ModelUnusable: It is clear without a call that none can succeed.
        """
        return self.model.connect() if self.model else None

    def sampler(self, model: ChatModel | None, task: Task, space: SearchSpace) -> LLMSampler:
        """The sampler that the file describes, around a model that has been made."""
        asked = replace(task, budget=self.n_trials)
        return LLMSampler(
            model,
            task=self.fidelity.told(asked) if self.fidelity else asked,
            space=space,
            proposer=self.proposer,
            seed=self.seed,
            caps=capped(self.caps, self.stop),
            price=self.model.price if self.model else None,
            prior_studies=self.read_prior_studies(space),
            options=SamplerOptions(
                reasoning=self.reasoning,
                expert=self.expert,
                temperature=self.temperature,
                default=self.default,
                max_fallbacks=self.max_fallbacks,
            ),
        )


def options_of(file: StudyFile, callbacks: Sequence[Callback] = ()) -> TuneOptions:
    """What a study file says beside what is tuned and who proposes, as an argument of `tune`."""
    return TuneOptions(
        study_name=file.study_name,
        callbacks=callbacks,
        executor=file.executor,
        pruner=file.pruner,
        stop=file.stop,
        devices=file.devices,
        fidelity=file.fidelity,
    )


def read_study_file(path: str | Path, **changes: object) -> StudyFile:
    """Read and check a study file.

    Args:
        path: Of a YAML file.
        changes: Entries that take the place of the file's, from the command line; None leaves the file's.

    Raises:
        StudyError: It cannot be read, or the first rule that is broken, with the way out.
    """
    path = Path(path)
    data = read_yaml_file(path)
    if not isinstance(data, dict):
        raise StudyError(f"{path} holds {shorten(data)}, not a mapping. Write for example n_trials: 10.")
    for key in data:
        if key in RENAMED:
            raise StudyError(f"{path}: the key {key!r} is called {RENAMED[key]} here, as in Optuna. Rename it.")
    if isinstance(data.get("model"), str):
        data["model"] = {"name": data["model"]}
    if "path" in data:
        raise StudyError(f"{path}: the key 'path' is unknown. Remove it: a study file stands where it is.")
    data |= {key: value for key, value in changes.items() if value is not None}
    data.setdefault("study_name", path.stem)
    try:
        plain = {str(key): value for key, value in data.items()} | {"path": path}
        spec = form().validate_python(plain)
    except ValidationError as error:
        raise StudyError(f"{path}: {explain(error, StudyFile)}") from None
    if place := truth_as_number(plain, spec):
        raise StudyError(f"{path}: {place} is true or false, where a number belongs. Write the number.")
    if spec.model is not None and spec.model.api_key_env:
        remember(os.environ.get(spec.model.api_key_env, ""))
    remember_address(spec.storage or "")
    return spec


def truth_as_number(given: object, read: object, place: str = "") -> str:
    """The key under which true or false stands and was read as 1 or 0; empty where there is none."""
    if isinstance(given, bool):
        return place if type(read) in (int, float) else ""
    if not (isinstance(given, dict) and is_dataclass(read)):
        return ""
    inner = (truth_as_number(given[key], getattr(read, key, None), f"{place}.{key}".lstrip(".")) for key in given)
    return next(filter(None, inner), "")


@cache
def form() -> TypeAdapter[StudyFile]:
    """What checks a study file; made once, as making it takes longer than reading a file."""
    return TypeAdapter(StudyFile)


def schema_of_study_files() -> dict[str, object]:
    """The JSON Schema of a study file, for editors.

    Returns:
        A schema in which `model` and `proposer` may also be a name.
    """
    schema = form().json_schema()
    properties = schema["properties"]
    properties.pop("path", None)
    properties["model"] = {"anyOf": [{"type": "string"}, properties["model"]]}
    named = [name for name in schema.get("required", []) if name not in ("path", "study_name")]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Study file of tunewise",
        "required": named,
        "additionalProperties": False,
    }
