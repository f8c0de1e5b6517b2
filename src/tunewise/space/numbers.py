"""Hyperparameters that are numbers: `Float` and `Int`."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
from optuna.distributions import FloatDistribution, IntDistribution

from tunewise.checks import is_finite
from tunewise.errors import InvalidReply, SpaceError
from tunewise.plain import Plain
from tunewise.space.hyperparameter import NO_DEFAULT, Condition, Hyperparameter, NoDefault
from tunewise.space.values import Value, as_number, exactly, unwrapped
from tunewise.text import shorten

if TYPE_CHECKING:
    import optuna
    from numpy.typing import NDArray

    from tunewise.space.hyperparameter import Distribution

MOST_STEPS: Final = 2**53
"""Beyond so many steps a float cannot tell neighbours apart."""


class Number(Hyperparameter):
    """What `Float` and `Int` share.

    Attributes:
        low: Lower bound.
        high: Upper bound; on the grid when there is a step.
        log: Whether it matters by its order of magnitude.
        step: Distance between allowed values, counted from `low`; None: every number is allowed.
    """

    keys = ("low", "high", "log", "step")
    needed = ("low", "high")
    ordered = True
    absent = 0.5

    low: float
    high: float
    log: bool
    step: float | None

    word: ClassVar[str]
    json_type: ClassVar[str]
    standard_step: ClassVar[int | None]

    @staticmethod
    @abstractmethod
    def cast(number: float) -> float:
        """A number as one of this kind."""

    @property
    def width(self) -> int:
        """One coordinate."""
        return 1

    @property
    def count(self) -> float:
        """How many values there are between the bounds; infinite for a float without a step."""
        if self.low == self.high:
            return 1
        return math.inf if self.step is None else round((self.high - self.low) / self.step) + 1

    def grid(self, most: int) -> Sequence[Value]:
        """All values, when they are at most so many."""
        if self.count > most:
            return ()
        return [self.coerce(self.low + i * (self.step or 0))[0] for i in range(int(self.count))]

    def coerce(self, given: object) -> tuple[Value, str]:
        """The nearest allowed number; see `Hyperparameter.coerce`."""
        number = as_number(given)
        used, rule = number, ""
        if number < self.low:
            used, rule = self.low, f"below the lower bound {self.low:g}"
        elif number > self.high:
            used, rule = self.high, f"above the upper bound {self.high:g}"
        if self.step is not None:
            offset = used - self.low
            index = offset // self.step if offset % self.step == 0 else round(offset / self.step)  # exact for any int
            on_grid = min(self.low + index * self.step, self.high)
            if not math.isclose(on_grid, used, rel_tol=1e-9, abs_tol=1e-9 * self.step):
                whole = self.step == self.standard_step
                rule = rule or (
                    "not a whole number" if whole else f"off the grid of step {self.step:g} from {self.low:g}"
                )
            used = on_grid  # 0.30000000000000004 and 0.3 are one grid point, 2.9999999999 is 3
        return self.cast(used), rule

    def match(self, value: object) -> Value | NoDefault:
        """The number itself, where it is within the bounds and on the grid."""
        if isinstance(value, str):
            return NO_DEFAULT
        try:
            number, broken_rule = self.coerce(value)
        except InvalidReply:
            return NO_DEFAULT
        return NO_DEFAULT if broken_rule else number

    def handed(self, value: Value) -> object:
        """The number itself."""
        return value

    def encode(self, values: Sequence[Value]) -> NDArray[np.float64]:
        """Places between the bounds, on the logarithmic scale where `log`; `n x 1`."""
        low, high = self._transformed_bounds
        if low == high:
            return np.full((len(values), 1), 0.5)
        given = np.array([v if isinstance(v, int | float) else math.nan for v in values], dtype=float).reshape(-1, 1)
        numbers = np.clip(given, self.low, self.high)
        places = ((np.log(numbers) if self.log else numbers) - low) / (high - low)
        return np.where(np.isnan(places), 0.5, places)

    def decode(self, coordinates: Sequence[float]) -> Value:
        """The allowed number nearest to a place between the bounds."""
        low, high = self._transformed_bounds
        at = low + min(max(coordinates[0], 0.0), 1.0) * (high - low)
        value = math.exp(at) if self.log else at
        return self.coerce(min(max(value, self.low), self.high))[0]

    def show(self, value: Value) -> str:
        """A number with five significant digits, a whole one in full."""
        return f"{value:.5g}" if isinstance(value, float) else exactly(value)

    def describe(self) -> str:
        """For example "uniform float from 0.001 to 1, logarithmic scale"."""
        facts = [f"uniform {self.word} from {exactly(self.low)} to {exactly(self.high)}"]
        if self.log:
            facts.append("logarithmic scale")
        if self.step not in (None, 1):
            facts.append(f"in steps of {exactly(self.step)}")
        return ", ".join(facts)

    def schema(self) -> dict[str, Plain]:
        """Type and bounds."""
        kind: Plain = [self.json_type, "null"] if self.when else self.json_type
        return {"type": kind, "minimum": self.low, "maximum": self.high}

    def _own_plain(self) -> dict[str, Plain]:
        plain: dict[str, Plain] = {"type": self.kind, "low": self.low, "high": self.high}
        plain |= {"log": True} if self.log else {}
        return plain | ({"step": self.step} if self.step != self.standard_step else {})

    @cached_property
    def _transformed_bounds(self) -> tuple[float, float]:
        """Bounds on the transformed scale; grids get half a cell more, so that each value owns an equal share."""
        half = self.step / 2 if self.step is not None and self.low != self.high else 0.0
        if self.log:
            return math.log(self.low - half), math.log(self.high + half)
        return self.low - half, self.high + half


@dataclass(frozen=True, init=False)
class Float(Number):
    """A real-valued hyperparameter in [`low`, `high`], both included."""

    kind = "float"
    word = "float"
    json_type = "number"
    placeholder = "<number>"
    standard_step = None

    low: float
    high: float
    log: bool
    step: float | None

    def __init__(
        self,
        low: float,
        high: float,
        *,
        log: bool = False,
        step: float | None = None,
        default: float | NoDefault = NO_DEFAULT,
        description: str = "",
        when: Condition | None = None,
    ) -> None:
        """Check and keep.

        Args:
            low: Lower bound; above 0 when `log`.
            high: Upper bound, finite. With a step it is moved down to the last allowed value.
            log: Whether it matters by its order of magnitude.
            step: Distance between allowed values, counted from `low`; not together with `log`.
            default: The starting point: what is used when nobody tunes.
            description: What it means, in a sentence.
            when: Condition: the values of other hyperparameters at which this one exists.

        Raises:
            SpaceError: A bound, the step or the default breaks a rule.
        """
        low, high = float(checked_number(low, "low")), float(checked_number(high, "high"))
        check_range(low, high, log=log, step=step)
        if step is not None:
            step = float(step)
            exact_low, exact_high, exact_step = (Decimal(repr(number)) for number in (low, high, step))
            high = float(exact_low + (exact_high - exact_low) // exact_step * exact_step)  # decimal: 3 * 0.1 is 0.3
        self._set({"low": low, "high": high, "log": log, "step": step}, default, description, when)

    @classmethod
    def of(cls, distribution: Distribution) -> Self:
        """From Optuna's float distribution."""
        assert isinstance(distribution, FloatDistribution)
        return cls(distribution.low, distribution.high, log=distribution.log, step=distribution.step)

    @staticmethod
    def cast(number: float) -> float:
        """A float."""
        return float(number)

    @cached_property
    def distribution(self) -> FloatDistribution:
        """Optuna's view of it."""
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def suggest(self, name: str, trial: optuna.Trial) -> Value:
        """Ask for a float."""
        return trial.suggest_float(name, self.low, self.high, log=self.log, step=self.step)


@dataclass(frozen=True, init=False)
class Int(Number):
    """A whole-numbered hyperparameter in [`low`, `high`], both included."""

    kind = "int"
    word = "integer"
    json_type = "integer"
    placeholder = "<integer>"
    standard_step = 1

    low: int
    high: int
    log: bool
    step: int

    def __init__(
        self,
        low: int,
        high: int,
        *,
        log: bool = False,
        step: int = 1,
        default: int | NoDefault = NO_DEFAULT,
        description: str = "",
        when: Condition | None = None,
    ) -> None:
        """Check and keep.

        Args:
            low: Lower bound; above 0 when `log`.
            high: Upper bound. With a step it is moved down to the last allowed value.
            log: Whether it matters by its order of magnitude.
            step: Distance between allowed values, counted from `low`; 1 when `log`.
            default: The starting point: what is used when nobody tunes.
            description: What it means, in a sentence.
            when: Condition: the values of other hyperparameters at which this one exists.

        Raises:
            SpaceError: A bound, the step or the default breaks a rule.
        """
        for name, value in (("low", low), ("high", high), ("step", step)):
            if checked_number(value, name) != int(value):
                raise SpaceError(
                    f"{name} = {value!r} is not a whole number, which an int needs. Round it, or use a float."
                )
        low, high, step = int(low), int(high), int(step)
        check_range(low, high, log=log, step=None if step == 1 else step)
        high = low + (high - low) // step * step
        self._set({"low": low, "high": high, "log": log, "step": step}, default, description, when)

    @classmethod
    def of(cls, distribution: Distribution) -> Self:
        """From Optuna's int distribution."""
        assert isinstance(distribution, IntDistribution)
        return cls(distribution.low, distribution.high, log=distribution.log, step=distribution.step)

    @staticmethod
    def cast(number: float) -> int:
        """An integer."""
        return int(number)

    @cached_property
    def distribution(self) -> IntDistribution:
        """Optuna's view of it."""
        return IntDistribution(self.low, self.high, log=self.log, step=self.step)

    def suggest(self, name: str, trial: optuna.Trial) -> Value:
        """Ask for an integer."""
        return trial.suggest_int(name, self.low, self.high, log=self.log, step=self.step)


def checked_number(value: object, name: str) -> float:
    """A finite number from a definition of a space; numpy's are numbers, too."""
    value = unwrapped(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpaceError(f"{name} = {shorten(value)} is not a number. Give a finite number.")
    if not is_finite(value):
        raise SpaceError(f"{name} = {shorten(value)} is not finite. Give the widest value that still makes sense.")
    return value


def check_range(low: float, high: float, *, log: bool, step: float | None) -> None:
    """The rules that float and int ranges share."""
    if not isinstance(log, bool):
        raise SpaceError(f"log = {shorten(log)} is neither true nor false.")
    if low > high:
        raise SpaceError(f"low = {low:g} is above high = {high:g}. Swap the bounds.")
    if not math.isfinite(high - low):
        raise SpaceError(f"From low = {low:g} to high = {high:g} is farther than a float can say. Narrow the range.")
    if log and low <= 0:
        raise SpaceError(f"low = {low:g} with log scale: a logarithm needs low above 0. Raise low, or drop log.")
    if log and step is not None:
        raise SpaceError(f"step = {shorten(step)} with log scale: steps are not even there. Drop one of the two.")
    if step is None:
        return
    if not checked_number(step, "step") > 0:
        raise SpaceError(f"step = {step:g} is not above 0. Give the distance between allowed values.")
    if isinstance(step, float) and (high - low) / step > MOST_STEPS:
        raise SpaceError(
            f"step = {step:g} cuts the range from {low:g} to {high:g} into more steps than a float can tell apart. "
            "Give a wider step, or leave it out."
        )
