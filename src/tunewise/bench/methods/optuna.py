"""Optuna's samplers, and plain random search, as methods."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from tunewise.bench.methods.base import Method, Offer, Offering, Setting, always, needs_default
from tunewise.bench.methods.positions import counted, counts, uncounted
from tunewise.bench.problems.base import Problem

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler

__all__ = ["METHODS"]


def random_search(*, default: bool) -> Callable[[Setting], Offering]:
    """Independent draws, uniform on the transformed scale."""

    def start(setting: Setting) -> Offering:
        space = setting.problem.space
        rng = np.random.default_rng(setting.entropy)
        for trial in range(setting.budget):
            if default and trial == 0 and space.default is not None:
                yield Offer(configuration=space.default, source="default")
            else:
                yield Offer(configuration=space.sample(rng), source="random")

    return start


def sampling(make: Callable[[int], BaseSampler], *, startup: int, default: bool) -> Callable[[Setting], Offering]:
    """A study of Optuna's in memory, asked and told.

    Args:
        make: The sampler of a seed.
        startup: So many trials of its own are random, the default's among them.
        default: Whether the default is its first trial.
    """

    def start(setting: Setting) -> Offering:
        space = setting.problem.space
        there = counted(space)
        with ignored_warnings():
            study = quiet_study(make(setting.entropy))
        if default and space.default is not None:
            study.enqueue_trial(counts(space, space.default))
        for number in range(setting.budget):
            with ignored_warnings():
                trial = study.ask()
                configuration = uncounted(space, there.suggest(trial))
            source = "random" if number < startup else "surrogate"
            first = default and number == 0
            outcome = yield Offer(configuration=configuration, source="default" if first else source)
            tell(study, trial, outcome.value)

    return start


def quiet_study(sampler: BaseSampler) -> optuna.Study:
    """A study in memory of a library that says nothing."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(sampler=sampler)


def tell(study: optuna.Study, trial: optuna.Trial, value: float | None) -> None:
    """A value, or a failure."""
    import optuna

    if value is None:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(trial, value)


@contextmanager
def ignored_warnings() -> Iterator[None]:
    """Experimental features and numerical remarks of the libraries that are compared are no news here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def tpe(startup: int) -> Callable[[int], BaseSampler]:
    """Optuna's own default sampler."""

    def make(seed: int) -> BaseSampler:
        from optuna.samplers import TPESampler

        return TPESampler(seed=seed, n_startup_trials=startup)

    return make


def gaussian_process(startup: int) -> Callable[[int], BaseSampler]:
    """Optuna's Gaussian process, told that the objective has no noise."""

    def make(seed: int) -> BaseSampler:
        from optuna.samplers import GPSampler

        return GPSampler(seed=seed, n_startup_trials=startup, deterministic_objective=True)

    return make


def cma_es(seed: int) -> BaseSampler:
    """Optuna's evolution strategy."""
    from optuna.samplers import CmaEsSampler

    return CmaEsSampler(seed=seed, warn_independent_sampling=False)


def numeric_only(problem: Problem) -> str:
    """Why CMA-ES does not fit a problem: Optuna would sample at random instead, without saying so."""
    space = problem.space
    if len(space) < 2:
        return "CMA-ES needs two hyperparameters or more"
    odd = [name for name, h in space.items() if not h.ordered or h.when]
    return f"CMA-ES moves numbers only, and {', '.join(odd)} is categorical or conditional" if odd else ""


def both(name: str, description: str, make: Callable[..., BaseSampler], startup: int, *packages: str) -> list[Method]:
    """A sampler with and without the default first."""
    refuses = numeric_only if name == "cmaes" else always
    common = {"group": "optuna", "packages": ("optuna", *packages)}
    return [
        Method(
            name=name,
            description=description,
            start=sampling(make, startup=startup, default=False),
            refuses=refuses,
            **common,  # type: ignore[arg-type]
        ),
        Method(
            name=f"default+{name}",
            description=f"the default configuration, then as {name}; the default counts as one of its first",
            start=sampling(make, startup=startup, default=True),
            refuses=lambda problem: needs_default(problem) or refuses(problem),
            **common,  # type: ignore[arg-type]
        ),
    ]


METHODS = [
    Method(
        name="random",
        description="independent uniform draws on the transformed scale; the pool from which random search of any "
        "budget is computed",
        start=random_search(default=False),
        group="random",
    ),
    Method(
        name="default+random",
        description="the default configuration, then independent uniform draws",
        start=random_search(default=True),
        group="random",
        refuses=needs_default,
    ),
    *both("tpe", "Optuna TPESampler as it comes: 10 random trials first, so random search up to 10", tpe(10), 10),
    *both("tpe-4", "Optuna TPESampler, 4 random trials first", tpe(4), 4),
    *both("optuna-gp", "Optuna GPSampler as it comes: 10 random trials first", gaussian_process(10), 10, "torch"),
    *both("optuna-gp-4", "Optuna GPSampler, 4 random trials first", gaussian_process(4), 4, "torch"),
    *both("cmaes", "Optuna CmaEsSampler as it comes: 1 random trial first; numeric spaces only", cma_es, 1, "cmaes"),
]
