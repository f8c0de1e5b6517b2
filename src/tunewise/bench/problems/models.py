"""The four models of HPOBench: what is free, what it means, and the scikit-learn estimator that it makes.

`FIDELITIES` of a model say how much training costs; the largest is the default: iterations of lr, trees of rf, epochs
of nn. The share of the training data is common to all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tunewise.evaluate.sklearn_interface import Predictor
from tunewise.space import Float, Int, SearchSpace, Value
from tunewise.space.values import as_number

__all__ = ["MODELS", "Model", "features_per_split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A family of estimators.

    Attributes:
        key: Its short name.
        description: What it is, for a language model.
        space: The hyperparameters.
        facts: What else an expert would want to know, a sentence each.
        effort: What may be lowered to train faster, with its range, both included; empty: nothing.
        build: From configuration, number of features after one-hot, effort and random state to an estimator.
    """

    key: str
    description: str
    space: SearchSpace
    facts: tuple[str, ...] = ()
    effort: str = ""
    efforts: tuple[int, int] = (0, 0)
    build: Callable[[Mapping[str, Value], int, int, int], Predictor]


def build_svm(configuration: Mapping[str, Value], features: int, effort: int, seed: int) -> Predictor:  # noqa: ARG001
    """Support vector machine."""
    from sklearn.svm import SVC

    model: Predictor = SVC(C=configuration["C"], gamma=configuration["gamma"], cache_size=200, random_state=seed)
    return model


def build_lr(configuration: Mapping[str, Value], features: int, effort: int, seed: int) -> Predictor:  # noqa: ARG001
    """Logistic regression by stochastic gradient descent."""
    from sklearn.linear_model import SGDClassifier

    model: Predictor = SGDClassifier(
        loss="log_loss",
        alpha=configuration["alpha"],
        eta0=configuration["eta0"],
        learning_rate="adaptive",
        tol=None,
        max_iter=effort,
        random_state=seed,
    )
    return model


def features_per_split(features: int, exponent: float) -> int:
    """What `max_features` means in HPOBench: round(p ** x)."""
    return max(1, round(math.pow(features, exponent)))


def build_rf(configuration: Mapping[str, Value], features: int, effort: int, seed: int) -> Predictor:
    """Random forest."""
    from sklearn.ensemble import RandomForestClassifier

    model: Predictor = RandomForestClassifier(
        n_estimators=effort,
        max_depth=configuration["max_depth"],
        min_samples_split=configuration["min_samples_split"],
        max_features=features_per_split(features, as_number(configuration["max_features"])),
        min_samples_leaf=configuration["min_samples_leaf"],
        random_state=seed,
    )
    return model


def build_nn(configuration: Mapping[str, Value], features: int, effort: int, seed: int) -> Predictor:  # noqa: ARG001
    """Multilayer perceptron."""
    from sklearn.neural_network import MLPClassifier

    model: Predictor = MLPClassifier(
        hidden_layer_sizes=[configuration["width"]] * int(as_number(configuration["depth"])),
        alpha=configuration["alpha"],
        batch_size=configuration["batch_size"],
        learning_rate_init=configuration["learning_rate_init"],
        max_iter=effort,
        random_state=seed,
    )
    return model


SVM = Model(
    key="svm",
    description="support vector classifier with RBF kernel",
    space=SearchSpace(
        {
            "C": Float(
                2**-10,
                2**10,
                log=True,
                default=1.0,
                description="penalty of training errors; small: smooth decision surface, large: fits the training data",
            ),
            "gamma": Float(
                2**-10,
                2**10,
                log=True,
                default=0.1,
                description="coefficient of the RBF kernel exp(-gamma |x - z|^2); large: each example acts only nearby",
            ),
        }
    ),
    build=build_svm,
)

LR = Model(
    key="lr",
    description="logistic regression trained by stochastic gradient descent",
    space=SearchSpace(
        {
            "alpha": Float(1e-5, 1.0, log=True, default=1e-3, description="strength of the L2 penalty on the weights"),
            "eta0": Float(
                1e-5,
                1.0,
                log=True,
                default=1e-2,
                description="learning rate of every step; it stays constant, one example a step",
            ),
        }
    ),
    facts=("Training always runs the full number of passes over the data (1000); it never stops early.",),
    effort="iterations",
    efforts=(10, 1000),
    build=build_lr,
)

RF = Model(
    key="rf",
    description="random forest classifier with 512 trees",
    space=SearchSpace(
        {
            "max_depth": Int(1, 50, log=True, default=10, description="largest depth of a tree"),
            "min_samples_split": Int(
                2, 128, log=True, default=32, description="a node with fewer training examples is not split"
            ),
            "max_features": Float(
                0.0,
                1.0,
                default=0.5,
                description="exponent x: round(p ** x) of the p features are tried at each split; 0: one feature, "
                "0.5: the square root of p, 1: all",
            ),
            "min_samples_leaf": Int(
                1, 20, default=1, description="each leaf keeps at least this many training examples"
            ),
        }
    ),
    effort="trees",
    efforts=(16, 512),
    build=build_rf,
)

NN = Model(
    key="nn",
    description="multilayer perceptron with ReLU, trained by Adam",
    space=SearchSpace(
        {
            "alpha": Float(1e-8, 1.0, log=True, default=1e-3, description="strength of the L2 penalty on the weights"),
            "batch_size": Int(4, 256, log=True, default=32, description="training examples in a step"),
            "depth": Int(1, 3, default=3, description="number of hidden layers, each of the same width"),
            "learning_rate_init": Float(1e-5, 1.0, log=True, default=1e-3, description="learning rate of Adam"),
            "width": Int(16, 1024, log=True, default=64, description="units in each hidden layer"),
        }
    ),
    facts=("Training runs at most 243 epochs and stops when the training loss no longer falls.",),
    effort="epochs",
    efforts=(3, 243),
    build=build_nn,
)

MODELS: Final[Mapping[str, Model]] = {model.key: model for model in (SVM, LR, RF, NN)}
"""By short name."""

Configuration = Mapping[str, Value]
