"""Code generation as a method: a language model writes programs and tunes them, in place of a fixed space [Zhang]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tunewise.bench.methods.base import Method, Offering, Setting
from tunewise.bench.methods.optuna import quiet_study
from tunewise.bench.methods.ours import studied
from tunewise.bench.problems.base import Problem, Programmable
from tunewise.codegen.write import NoProgram
from tunewise.errors import TrialFailed

if TYPE_CHECKING:
    import optuna

    from tunewise.evaluate.base import Evaluation, Evaluator
    from tunewise.space import Value
    from tunewise.study.driver import Suggests

__all__ = ["METHODS"]


def start(setting: Setting) -> Offering:
    """A study of programs."""
    from tunewise.codegen.generate import ProgramEvaluator
    from tunewise.codegen.sampler import ProgramSpaces

    assert isinstance(setting.problem, Programmable), "others are refused"
    assert setting.model, "methods that ask are given a model"
    generation = setting.problem.generation(setting.model, trials=setting.budget, seed=setting.entropy)
    study = quiet_study(generation.sampler)
    programs = Forgiving(ProgramSpaces(), ProgramEvaluator(study, generation.runner))
    return studied(study, programs, budget=setting.budget, evaluator=programs)


class Forgiving:
    """Spaces and evaluations of programs, where a trial for which the model wrote none is one that failed.

    A comparison that ended there would be one of the models that can write programs.
    """

    def __init__(self, spaces: Suggests, evaluator: Evaluator) -> None:
        self._spaces, self._evaluator = spaces, evaluator
        self._why = ""

    def suggest(self, trial: optuna.Trial) -> Mapping[str, Value]:
        """The configuration of a trial; empty where there is no program."""
        try:
            return self._spaces.suggest(trial)
        except NoProgram as error:
            self._why = str(error)
            return {}

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """Train and score it; see `Evaluator`."""
        if not configuration:
            raise TrialFailed(self._why)
        return self._evaluator.evaluate(configuration)


def needs_programs(problem: Problem) -> str:
    """Why programs cannot be written for a problem; empty when they can."""
    return "" if isinstance(problem, Programmable) else "a model can write programs for taxi alone, unwrapped"


METHODS = [
    Method(
        name="programs",
        description="the model writes programs, each begins with its own defaults; they are tuned as by auto",
        start=start,
        group="ours",
        refuses=needs_programs,
        packages=("torch",),
        planned=True,
        asks=True,
    )
]
