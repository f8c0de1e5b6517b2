"""What every hyperparameter is and can do; `Float`, `Int` and `Categorical` are its kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Final, Self

from tunewise.errors import InvalidReply, SpaceError
from tunewise.plain import Plain
from tunewise.space.values import Value, unwrapped
from tunewise.text import shorten

if TYPE_CHECKING:
    import numpy as np
    import optuna
    from numpy.typing import NDArray
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    Distribution = FloatDistribution | IntDistribution | CategoricalDistribution

Condition = Mapping[str, Value | Sequence[Value]]
"""For each named hyperparameter the value or values at which another one exists."""


class NoDefault(Enum):
    """The type of `NO_DEFAULT`; `None` cannot serve, because `None` may be a choice."""

    NO_DEFAULT = "no default"


NO_DEFAULT: Final = NoDefault.NO_DEFAULT


@dataclass(frozen=True, init=False)
class Hyperparameter(ABC):
    """One dimension of a search space. Whatever depends on its kind, it does itself.

    Attributes:
        default: The starting point: what is used when nobody tunes; `NO_DEFAULT` when there is none.
        description: What it means, in a sentence, for a person or a language model.
        when: The condition: for each named hyperparameter the values at which this one exists. Empty: always.
    """

    kind: ClassVar[str]
    """What a study file calls it under `type`."""

    keys: ClassVar[tuple[str, ...]]
    """What a study file may say about this kind, beside what it may say about each."""

    needed: ClassVar[tuple[str, ...]]
    """Those of `keys` that cannot be left out."""

    ordered: ClassVar[bool]
    """Whether its values have an order and a range, as numbers have."""

    placeholder: ClassVar[str]
    """What stands for a value in the example of a reply."""

    absent: ClassVar[float]
    """What stands in each of its coordinates of the unit cube where it does not exist."""

    default: Value | NoDefault
    description: str
    when: Mapping[str, tuple[Value, ...]]

    @classmethod
    @abstractmethod
    def of(cls, distribution: Distribution) -> Self:
        """The hyperparameter that Optuna's distribution of this kind describes, without default and description."""

    @property
    @abstractmethod
    def distribution(self) -> Distribution:
        """Optuna's view of it. Bounds are both included."""

    @property
    @abstractmethod
    def width(self) -> int:
        """How many coordinates of the unit cube it takes."""

    @property
    @abstractmethod
    def count(self) -> float:
        """How many values it can take, maybe infinite."""

    @abstractmethod
    def grid(self, most: int) -> Sequence[Value]:
        """All its values; for numbers none where they are more than `most`."""

    @abstractmethod
    def coerce(self, given: object) -> tuple[Value, str]:
        """Turn an untrusted value into an allowed one.

        Returns:
            The value, and the rule that it broke before it was repaired (empty when it broke none). The same value
            written another way ("0.1", 3.0 for an integer, "RBF" for "rbf") is no repair.

        Raises:
            InvalidReply: Nothing near it is allowed (not a number, not a choice); starts with "must be ...".
        """

    @abstractmethod
    def match(self, value: object) -> Value | NoDefault:
        """The allowed value that a program's own value is, unrepaired; `NO_DEFAULT` when it is none."""

    @abstractmethod
    def handed(self, value: Value) -> object:
        """An allowed value as the objective gets it; they differ where Optuna cannot store a choice itself."""

    @abstractmethod
    def encode(self, values: Sequence[Value]) -> NDArray[np.float64]:
        """Place values in the unit cube, `n x width` (see `SearchSpace.encode`).

        A number beyond a bound goes on it. What is no value at all (anybody can enqueue anything) is placed as if the
        hyperparameter did not exist.
        """

    @abstractmethod
    def decode(self, coordinates: Sequence[float]) -> Value:
        """The allowed value nearest to a place in the unit cube."""

    @abstractmethod
    def suggest(self, name: str, trial: optuna.Trial) -> Value:
        """Ask an Optuna trial for its value, under a name."""

    @abstractmethod
    def show(self, value: Value) -> str:
        """A value as JSON, for a model or a person; floats with five significant digits."""

    @abstractmethod
    def describe(self) -> str:
        """Its values in a phrase: type, range, scale."""

    @abstractmethod
    def schema(self) -> dict[str, Plain]:
        """The JSON Schema of its values, as far as one can say; null too when it exists under a condition only."""

    @abstractmethod
    def _own_plain(self) -> dict[str, Plain]:
        """What a study file says about its values; what is at its standard is left out."""

    def to_plain(self) -> dict[str, Plain]:
        """Plain data, as written in a study file; what is at its standard is left out."""
        plain = self._own_plain()
        if self.default is not NO_DEFAULT:
            plain["default"] = self.default
        if self.description:
            plain["description"] = self.description
        if self.when:
            plain["when"] = {parent: list(values) for parent, values in self.when.items()}
        return plain

    def _set(self, own: Mapping[str, object], default: object, description: str, when: Condition | None) -> None:
        """Fill the fields of a frozen object, the kind's own first, because the default is checked by them."""
        for key, value in own.items():
            object.__setattr__(self, key, value)
        object.__setattr__(self, "description", description)
        object.__setattr__(self, "when", condition(when))
        object.__setattr__(self, "default", self._checked_default(default))

    def _checked_default(self, default: object) -> Value | NoDefault:
        if default is NO_DEFAULT:
            return NO_DEFAULT
        default = unwrapped(default)
        shown = shorten(repr(default) if isinstance(default, str) else default)
        try:
            coerced, repair = self.coerce(default)
        except InvalidReply as error:
            raise SpaceError(f"default {shown} {error}. Give an allowed default, or none.") from None
        if repair:
            raise SpaceError(f"default {shown} is {repair}. Give an allowed default, or widen the range.")
        return coerced


def condition(when: Condition | None) -> dict[str, tuple[Value, ...]]:
    """A condition in its inner form: for each parent the tuple of its values."""
    if when is None:
        return {}
    if not isinstance(when, Mapping):
        raise SpaceError(f"when = {shorten(when)} is not a mapping. Write for example {{kernel: rbf}}.")
    inner = {}
    for parent, values in when.items():
        listed = tuple(values) if isinstance(values, Sequence) and not isinstance(values, str) else (values,)
        if not listed:
            raise SpaceError(f"when: {parent} names no value, so it can never hold. Name at least one.")
        inner[str(parent)] = listed
    return inner
