"""The search space: what may be written, and what comes through the one gate."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from support.strategies import search_spaces, spaces_with_configuration
from tunewise import Categorical, Float, Int, SearchSpace
from tunewise.errors import InvalidReply, SpaceError
from tunewise.space import Configuration

SVC = SearchSpace(
    {
        "kernel": Categorical(["rbf", "linear"], default="rbf"),
        "C": Float(1e-3, 1e3, log=True, default=1.0),
        "gamma": Float(1e-4, 10, log=True, default=0.1, when={"kernel": "rbf"}),
    }
)
GRID = SearchSpace({"depth": Int(1, 9), "share": Float(0, 1, step=0.25), "width": Int(16, 128, step=16)})


def number(**plain: Any) -> dict[str, Any]:
    """The plain form of a space with one hyperparameter."""
    return {"x": {"type": "float", "low": 0, "high": 1, **plain}}


BAD_PLAIN: dict[str, tuple[Any, str]] = {
    "no mapping": ([1], "Write a mapping"),
    "empty": ({}, "is empty"),
    "no hyperparameter": ({"x": 3}, "x: 3 is not a hyperparameter"),
    "no name": ({" ": number()["x"]}, "is not a name"),
    "name is a number": ({1: number()["x"]}, "1 is not a name"),
    "unknown type": (number(type="real"), "'real' is unknown. Write {type: float"),
    "type is a list": (number(type=["float"]), "is unknown"),
    "unknown key": (number(defualt=1), "Did you mean default"),
    "key of another type": (number(choices=[1]), "'choices' is unknown for type float"),
    "bound missing": ({"x": {"type": "int", "low": 1}}, "high is missing"),
    "choices missing": ({"x": {"type": "categorical"}}, "choices is missing"),
    "bounds reversed": (number(low=2), r"low = 2 is above high = 1\. Swap"),
    "bound is text": (number(low="one"), "low = 'one' is not a number"),
    "bound is true": (number(low=True), "low = True is not a number"),
    "bound is null": (number(low=None), "low = None is not a number"),
    "bound is NaN": (number(low=math.nan), "not finite"),
    "bound is infinite": (number(high=math.inf), "not finite"),
    "bound beyond floats": (number(high=10**400), "not finite"),
    "too wide": (number(low=-1.7e308, high=1.7e308), "Narrow the range"),
    "log with zero": (number(log=True), "a logarithm needs low above 0"),
    "log with step": (number(low=0.1, log=True, step=0.1), "Drop one of the two"),
    "log is text": (number(log="yes"), "neither true nor false"),
    "step is zero": (number(step=0), "step = 0 is not above 0"),
    "step is a list beside log": (number(low=1, log=True, step=[]), r"step = \[\] with log scale"),
    "step is NaN": (number(step=math.nan), "not finite"),
    "default out of range": (number(default=2), "default 2 is above the upper bound 1"),
    "default off the grid": (number(step=0.5, default=0.3), "off the grid"),
    "default is null": (number(default=None), "must be a number"),
    "default is no choice": ({"x": {"type": "categorical", "choices": ["a"], "default": "b"}}, "must be one of 'a'"),
    "int bound with fraction": ({"x": {"type": "int", "low": 0.5, "high": 2}}, "not a whole number"),
    "choices are text": ({"x": {"type": "categorical", "choices": "abc"}}, "not a list"),
    "no choices": ({"x": {"type": "categorical", "choices": []}}, "not a list"),
    "choice listed twice": ({"x": {"type": "categorical", "choices": ["a", "a"]}}, "'a' is listed twice"),
    "type of another program": ({"x": {"type": "loguniform", "low": 1, "high": 2}}, "log: true"),
    "bool": ({"x": {"type": "bool"}}, r"choices: \[false, true\]\}, or \{flag: true\}"),
    "min": ({"x": {"type": "float", "min": 0, "max": 1}}, "'min' is unknown for type float. Did you mean low"),
    "values": ({"x": {"type": "categorical", "values": [1]}}, "Did you mean choices"),
    "values without a type": ({"x": {"values": [1]}}, "type is missing. .*choices"),
    "logarithm by another name": ({"x": {"type": "float", "low": 1, "high": 2, "scale": "log"}}, "Write log: true"),
    "step too small": ({"x": {"type": "float", "low": 0, "high": 1, "step": 1e-300}}, "more steps than a float"),
    "endless integers": ({"x": {"type": "int", "low": 0, "high": 10**6000}}, "an integer of 19932 bits is not finite"),
    "endless default": ({"x": {"type": "int", "low": 0, "high": 1, "default": 10**6000}}, "an integer of 19932 bits"),
    "flag with choices": ({"x": {"flag": True, "choices": [1]}}, "unknown for type flag"),
    "flag that is none": ({"x": {"flag": False}}, "Write {flag: true}"),
    "list is listed twice": ({"x": {"type": "categorical", "choices": [[1], [1]]}}, "listed twice"),
    "when is no mapping": (number(when="y"), "not a mapping"),
    "when names no value": (number(when={"y": []}), "can never hold"),
    "when on an unknown name": (number() | {"y": number(when={"X": 1})["x"]}, r"there is no X\. The names are|mean x"),
    "when nearly a name": (
        {"kernel": {"type": "categorical", "choices": ["a"]}, "y": number(when={"kernl": "a"})["x"]},
        "Did you mean kernel",
    ),
    "when on itself": (number(when={"x": 0.5}), "run in a circle"),
    "when in a circle": ({"x": number(when={"y": 1})["x"], "y": number(when={"x": 1})["x"]}, "run in a circle"),
    "when out of the parent's range": (number() | {"y": number(when={"x": 7})["x"]}, "above the upper bound"),
    "when a list is the value": (number() | {"y": number(when={"x": [[1]]})["x"]}, "must be a number"),
    "when no choice of the parent": (
        {"k": {"type": "categorical", "choices": ["a"]}, "y": number(when={"k": "b"})["x"]},
        "no value of k",
    ),
}


@pytest.mark.parametrize(("plain", "message"), BAD_PLAIN.values(), ids=BAD_PLAIN)
def test_a_wrong_definition_is_named(plain: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        SearchSpace.from_dict(plain)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SearchSpace({"x": 3}),  # type: ignore[dict-item]
        lambda: SearchSpace.from_distributions({"x": "uniform"}),  # type: ignore[dict-item]
        lambda: Float(0, 1, default=2),
        lambda: SVC.restricted({}),
    ],
)
def test_wrong_objects_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(SpaceError):
        make()


def test_yaml_numbers_that_yaml_reads_as_text() -> None:
    text = "lr: {type: float, low: 1e-5, high: 1e-1, log: true, default: 1e-3}\nn: {type: int, low: '1', high: '9'}"
    space = SearchSpace.from_dict(yaml.safe_load(text))
    assert space["lr"] == Float(1e-5, 1e-1, log=True, default=1e-3)
    assert space["n"] == Int(1, 9)


def test_numbers_of_numpy() -> None:
    assert Int(np.int64(1), np.int32(9), step=np.int8(2)) == Int(1, 9, step=2)  # type: ignore[arg-type]
    assert Float(np.float32(0), np.float64(1)) == Float(0, 1)  # type: ignore[arg-type]


def test_conditions_are_read_as_they_are_meant() -> None:
    space = SearchSpace(
        {
            "kernel": Categorical(["rbf", "linear"]),
            "layers": Int(1, 3),
            "gamma": Float(0, 1, when={"kernel": "RBF"}),
            "second": Int(1, 9, when={"layers": ["2", 3.0]}),
        }
    )
    assert space["gamma"].when == {"kernel": ("rbf",)}
    assert space["second"].when == {"layers": (2, 3)}
    assert space.exists("second", {"layers": 2})


@pytest.mark.parametrize(
    ("reply", "configuration"),
    [
        ({"kernel": "rbf", "C": 1, "gamma": 0.5}, {"kernel": "rbf", "C": 1.0, "gamma": 0.5}),
        ({"gamma": "1e-2", "C": " 10 ", "kernel": "'RBF'"}, {"kernel": "rbf", "C": 10.0, "gamma": 0.01}),
        ({"Kernel": "linear", "c": 2}, {"kernel": "linear", "C": 2.0}),
        ({"kernel": "linear", "C": 2, "gamma": None}, {"kernel": "linear", "C": 2.0}),
        ({"kernel": "linear", "C": 2, "gamma": "whatever"}, {"kernel": "linear", "C": 2.0}),
        ({"params": ["rbf", 1, 1]}, {"kernel": "rbf", "C": 1.0, "gamma": 1.0}),
    ],
)
def test_what_is_accepted(reply: Any, configuration: Configuration) -> None:
    coerced = SVC.coerce(reply)
    assert coerced.configuration == configuration
    assert list(coerced.configuration) == [name for name in SVC if name in configuration]
    assert not coerced.repairs


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (None, "must be a JSON object"),
        ([1, 2], "must be a JSON object"),
        ({}, '"kernel" is missing; the key "C" is missing'),
        ({"kernel": "rbf", "C": 1}, '"gamma" is missing'),
        ({"kernel": "rbf", "C": 1, "gamma": None}, '"gamma" is missing'),
        ({"kernel": "poly", "C": 1}, "must be one of 'rbf', 'linear', not poly"),
        ({"kernel": ["rbf"], "C": 1}, "must be one of"),
        ({"kernel": "linear", "C": True}, '"C" must be a number, not True'),
        ({"kernel": "linear", "C": None}, '"C" must be a number, not None'),
        ({"kernel": "linear", "C": [1]}, "must be a number"),
        ({"kernel": "linear", "C": {"value": 1}}, "must be a number"),
        ({"kernel": "linear", "C": "1_0"}, "must be a number"),
        ({"kernel": "linear", "C": "nan"}, "must be a finite number"),
        ({"kernel": "linear", "C": math.inf}, "must be a finite number"),
        ({"kernel": "linear", "C": 10**5000}, r"an integer of 16610 bits"),
        ({"kernel": "linear", "C": 1, "degree": 3}, r'Unknown keys: "degree"\. The keys are "kernel", "C", "gamma"'),
        ({"x": [1, 2]}, "Unknown keys"),
    ],
)
def test_what_is_refused_and_why(reply: Any, message: str) -> None:
    with pytest.raises(InvalidReply, match=message):
        SVC.coerce(reply)


@pytest.mark.parametrize(
    ("reply", "used", "rule"),
    [
        ({"depth": 10}, 9, "above the upper bound 9"),
        ({"depth": -(10**300)}, 1, "below the lower bound 1"),
        ({"depth": 2.6}, 3, "not a whole number"),
        ({"share": 0.3}, 0.25, "off the grid of step 0.25 from 0"),
        ({"width": 100}, 96, "off the grid of step 16 from 16"),
        ({"width": 1e300}, 128, "above the upper bound 128"),
    ],
)
def test_numbers_are_repaired_and_marked(reply: dict[str, Any], used: float, rule: str) -> None:
    fine = {"depth": 3.0, "share": 0.5, "width": 32}
    coerced = GRID.coerce(fine | reply)
    (repair,) = coerced.repairs
    assert coerced.configuration == fine | {repair.name: used}
    assert repair.rule == rule
    assert f"{used!r} was used" in str(repair)
    assert not GRID.accepts(fine | reply)
    assert GRID.accepts(coerced.configuration)


def test_rounding_is_no_repair() -> None:
    space = SearchSpace({"x": Float(0, 1, step=0.1)})
    coerced = space.coerce({"x": 0.1 + 0.2})
    assert coerced.configuration == {"x": pytest.approx(0.3)}
    assert not coerced.repairs


def test_choices_of_any_type_keep_their_type() -> None:
    space = SearchSpace({"x": Categorical([1, "1", None, False, 0.5, "none"])})
    for choice in space["x"].grid(9):
        value = space.coerce({"x": choice}).configuration["x"]
        assert (type(value), value) == (type(choice), choice)
    flag = SearchSpace({"x": Categorical([True, False])})
    assert flag.coerce({"x": "True"}).configuration["x"] is True
    with pytest.raises(InvalidReply, match="must be one of True, False, not 1"):
        flag.coerce({"x": 1})


def test_choices_that_only_python_knows() -> None:
    with pytest.warns(UserWarning, match="persistent storage"):
        space = SearchSpace.from_distributions({"x": CategoricalDistribution(((64, 64), (32,), int))})  # type: ignore[arg-type]
    read: dict[str, Any] = dict(space.coerce({"x": [64, 64]}).configuration)
    assert read == {"x": (64, 64)}
    read = dict(space.coerce({"x": "<class 'int'>"}).configuration)
    assert read == {"x": int}


def test_two_numbers_in_a_list() -> None:
    plane = SearchSpace({"x1": Float(-5, 5), "x2": Float(-5, 5)})
    assert plane.coerce({"x": [1, "2"]}).configuration == {"x1": 1.0, "x2": 2.0}
    with pytest.raises(InvalidReply, match="Unknown keys"):
        plane.coerce({"x": [1, 2, 3]})


@given(spaces_with_configuration())
def test_decode_reverses_encode(drawn: tuple[SearchSpace, Configuration]) -> None:
    space, configuration = drawn
    point = space.encode(configuration)
    assert point.shape == (space.width,)
    assert ((point >= 0) & (point <= 1)).all()
    back = space.decode(point)
    assert list(back) == list(configuration)
    for name, value in configuration.items():
        if isinstance(known := space[name], Float):
            assert back[name] == pytest.approx(value, rel=1e-9, abs=1e-9 * (known.high - known.low))
        else:
            assert (type(back[name]), back[name]) == (type(value), value)


@given(spaces_with_configuration())
def test_an_allowed_configuration_passes_the_gate_unchanged(drawn: tuple[SearchSpace, Configuration]) -> None:
    space, configuration = drawn
    coerced = space.coerce(json.loads(json.dumps(configuration)))
    assert coerced.configuration == configuration
    assert not coerced.repairs


@given(search_spaces())
def test_plain_data_loses_nothing(space: SearchSpace) -> None:
    plain = space.to_dict()
    for copy in (plain, json.loads(json.dumps(plain)), yaml.safe_load(yaml.safe_dump(plain, sort_keys=False))):
        assert SearchSpace.from_dict(copy) == space
        assert list(SearchSpace.from_dict(copy)) == list(space)


@given(search_spaces(), st.integers(0, 2**32))
def test_samples_are_allowed(space: SearchSpace, seed: int) -> None:
    configuration = space.sample(np.random.default_rng(seed))
    assert space.accepts(configuration)
    assert set(configuration) == {name for name in space if space.exists(name, configuration)}


@given(search_spaces())
def test_a_default_is_allowed(space: SearchSpace) -> None:
    assert space.default is None or space.accepts(space.default)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_no_value_breaks_the_gate(value: Any) -> None:
    for name in SVC:
        try:
            SVC.coerce({"kernel": "rbf", "C": 1, "gamma": 1, name: value})
        except InvalidReply as error:
            assert len(str(error)) < 1000  # noqa: PT017 - both outcomes are fine


@settings(max_examples=50)
@given(search_spaces(max_size=3))
def test_count_is_what_enumeration_finds(space: SearchSpace) -> None:
    if space.count == math.inf or space.count > 30:
        assert any(h.count > 2 for h in space.values())
        return
    found: list[Configuration] = []
    rng = np.random.default_rng(0)
    for _ in range(1000):
        configuration = space.sample(rng)
        if configuration not in found:
            found.append(configuration)
    assert len(found) <= space.count
    if all(h.count <= 3 for h in space.values()):
        assert len(found) == space.count


def test_count() -> None:
    assert SVC.count == math.inf
    assert GRID.count == 9 * 5 * 8
    tree = SearchSpace(
        {
            "kernel": Categorical(["linear", "poly", "rbf"]),
            "degree": Int(2, 5, when={"kernel": "poly"}),
            "even": Categorical([True, False], when={"degree": [2, 4]}),
        }
    )
    assert tree.count == 2 + (2 * 2 + 2)
    many = {f"use_{i}": Categorical([True, False]) for i in range(30)}
    parts = {f"with_{i}": Int(1, 3, when={f"use_{i}": True}) for i in range(30)}
    assert SearchSpace({**many, **parts}).count == 6**30
    assert SearchSpace({"x": Float(3, 3), "y": Float(0, 1, step=0.25)}).count == 5


def test_default() -> None:
    assert SVC.default == {"kernel": "rbf", "C": 1.0, "gamma": 0.1}
    unneeded = {"kernel": Categorical(["rbf", "linear"], default="linear"), "g": Float(0, 1, when={"kernel": "rbf"})}
    assert SearchSpace(unneeded).default == {"kernel": "linear"}
    assert GRID.default is None


def test_restricted_keeps_what_it_knows() -> None:
    part = SVC.restricted({"gamma": SVC["gamma"].distribution, "new": FloatDistribution(0, 1)})
    assert list(part) == ["gamma", "new"]
    assert part["gamma"].default == 0.1
    assert not part["gamma"].when
    assert part["new"] == Float(0, 1)
    assert SVC.restricted(SVC.distributions) == SVC
    assert SVC.restricted({"C": FloatDistribution(0, 1)})["C"] == Float(0, 1)


def test_may_exist_follows_the_chain_of_conditions() -> None:
    space = SearchSpace({"a": Int(0, 1), "b": Int(0, 1, when={"a": 1}), "c": Int(0, 1, when={"b": 1}), "d": Int(0, 1)})
    assert [name for name in space if space.may_exist(name, {})] == ["a", "b", "c", "d"]
    assert [name for name in space if space.may_exist(name, {"a": 0})] == ["a", "d"]
    assert [name for name in space if space.may_exist(name, {"b": 1})] == ["a", "b", "c", "d"]


def test_encode_places_strangers() -> None:
    (row,) = GRID.encode_all([{"depth": 99, "share": "half"}], absent=2.0)
    assert row.tolist() == [pytest.approx(17 / 18), 0.5, 2.0]
    assert SVC.encode({"kernel": "poly", "C": 1e-3}).tolist() == [0, 0, 0, 0.5]


def test_log_scale_is_even_in_orders_of_magnitude() -> None:
    assert SVC.encode({"kernel": "linear", "C": 1.0}).tolist() == [0, 1, 0.5, 0.5]


def test_suggest_asks_only_for_what_exists() -> None:
    import optuna

    study = optuna.create_study()
    study.enqueue_trial({"kernel": "linear", "C": 3.0})
    trial = study.ask()
    assert SVC.suggest(trial) == {"kernel": "linear", "C": 3.0}
    assert set(trial.params) == {"kernel", "C"}


def test_a_mapping_may_hold_hyperparameters_distributions_and_plain_data() -> None:
    space = SearchSpace.from_dict(
        {"a": Float(0, 1), "b": IntDistribution(1, 3), "c": {"type": "categorical", "choices": ["x", "y"]}}
    )
    assert [h.kind for h in space.values()] == ["float", "int", "categorical"]
