"""Six tasks that are really trained, on data that scikit-learn ships or makes: nothing to download, seconds each.

They were used for nothing else, so that they may have the last word. Each is split once into training, validation and
test part (3 : 1 : 1); the value is the error on the validation part, and `test_error` stands beside it. Error is the
share of wrong answers, or for regression the share of the variance that is not explained (1 - R squared).

Nobody knows their least values. `best.json` beside the tables holds the least that a long search found
(`python -m tunewise.bench.best`).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from tunewise.bench.problems.tables import FOLDER
from tunewise.checks import check_sklearn
from tunewise.errors import StudyError, TrialFailed
from tunewise.evaluate.base import Evaluation
from tunewise.space import Categorical, Float, Int, SearchSpace, Value
from tunewise.task import DataCard, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

    Examples = tuple[NDArray[np.float64], NDArray[np.float64]]

__all__ = ["BEST", "LIVE", "Training"]

PREFIX: Final = "live:"
BEST: Final = FOLDER / "best.json"
"""The least values known, by name of the task."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """A task that is trained whenever it is evaluated.

    Attributes:
        key: Its name without the prefix.
        model: What is trained, for a language model.
        about: The data, for a language model.
        load: Features and targets.
        build: From a configuration to an estimator.
        space: What may be varied.
        regression: Whether targets are numbers.
        facts: What else an expert would want to know.
    """

    key: str
    model: str
    about: str
    load: Callable[[], Examples]
    build: Callable[[Mapping[str, Value]], BaseEstimator]
    space: SearchSpace
    regression: bool = False
    facts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For example "live:svr-diabetes"."""
        return f"{PREFIX}{self.key}"

    @property
    def protocol(self) -> str:
        """How values are made."""
        return "validation part, trained"

    @property
    def best(self) -> float | None:
        """The least value that the long search found; None before it ran."""
        return known_values().get(self.name)

    @property
    def task(self) -> Task:
        """Model, data, metric."""
        (x, y), (_, valid), _ = parts(self)
        step = "" if self.regression else f", so that it can tell steps of {1 / len(valid):.2g}; equal values are ties"
        measured = (
            "the share of the variance that is not explained" if self.regression else "the share of wrong answers"
        )
        return Task(
            model=self.model,
            library="scikit-learn",
            data=DataCard(
                rows=len(x),
                features=x.shape[1],
                classes=None if self.regression else len(np.unique(y)),
                description=self.about,
            ),
            metric="validation error",
            direction="minimize",
            facts=(f"The validation error is {measured} on {len(valid)} validation rows{step}.", *self.facts),
        )

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """Train; the error on the validation part, and beside it `test_error`.

        Raises:
            TrialFailed: Training diverged or was impossible.
        """
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        (x, y), valid, test = parts(self)
        pipeline = make_pipeline(StandardScaler(), self.build(configuration))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a solver has not converged is no news: it was told when to stop
            try:
                pipeline.fit(x, y)
                errors = [1 - float(pipeline.score(*part)) for part in (valid, test)]
            except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
                raise TrialFailed(f"Training failed: {str(error)[:200]}") from None
        if not np.isfinite(errors).all():
            raise TrialFailed("Training diverged.")
        return Evaluation(errors[0], {"test_error": errors[1]})


@cache
def known_values() -> Mapping[str, float]:
    """Least values known.

    Raises:
        StudyError: The file cannot be read.
    """
    if not BEST.exists():
        return {}
    try:
        return {name: float(found["value"]) for name, found in json.loads(BEST.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StudyError(f"{BEST} cannot be read ({type(error).__name__}). Install tunewise again.") from None


@cache
def parts(task: Training) -> tuple[Examples, Examples, Examples]:
    """Training, validation and test part."""
    check_sklearn(f"{task.name} needs")
    from sklearn.model_selection import train_test_split

    x, y = task.load()
    by = None if task.regression else y
    x, rest, y, rest_y = train_test_split(x, y, test_size=0.4, random_state=0, stratify=by)
    by = None if task.regression else rest_y
    valid, test, valid_y, test_y = train_test_split(rest, rest_y, test_size=0.5, random_state=0, stratify=by)
    return (x, y), (valid, valid_y), (test, test_y)


def digits() -> Examples:
    """Handwritten digits, 8 x 8 pixels."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x, y


def odd_digits() -> Examples:
    """Handwritten digits, labelled odd or even."""
    x, y = digits()
    return x, y % 2


def diabetes() -> Examples:
    """Progression of a disease."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return x, y


def friedman() -> Examples:
    """Friedman's first function, with noise."""
    from sklearn.datasets import make_friedman1

    x, y = make_friedman1(n_samples=1000, n_features=10, noise=1.0, random_state=7)
    return x, y


def ground() -> Examples:
    """Seven unbalanced classes of the kind that forest cover has."""
    from sklearn.datasets import make_classification

    x, y = make_classification(
        n_samples=3000,
        n_features=20,
        n_informative=8,
        n_redundant=4,
        n_classes=7,
        n_clusters_per_class=2,
        weights=[0.36, 0.30, 0.12, 0.08, 0.06, 0.05, 0.03],
        flip_y=0.03,
        class_sep=0.9,
        random_state=7,
    )
    return x, y


def boosting(configuration: Mapping[str, Value]) -> BaseEstimator:
    """Gradient boosting on histograms."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(**configuration, max_iter=60, early_stopping=False, random_state=0)


def perceptron(configuration: Mapping[str, Value]) -> BaseEstimator:
    """A network."""
    from sklearn.neural_network import MLPClassifier

    told = dict(configuration)
    layers = (told.pop("width"),) * int(str(told.pop("depth")))
    return MLPClassifier(hidden_layer_sizes=layers, **told, max_iter=30, random_state=0)


def extra_trees(configuration: Mapping[str, Value]) -> BaseEstimator:
    """Extremely randomized trees."""
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(**configuration, n_estimators=60, random_state=0)


def support_vectors(configuration: Mapping[str, Value]) -> BaseEstimator:
    """Support vector regression of standardized targets."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    return TransformedTargetRegressor(SVR(**configuration), transformer=StandardScaler())


def elastic_net(configuration: Mapping[str, Value]) -> BaseEstimator:
    """Linear regression on polynomials of the features."""
    from sklearn.linear_model import ElasticNet
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    told = dict(configuration)
    features = PolynomialFeatures(told.pop("degree"), include_bias=False)
    return make_pipeline(features, StandardScaler(), ElasticNet(**told, max_iter=2000, random_state=0))


def kernel_ridge(configuration: Mapping[str, Value]) -> BaseEstimator:
    """Ridge regression in a kernel's space."""
    from sklearn.kernel_ridge import KernelRidge

    return KernelRidge(**configuration)


TRAININGS: Final = (
    Training(
        key="boosting-digits",
        model="gradient boosting of 60 rounds on histograms (HistGradientBoostingClassifier)",
        about="handwritten digits, 8 x 8 pixels with 17 grey levels; classes: odd or even, of equal size",
        load=odd_digits,
        build=boosting,
        space=SearchSpace(
            {
                "learning_rate": Float(
                    1e-3, 1.0, log=True, default=0.1, description="shrinks each tree's contribution"
                ),
                "max_leaf_nodes": Int(2, 64, log=True, default=31, description="most leaves of a tree"),
                "min_samples_leaf": Int(1, 100, log=True, default=20, description="fewest rows in a leaf"),
                "l2_regularization": Float(
                    1e-6, 100.0, log=True, default=1e-6, description="L2 penalty on leaf values"
                ),
                "max_features": Float(0.05, 1.0, default=1.0, description="share of the features tried at a split"),
            }
        ),
    ),
    Training(
        key="svr-diabetes",
        model="support vector regression with RBF kernel, features and target standardized",
        about="progression of diabetes after a year from ten baseline measurements; much noise",
        load=diabetes,
        build=support_vectors,
        regression=True,
        space=SearchSpace(
            {
                "C": Float(1e-3, 1e3, log=True, default=1.0, description="penalty of errors beyond epsilon"),
                "epsilon": Float(1e-3, 2.0, log=True, default=0.1, description="errors up to this cost nothing"),
                "gamma": Float(1e-5, 10.0, log=True, default=0.1, description="coefficient of exp(-gamma |x - z|^2)"),
            }
        ),
    ),
    Training(
        key="mlp-digits",
        model="multilayer perceptron with ReLU, trained by Adam for at most 30 epochs",
        about="handwritten digits, 8 x 8 pixels, standardized, ten classes of equal size",
        load=digits,
        build=perceptron,
        space=SearchSpace(
            {
                "width": Int(8, 256, log=True, default=100, description="units in each hidden layer"),
                "depth": Int(1, 3, default=1, description="number of hidden layers"),
                "alpha": Float(1e-7, 10.0, log=True, default=1e-4, description="L2 penalty on the weights"),
                "learning_rate_init": Float(1e-5, 1.0, log=True, default=1e-3, description="learning rate of Adam"),
                "batch_size": Int(8, 512, log=True, default=200, description="training rows in a step"),
                "beta_1": Float(0.0, 0.99, default=0.9, description="decay of Adam's mean of gradients"),
            }
        ),
    ),
    Training(
        key="trees-cover",
        model="60 extremely randomized trees (ExtraTreesClassifier)",
        about="seven unbalanced classes (36 % to 3 %), 8 informative features, 4 combinations of them, 8 of noise; "
        "3 % of the labels are random",
        load=ground,
        build=extra_trees,
        space=SearchSpace(
            {
                "max_depth": Int(2, 50, log=True, default=50, description="largest depth of a tree"),
                "min_samples_split": Int(2, 64, log=True, default=2, description="a node with fewer rows is not split"),
                "min_samples_leaf": Int(1, 64, log=True, default=1, description="fewest rows in a leaf"),
                "max_features": Float(0.05, 1.0, default=0.22, description="share of the features tried at a split"),
                "criterion": Categorical(["gini", "entropy"], default="gini", description="impurity of a node"),
                "bootstrap": Categorical([False, True], default=False, description="trees on samples with replacement"),
            }
        ),
    ),
    Training(
        key="elastic-diabetes",
        model="elastic net on polynomials of the standardized features, standardized again",
        about="progression of diabetes after a year from ten baseline measurements; much noise",
        load=diabetes,
        build=elastic_net,
        regression=True,
        facts=("The target is not standardized: its standard deviation is 77.",),
        space=SearchSpace(
            {
                "degree": Int(1, 3, default=1, description="of the polynomial: 10, 65 or 285 features"),
                "alpha": Float(1e-4, 100.0, log=True, default=1.0, description="strength of the penalty"),
                "l1_ratio": Float(0.0, 1.0, default=0.5, description="share of the L1 penalty; 0: ridge, 1: lasso"),
            }
        ),
    ),
    Training(
        key="kernel-friedman",
        model="kernel ridge regression on standardized features",
        about="ten uniform features of which five matter: 10 sin(pi a b) + 20 (c - 0.5)^2 + 10 d + 5 e + noise",
        load=friedman,
        build=kernel_ridge,
        regression=True,
        facts=("The target is not centred: its mean is about 14, and the model has no intercept.",),
        space=SearchSpace(
            {
                "kernel": Categorical(["rbf", "laplacian", "polynomial"], default="rbf", description="kernel function"),
                "alpha": Float(1e-6, 100.0, log=True, default=1.0, description="strength of the ridge penalty"),
                "gamma": Float(1e-4, 10.0, log=True, default=0.1, description="scale of the kernel"),
                "degree": Int(2, 6, default=3, description="of the polynomial", when={"kernel": "polynomial"}),
                "coef0": Float(
                    0.0, 10.0, default=1.0, description="constant in the polynomial", when={"kernel": "polynomial"}
                ),
            }
        ),
    ),
)

LIVE: Final[Mapping[str, Training]] = {task.name: task for task in TRAININGS}
"""By name."""
