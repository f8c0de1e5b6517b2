"""`SearchSpace`: the hyperparameters together, and the one gate from a reply to a configuration."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tunewise.errors import InvalidReply, SpaceError
from tunewise.plain import Plain
from tunewise.space.categorical import Flag
from tunewise.space.hyperparameter import NO_DEFAULT, Hyperparameter
from tunewise.space.plain import from_distribution, from_plain
from tunewise.space.values import Configuration, Value, contains, normalized
from tunewise.text import did_you_mean, shorten

if TYPE_CHECKING:
    import optuna
    from numpy.typing import NDArray
    from optuna.distributions import BaseDistribution


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
        self._hyperparameters = {
            n: replace(h, when=self._read_condition(n, h)) if h.when else h for n, h in self.items()
        }
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

    @cached_property
    def count(self) -> float:
        """How many configurations there are; above 100,000 an upper bound that overlooks conditions, maybe infinite."""
        most = math.prod(h.count for h in self.values())
        if most > 100_000:
            return most
        named: dict[str, set[Value]] = {name: set() for name in self}
        for hyperparameter in self.values():
            for parent, values in hyperparameter.when.items():
                named[parent] |= set(values)

        def ways(left: tuple[str, ...], configuration: Configuration) -> float:
            if not left:
                return 1
            name, *rest = left
            later = tuple(rest)
            if not self.exists(name, configuration):
                return ways(later, configuration)
            other = self[name].count - len(named[name])  # values on which nothing depends need not be told apart
            return sum(ways(later, {**configuration, name: value}) for value in named[name]) + (
                other * ways(later, configuration) if other else 0
            )

        return ways(self._parents_first, {})

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

    def may_exist(self, name: str, given: Mapping[str, Value]) -> bool:
        """Whether the condition of `name` can still hold after some hyperparameters are set."""
        return all(
            contains(values, given[parent]) if parent in given else self.may_exist(parent, given)
            for parent, values in self[name].when.items()
        )

    def ordered(self, configuration: Mapping[str, Value]) -> Configuration:
        """A configuration with its hyperparameters in the order of the space; others are left out."""
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
        problems: list[str] = []
        repairs: list[Repair] = []
        configuration: Configuration = {}
        for name in self._parents_first:
            hyperparameter = self[name]
            if not self.exists(name, configuration):
                continue
            if name not in given:
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
            raise InvalidReply(f"The configuration is wrong: {'; '.join(problems)}.")
        return Coerced(self.ordered(configuration), tuple(repairs))

    def accepts(self, configuration: Mapping[str, Value]) -> bool:
        """Whether it gives an allowed value to every hyperparameter that exists (and perhaps to others)."""
        try:
            return not self.coerce({n: configuration[n] for n in self if n in configuration}).repairs
        except InvalidReply:
            return False

    def encode(self, configuration: Mapping[str, Value]) -> NDArray[np.float64]:
        """Place a configuration in the unit cube.

        Returns:
            Vector of `d = width` numbers in [0, 1]: for a number its place between the bounds, on the logarithmic
            scale where `log`; for a category one-hot. A hyperparameter that does not exist sits at 0.5, or at zeros.
            A value outside its bounds is placed on the nearest one.
        """
        (row,) = self.encode_all([configuration])
        return np.asarray(row)

    def encode_all(
        self, configurations: Sequence[Mapping[str, Value]], *, absent: float | None = None
    ) -> NDArray[np.float64]:
        """Place `n` configurations in the unit cube, as an `n x d` matrix.

        Args:
            configurations: As for `encode`.
            absent: What stands in every coordinate of a hyperparameter that does not exist; None: as `encode` does it.
        """
        matrix = np.empty((len(configurations), self.width))
        for name, hyperparameter in self.items():
            exists = np.array([name in c for c in configurations], dtype=bool)
            block = matrix[:, self._columns[name]]
            block[exists] = hyperparameter.encode([c[name] for c in configurations if name in c])
            block[~exists] = hyperparameter.absent if absent is None else absent
        return matrix

    def decode(self, coordinates: Sequence[float] | NDArray[np.float64]) -> Configuration:
        """The configuration nearest to a place in the unit cube; `decode(encode(c))` is `c`, floats rounded."""
        configuration: Configuration = {}
        for name in self._parents_first:
            if self.exists(name, configuration):
                configuration[name] = self[name].decode(list(coordinates[self._columns[name]]))
        return self.ordered(configuration)

    def sample(self, rng: np.random.Generator) -> Configuration:
        """A configuration drawn uniformly on the transformed scale."""
        return self.decode(rng.random(self.width))

    def restricted(self, distributions: Mapping[str, BaseDistribution]) -> SearchSpace:
        """The part of the space that has these distributions; conditions on what is left out are dropped.

        A name that is not in the space, or has another distribution there, comes without default and description.

        Raises:
            SpaceError: There are none, or one is not Optuna's float, int or categorical.
        """
        kept = {}
        for name, distribution in distributions.items():
            known = self._hyperparameters.get(name)
            if known is None or known.distribution != distribution:
                kept[name] = from_distribution(distribution)
            else:
                kept[name] = replace(known, when={p: v for p, v in known.when.items() if p in distributions})
        return SearchSpace(kept)

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Ask an Optuna trial for each hyperparameter that exists, parents first.

        Returns:
            What the objective gets; see `arguments`.
        """
        configuration: Configuration = {}
        for name in self._parents_first:
            if self.exists(name, configuration):
                configuration[name] = self[name].suggest(name, trial)
        return self.arguments(self.ordered(configuration))

    def arguments(self, configuration: Mapping[str, Value]) -> dict[str, Any]:
        """A configuration as the objective gets it: choices that have another name there are the choices themselves.

        ```python
        space = SearchSpace({"layers": Categorical([(64,), (64, 64)])})
        space.arguments({"layers": "[64, 64]"})  # {"layers": (64, 64)}
        ```
        """
        return {n: self[n].handed(value) if n in self else value for n, value in configuration.items()}

    @property
    def flags(self) -> frozenset[str]:
        """The names of options that stand in a command or do not."""
        return frozenset(name for name, h in self.items() if isinstance(h, Flag))

    def to_dict(self) -> dict[str, dict[str, Plain]]:
        """Plain data, as written in a study file; `from_dict` reads it back.

        What JSON lacks (NaN, classes) is written by its name, and tuples as lists.
        """
        return {name: h.to_plain() for name, h in self.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> SearchSpace:
        """Read the plain form of a study file.

        Args:
            data: For each name a hyperparameter, an Optuna distribution, or a mapping with `type` (float, int,
                categorical), `low` and `high` or `choices`, and optionally `log`, `step`, `default`, `description`,
                `when`.

        Raises:
            SpaceError: The first rule that is broken, with the name of the hyperparameter.
        """
        if not isinstance(data, Mapping):
            raise SpaceError(f"The search space is {shorten(data)}. Write a mapping from names to hyperparameters.")
        return cls({name: from_plain(name, plain) for name, plain in data.items()})

    @classmethod
    def from_distributions(cls, distributions: Mapping[str, BaseDistribution]) -> SearchSpace:
        """A space from Optuna distributions, without defaults, descriptions or conditions.

        Raises:
            SpaceError: A distribution is not Optuna's float, int or categorical.
        """
        return cls({name: from_distribution(d) for name, d in distributions.items()})

    def _names(self) -> str:
        return ", ".join(f'"{name}"' for name in self)

    def _match_names(self, reply: Mapping[object, object]) -> dict[str, object]:
        spellings = Counter(normalized(name) for name in self)
        known = {normalized(name): name for name in self if spellings[normalized(name)] == 1}
        given: dict[str, object] = {}
        unknown = []
        for key, value in reply.items():
            name = key if isinstance(key, str) and key in self else known.get(normalized(str(key)))
            if name is None:
                unknown.append(str(key))
            elif value is not None or self[name].match(None) is None or not self[name].when:
                given[name] = value  # null for a conditional hyperparameter means that it does not exist
        if unknown and not given and len(reply) == 1:
            (value,) = reply.values()
            if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == len(self):
                return dict(zip(self, value, strict=True))
        if unknown:
            named = ", ".join(f'"{shorten(key)}"' for key in unknown[:5])
            raise InvalidReply(f"Unknown keys: {named}. The keys are {self._names()}.")
        return given

    def _read_condition(self, name: str, hyperparameter: Hyperparameter) -> dict[str, tuple[Value, ...]]:
        """The condition with the parents' own values: "RBF" and "3" as they were meant."""
        when = {}
        for parent, values in hyperparameter.when.items():
            if parent not in self._hyperparameters:
                hint = did_you_mean(parent, self, f"The names are {self._names()}.")
                raise SpaceError(f"{name} exists when {parent} has some value, but there is no {parent}. {hint}")
            when[parent] = tuple(self._read_parent_value(name, parent, value) for value in values)
        return when

    def _read_parent_value(self, name: str, parent: str, given: Value) -> Value:
        try:
            value, rule = self._hyperparameters[parent].coerce(given)
        except InvalidReply as error:
            value, rule = None, str(error)
        if rule:
            raise SpaceError(
                f"{name} exists when {parent} is {shorten(repr(given))}, but that is no value of {parent} ({rule}). "
                "Name a value that it can take."
            )
        return value

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
