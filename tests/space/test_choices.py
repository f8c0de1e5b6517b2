"""Choices that Optuna cannot store, or cannot tell apart: they have names, and are handed over as they are."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest

from tunewise.errors import InvalidReply, SpaceError
from tunewise.space import Categorical, Flag, Hyperparameter, SearchSpace, Value


class Relu:
    """A class as a choice."""


def identical(one: object, other: object) -> bool:
    return type(one) is type(other) and (one == other or one is other or (one != one and other != other))


ODD: dict[str, tuple[list[Any], list[Value]]] = {
    "numpy floats": (list(np.logspace(-4, -1, 4)), [1e-4, 1e-3, 1e-2, 1e-1]),
    "numpy integers": (list(np.array([1, 2])), [1, 2]),
    "NaN and infinity": ([math.nan, 0, math.inf], ["NaN", 0, "Infinity"]),
    "lists": ([[64], [64, 64]], ["[64]", "[64, 64]"]),
    "tuples": ([(64,), (64, 64)], ["[64]", "[64, 64]"]),
    "a share beside a count": ([1, 1.0], [1, "1.0"]),
    "a count beside a share": ([1.0, 1], [1.0, "1"]),
    "true beside one": ([True, 1, 1.0], [True, "1", "1.0"]),
    "null beside a number": ([None, 5], [None, 5]),
    "classes": ([Relu, dict], ["Relu", "dict"]),
    "objects without a text": ([object(), "a"], ["choice 1", "a"]),
    "what is written like a text": ([[64], "[64]"], ["[64] (choice 1)", "[64]"]),
    "long": ([list(range(100)), [1]], ["choice 1", "[1]"]),
    "endless integers": ([10**6000, 1], ["choice 1", 1]),
    "mappings": ([{"a": 1}, {"a": 2}], ['{"a": 1}', '{"a": 2}']),
}


@pytest.mark.parametrize(("choices", "names"), ODD.values(), ids=ODD)
def test_odd_choices_are_named_and_handed_over_as_they_are(choices: list[Any], names: list[Value]) -> None:
    space = SearchSpace({"x": Categorical(choices, default=choices[-1])})
    x = space["x"]
    assert isinstance(x, Categorical)
    assert [(type(n), n) for n in x.names] == [(type(n), n) for n in names]
    assert x.default == names[-1]
    json.dumps(x.schema())
    study = optuna.create_study(sampler=optuna.samplers.BruteForceSampler())
    seen = []
    study.optimize(lambda trial: float(seen.append(space.suggest(trial)["x"]) or 0))  # type: ignore[func-returns-value]
    given = [c.item() if isinstance(c, np.generic) else c for c in choices]
    assert all(any(identical(one, other) for other in seen) for one in given)
    for name, choice in zip(names, given, strict=True):
        assert identical(space.arguments({"x": name})["x"], choice)
        assert space.coerce({"x": name}).configuration == {"x": name}
        assert x.decode(list(x.encode([name])[0])) == name
    back = SearchSpace.from_dict(json.loads(json.dumps(space.to_dict(), allow_nan=False)))
    assert list(back["x"].grid(0)) == names
    assert back.to_dict() == space.to_dict()


@pytest.mark.parametrize("said", [[64, 64], "[64, 64]", "(64,64)", "[64,64]", "[64, 64 ]"])
def test_a_list_is_understood_as_a_list_and_as_a_text(said: object) -> None:
    space = SearchSpace({"layers": Categorical([(64,), (64, 64)])})
    assert space.arguments(space.coerce({"layers": said}).configuration) == {"layers": (64, 64)}


def test_a_share_and_a_count_are_told_apart_by_how_they_are_written() -> None:
    space = SearchSpace({"leaf": Categorical([1, 1.0, 5])})
    assert repr(space.arguments(space.coerce({"leaf": 1.0}).configuration)) == "{'leaf': 1.0}"
    assert repr(space.arguments(space.coerce({"leaf": 1}).configuration)) == "{'leaf': 1}"
    assert repr(space.arguments(space.coerce({"leaf": "1.0"}).configuration)) == "{'leaf': 1.0}"
    assert repr(space.arguments(space.coerce({"leaf": 5.0}).configuration)) == "{'leaf': 5}"


def test_a_share_is_shown_as_what_it_is() -> None:
    assert Categorical([0.5, 1.0]).describe() == "one of 0.5, 1.0"
    assert Categorical([0.5, 1.0]).show(1.0) == "1.0"
    assert Categorical([1, 1.0]).describe() == 'one of 1, "1.0"'


def test_choices_can_be_given_names() -> None:
    space = SearchSpace({"net": Categorical([(64,), (64, 64)], names=["shallow", "deep"], default="deep")})
    assert space.default == {"net": "deep"}
    assert space.arguments({"net": "deep"}) == {"net": (64, 64)}
    back = SearchSpace.from_dict(space.to_dict())
    assert back.arguments({"net": "deep"}) == {"net": [64, 64]}
    with pytest.raises(SpaceError, match="a list of 2"):
        Categorical([1, 2], names=["one"])
    with pytest.raises(SpaceError, match="a name twice"):
        Categorical([1, 2], names=["one", "one"])


def test_what_is_no_choice_is_refused_with_the_choices() -> None:
    many = Categorical([f"choice number {i}" for i in range(3000)])
    with pytest.raises(InvalidReply, match="choice number 19' and 2980 more"):
        many.coerce("none of them")
    assert many.coerce("CHOICE number 2999") == ("choice number 2999", "")
    with pytest.raises(SpaceError, match="listed twice"):
        Categorical([[64], (64,)])
    wrong: Any
    for wrong in ("text", {"a": 1}, 3, []):
        with pytest.raises(SpaceError, match="not a list of one or more"):
            Categorical(wrong)


def test_conditions_name_odd_choices_as_they_are() -> None:
    space = SearchSpace(
        {"leaf": Categorical([1, 1.0]), "x": Categorical(["a", "b"], when={"leaf": [1.0]}, default="a")}
    )
    assert space["x"].when == {"leaf": ("1.0",)}
    assert space.exists("x", {"leaf": "1.0"})
    assert not space.exists("x", {"leaf": 1})


def test_the_kinds_are_classes() -> None:
    plain = {"x": {"type": "categorical", "choices": [1, 2]}, "f": {"flag": True, "default": False}}
    space = SearchSpace.from_dict(plain)
    assert isinstance(space["x"], Categorical)
    assert isinstance(space["x"], Hyperparameter)
    assert space.flags == {"f"}
    assert space.to_dict() == plain


def test_a_flag_is_tuned_as_any_hyperparameter_is() -> None:
    space = SearchSpace({"deep": Flag(default=False), "wide": Flag(default=True, when={"deep": True})})
    restricted = space.restricted(space.distributions)
    assert restricted == space
    assert dict(restricted.items()) == dict(space.items())
    assert replace(space["deep"], description="how deep") == Flag(default=False, description="how deep")
