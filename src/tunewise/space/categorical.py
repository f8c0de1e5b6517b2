"""Hyperparameters whose values have no order: `Categorical`.

Optuna stores text, numbers, true, false and null, and holds what is equal in Python (1, 1.0 and true) for one choice.
So each choice has a name, which is what stands in a configuration: the choice itself where Optuna can store it and
tell it from the others, else a text. The objective is handed the choice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
from optuna.distributions import CategoricalDistribution

from tunewise.checks import is_finite
from tunewise.errors import InvalidReply, SpaceError
from tunewise.plain import Plain
from tunewise.space.hyperparameter import NO_DEFAULT, Condition, Hyperparameter, NoDefault
from tunewise.space.values import Value, exactly, spelling, unwrapped
from tunewise.text import shorten

if TYPE_CHECKING:
    import optuna
    from numpy.typing import NDArray

    from tunewise.space.hyperparameter import Distribution

LONGEST_NAME: Final = 80
"""Characters of a text that names a choice; one that would be longer is named by its position."""


@dataclass(frozen=True, init=False)
class Categorical(Hyperparameter):
    """A hyperparameter that takes one of several choices, which have no order.

    Attributes:
        choices: What the objective is handed.
        names: What a configuration, Optuna and a model call them, in the same order.
    """

    kind = "categorical"
    keys: ClassVar[tuple[str, ...]] = ("choices", "names")
    needed: ClassVar[tuple[str, ...]] = ("choices",)
    ordered = False
    absent = 0.0
    placeholder = "<one of its choices>"

    choices: tuple[object, ...] = field(compare=False)
    names: tuple[Value, ...]

    def __init__(
        self,
        choices: Iterable[object],
        *,
        names: Sequence[Value] | None = None,
        default: object = NO_DEFAULT,
        description: str = "",
        when: Condition | None = None,
    ) -> None:
        """Check and keep.

        Args:
            choices: One or more different values: text, numbers, true, false, null, or anything else (lists, tuples,
                classes), which is handed over as it is.
            names: What they are called; None: themselves where Optuna can store them, else a short text.
            default: The starting point: the choice that is used when nobody tunes.
            description: What it means, in a sentence.
            when: Condition: the values of other hyperparameters at which this one exists.

        Raises:
            SpaceError: There are no choices, one is listed twice, or the default is none of them.
        """
        listed = listed_choices(choices)
        named = automatic_names(listed) if names is None else checked_names(names, len(listed))
        self._set({"choices": listed, "names": named}, default, description, when)

    @classmethod
    def of(cls, distribution: Distribution) -> Self:
        """From Optuna's categorical distribution, whose choices stay what they are, whatever they are."""
        assert isinstance(distribution, CategoricalDistribution)
        choices = tuple(distribution.choices)
        made = cls.__new__(cls)
        made._set({"choices": choices, "names": choices}, NO_DEFAULT, "", None)
        return made

    @cached_property
    def distribution(self) -> CategoricalDistribution:
        """Optuna's view of it: the names."""
        return CategoricalDistribution(self.names)

    @property
    def width(self) -> int:
        """One coordinate for each choice."""
        return len(self.names)

    @property
    def count(self) -> float:
        """The number of choices."""
        return len(self.names)

    def grid(self, most: int) -> Sequence[Value]:
        """All names, however many."""
        del most
        return self.names

    def coerce(self, given: object) -> tuple[Value, str]:
        """The name of the choice that a reply means: the same value, or the same in another spelling."""
        given = unwrapped(given)
        for places in (self._exact.get(canonical(given), ()), self._spelled.get(canonical(spelling(given)), ())):
            if len(places) == 1:
                return self.names[places[0]], ""
        listed = ", ".join(shorten(repr(name)) for name in self.names[:20])
        more = f" and {len(self.names) - 20} more" if len(self.names) > 20 else ""
        raise InvalidReply(f"must be one of {listed}{more}, not {shorten(given)}")

    def match(self, value: object) -> Value | NoDefault:
        """The name of the choice that a value is."""
        places = self._exact.get(canonical(unwrapped(value)), ())
        return self.names[places[0]] if len(places) == 1 else NO_DEFAULT

    def handed(self, value: Value) -> object:
        """The choice of a name; what is no name stays what it is."""
        place = self._place(value)
        return value if place < 0 else self.choices[place]

    def encode(self, values: Sequence[Value]) -> NDArray[np.float64]:
        """One-hot, `n x width`; zeros for what is no name."""
        matrix = np.zeros((len(values), len(self.names)))
        for row, value in enumerate(values):
            if (place := self._place(value)) >= 0:
                matrix[row, place] = 1.0
        return matrix

    def decode(self, coordinates: Sequence[float]) -> Value:
        """The name with the largest coordinate."""
        return self.names[int(np.argmax(coordinates))]

    def suggest(self, name: str, trial: optuna.Trial) -> Value:
        """Ask for a name."""
        return trial.suggest_categorical(name, self.names)

    def show(self, value: Value) -> str:
        """A name as JSON: a share of 1.0 is no count of 1."""
        return exactly_typed(value)

    def describe(self) -> str:
        """For example `one of "rbf", "linear"`."""
        return f"one of {', '.join(map(self.show, self.names))}"

    def schema(self) -> dict[str, Plain]:
        """The names; what JSON lacks (choices of other programs) as text."""
        allowed: list[Plain] = [json.loads(exactly_typed(name)) for name in self.names]
        return {"enum": [*allowed, None] if self.when and None not in allowed else allowed}

    def _own_plain(self) -> dict[str, Plain]:
        written = [written_choice(choice, name) for choice, name in zip(self.choices, self.names, strict=True)]
        plain: dict[str, Plain] = {"type": self.kind, "choices": written}
        is_clear = automatic_names(written) == self.names or not all(isinstance(name, Value) for name in self.names)
        return plain if is_clear else plain | {"names": list(self.names)}

    def _place(self, value: Value) -> int:
        """Where a name stands, telling 1 from true; -1 when it is none."""
        return self._places.get(identity(value), -1)

    @cached_property
    def _places(self) -> Mapping[object, int]:
        return {identity(name): place for place, name in enumerate(self.names)}

    @cached_property
    def _exact(self) -> Mapping[str, tuple[int, ...]]:
        """Positions by the very value of a name or, where no name has it, of a choice."""
        by_name = positions([canonical(name) for name in self.names])
        return positions([canonical(choice) for choice in self.choices]) | by_name

    @cached_property
    def _spelled(self) -> Mapping[str, tuple[int, ...]]:
        """Positions by what the spellings of a name or a choice have in common."""
        found: dict[str, set[int]] = {}
        for listed in (self.names, self.choices):
            for place, value in enumerate(listed):
                found.setdefault(canonical(spelling(value)), set()).add(place)
        return {key: tuple(places) for key, places in found.items()}


@dataclass(frozen=True, init=False)
class Flag(Categorical):
    """True or false; a program is told by an option that stands there or does not (`--amsgrad`)."""

    kind = "flag"
    keys = ("flag",)
    needed = ()

    choices: tuple[object, ...] = field(init=False, compare=False)  # so that `dataclasses.replace` leaves both out
    names: tuple[Value, ...] = field(init=False)

    def __init__(
        self, *, default: bool | NoDefault = NO_DEFAULT, description: str = "", when: Condition | None = None
    ) -> None:
        """Arguments as for `Categorical`, whose choices are false and true."""
        super().__init__((False, True), default=default, description=description, when=when)

    def _own_plain(self) -> dict[str, Plain]:
        return {"flag": True}


def listed_choices(choices: Iterable[object]) -> tuple[object, ...]:
    """The choices, numpy's scalars as Python's.

    Raises:
        SpaceError: It is no list, it is empty, or a choice is listed twice.
    """
    if isinstance(choices, str | bytes | Mapping) or not isinstance(choices, Iterable):
        raise SpaceError(f"choices = {shorten(choices)} is not a list of one or more values. Write [relu, tanh].")
    listed = tuple(map(unwrapped, choices))
    if not listed:
        raise SpaceError("choices = [] is not a list of one or more values. Write for example [relu, tanh].")
    for places in positions([canonical(choice) for choice in listed]).values():
        if len(places) > 1:
            raise SpaceError(f"choice {shorten(repr(listed[places[0]]))} is listed twice. List each choice once.")
    return listed


def checked_names(names: object, expected: int) -> tuple[Value, ...]:
    """Names that were given."""
    if not isinstance(names, list | tuple) or len(names) != expected:
        raise SpaceError(f"names = {shorten(names)} must be a list of {expected}, one for each choice.")
    for name in names:
        if not isinstance(name, Value) or not is_storable(name):
            raise SpaceError(f"names = {shorten(names)}: {shorten(name)} is no name. Write a text or a finite number.")
    if any(len(places) > 1 for places in positions([canonical(name) for name in names]).values()):
        raise SpaceError(f"names = {shorten(names)} has a name twice. Give each choice a name of its own.")
    return tuple(names)


def automatic_names(choices: Sequence[object]) -> tuple[Value, ...]:
    """A choice itself where Optuna can store it and tell it from the others, else a text: its JSON, name or place."""
    names: dict[Value, None] = {}
    texts = {choice for choice in choices if isinstance(choice, str)}
    for place, choice in enumerate(choices):
        if isinstance(choice, Value) and is_storable(choice) and choice not in names:
            names[choice] = None
            continue
        text = text_of(choice) or f"choice {place + 1}"
        names[f"{text} (choice {place + 1})" if text in texts or text in names else text] = None
    return tuple(names)


def is_storable(value: Value) -> bool:
    """Whether every storage holds it: NaN, infinity and endless integers are not JSON."""
    return not isinstance(value, int | float) or is_finite(value)


def text_of(choice: object) -> str:
    """A short text for a choice that cannot name itself; empty when there is none."""
    text = str(getattr(choice, "__qualname__", "")) if callable(choice) else canonical(choice)
    return text if len(text) <= LONGEST_NAME and " at 0x" not in text and "<locals>" not in text else ""


def canonical(value: object) -> str:
    """A text that two values share when they are the same; it tells 1, 1.0, true and "1" apart."""
    with suppress(TypeError, ValueError, RecursionError):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    with suppress(ValueError, RecursionError):
        return repr(value)
    return f"{type(value).__name__} at 0x{id(value):x}"


def identity(value: object) -> object:
    """What makes a name: Python's equality, but true is not 1."""
    return (isinstance(value, bool), value) if isinstance(value, Value) else canonical(value)


def positions(keys: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """For each key where it stands."""
    found: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        found.setdefault(key, []).append(place)
    return {key: tuple(places) for key, places in found.items()}


def written_choice(choice: object, name: Value) -> Plain:
    """A choice as plain data; what JSON lacks is written by its name."""
    try:
        plain: Plain = json.loads(json.dumps(choice, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return name
    return plain


def exactly_typed(value: Value) -> str:
    """A value as JSON, with the point of a float that is whole."""
    return repr(value) if isinstance(value, float) else exactly(value)
