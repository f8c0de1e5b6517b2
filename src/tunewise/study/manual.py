"""Ask and tell one trial at a time, for training loops that tunewise does not run."""

from __future__ import annotations

from collections.abc import Mapping

import optuna
from optuna.trial import TrialState

from tunewise import attributes
from tunewise.checks import is_finite
from tunewise.errors import InvalidReply, StudyError
from tunewise.history import History, TrialRecord
from tunewise.optuna_private import id_of, id_of_study, storage_of, stored_trial
from tunewise.plain import PlainDict
from tunewise.record import Proposal, Result
from tunewise.sampler import LLMSampler
from tunewise.secrets import mask
from tunewise.space import SearchSpace
from tunewise.study.driver import requeue
from tunewise.study.same import check_same_study
from tunewise.study.storage import Storage, open_storage
from tunewise.text import shorten

__all__ = ["ask_one", "propose_one", "tell_one"]


def ask_one(storage: Storage, name: str, sampler: LLMSampler, space: SearchSpace) -> PlainDict:
    """Ask for a configuration; the trial runs until it is told, whatever process comes and goes."""
    study = begin(storage, name, sampler, space)
    sampler.prefetches = False  # nothing is trained in this process while it could wait for an answer
    trial = study.ask()
    try:
        configuration = space.suggest(trial)
    except BaseException:
        requeue(study, id_of(trial))
        raise
    trial.set_user_attr(attributes.ASKED, True)
    record = TrialRecord.from_optuna(stored_trial(study, trial))
    proposal = record.proposal
    asked: PlainDict = {"trial": trial.number, "configuration": configuration, "source": record.source}
    told = {"reason": proposal.reason, "fallback": proposal.fallback, "repairs": list(proposal.repairs)}
    return asked | {key: value for key, value in told.items() if value}


def propose_one(
    storage: Storage,
    name: str,
    sampler: LLMSampler,
    space: SearchSpace,
    configuration: Mapping[str, object],
    *,
    reason: str = "",
) -> PlainDict:
    """Begin a trial with a configuration of one's own; it runs until it is told.

    Raises:
        InvalidReply: It is not in the space, or repeats a trial.
    """
    coerced = space.coerce(configuration)
    if coerced.repairs:
        raise InvalidReply(f"The configuration is not in the space: {'; '.join(map(str, coerced.repairs))}.")
    study = begin(storage, name, sampler, space)
    for known in History.from_study(study):
        if known.configuration == coerced.configuration:
            raise InvalidReply(f"It repeats trial {known.number}. Propose another one.")
    proposal = Proposal(configuration=coerced.configuration, source="agent", reason=reason, method="agent")
    begun = optuna.trial.create_trial(
        state=TrialState.RUNNING,
        params=coerced.configuration,
        distributions={key: space.distributions[key] for key in coerced.configuration},
        user_attrs={attributes.PROPOSAL: proposal.to_dict(), attributes.ASKED: True},
    )
    stored = storage_of(study)
    number = stored.get_trial_number_from_id(stored.create_new_trial(id_of_study(study), template_trial=begun))
    return {"trial": number, "configuration": coerced.configuration, "source": "agent"}


def begin(storage: Storage, name: str, sampler: LLMSampler, space: SearchSpace) -> optuna.Study:
    """The study, which this begins where it does not exist."""
    study = optuna.create_study(
        study_name=name,
        storage=open_storage(storage),
        direction=sampler.task.direction or "minimize",
        sampler=sampler,
        load_if_exists=True,
    )
    check_same_study(study, space, sampler.task)
    return study


def tell_one(study: optuna.Study, report: object) -> PlainDict:
    """Report a result.

    Args:
        study: Opened for writing.
        report: A mapping with `trial`, and `value` (a finite number) or `error` (a text).

    Raises:
        StudyError: It is something else, there is no such trial, or it has been told before.
    """
    if not isinstance(report, dict) or not {"trial"} < set(report) <= {"trial", "value", "error"} or len(report) != 2:
        raise StudyError(
            f'{shorten(report)} is not a result. Give trial, and either value or error: {{"trial": 0, "value": 0.04}}.'
        )
    number = report["trial"]
    trials = study.get_trials(deepcopy=False)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(trials):
        raise StudyError(
            f"There is no trial {shorten(number)}; the study has {len(trials)}. Name one that was asked for."
        )
    if trials[number].state != TrialState.RUNNING:
        state = TrialRecord.from_optuna(trials[number])
        told = f"it is {state.state}" + (f" with {state.value:g}" if state.value is not None else "")
        raise StudyError(f"Trial {number} does not wait for a result: {told}. A result is told once.")
    if not trials[number].user_attrs.get(attributes.ASKED):
        raise StudyError(
            f"Trial {number} was not asked for: tunewise tune evaluates it, or will when it goes on. Ask for one first."
        )
    trial_id = id_of(trials[number])
    if "error" in report:
        storage_of(study).set_trial_user_attr(
            trial_id, attributes.RESULT, Result(error=mask(str(report["error"]))).to_dict()
        )
        study.tell(number, state=TrialState.FAIL)
    else:
        value = report["value"]
        if isinstance(value, bool) or not isinstance(value, int | float) or not is_finite(value):
            raise StudyError(
                f"value = {shorten(value)} is not a finite number. If the trial failed, give error instead."
            )
        study.tell(number, float(value))
    best = History.from_study(study).best
    return {
        "trial": number,
        "state": "failed" if "error" in report else "finished",
        "best": {"trial": best.number, "value": best.value, "configuration": best.configuration} if best else None,
    }
