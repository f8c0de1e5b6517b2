"""Every error that tunewise raises, named by what the caller can do about it.

```
TunewiseError
 ├ UsageError                fix the input: the message names value, rule and way out
 │  ├ SpaceError               ... the search space
 │  ├ TaskError                ... the task
 │  └ StudyError               ... the study file, the storage, an argument of `tune`
 ├ InvalidReply              tell the model what is wrong and ask again
 ├ BudgetReached             raise the cap and go on: nothing was sent, nothing is lost
 ├ ModelError
 │  ├ ModelUnavailable         wait, then try again (time-out, 429, 500, lost connection)
 │  ├ ModelUnusable            fix the model's name, key or address
 │  ├ ContextLimitExceeded     send less
 │  ├ Cancelled                nothing: somebody has given up the call, as with Ctrl-C
 │  └ ReplayMiss               record again: the cassette does not hold this call
 ├ SandboxUnavailable        install what the message names, or run the code without a sandbox, knowingly
 ├ TrialFailed               nothing: the trial is failed with this reason, the study goes on
 ├ TrialStopped              nothing: the trial is pruned, the last value that it reported is kept
 └ ObjectiveFailed           fix the objective: no trial of the study ever finished
```
"""

from tunewise.secrets import mask

__all__ = [
    "BudgetReached",
    "Cancelled",
    "ContextLimitExceeded",
    "InvalidReply",
    "ModelError",
    "ModelUnavailable",
    "ModelUnusable",
    "ObjectiveFailed",
    "ReplayMiss",
    "SandboxUnavailable",
    "SpaceError",
    "StudyError",
    "TaskError",
    "TrialFailed",
    "TrialStopped",
    "TunewiseError",
    "UsageError",
]


class TunewiseError(Exception):
    """Root of every error that tunewise raises on purpose. Its message shows no secret, whoever prints it."""

    def __str__(self) -> str:
        return mask(super().__str__())


class UsageError(TunewiseError, ValueError):
    """Something given to tunewise breaks a rule; the message says which, and the way out."""


class SpaceError(UsageError):
    """The search space is wrong: bounds, default, type, condition."""


class TaskError(UsageError):
    """The description of what is tuned is wrong."""


class StudyError(UsageError):
    """The study file, the storage or an argument of `tune` is wrong."""


class InvalidReply(TunewiseError):
    """A model's reply cannot be read as a configuration; the message is fit to be sent back to it."""


class BudgetReached(TunewiseError):
    """The next call could exceed a cap on calls, tokens or money. It was not made."""


class ModelError(TunewiseError):
    """The language model gave no reply."""


class ModelUnavailable(ModelError):
    """No reply now, though the adapter has retried; a later call may succeed."""


class ModelUnusable(ModelError):
    """No reply ever with this name, key or address."""


class ContextLimitExceeded(ModelError):
    """The request is longer than the model can read."""


class Cancelled(ModelError):
    """The call was given up before its reply came."""


class ReplayMiss(ModelError):
    """In replay mode, a call that was never recorded."""


class SandboxUnavailable(TunewiseError):
    """Nothing here holds a hostile program; the message names what is missing and how to install it."""


class TrialFailed(TunewiseError):
    """An evaluation gave no usable metric. The message is stored as the trial's reason and told to the model."""


class TrialStopped(TunewiseError):
    """An evaluation ended early because it was asked to, or gave itself up; `optuna.TrialPruned` means the same."""


class ObjectiveFailed(TunewiseError):
    """Not one trial of the study finished."""
