"""Programs as models write them: good ones, broken ones, dishonest ones."""

from __future__ import annotations

MLP = '''
import torch
from torch import nn

def make_model_and_optimizer(
    width: Annotated[int, Range(4, 128, log=True)] = 32,
    learning_rate: Annotated[float, Range(1e-4, 1e-1, log=True)] = 1e-2,
    activation: Literal["relu", "tanh"] = "relu",
    batch_size: Annotated[int, Range(8, 256, log=True)] = 16,
):
    """A small network.

    Args:
        width: hidden units
        learning_rate: step size of Adam
    """
    kind = nn.ReLU if activation == "relu" else nn.Tanh
    model = nn.Sequential(nn.Linear(N_INPUTS, width), kind(), nn.Linear(width, N_OUTPUTS))
    return model, torch.optim.Adam(model.parameters(), lr=learning_rate)
'''

TREES = """
from sklearn.ensemble import HistGradientBoosting{kind}

def make_estimator(
    depth: Annotated[int, Range(1, 8)] = 3,
    learning_rate: Annotated[float, Range(1e-2, 1.0, log=True)] = 0.1,
):
    return HistGradientBoosting{kind}(max_depth=depth, learning_rate=learning_rate, random_state=SEED)
"""
TREES_REGRESSOR = TREES.format(kind="Regressor")
TREES_CLASSIFIER = TREES.format(kind="Classifier")

RIDGE = """
from sklearn.linear_model import Ridge

def make_estimator(alpha: Annotated[float, Range(1e-3, 1e3, log=True)] = 10.0):
    return Ridge(alpha=alpha)
"""

MONTHS = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline, make_union

class Season(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self
    def transform(self, X):
        day = X["sold"].dt.dayofyear.to_numpy()
        return np.column_stack([np.cos(day / 58), np.sin(day / 58), X["place"].eq("hill").to_numpy()])

def make_estimator(alpha: Annotated[float, Range(1e-3, 1e3, log=True)] = 0.1):
    return make_pipeline(make_union(encoder(), Season()), Ridge(alpha=alpha))
"""
"""Of contract table, for the sales: writes its own features."""

HEAD = "import torch\nfrom torch import nn\n"
SIGNATURE = "def make_model_and_optimizer(lr: Annotated[float, Range(1e-4, 1e-1, log=True)] = 1e-2):\n"
LINEAR = """    model = nn.Linear(N_INPUTS, N_OUTPUTS)
    return model, torch.optim.SGD(model.parameters(), lr=lr)
"""


def torch_program(body: str = LINEAR, before: str = "") -> str:
    """A program with a given body."""
    return HEAD + before + SIGNATURE + body


def fenced(code: str, idea: str = "A try.") -> str:
    """A reply as most models write it."""
    return f"{idea}\n```python\n{code.strip()}\n```"
