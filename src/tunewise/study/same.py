"""Whether a stored study is about the same thing as a call of `tune`."""

from __future__ import annotations

import logging
from dataclasses import asdict

import optuna

from tunewise import attributes
from tunewise.errors import StudyError
from tunewise.evaluate.identity import Identity
from tunewise.history import History, direction_of
from tunewise.plain import PlainDict
from tunewise.secrets import mask, mask_data
from tunewise.space import SearchSpace
from tunewise.study.changes import about_of, check_changes
from tunewise.study.sessions import extended
from tunewise.task import Task
from tunewise.text import shorten

__all__ = ["check_same_study"]

logger = logging.getLogger("tunewise")

WAY_OUT = "Give this one another study_name or another storage."


def check_same_study(
    study: optuna.Study,
    space: SearchSpace,
    task: Task,
    objective: Identity | None = None,
    *,
    n_trials: int | None = None,
) -> None:
    """Store what the study is about and how it is run, or compare it with what was stored.

    Args:
        study: That may have trials.
        space: As it is now.
        task: As it is now.
        objective: What is evaluated; None where somebody else does that.
        n_trials: How many trials the study is to have; None where nobody knows.

    Raises:
        StudyError: The stored study minimizes and this one maximizes, its trials had another objective, none of these
            hyperparameters would be tried, or one of its trials has another type, scale or choices now. Nothing is
            stored then.
    """
    if len(study.directions) > 1:
        raise StudyError(
            f"The study {study.study_name!r} has {len(study.directions)} objectives, and tune knows one. Use another "
            "storage or name, or go on in Python: study.optimize with an LLMSampler."
        )
    if task.direction not in (None, direction_of(study)):
        raise StudyError(
            f"The study {study.study_name!r} was begun with direction {direction_of(study)}, and the task says "
            f"{task.direction}. Correct the task, or use another storage or name."
        )
    stored = about_of(study)
    before = Identity.stored(stored.get("objective"))
    trials = study.get_trials(deepcopy=False)
    had = {name for trial in trials for name in trial.distributions}
    shared = bool(had & set(space)) or not had
    results = History.from_study(study).told
    if results and objective and before and objective.is_other(before, shared=shared):
        raise StudyError(
            f"The study {study.study_name!r} in this storage is that of another objective: {told(before, objective)} "
            f"then, {told(objective, before)} now. {WAY_OUT} To count the trials of the other one too, take them over: "
            "tunewise import."
        )
    check_changes(study, space)
    done = n_trials is not None and len(results) >= n_trials
    if not shared:
        check_nothing_shared(study, space, had, done=done)
    elif done and objective and before and objective.is_changed(before):
        logger.warning(
            "The objective %s has changed since the trials of study %r ran, and is not called: they are all done. "
            "Raise n_trials, or give it another study_name.",
            objective,
            study.study_name,
        )
    sessions = extended(stored.get("sessions"), study.sampler, first=len(trials))
    about: PlainDict = {"space": told_space(space), "task": mask_data(task.to_dict()), "sessions": mask_data(sessions)}
    if known := asdict(objective) if objective else stored.get("objective"):
        about["objective"] = known
    if stored != about:
        study.set_user_attr(attributes.STUDY, about)


def check_nothing_shared(study: optuna.Study, space: SearchSpace, had: set[str], *, done: bool) -> None:
    """Say that the study's trials know none of these hyperparameters.

    Args:
        study: That has trials.
        space: As it is now.
        had: Hyperparameters of the trials.
        done: Whether no further trial is to run.

    Raises:
        StudyError: So the best of other hyperparameters would be returned as if it were theirs.
    """
    then, now = shorten(", ".join(sorted(had)), 200), shorten(", ".join(space), 200)
    if done:
        raise StudyError(
            f"The study {study.study_name!r} in this storage has all its trials already, and they are about something "
            f"else: {then} then, {now} now. {WAY_OUT} To go on with these in the same study, raise n_trials."
        )
    logger.warning(
        "No trial of study %r had any of these hyperparameters: %s then, %s now.", study.study_name, then, now
    )


def told_space(space: SearchSpace) -> PlainDict:
    """The space as plain data; what its descriptions tell of secrets is masked, as in prompts."""
    plain: PlainDict = {**space.to_dict()}
    for name, entry in plain.items():
        if isinstance(entry, dict) and isinstance(text := entry.get("description"), str):
            plain[name] = {**entry, "description": mask(text)}
    return plain


def told(objective: Identity, other: Identity) -> str:
    """What an objective is called beside another one."""
    return str(objective) if str(objective) != str(other) else shorten(objective.file or "a function", 300)
