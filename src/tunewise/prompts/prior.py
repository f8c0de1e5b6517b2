"""Asking a model where it expects the best values before it has seen any, and reading what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from tunewise.errors import InvalidReply
from tunewise.prompts.parse import parts, readable
from tunewise.prompts.relaxed import scan
from tunewise.prompts.schema import strict_object
from tunewise.space import Hyperparameter, SearchSpace, Value
from tunewise.space.values import as_number, exactly, normalized, shorten
from tunewise.task import Task

__all__ = ["Guess", "PriorView", "parse_prior", "prior_schema", "read_guesses"]

MAX_READ = 64
"""So many objects of a reply are looked into."""


@dataclass(frozen=True)
class PriorView:
    """Asks for a prior. It shows no trial: what has been measured must not count twice.

    Attributes:
        problem: Rendered `ProblemView` without the form of a reply.
        task: What is tuned.
        space: The search space.
    """

    template: ClassVar[str] = "prior.jinja"
    problem: str
    task: Task
    space: SearchSpace

    @property
    def numeric(self) -> bool:
        """Whether some hyperparameter has a range."""
        return any(h.ordered for h in self.space.values())

    @property
    def categorical(self) -> bool:
        """Whether some hyperparameter has none."""
        return any(not h.ordered for h in self.space.values())

    @property
    def conditional(self) -> bool:
        """Whether some hyperparameter exists only sometimes."""
        return any(h.when for h in self.space.values())

    @property
    def example(self) -> str:
        """A reply with a placeholder for every number."""
        return "{" + ", ".join(f"{exactly(name)}: {example_of(h)}" for name, h in self.space.items()) + "}"


@dataclass(frozen=True, slots=True)
class Guess:
    """Where a model expects the best value of one hyperparameter.

    Attributes:
        best: The likeliest.
        low: It bets two to one that the best value is not below; None for a category.
        high: And not above; None for a category.
        confidence: How much it trusts that, in [0, 1].
    """

    best: Value
    low: Value
    high: Value
    confidence: float

    def to_dict(self) -> dict[str, Value]:
        """Plain data, as the model is asked to write it."""
        bounds = {"low": self.low, "high": self.high} if self.low is not None else {}
        return {"best": self.best, **bounds, "confidence": self.confidence}


def example_of(hyperparameter: Hyperparameter) -> str:
    """A guess with placeholders."""
    value = hyperparameter.placeholder
    bounds = f', "low": {value}, "high": {value}' if hyperparameter.ordered else ""
    return f'{{"best": {value}{bounds}, "confidence": <from 0 to 1>}}'


def prior_schema(space: SearchSpace) -> dict[str, Any]:
    """Strict schema of a prior for every hyperparameter."""
    guesses = {}
    for name, hyperparameter in space.items():
        value = replace(hyperparameter, when={}).schema()
        keys = ("best", "low", "high") if hyperparameter.ordered else ("best",)
        confidence = {"type": "number", "minimum": 0, "maximum": 1}
        guesses[name] = strict_object({**dict.fromkeys(keys, value), "confidence": confidence})
    return strict_object({"prior": strict_object(guesses)})


def parse_prior(text: str, space: SearchSpace) -> tuple[dict[str, Guess], tuple[str, ...]]:
    """Read a prior from a model's reply; of what is said twice the last counts.

    Args:
        text: The reply, of any length.
        space: The search space.

    Returns:
        The guesses that can be used, in the order of the space, and what is wrong with the others.

    Raises:
        InvalidReply: Not one can be used; the message is fit for the model. No other error is ever raised for a text.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for i, part in enumerate(every_part(text)):
        if i >= MAX_READ:
            break
        found |= {name: guess for name, guess in named_in(part, space) if "best" in map(normalized, guess)}
    guesses, objections = read_guesses(found, space)
    if not guesses:
        form = f'Give {{"prior": {{"{next(iter(space))}": {example_of(space[next(iter(space))])}, ...}}}}.'
        raise InvalidReply(f"The reply holds no prior that can be used. {' '.join((*objections[:5], form))}")
    return guesses, objections


def read_guesses(given: Mapping[str, object], space: SearchSpace) -> tuple[dict[str, Guess], tuple[str, ...]]:
    """The one gate from untrusted guesses, by names of the space, to those that can be used.

    Returns:
        Guesses in the order of the space, and what is wrong with the others.
    """
    guesses: dict[str, Guess] = {}
    objections = []
    for name in space:
        if name in given:
            try:
                guesses[name] = read_guess(given[name], space[name])
            except InvalidReply as error:
                objections.append(f'The prior of "{name}" was not used: {error}.')
    return guesses, tuple(objections)


def read_guess(given: object, hyperparameter: Hyperparameter) -> Guess:
    """One guess. Values outside the bounds are moved onto them; a range that misses its best value is widened.

    Raises:
        InvalidReply: A key is missing or has no meaning there.
    """
    if not isinstance(given, Mapping):
        raise InvalidReply(f"it must be an object, not {shorten(given)}")
    plain = {normalized(str(key)): value for key, value in given.items()}
    needed = (*(("best", "low", "high") if hyperparameter.ordered else ("best",)), "confidence")
    if missing := [key for key in needed if key not in plain]:
        raise InvalidReply(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    confidence = as_number(plain["confidence"])
    if not 0 <= confidence <= 1:
        raise InvalidReply(f"confidence = {confidence:g} must lie between 0 and 1")
    best, _ = hyperparameter.coerce(plain["best"])
    if not hyperparameter.ordered:
        return Guess(best, None, None, float(confidence))
    numbers = [hyperparameter.coerce(plain[key])[0] for key in ("best", "low", "high")]
    ordered = sorted(numbers, key=as_number)
    return Guess(best, ordered[0], ordered[-1], float(confidence))


def every_part(text: str) -> Iterator[Mapping[str, Any]]:
    """All objects of a reply, outermost first."""
    for whole in scan(readable(text)).objects:
        yield from parts(whole.value)


def named_in(part: Mapping[str, Any], space: SearchSpace) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects that stand under the name of a hyperparameter, however it is spelled."""
    spelled = {normalized(name): name for name in space}
    for key, value in part.items():
        name = key if key in space else spelled.get(normalized(key))
        if name is not None and isinstance(value, Mapping):
            yield name, value
