"""scikit-learn is an extra: nothing else needs it, and what does says so."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tunewise.checks import check_sklearn
from tunewise.errors import StudyError
from tunewise.evaluate.data import load_data
from tunewise.evaluate.sklearn_interface import load_estimator

WITHOUT = """
import sys
sys.modules["sklearn"] = None
import optuna, tunewise
from tunewise.sampler import LLMSampler
from tunewise.space import Float, Int, SearchSpace
space = SearchSpace({"x": Float(0, 1, default=0.5), "n": Int(1, 9, default=3)})
study = optuna.create_study(sampler=LLMSampler(None, space=space, seed=0))
study.optimize(lambda trial: sum(map(float, space.suggest(trial).values())), n_trials=5)
print(len(study.trials), study.best_value)
"""


@pytest.mark.long
def test_a_study_runs_without_it() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("5 ")


def test_what_needs_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    check_sklearn("This needs")
    monkeypatch.setitem(sys.modules, "sklearn", None)
    for call in (lambda: load_data("wine"), lambda: load_estimator("sklearn.svm.SVC")):
        with pytest.raises(
            StudyError, match=r"needs scikit-learn, which is not installed. Run pip install 'tunewise\[sk"
        ):
            call()


def test_the_package_itself_does_not_ask_for_it() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    assert not any("scikit-learn" in needed for needed in project["dependencies"])
    assert any("scikit-learn" in needed for needed in project["optional-dependencies"]["sklearn"])
