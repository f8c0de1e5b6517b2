"""An objective in Python: a configuration goes in, the validation error comes out."""

from typing import Any

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

X, y = load_breast_cancer(return_X_y=True)


def objective(configuration: dict[str, Any]) -> float:
    """Mean error of a support vector classifier over five folds."""
    model = make_pipeline(StandardScaler(), SVC(**configuration))
    return float(1 - cross_val_score(model, X, y, cv=5, error_score="raise").mean())


if __name__ == "__main__":
    print(objective({"C": 1.0, "gamma": 0.03}))
