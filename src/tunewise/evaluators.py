"""How a configuration becomes a number: functions, programs, scikit-learn estimators; and how to bring one's own."""

from tunewise.evaluate.base import Evaluation, Evaluator
from tunewise.evaluate.command import CommandEvaluator
from tunewise.evaluate.describe import describe_estimator
from tunewise.evaluate.estimator import EstimatorEvaluator
from tunewise.evaluate.function import FunctionEvaluator
from tunewise.evaluate.run import Run

__all__ = [
    "CommandEvaluator",
    "EstimatorEvaluator",
    "Evaluation",
    "Evaluator",
    "FunctionEvaluator",
    "Run",
    "describe_estimator",
]
