"""Trials that take the place of earlier ones: failed ones that are run once more, stopped ones that go on."""

from __future__ import annotations

import optuna
from optuna.trial import TrialState, create_trial

from tunewise import attributes
from tunewise.errors import ObjectiveFailed
from tunewise.history import History, TrialRecord
from tunewise.text import sentence

__all__ = ["all_failed", "queue_again", "run_again"]


def all_failed(history: History) -> ObjectiveFailed:
    """What is said of a study whose every trial failed; `run_again` makes it true."""
    count = len(history.told)
    failed, them = ("The only trial", "it") if count == 1 else (f"All {count} trials", "them")
    last = "" if len(history.failures) == 1 else "The last one: "
    return ObjectiveFailed(
        f"{failed} failed. {last}{sentence(history.failed[-1].error)} Run the objective by itself with the default "
        f"configuration and fix it; then the same call runs {them} again, the default first."
    )


def run_again(study: optuna.Study) -> None:
    """Queue the configurations of all failed trials, oldest first, as new trials that take their place.

    Neither prompts nor surrogate, credit or the number of trials know the old ones any more (see `history.lasting`);
    their calls are still counted.
    """
    for failed in History.from_study(study).failed:
        queue_again(study, failed)


def queue_again(study: optuna.Study, record: TrialRecord) -> None:
    """Queue a trial in the place of one that has failed or was stopped; of that one its values are kept."""
    trial = study.get_trials(deepcopy=False)[record.number]
    fixed = {key: trial.system_attrs[key] for key in ("fixed_params",) if key in trial.system_attrs}
    proposed = {key: trial.user_attrs[key] for key in (attributes.PROPOSAL,) if key in trial.user_attrs}
    study.add_trial(
        create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs=proposed,
            system_attrs={**fixed, attributes.REPEATS: [*record.repeats, record.number]},
            intermediate_values=dict(record.curve) if record.state == "pruned" else {},
        )
    )
