"""One dimension of a search space: an Optuna distribution, a default, a description, a condition."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from tunewise.errors import InvalidReply, SpaceError
from tunewise.space.values import Value, as_number, index_of, match_choice, shorten

type_names = {FloatDistribution: "float", IntDistribution: "int", CategoricalDistribution: "categorical"}

Distribution = FloatDistribution | IntDistribution | CategoricalDistribution


class NoDefault(Enum):
    """The type of `NO_DEFAULT`; `None` cannot serve, because `None` may be a choice."""

    NO_DEFAULT = "no default"


NO_DEFAULT: Final = NoDefault.NO_DEFAULT


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One dimension of a search space.

    Attributes:
        distribution: Optuna's float, int or categorical distribution. Bounds are both included.
        default: What the library at hand uses when nobody tunes; `NO_DEFAULT` when there is none.
        description: What it means, in a sentence, for a person or a language model.
        when: The condition: for each named hyperparameter the values at which this one exists. Empty: always.
    """

    distribution: Distribution
    default: Value | NoDefault = NO_DEFAULT
    description: str = ""
    when: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if type(self.distribution) not in type_names:
            raise SpaceError(
                f"{self.distribution!r} is not a distribution that tunewise knows. "
                "Use Float, Int or Categorical (Optuna's float, int and categorical distributions)."
            )
        if self.default is not NO_DEFAULT:
            try:
                coerced, repair = self.coerce(self.default)
            except InvalidReply as error:
                raise SpaceError(f"default {self.default!r} {error}. Give an allowed default, or none.") from None
            if repair:
                raise SpaceError(f"default {self.default!r} is {repair}. Give an allowed default, or widen the range.")
            object.__setattr__(self, "default", coerced)

    @property
    def type(self) -> str:
        """`"float"`, `"int"` or `"categorical"`."""
        return type_names[type(self.distribution)]

    @property
    def choices(self) -> tuple[Value, ...]:
        """The allowed values of a categorical hyperparameter; empty for the others."""
        return tuple(self.distribution.choices) if isinstance(self.distribution, CategoricalDistribution) else ()

    @property
    def width(self) -> int:
        """How many coordinates of the unit cube it takes: 1, or one for each choice."""
        return len(self.choices) or 1

    @property
    def count(self) -> float:
        """How many values it can take; infinite for a float without a step."""
        match self.distribution:
            case CategoricalDistribution(choices=choices):
                return len(choices)
            case FloatDistribution(low=low, high=high, step=step) if low != high and step is None:
                return math.inf
            case FloatDistribution(low=low, high=high, step=step) | IntDistribution(low=low, high=high, step=step):
                return round((high - low) / (step or 1)) + 1
        return math.inf

    def coerce(self, given: object) -> tuple[Value, str]:
        """Turn an untrusted value into an allowed one.

        Returns:
            The value, and the rule that it broke before it was repaired (empty when it broke none). The same value
            written another way ("0.1", 3.0 for an integer, "RBF" for "rbf") is no repair.

        Raises:
            InvalidReply: Nothing near it is allowed (not a number, not a choice); starts with "must be ...".
        """
        if isinstance(self.distribution, CategoricalDistribution):
            return match_choice(given, self.choices), ""
        number = as_number(given)
        low, high, step = self.distribution.low, self.distribution.high, self.distribution.step
        used, rule = number, ""
        if number < low:
            used, rule = low, f"below the lower bound {low:g}"
        elif number > high:
            used, rule = high, f"above the upper bound {high:g}"
        if step is not None:
            offset = used - low
            index = offset // step if offset % step == 0 else round(offset / step)  # exact for integers of any size
            on_grid = min(low + index * step, high)
            if not math.isclose(on_grid, used, rel_tol=1e-9, abs_tol=1e-9 * step):
                whole = isinstance(self.distribution, IntDistribution) and step == 1
                rule = rule or ("not a whole number" if whole else f"off the grid of step {step:g} from {low:g}")
            used = on_grid  # 0.30000000000000004 and 0.3 are one grid point, 2.9999999999 is 3
        return (int(used) if isinstance(self.distribution, IntDistribution) else float(used)), rule

    def encode(self, values: Sequence[Value]) -> NDArray[np.float64]:
        """Place values in the unit cube, `n x width` (see `SearchSpace.encode`).

        A number beyond a bound goes on it. What is no value at all (anybody can enqueue anything) is placed as if the
        hyperparameter did not exist.
        """
        if isinstance(self.distribution, CategoricalDistribution):
            found = np.array([index_of(value, self.choices) for value in values]).reshape(-1, 1)
            return np.asarray(found == np.arange(len(self.choices)), dtype=float)
        low, high = self._transformed_bounds()
        if low == high:
            return np.full((len(values), 1), 0.5)
        given = np.array([v if isinstance(v, int | float) else math.nan for v in values], dtype=float).reshape(-1, 1)
        numbers = np.clip(given, self.distribution.low, self.distribution.high)
        places = ((np.log(numbers) if self.distribution.log else numbers) - low) / (high - low)
        return np.where(np.isnan(places), 0.5, places)

    def decode(self, coordinates: Sequence[float]) -> Value:
        """The allowed value nearest to a place in the unit cube."""
        if isinstance(self.distribution, CategoricalDistribution):
            return self.choices[int(np.argmax(coordinates))]
        low, high = self._transformed_bounds()
        at = low + min(max(coordinates[0], 0.0), 1.0) * (high - low)
        value = math.exp(at) if self.distribution.log else at
        return self.coerce(min(max(value, self.distribution.low), self.distribution.high))[0]

    def _transformed_bounds(self) -> tuple[float, float]:
        """Bounds on the transformed scale; grids get half a cell more, so that each value owns an equal share."""
        assert isinstance(self.distribution, FloatDistribution | IntDistribution)
        low, high, step = self.distribution.low, self.distribution.high, self.distribution.step
        half = step / 2 if step is not None and low != high else 0.0
        if self.distribution.log:
            return math.log(low - half), math.log(high + half)
        return low - half, high + half


def Float(  # noqa: N802 - reads as the type that it makes
    low: float,
    high: float,
    *,
    log: bool = False,
    step: float | None = None,
    default: float | NoDefault = NO_DEFAULT,
    description: str = "",
    when: Mapping[str, Value | Sequence[Value]] | None = None,
) -> Hyperparameter:
    """A real-valued hyperparameter in [`low`, `high`], both included.

    Args:
        low: Lower bound; above 0 when `log`.
        high: Upper bound, finite.
        log: Whether it matters by its order of magnitude.
        step: Distance between allowed values, counted from `low`; not together with `log`.
        default: What the library uses when nobody tunes.
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
    return Hyperparameter(FloatDistribution(low, high, log=log, step=step), default, description, condition(when))


def Int(  # noqa: N802
    low: int,
    high: int,
    *,
    log: bool = False,
    step: int = 1,
    default: int | NoDefault = NO_DEFAULT,
    description: str = "",
    when: Mapping[str, Value | Sequence[Value]] | None = None,
) -> Hyperparameter:
    """A whole-numbered hyperparameter in [`low`, `high`], both included; arguments as for `Float`."""
    for name, value in (("low", low), ("high", high), ("step", step)):
        if checked_number(value, name) != int(value):
            raise SpaceError(f"{name} = {value!r} is not a whole number, which an int needs. Round it, or use a float.")
    low, high, step = int(low), int(high), int(step)
    check_range(low, high, log=log, step=None if step == 1 else step)
    return Hyperparameter(
        IntDistribution(low, low + (high - low) // step * step, log=log, step=step),
        default,
        description,
        condition(when),
    )


def Categorical(  # noqa: N802
    choices: Sequence[Value],
    *,
    default: Value | NoDefault = NO_DEFAULT,
    description: str = "",
    when: Mapping[str, Value | Sequence[Value]] | None = None,
) -> Hyperparameter:
    """A hyperparameter that takes one of `choices`, which have no order; arguments as for `Float`."""
    if isinstance(choices, str) or not isinstance(choices, Sequence) or not choices:
        raise SpaceError(f"choices = {choices!r} is not a list of one or more values. Write for example [relu, tanh].")
    for i, choice in enumerate(choices):
        if not isinstance(choice, Value) or (isinstance(choice, float) and not math.isfinite(choice)):
            raise SpaceError(f"choice {choice!r} is not text, a finite number, true, false or null. Name it by a text.")
        if choice in choices[:i]:
            raise SpaceError(
                f"choice {choice!r} is listed twice (1, 1.0 and true are one choice to Optuna). List each choice once."
            )
    return Hyperparameter(CategoricalDistribution(tuple(choices)), default, description, condition(when))


def condition(when: Mapping[str, Value | Sequence[Value]] | None) -> dict[str, tuple[Value, ...]]:
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


def checked_number(value: object, name: str) -> float:
    """A finite number from a definition of a space; numpy's are numbers, too."""
    if isinstance(value, np.integer | np.floating):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpaceError(f"{name} = {shorten(value)} is not a number. Give a finite number.")
    try:
        finite = math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        finite = False
    if not finite:
        raise SpaceError(f"{name} = {shorten(value)} is not finite. Give the widest value that still makes sense.")
    return value


def check_range(low: float, high: float, *, log: bool, step: float | None) -> None:
    """The rules that float and int ranges share."""
    if not isinstance(log, bool):
        raise SpaceError(f"log = {log!r} is neither true nor false.")
    if low > high:
        raise SpaceError(f"low = {low:g} is above high = {high:g}. Swap the bounds.")
    if not math.isfinite(high - low):
        raise SpaceError(f"From low = {low:g} to high = {high:g} is farther than a float can say. Narrow the range.")
    if log and low <= 0:
        raise SpaceError(f"low = {low:g} with log scale: a logarithm needs low above 0. Raise low, or drop log.")
    if log and step is not None:
        raise SpaceError(f"step = {step:g} with log scale: steps are not even there. Drop one of the two.")
    if step is not None and not checked_number(step, "step") > 0:
        raise SpaceError(f"step = {step:g} is not above 0. Give the distance between allowed values.")
