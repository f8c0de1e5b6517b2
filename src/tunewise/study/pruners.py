"""Optuna's pruners by name, as a study file says them."""

from __future__ import annotations

import copy
import inspect
import re
import warnings
from collections.abc import Mapping
from typing import Any, TypeAlias

import optuna
from optuna.pruners import BasePruner, NopPruner

from tunewise.errors import StudyError
from tunewise.log import optuna_silenced
from tunewise.text import did_you_mean, shorten

__all__ = ["PRUNERS", "PrunerSpec", "find_pruner"]

PrunerSpec: TypeAlias = str | Mapping[str, object] | BasePruner | None
"""A name such as `hyperband`, or a mapping of `name` and options, or a pruner of Optuna's."""


def plain_name(name: str) -> str:
    """`SuccessiveHalvingPruner` is `successive_halving`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.removesuffix("Pruner")).lower()


PRUNERS: dict[str, type[BasePruner]] = {
    plain_name(name): getattr(optuna.pruners, name)
    for name in optuna.pruners.__all__
    if name.endswith("Pruner") and name != "BasePruner"
}
"""All that Optuna has: hyperband, successive_halving, median, percentile, patient, threshold, wilcoxon, nop."""


def find_pruner(spec: PrunerSpec) -> BasePruner:
    """A pruner from its name and options; without one, nothing is pruned.

    Raises:
        StudyError: There is no such pruner, it has no such option, or an option's value breaks a rule.
    """
    if spec is None:
        return NopPruner()
    if isinstance(spec, BasePruner):
        return spec
    given: dict[str, Any] = {"name": spec} if isinstance(spec, str) else dict(spec) if isinstance(spec, Mapping) else {}
    name = given.pop("name", None)
    if name not in PRUNERS:
        hint = did_you_mean(name, PRUNERS, f"The pruners are {', '.join(PRUNERS)}.")
        raise StudyError(f"pruner = {shorten(name if name is not None else spec)} is unknown. {hint}")
    kind = PRUNERS[name]
    parameters = inspect.signature(kind).parameters
    for key in given:
        if key not in parameters:
            hint = did_you_mean(key, parameters, f"It has {', '.join(parameters) or 'none'}.")
            raise StudyError(f"pruner {name} has no option {key}. {hint}")
    if "wrapped_pruner" in parameters:  # that of a patient one
        given["wrapped_pruner"] = find_pruner(given["wrapped_pruner"]) if given.get("wrapped_pruner") else None
    try:
        with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
            pruner = kind(**given)
            rehearse(copy.deepcopy(pruner))
    except Exception as error:  # noqa: BLE001 - whatever Optuna makes of an option
        raise StudyError(f"pruner {name}: {str(error).strip().rstrip('.')}. Correct its options.") from None
    return pruner


def rehearse(pruner: BasePruner) -> None:
    """Let it decide about three short trials: some options are looked at no sooner, when trials have been paid for."""
    with optuna_silenced(), warnings.catch_warnings(action="ignore"):
        study = optuna.create_study(pruner=pruner)
        for _ in range(3):
            trial = study.ask()
            for step in range(1, 4):
                trial.report(0.5, step)
                trial.should_prune()
            study.tell(trial, 0.5)
