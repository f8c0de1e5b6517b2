"""How a configuration becomes a number."""

from tunewise.evaluate.base import Evaluation, Evaluator, read_metric
from tunewise.evaluate.command import CommandEvaluator
from tunewise.evaluate.function import FunctionEvaluator, import_objective
from tunewise.evaluate.run import Run

__all__ = [
    "CommandEvaluator",
    "Evaluation",
    "Evaluator",
    "FunctionEvaluator",
    "Run",
    "import_objective",
    "read_metric",
]
