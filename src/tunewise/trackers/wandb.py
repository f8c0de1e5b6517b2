"""Weights & Biases: a project for a study, a run for each trial."""

from __future__ import annotations

from typing import Literal

from tunewise.errors import StudyError
from tunewise.history import TrialRecord
from tunewise.trackers.base import Tracker, missing, numbers_of, words_of

try:
    import wandb
except ImportError:
    raise StudyError(missing("wandb", "wandb")) from None

__all__ = ["WeightsAndBiasesCallback"]


class WeightsAndBiasesCallback(Tracker):
    """Each trial is a run: parameters as its config, the curve, source and reason in its summary.

    Args:
        study_name: The project.
        metric: What the value of a trial is called; its intermediate values are `curve/<metric>`.
        entity: The team or user.
        mode: "online", "offline" or "disabled"; None: as `WANDB_MODE` says.
        folder: Where runs are written on this machine; None: `./wandb`.

    Raises:
        StudyError: wandb is missing.
    """

    def __init__(
        self,
        study_name: str = "tunewise",
        *,
        metric: str = "value",
        entity: str | None = None,
        mode: Literal["online", "offline", "disabled"] | None = None,
        folder: str | None = None,
    ) -> None:
        def begin(trial: TrialRecord) -> Run:
            run = wandb.init(
                project=study_name,
                entity=entity,
                id=f"{study_name}-{trial.number}",
                name=f"trial {trial.number}",
                config=dict(trial.configuration),
                mode=mode,
                dir=folder,
                resume="allow",
                reinit="create_new",
                settings=wandb.Settings(silent=True),
            )
            return Run(run, metric)

        super().__init__(begin)


class Run:
    """A trial's run."""

    def __init__(self, run: wandb.Run, metric: str) -> None:
        self._run = run
        self._metric = metric

    def value(self, step: int, value: float) -> None:
        """See `Page`."""
        self._run.log({f"curve/{self._metric}": value}, step=step)

    def end(self, trial: TrialRecord) -> None:
        """See `Page`."""
        self._run.summary.update({**words_of(trial), **numbers_of(trial, self._metric)})
        self._run.finish(exit_code=int(trial.state == "failed"))
