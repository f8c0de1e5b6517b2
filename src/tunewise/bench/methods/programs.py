"""Code generation as a method: a language model writes programs and tunes them, in place of a fixed space [Zhang]."""

from __future__ import annotations

from tunewise.bench.methods.base import Method, Offering, Setting
from tunewise.bench.methods.optuna import quiet_study
from tunewise.bench.methods.ours import studied
from tunewise.bench.problems.base import Problem, Programmable

__all__ = ["METHODS"]


def start(setting: Setting) -> Offering:
    """A study of programs; the first evaluations are of a program's defaults, which are the model's own."""
    from tunewise.codegen.generate import ProgramEvaluator
    from tunewise.codegen.sampler import ProgramSpaces

    assert isinstance(setting.problem, Programmable), "others are refused"
    assert setting.model, "methods that ask are given a model"
    generation = setting.problem.generation(setting.model, trials=setting.budget, seed=setting.entropy)
    study = quiet_study(generation.sampler)
    return studied(study, ProgramSpaces(), budget=setting.budget, evaluator=ProgramEvaluator(study, generation.runner))


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
