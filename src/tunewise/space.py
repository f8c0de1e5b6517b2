"""The search space: which hyperparameters there are, and the one gate from a reply to a configuration.

A `SearchSpace` maps names to hyperparameters. A hyperparameter is an Optuna distribution plus what a
language model needs to know about it: default, description, and the condition under which it exists.

```python
space = SearchSpace(
    {
        "kernel": Categorical(["rbf", "linear"], default="rbf"),
        "C": Float(1e-3, 1e3, log=True, default=1.0, description="inverse regularization strength"),
        "gamma": Float(1e-4, 1e1, log=True, default=0.1, when={"kernel": "rbf"}),
    }
)
```
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from tunewise.errors import InvalidReply, SpaceError

if TYPE_CHECKING:
    import optuna
    from numpy.typing import NDArray

__all__ = [
    "NO_DEFAULT",
    "Categorical",
    "Coerced",
    "Configuration",
    "Float",
    "Hyperparameter",
    "Int",
    "Repair",
    "SearchSpace",
    "Value",
]

type_names = {FloatDistribution: "float", IntDistribution: "int", CategoricalDistribution: "categorical"}

Value = None | bool | int | float | str
"""What a hyperparameter can be set to."""

Configuration = dict[str, Value]
"""One value for each hyperparameter that exists, in the order of the space."""


class NoDefault(Enum):
    """The type of `NO_DEFAULT`; `None` cannot serve, because `None` may be a choice."""

    NO_DEFAULT = "no default"


NO_DEFAULT: Final = NoDefault.NO_DEFAULT


@dataclass(frozen=True, slots=True)
class Repair:
    """A value in a reply that was not allowed, and what was used in its place."""

    name: str
    given: str
    used: Value
    rule: str

    def __str__(self) -> str:
        return f"{self.name} = {self.given} is {self.rule}; {self.used!r} was used"


@dataclass(frozen=True, slots=True)
class Coerced:
    """A reply's configuration, with the repairs that were needed to make it one."""

    configuration: Configuration
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One dimension of a search space.

    Attributes:
        distribution: Optuna's float, int or categorical distribution. Bounds are both included.
        default: What the library at hand uses when nobody tunes; `NO_DEFAULT` when there is none.
        description: What it means, in a sentence, for a person or a language model.
        when: The condition: for each named hyperparameter the values at which this one exists. Empty: always.
    """

    distribution: BaseDistribution
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
            index = round((used - low) / step)
            on_grid = min(low + index * step, high)
            if not math.isclose(on_grid, used, rel_tol=1e-9, abs_tol=1e-9 * step):
                rule = rule or f"off the grid of step {step:g} from {low:g}"
                used = on_grid
            elif isinstance(self.distribution, FloatDistribution):
                used = on_grid  # 0.30000000000000004 and 0.3 are one grid point
        return (int(used) if isinstance(self.distribution, IntDistribution) else float(used)), rule

    def encode(self, value: Value) -> list[float]:
        """Place a value in the unit cube (see `SearchSpace.encode`)."""
        if isinstance(self.distribution, CategoricalDistribution):
            at = index_of(value, self.choices)
            return [float(i == at) for i in range(len(self.choices))]
        assert isinstance(value, int | float)
        low, high = self._transformed_bounds()
        if low == high:
            return [0.5]
        return [min(max((self._transform(value) - low) / (high - low), 0.0), 1.0)]

    def decode(self, coordinates: Sequence[float]) -> Value:
        """The allowed value nearest to a place in the unit cube."""
        if isinstance(self.distribution, CategoricalDistribution):
            return self.choices[int(np.argmax(coordinates))]
        low, high = self._transformed_bounds()
        at = low + min(max(coordinates[0], 0.0), 1.0) * (high - low)
        value = math.exp(at) if self.distribution.log else at
        bounded = min(max(value, self.distribution.low), self.distribution.high)
        return self.coerce(
            round(bounded)
            if isinstance(self.distribution, IntDistribution) and self.distribution.step == 1
            else bounded
        )[0]

    def _transform(self, value: float) -> float:
        return math.log(value) if self.distribution.log else value  # type: ignore[attr-defined]

    def _transformed_bounds(self) -> tuple[float, float]:
        """Bounds on the transformed scale; grids get half a cell more, so that each value owns an equal share."""
        assert isinstance(self.distribution, FloatDistribution | IntDistribution)
        low, high, step = self.distribution.low, self.distribution.high, self.distribution.step
        half = step / 2 if step is not None and low != high else 0.0
        return self._transform(low - half), self._transform(high + half)


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
        high = low + math.floor((high - low) / step + 1e-9) * step
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
        if any(type(choice) is type(other) and choice == other for other in choices[:i]):
            raise SpaceError(f"choice {choice!r} is listed twice. List each choice once.")
    return Hyperparameter(CategoricalDistribution(tuple(choices)), default, description, condition(when))


class SearchSpace(Mapping[str, Hyperparameter]):
    """An immutable mapping from names to hyperparameters, in the order in which they are shown.

    Raises:
        SpaceError: It is empty, or a condition names what does not exist or runs in a circle.
    """

    def __init__(self, hyperparameters: Mapping[str, Hyperparameter]) -> None:
        self._hyperparameters = dict(hyperparameters)
        if not self._hyperparameters:
            raise SpaceError("The search space is empty. Name at least one hyperparameter to tune.")
        for name, hyperparameter in self._hyperparameters.items():
            if not isinstance(name, str) or not name.strip():
                raise SpaceError(f"{name!r} is not a name. Name each hyperparameter by a text.")
            if not isinstance(hyperparameter, Hyperparameter):
                raise SpaceError(f"{name} = {hyperparameter!r} is not a hyperparameter. Use Float, Int or Categorical.")
            self._check_condition(name, hyperparameter)
        self._parents_first = self._sort_parents_first()
        starts = np.cumsum([0, *(h.width for h in self._hyperparameters.values())])
        self._columns = {n: slice(int(a), int(b)) for n, a, b in zip(self, starts, starts[1:], strict=False)}

    def __getitem__(self, name: str) -> Hyperparameter:
        return self._hyperparameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._hyperparameters)

    def __len__(self) -> int:
        return len(self._hyperparameters)

    def __repr__(self) -> str:
        return f"SearchSpace({self._hyperparameters!r})"

    @property
    def width(self) -> int:
        """Number of coordinates in the unit cube, the `d` of `encode`."""
        return sum(h.width for h in self.values())

    @property
    def columns(self) -> Mapping[str, slice]:
        """The coordinates of the unit cube that belong to each hyperparameter."""
        return self._columns

    @property
    def count(self) -> float:
        """How many configurations there are at most (conditions are not counted); infinite with a free float."""
        return math.prod(h.count for h in self.values())

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's view of the space."""
        return {name: h.distribution for name, h in self.items()}

    @property
    def default(self) -> Configuration | None:
        """The default configuration, when every hyperparameter that exists in it has a default."""
        configuration: Configuration = {}
        for name in self._parents_first:
            if self.exists(name, configuration):
                if self[name].default is NO_DEFAULT:
                    return None
                configuration[name] = self[name].default  # type: ignore[assignment]
        return self.ordered(configuration)

    def exists(self, name: str, configuration: Mapping[str, Value]) -> bool:
        """Whether the condition of `name` holds in a configuration whose parents are set."""
        return all(
            parent in configuration and contains(values, configuration[parent])
            for parent, values in self[name].when.items()
        )

    def ordered(self, configuration: Mapping[str, Value]) -> Configuration:
        """The same configuration, in the order of the space."""
        return {name: configuration[name] for name in self if name in configuration}

    def coerce(self, reply: object) -> Coerced:
        """The only gate from an untrusted reply to a configuration.

        Accepted beside the plain form: names in another spelling ("Learning rate"), numbers as text, and one list with
        as many numbers as there are hyperparameters (`{"x": [1, 2]}`). A value for a hyperparameter that does not
        exist under its condition is dropped.

        Args:
            reply: What `json.loads` gave, or any other object.

        Returns:
            The configuration, with what was repaired: numbers outside the bounds or off the grid are moved to the
            nearest allowed value.

        Raises:
            InvalidReply: Not an object, a name is unknown or missing, a value is not a finite number or not a choice.
                All problems are named at once, in words fit for the model that wrote the reply.
        """
        if not isinstance(reply, Mapping):
            raise InvalidReply(f"The configuration must be a JSON object with the keys {self._names()}.")
        given = self._match_names(reply)
        problems, repairs, configuration = [], [], {}
        for name in self._parents_first:
            hyperparameter = self[name]
            if not self.exists(name, configuration):
                continue
            if name not in given:
                if all(parent in configuration for parent in hyperparameter.when):
                    problems.append(f'the key "{name}" is missing')
                continue
            try:
                value, broken_rule = hyperparameter.coerce(given[name])
            except InvalidReply as error:
                problems.append(f'"{name}" {error}')
                continue
            configuration[name] = value
            if broken_rule:
                repairs.append(Repair(name, shorten(given[name]), value, broken_rule))
        if problems:
            raise InvalidReply("; ".join(problems).capitalize().replace("the key", "The key", 1) + ".")
        return Coerced(self.ordered(configuration), tuple(repairs))

    def encode(self, configuration: Mapping[str, Value]) -> NDArray[np.float64]:
        """Place a configuration in the unit cube.

        Returns:
            Vector of `d = width` numbers in [0, 1]: for a number its place between the bounds, on the logarithmic
            scale where `log`; for a category one-hot. A hyperparameter that does not exist sits at 0.5, or at zeros.
        """
        row = np.empty(self.width)
        for name, hyperparameter in self.items():
            if name in configuration:
                row[self._columns[name]] = hyperparameter.encode(configuration[name])
            else:
                row[self._columns[name]] = 0.0 if hyperparameter.choices else 0.5
        return row

    def decode(self, coordinates: Sequence[float] | NDArray[np.float64]) -> Configuration:
        """The configuration nearest to a place in the unit cube; `decode(encode(c))` is `c`."""
        configuration: Configuration = {}
        for name in self._parents_first:
            if self.exists(name, configuration):
                configuration[name] = self[name].decode(list(coordinates[self._columns[name]]))
        return self.ordered(configuration)

    def sample(self, rng: np.random.Generator) -> Configuration:
        """A configuration drawn uniformly on the transformed scale."""
        return self.decode(rng.random(self.width))

    def suggest(self, trial: optuna.Trial) -> Configuration:
        """Ask an Optuna trial for each hyperparameter that exists, parents first."""
        configuration: Configuration = {}
        for name in self._parents_first:
            if self.exists(name, configuration):
                match self[name].distribution:
                    case FloatDistribution(low=low, high=high, log=log, step=step):
                        configuration[name] = trial.suggest_float(name, low, high, log=log, step=step)
                    case IntDistribution(low=low, high=high, log=log, step=step):
                        configuration[name] = trial.suggest_int(name, low, high, log=log, step=step)
                    case CategoricalDistribution(choices=choices):
                        configuration[name] = trial.suggest_categorical(name, choices)
        return self.ordered(configuration)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain data, as written in a study file; `from_dict` reads it back without loss."""
        return {name: to_plain(h) for name, h in self.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchSpace:
        """Read the plain form of a study file.

        Args:
            data: For each name a mapping with `type` (float, int, categorical), `low` and `high` or `choices`, and
                optionally `log`, `step`, `default`, `description`, `when`.

        Raises:
            SpaceError: The first rule that is broken, with the name of the hyperparameter.
        """
        if not isinstance(data, Mapping):
            raise SpaceError(f"The search space is {shorten(data)}. Write a mapping from names to hyperparameters.")
        return cls({name: from_plain(name, plain) for name, plain in data.items()})

    @classmethod
    def from_distributions(cls, distributions: Mapping[str, BaseDistribution]) -> SearchSpace:
        """A space from Optuna distributions, without defaults, descriptions or conditions."""
        return cls({name: Hyperparameter(distribution) for name, distribution in distributions.items()})

    def _names(self) -> str:
        return ", ".join(f'"{name}"' for name in self)

    def _match_names(self, reply: Mapping[Any, Any]) -> dict[str, object]:
        known = {normalized(name): name for name in self}
        given: dict[str, object] = {}
        unknown = []
        for key, value in reply.items():
            name = key if key in self else known.get(normalized(str(key)))
            if name is None:
                unknown.append(str(key))
            elif value is not None or None in self[name].choices or not self[name].when:
                given[name] = value  # null for a conditional hyperparameter means that it does not exist
        if unknown and not given and len(reply) == 1:
            (value,) = reply.values()
            if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == len(self):
                return dict(zip(self, value, strict=True))
        if unknown:
            named = ", ".join(f'"{shorten(key)}"' for key in unknown[:5])
            raise InvalidReply(f"Unknown keys: {named}. The keys are {self._names()}.")
        return given

    def _check_condition(self, name: str, hyperparameter: Hyperparameter) -> None:
        for parent, values in hyperparameter.when.items():
            if parent not in self._hyperparameters:
                near = difflib.get_close_matches(parent, self._hyperparameters, 1)
                hint = f" Did you mean {near[0]}?" if near else f" The names are {self._names()}."
                raise SpaceError(f"{name} exists when {parent} has some value, but there is no {parent}.{hint}")
            for value in values:
                try:
                    _, rule = self._hyperparameters[parent].coerce(value)
                except InvalidReply as error:
                    rule = str(error)
                if rule:
                    raise SpaceError(
                        f"{name} exists when {parent} is {value!r}, but that is no value of {parent} ({rule}). "
                        "Name a value that it can take."
                    )

    def _sort_parents_first(self) -> tuple[str, ...]:
        order: list[str] = []
        left = list(self)
        while left:
            ready = [name for name in left if all(parent in order for parent in self[name].when)]
            if not ready:
                raise SpaceError(
                    f"The conditions of {', '.join(left)} run in a circle: each waits for another. "
                    "Make at least one of them exist without condition."
                )
            order += ready
            left = [name for name in left if name not in ready]
        return tuple(order)


def to_plain(hyperparameter: Hyperparameter) -> dict[str, Any]:
    """A hyperparameter as plain data; what is at its standard value is left out."""
    plain: dict[str, Any] = {"type": hyperparameter.type}
    match hyperparameter.distribution:
        case CategoricalDistribution(choices=choices):
            plain["choices"] = list(choices)
        case FloatDistribution(low=low, high=high, log=log, step=step):
            plain |= {"low": low, "high": high}
            plain |= {"log": True} if log else {}
            plain |= {"step": step} if step is not None else {}
        case IntDistribution(low=low, high=high, log=log, step=step):
            plain |= {"low": low, "high": high}
            plain |= {"log": True} if log else {}
            plain |= {"step": step} if step != 1 else {}
    if hyperparameter.default is not NO_DEFAULT:
        plain["default"] = hyperparameter.default
    if hyperparameter.description:
        plain["description"] = hyperparameter.description
    if hyperparameter.when:
        plain["when"] = {parent: list(values) for parent, values in hyperparameter.when.items()}
    return plain


MAKERS = {
    "float": (Float, {"low", "high", "log", "step"}),
    "int": (Int, {"low", "high", "log", "step"}),
    "categorical": (Categorical, {"choices"}),
}
COMMON_KEYS = {"type", "default", "description", "when"}


def from_plain(name: str, plain: object) -> Hyperparameter:
    """The reverse of `to_plain`, for data that somebody wrote by hand."""
    if not isinstance(plain, Mapping):
        raise SpaceError(f"{name}: {shorten(plain)} is not a hyperparameter. Write {{type: float, low: 0, high: 1}}.")
    kind = plain.get("type")
    if kind not in MAKERS:
        raise SpaceError(f"{name}: type {kind!r} is unknown. The types are float, int and categorical.")
    make, own_keys = MAKERS[kind]
    allowed = own_keys | COMMON_KEYS
    if unknown := [key for key in plain if key not in allowed]:
        near = difflib.get_close_matches(str(unknown[0]), allowed, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise SpaceError(
            f"{name}: the key {unknown[0]!r} is unknown for type {kind}.{hint} Keys: {', '.join(sorted(allowed))}."
        )
    if missing := [key for key in ("low", "high", "choices") if key in own_keys and key not in plain]:
        raise SpaceError(f"{name}: {missing[0]} is missing. A hyperparameter of type {kind} needs it.")
    arguments = {key: value for key, value in plain.items() if key != "type"}
    for key in ("low", "high", "step", "default"):
        if kind != "categorical" and isinstance(arguments.get(key), str):
            arguments[key] = yaml_number(name, key, arguments[key])
    if not isinstance(arguments.get("description", ""), str):
        arguments["description"] = str(arguments["description"])
    try:
        return make(**arguments)  # type: ignore[operator, no-any-return]
    except SpaceError as error:
        raise SpaceError(f"{name}: {error}") from None


def yaml_number(name: str, key: str, text: str) -> float:
    """YAML 1.1 reads `1e-3` as text; people mean the number."""
    try:
        number = float(text)
    except ValueError:
        raise SpaceError(f"{name}: {key} = {text!r} is not a number. Write for example 0.001 or 1e-3.") from None
    return int(number) if re.fullmatch(r"[+-]?\d+", text.strip()) else number


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
    """A finite number from a definition of a space."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpaceError(f"{name} = {shorten(value)} is not a number. Give a finite number.")
    if not math.isfinite(value):
        raise SpaceError(f"{name} = {value} is not finite. Give the widest value that still makes sense.")
    return value


def check_range(low: float, high: float, *, log: bool, step: float | None) -> None:
    """The rules that float and int ranges share."""
    if not isinstance(log, bool):
        raise SpaceError(f"log = {log!r} is neither true nor false.")
    if low > high:
        raise SpaceError(f"low = {low:g} is above high = {high:g}. Swap the bounds.")
    if log and low <= 0:
        raise SpaceError(f"low = {low:g} with log scale: a logarithm needs low above 0. Raise low, or drop log.")
    if log and step is not None:
        raise SpaceError(f"step = {step:g} with log scale: steps are not even there. Drop one of the two.")
    if step is not None and not checked_number(step, "step") > 0:
        raise SpaceError(f"step = {step:g} is not above 0. Give the distance between allowed values.")


def as_number(given: object) -> float:
    """A finite number from a reply, which may have written it as text."""
    if isinstance(given, str) and len(given) <= 64:
        try:
            given = float(given.strip().replace("_", "x"))
        except ValueError:
            pass
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise InvalidReply(f"must be a number, not {shorten(given)}")
    try:
        finite = math.isfinite(given)
    except OverflowError:  # an integer beyond every float
        finite = False
    if not finite:
        raise InvalidReply(f"must be a finite number, not {shorten(given)}")
    return given


def match_choice(given: object, choices: tuple[Value, ...]) -> Value:
    """The choice that a reply means: the same value, or the same in another spelling."""
    for choice in choices:
        if type(choice) is type(given) and choice == given:
            return choice
    spelled = spelling(given)
    alike = [choice for choice in choices if spelling(choice) == spelled]
    if len(alike) == 1:
        return alike[0]
    listed = ", ".join(repr(choice) for choice in choices[:20])
    raise InvalidReply(f"must be one of {listed}, not {shorten(given)}")


def spelling(value: object) -> object:
    """What two spellings of one choice have in common: "1", 1 and 1.0; "None", "null" and None; "ReLU" and "relu"."""
    if isinstance(value, str):
        text = value.strip().strip("\"'").lower()
        if len(text) <= 64:
            try:
                return float(text)
            except ValueError:
                pass
        return {"none": "null"}.get(text, text)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return str(type(value))
    return type(value)


def contains(values: tuple[Value, ...], value: Value) -> bool:
    """Membership that tells 1 from True."""
    return any(isinstance(v, bool) == isinstance(value, bool) and v == value for v in values)


def index_of(value: Value, choices: tuple[Value, ...]) -> int:
    """Place of a choice, telling 1 from True where both are there."""
    for i, choice in enumerate(choices):
        if type(choice) is type(value) and choice == value:
            return i
    return choices.index(value)


def normalized(name: str) -> str:
    """What two spellings of one name have in common: "Learning rate" and "learning_rate"."""
    return re.sub(r"[\W_]+", "", name[:200].lower())


def shorten(value: object, limit: int = 60) -> str:
    """A value as text for a message, however large it is."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"an integer of {value.bit_length()} bits"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
