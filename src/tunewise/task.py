"""What is tuned, as told to the language model: prompts are made of this and of the search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tunewise.errors import TaskError

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
        for field in ("rows", "features", "classes"):
            value = getattr(self, field)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise TaskError(
                    f"data.{field} = {value!r} is not a whole number of at least 1. Correct it or leave it out."
                )


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
        if self.budget is not None and (
            isinstance(self.budget, bool) or not isinstance(self.budget, int) or self.budget < 1
        ):
            raise TaskError(f"budget = {self.budget!r} is not a whole number of at least 1. Give the number of trials.")
        if not isinstance(self.metric, str) or not self.metric.strip():
            raise TaskError(f"metric = {self.metric!r} is not a name. Name what the objective returns.")
        object.__setattr__(self, "facts", (self.facts,) if isinstance(self.facts, str) else tuple(self.facts))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as written in a study file; what is unknown is left out."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "", (), [])}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Task:
        """The reverse of `to_dict`."""
        given = dict(data)
        if isinstance(card := given.get("data"), Mapping):
            given["data"] = DataCard(**card)
        return cls(**given)
