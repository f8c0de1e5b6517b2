"""SMAC3 as methods, asked and told.

Its initial design is a Sobol sequence of at most a quarter of the budget, so each budget is run for itself. The default
is told before the first question, so that it is the first trial and the design follows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tunewise.bench.methods.base import Method, Offer, Offering, Outcome, Setting, always, needs_default
from tunewise.bench.methods.optuna import ignored_warnings
from tunewise.bench.methods.positions import counted, counts, uncounted
from tunewise.configspace import export_value, to_configspace
from tunewise.space import Configuration, SearchSpace

if TYPE_CHECKING:
    from ConfigSpace import Configuration as Theirs
    from ConfigSpace import ConfigurationSpace
    from smac.facade.abstract_facade import AbstractFacade
    from smac.runhistory import TrialInfo

__all__ = ["METHODS"]


def asking(facade_name: str, *, default: bool) -> Callable[[Setting], Offering]:
    """A facade of SMAC3 with its own settings."""

    def start(setting: Setting) -> Offering:
        with ignored_warnings():
            import smac
            from smac.runhistory import TrialInfo

        space = setting.problem.space
        positions = counted(space)
        there = to_configspace(positions)
        with tempfile.TemporaryDirectory() as folder, ignored_warnings():
            scenario = smac.Scenario(
                there, deterministic=True, n_trials=setting.budget, seed=setting.entropy, output_directory=Path(folder)
            )
            facade = getattr(smac, facade_name)(scenario, None, overwrite=True, logging_level=False)
        worst = 1.0
        left = setting.budget
        if default and space.default is not None:
            outcome = yield Offer(configuration=space.default, source="default")
            worst = tell(
                facade, TrialInfo(exported(there, positions, counts(space, space.default)), seed=0), outcome, worst
            )
            left -= 1
        for _ in range(left):
            try:
                with ignored_warnings():
                    info = facade.ask()
            except StopIteration:  # the space is exhausted
                return
            configuration = uncounted(space, imported(positions, info.config))
            outcome = yield Offer(configuration=configuration, source=source_of(info.config))
            worst = tell(facade, info, outcome, worst)

    return start


def tell(facade: AbstractFacade, info: TrialInfo, outcome: Outcome, worst: float) -> float:
    """Tell it a value; a failure as the worst value so far, because its own infinity spoils the surrogate."""
    from smac.runhistory import StatusType, TrialValue

    failed = outcome.value is None
    cost = worst if outcome.value is None else outcome.value
    with ignored_warnings():
        facade.tell(info, TrialValue(cost, status=StatusType.CRASHED if failed else StatusType.SUCCESS), save=False)
    return max(worst, cost)


def exported(there: ConfigurationSpace, space: SearchSpace, configuration: Configuration) -> Theirs:
    """A configuration for SMAC3."""
    import ConfigSpace

    values = {name: export_value(space[name], value) for name, value in configuration.items()}
    return ConfigSpace.Configuration(there, values)


def imported(space: SearchSpace, configuration: Theirs) -> Configuration:
    """A configuration of SMAC3's."""
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in dict(configuration).items()}
    return space.coerce(plain).configuration


def source_of(configuration: Theirs) -> str:
    """Which part of SMAC3 made it."""
    origin = str(configuration.origin)
    return "design" if "Initial" in origin else "random" if "Random" in origin else "surrogate"


def both(name: str, facade: str, description: str) -> list[Method]:
    """A facade with and without the default first."""
    packages = ("smac", "ConfigSpace", "scikit-learn", "scipy")
    return [
        Method(
            name=name,
            description=description,
            start=asking(facade, default=False),
            group="smac",
            packages=packages,
            planned=True,
            refuses=always,
        ),
        Method(
            name=f"default+{name}",
            description=f"the default configuration, then as {name}",
            start=asking(facade, default=True),
            group="smac",
            packages=packages,
            planned=True,
            refuses=needs_default,
        ),
    ]


METHODS = [
    *both(
        "smac-rf",
        "HyperparameterOptimizationFacade",
        "SMAC3 with a random forest (HyperparameterOptimizationFacade); a Sobol design of at most a quarter of the "
        "budget first",
    ),
    *both(
        "smac-gp",
        "BlackBoxFacade",
        "SMAC3 with a Gaussian process (BlackBoxFacade); a Sobol design of at most a quarter of the budget first",
    ),
]
