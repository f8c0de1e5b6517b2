"""What is tuned, as told to the language model: prompts are made of this and of the search space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from tunewise.checks import check_whole
from tunewise.errors import TaskError
from tunewise.plain import PlainDict
from tunewise.text import did_you_mean

__all__ = ["DataCard", "Direction", "Task"]

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCard:
    """What is worth knowing about the data. Describe the training part only.

    Attributes:
        name: As others would know it.
        rows: Number of training examples.
        features: Number of input columns, after encoding.
        classes: Number of classes; None for regression or where it makes no sense.
        description: Anything else: class balance, noise, units, missing values.
    """

    name: str = ""
    rows: int | None = None
    features: int | None = None
    classes: int | None = None
    description: str = ""

    def __post_init__(self) -> None:
        check_texts(**{"data.name": self.name, "data.description": self.description})
        for field in ("rows", "features", "classes"):
            value = getattr(self, field)
            if value is not None:
                check_whole(f"data.{field}", value, 1, error=TaskError, way_out="Correct it or leave it out.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is tuned.

    Attributes:
        model: What is trained, for example "support vector classifier with RBF kernel".
        library: With which library, for example "scikit-learn 1.9".
        data: Facts about the data, None when nothing may be told.
        metric: Name of the number that the objective returns, for example "validation error".
        direction: Whether that number should be small or large; None: as the study has it, else small.
        budget: How many trials there will be; None when nobody knows.
        hardware: Limits worth knowing, for example "2 cores, 4 GiB, 10 minutes a trial".
        facts: Anything else that an expert would ask for, a sentence each.
    """

    model: str = ""
    library: str = ""
    data: DataCard | None = None
    metric: str = "loss"
    direction: Direction | None = None
    budget: int | None = None
    hardware: str = ""
    facts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.direction not in (None, "minimize", "maximize"):
            raise TaskError(f"direction = {self.direction!r} is unknown. It is minimize or maximize.")
        if self.budget is not None:
            check_whole("budget", self.budget, 1, error=TaskError, way_out="Give the number of trials.")
        if not isinstance(self.metric, str) or not self.metric.strip():
            raise TaskError(f"metric = {self.metric!r} is not a name. Name what the objective returns.")
        check_texts(model=self.model, library=self.library, hardware=self.hardware)
        facts = (self.facts,) if isinstance(self.facts, str) else self.facts
        if not isinstance(facts, Sequence):
            raise TaskError(f"facts = {facts!r} is not a list of texts. Write a sentence for each fact.")
        check_texts(**{f"facts[{i}]": fact for i, fact in enumerate(facts)})
        object.__setattr__(self, "facts", tuple(facts))

    def to_dict(self) -> PlainDict:
        """Plain data, as written in a study file; what is unknown is left out."""
        return known(asdict(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Task:
        """The reverse of `to_dict`, for data that somebody wrote by hand.

        Raises:
            TaskError: An unknown key, or a value that breaks a rule.
        """
        check_keys(cls, data, "task")
        card = data.get("data")
        if card is None:
            return cls(**data)
        check_keys(DataCard, card, "data")
        return cls(**{**data, "data": DataCard(**card)})


def known(data: Mapping[str, Any]) -> PlainDict:
    """The fields that are not empty, with lists for tuples, so that a round trip by JSON or YAML changes nothing."""
    plain: PlainDict = {}
    for key, value in data.items():
        if value not in (None, "", ()):
            plain[key] = known(value) if isinstance(value, Mapping) else list(value) if key == "facts" else value
    return plain


def check_texts(**values: object) -> None:
    """These must be texts."""
    for name, value in values.items():
        if not isinstance(value, str):
            raise TaskError(f"{name} = {value!r} is not a text. Put it in quotes.")


def check_keys(cls: type, data: object, name: str) -> None:
    """A mapping with no key but the fields of a class."""
    if not isinstance(data, Mapping):
        raise TaskError(f"{name} = {data!r} is not a mapping. Write for example {{{fields(cls)[0].name}: ...}}.")
    names = [field.name for field in fields(cls)]
    for key in data:
        if key not in names:
            hint = did_you_mean(key, names)
            raise TaskError(f"{name}: the key {key!r} is unknown. {hint} Keys: {', '.join(names)}.".replace("  ", " "))
