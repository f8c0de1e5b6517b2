"""What a search space says survives the way to ConfigSpace and back; what it cannot say is named."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import ConfigSpace
import pytest
from hypothesis import assume, given, settings

from support.strategies import search_spaces
from tunewise.configspace import from_configspace, to_configspace
from tunewise.errors import SpaceError
from tunewise.space import NO_DEFAULT, Categorical, Float, Int, SearchSpace
from tunewise.space.values import spelling


def kept_by_numpy(space: SearchSpace) -> bool:
    """Whether no choice is a text that ends in a zero character, which NumPy's texts lose."""
    return not any(str(value).endswith("\0") for h in space.values() for value in h.grid(0))


def test_a_text_that_numpy_cannot_hold_is_refused() -> None:
    with pytest.raises(SpaceError, match="no zero character at the end of a text"):
        to_configspace(SearchSpace({"x": Categorical(["\0", None])}))


@settings(max_examples=80)
@given(search_spaces().filter(kept_by_numpy))
def test_nothing_is_lost_on_the_way_there_and_back(space: SearchSpace) -> None:
    there = to_configspace(space)
    back = from_configspace(there)
    assert list(back) == list(space)
    assert repr(back) == repr(space)  # tells 1 from True, which == does not
    assert back.to_dict() == space.to_dict()


@settings(max_examples=30)
@given(search_spaces().filter(kept_by_numpy))
def test_samples_and_conditions_mean_the_same(space: SearchSpace) -> None:
    for hyperparameter in space.values():  # 0 and 0.0 cannot be told apart in a reply either
        assume(len({spelling(v) for v in hyperparameter.grid(0)}) == len(hyperparameter.grid(0)))
    there = to_configspace(space)
    there.seed(0)
    for sample in there.sample_configuration(5):
        coerced = space.coerce({k: getattr(v, "item", lambda v=v: v)() for k, v in sample.items()})
        assert set(coerced.configuration) == set(sample)
        for repair in coerced.repairs:  # no more than ConfigSpace's rounding
            assert float(repair.given) == pytest.approx(coerced.configuration[repair.name], rel=1e-9, abs=1e-12)


SPACE = SearchSpace(
    {
        "kernel": Categorical(["rbf", "linear", None], default=None),
        "C": Float(1e-3, 1 / 3, log=True, description="inverse strength"),
        "width": Int(8, 64, step=8, default=16, when={"kernel": ["rbf", None]}),
        "rate": Float(0.25, 1.0, step=0.25, when={"kernel": "rbf", "width": 8}),
        "flag": Categorical([True, 2, 0.5]),
    }
)


def test_it_survives_json(tmp_path: Any) -> None:
    to_configspace(SPACE).to_json(tmp_path / "space.json")
    assert repr(from_configspace(ConfigSpace.ConfigurationSpace.from_json(tmp_path / "space.json"))) == repr(SPACE)


def test_changes_made_there_are_not_undone_by_what_was_noted() -> None:
    there = to_configspace(SearchSpace({"x": Float(0, 1, description="words")}))
    changed = ConfigSpace.ConfigurationSpace()
    changed.add(ConfigSpace.UniformFloatHyperparameter("x", 0, 5, meta=there["x"].meta))
    assert from_configspace(changed)["x"] == Float(0, 5, default=2.5, description="words")


def test_a_space_made_there() -> None:
    cs = ConfigSpace.ConfigurationSpace()
    kernel = ConfigSpace.CategoricalHyperparameter("kernel", ["rbf", "poly", "linear"], default_value="poly")
    gamma = ConfigSpace.UniformFloatHyperparameter("gamma", 1e-4, 1.0, log=True, meta={"description": "width"})
    degree = ConfigSpace.UniformIntegerHyperparameter("degree", 2, 5, default_value=3)
    layers = ConfigSpace.OrdinalHyperparameter("layers", [2, 4, 6], default_value=4)
    size = ConfigSpace.OrdinalHyperparameter("size", [0.25, 0.5, 0.75])
    seed = ConfigSpace.Constant("seed", 7)
    cs.add(kernel, gamma, degree, layers, size, seed)
    cs.add(ConfigSpace.NotEqualsCondition(gamma, kernel, "linear"))
    cs.add(
        ConfigSpace.AndConjunction(
            ConfigSpace.EqualsCondition(degree, kernel, "poly"), ConfigSpace.InCondition(degree, layers, [2, 4])
        )
    )
    space = from_configspace(cs)
    assert space["kernel"] == Categorical(["rbf", "poly", "linear"], default="poly")
    when = {"kernel": ["rbf", "poly"]}
    assert space["gamma"] == Float(1e-4, 1.0, log=True, default=0.01, description="width", when=when)
    assert space["degree"] == Int(2, 5, default=3, when={"kernel": "poly", "layers": [2, 4]})
    assert space["layers"] == Int(2, 6, step=2, default=4)
    assert space["size"] == Float(0.25, 0.75, step=0.25, default=0.25)
    assert space["seed"] == Categorical([7], default=7)


def two() -> tuple[Any, Any, Any]:
    cs = ConfigSpace.ConfigurationSpace()
    parent, child = (
        ConfigSpace.UniformIntegerHyperparameter("a", 0, 9),
        ConfigSpace.UniformFloatHyperparameter("b", 0, 1),
    )
    cs.add(parent, child)
    return cs, parent, child


def added(make: Any) -> Any:
    cs, parent, child = two()
    cs.add(make(parent, child))
    return cs


def alone(hyperparameter: Any) -> Any:
    cs = ConfigSpace.ConfigurationSpace()
    cs.add(hyperparameter)
    return cs


@pytest.mark.parametrize(
    ("cs", "message"),
    [
        (added(lambda a, b: ConfigSpace.LessThanCondition(b, a, 5)), r"condition b \| a < 5"),
        (added(lambda a, b: ConfigSpace.GreaterThanCondition(b, a, 5)), r"condition b \| a > 5"),
        (added(lambda a, b: ConfigSpace.NotEqualsCondition(b, a, 5)), r"condition b \| a != 5"),
        (
            added(
                lambda a, b: ConfigSpace.OrConjunction(
                    ConfigSpace.EqualsCondition(b, a, 1), ConfigSpace.EqualsCondition(b, a, 2)
                )
            ),
            r"a == 1 \|\|",
        ),
        (added(lambda a, b: ConfigSpace.ForbiddenEqualsClause(a, 3)), "forbidden clause Forbidden: a == 3"),
        (alone(ConfigSpace.NormalFloatHyperparameter("n", 0, 1, -5, 5)), "n: NormalFloatHyperparameter is a prior"),
        (alone(ConfigSpace.BetaIntegerHyperparameter("n", 2, 3, 1, 9)), "n: BetaIntegerHyperparameter is a prior"),
        (alone(ConfigSpace.CategoricalHyperparameter("c", ["x", "y"], weights=[1, 2])), "c: its choices have weights"),
        (alone(ConfigSpace.OrdinalHyperparameter("o", ["low", "high"])), "o: its ordered values"),
        (alone(ConfigSpace.OrdinalHyperparameter("o", [1, 2, 4])), "o: its ordered values"),
        (ConfigSpace.ConfigurationSpace(), "empty"),
    ],
)
def test_what_has_no_counterpart_is_named(cs: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        from_configspace(cs)


@pytest.mark.parametrize("hyperparameter", [Float(1e-15, 1e-3, log=True), Float(0, 1e-14), Int(0, 2**70)])
def test_what_configspace_cannot_hold_is_named(hyperparameter: Any) -> None:
    with pytest.raises(SpaceError, match="x cannot be written for ConfigSpace"):
        to_configspace(SearchSpace({"x": hyperparameter}))


def test_foreign_meta_is_no_trouble() -> None:
    metas: list[dict[Any, Any]] = [{"tunewise": 3}, {"tunewise": {"order": "x"}}, {"tunewise": {}}, {"description": 5}]
    for meta in metas:
        assert from_configspace(alone(ConfigSpace.UniformIntegerHyperparameter("n", 1, 3, meta=meta)))["n"] == Int(
            1, 3, default=2
        )


def test_no_default_is_kept() -> None:
    space = from_configspace(to_configspace(SearchSpace({"x": Float(0, 1)})))
    assert space["x"].default is NO_DEFAULT


def test_importing_does_not_import_the_library() -> None:
    code = "import tunewise.configspace, sys; sys.exit('ConfigSpace' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
