"""What users of scikit-learn hand over as a space."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from scipy.stats import expon, halfnorm, loguniform, norm, randint, truncnorm, uniform
from scipy.stats._distn_infrastructure import rv_frozen
from sklearn.svm import SVC

from tunewise.errors import SpaceError
from tunewise.sklearn.distributions import search_space_of
from tunewise.space import Categorical, Configuration, Float, Hyperparameter, Int


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (uniform(2, 3), Float(2.0, 5.0)),
        (loguniform(1e-3, 1e3), Float(1e-3, 1e3, log=True)),
        (randint(1, 21), Int(1, 20)),
        (truncnorm(-1, 1), Float(-1.0, 1.0)),
        (range(1, 21), Int(1, 20)),
        (np.arange(10, 50, 10), Int(10, 40, step=10)),
        ([True, False], Categorical([True, False])),
        (["a", None], Categorical(["a", None])),
        (np.logspace(-1, 1, 3), Categorical([0.1, 1.0, 10.0])),
        (Float(0, 1), Float(0, 1)),
    ],
)
def test_meaning(given: object, meant: Hyperparameter) -> None:
    space, _ = search_space_of({"x": given})
    assert space["x"] == meant


@pytest.mark.parametrize("given", [norm(0, 1), expon(scale=0.1), halfnorm()])
def test_without_an_end_nearly_all_of_it(given: rv_frozen) -> None:
    space, _ = search_space_of({"x": given})
    distribution = space["x"].distribution
    assert isinstance(distribution, FloatDistribution)
    assert given.cdf(distribution.high) - given.cdf(distribution.low) >= 0.997


def test_objects_are_named_and_handed_over() -> None:
    svc, layers = SVC(C=3), [64, 64]
    space, choices = search_space_of({"model": [svc, None], "layers": [layers, (32,), [64, 64]]})
    models, several = space["model"], space["layers"]
    assert isinstance(models, Categorical)
    assert isinstance(several, Categorical)
    named: Configuration = {"model": str(models.choices[0]), "layers": str(several.choices[0])}
    assert named["model"] == "SVC(C=3)"
    assert choices.decode(named)["model"] is svc
    assert choices.decode(named)["layers"] is layers
    assert len(set(several.choices)) == 3


@pytest.mark.parametrize("given", [3, "auto", {"a": 1}, []])
def test_what_is_no_space_is_said(given: object) -> None:
    with pytest.raises(SpaceError, match="x = "):
        search_space_of({"x": given})
