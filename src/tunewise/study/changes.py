"""What becomes of a study whose space has changed since its trials ran."""

from __future__ import annotations

import logging
import math
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from tunewise import attributes
from tunewise.errors import StudyError
from tunewise.optuna_private import check_distribution_compatibility, id_of, storage_of
from tunewise.plain import PlainDict
from tunewise.sampler import fixed_in
from tunewise.space import NO_DEFAULT, SearchSpace
from tunewise.space.plain import from_distribution

__all__ = ["about_of", "check_changes"]

logger = logging.getLogger("tunewise")


def check_changes(study: optuna.Study, space: SearchSpace) -> None:
    """Compare the space with what the study's trials really had: Optuna keeps one type, scale and choices a name.

    A space that no trial has used counts for nothing, so that an experiment with it never locks the study.

    Raises:
        StudyError: They cannot be in one study.
    """
    trials = study.get_trials(deepcopy=False)
    seen = {name: distribution for trial in trials for name, distribution in trial.distributions.items()}
    for name, hyperparameter in space.items():
        try:
            check_distribution_compatibility(seen.get(name, hyperparameter.distribution), hyperparameter.distribution)
        except ValueError:
            then = from_distribution(seen[name]).describe()
            raise StudyError(
                f"The study {study.study_name!r} was begun with another {name}: {then} then, "
                f"{hyperparameter.describe()} now. Type, scale and choices of a hyperparameter cannot change within a "
                "study; bounds can. Give it another name, or use another storage or study name."
            ) from None
    queued = {t.number: t for t in trials if t.state == TrialState.WAITING}
    broken = [number for number, t in queued.items() if any(not possible(space, n, v) for n, v in fixed_in(t).items())]
    for number in broken:
        storage_of(study).set_trial_state_values(id_of(queued[number]), state=TrialState.FAIL)
    if broken:
        logger.warning(
            "Queued trials (%s) hold values that no trial can have, such as an unknown choice: they count as failed.",
            ", ".join(map(str, broken[:10])),
        )
    stored = about_of(study).get("space", {})
    outside = [number for number, t in queued.items() if number not in broken and not fits(space, t)]
    if outside and stored and stored != space.to_dict():
        logger.warning(
            "The space has changed, and queued trials (%s) are not in it as it is now. They run as they were queued.",
            ", ".join(map(str, outside[:10])),
        )


def about_of(study: optuna.Study) -> PlainDict:
    """What a study keeps of its space, task, sessions and objective; empty where that cannot be read."""
    stored = study.user_attrs.get(attributes.STUDY)
    return stored if isinstance(stored, dict) else {}


def possible(space: SearchSpace, name: str, value: Any) -> bool:
    """Whether Optuna can give a trial this value, in the space or outside of its bounds."""
    try:
        return name not in space or math.isfinite(space[name].distribution.to_internal_repr(value))
    except (ValueError, TypeError, OverflowError):
        return False


def fits(space: SearchSpace, trial: FrozenTrial) -> bool:
    """Whether the values that a trial has been given are in the space; names that it lacks count for nothing."""
    return all(space[n].match(value) is not NO_DEFAULT for n, value in fixed_in(trial).items() if n in space)
