"""trackio: a project for a study, a run for each trial, written when the trial has ended."""

from __future__ import annotations

from tunewise.errors import StudyError
from tunewise.history import TrialRecord
from tunewise.trackers.base import Tracker, missing, numbers_of, words_of

try:
    import trackio
except ImportError:
    raise StudyError(missing("trackio", "trackio")) from None

__all__ = ["TrackioCallback"]


class TrackioCallback(Tracker):
    """Each trial is a run: parameters, source and reason as its config, the curve and the metric.

    Args:
        study_name: The project.
        metric: What the value of a trial is called; its intermediate values are `curve/<metric>`.

    Raises:
        StudyError: trackio is missing.
    """

    def __init__(self, study_name: str = "tunewise", *, metric: str = "value") -> None:
        super().__init__(lambda _: Run(study_name, metric))


class Run:
    """A trial's run. trackio has one run open at a time, so the values wait for the end."""

    def __init__(self, project: str, metric: str) -> None:
        self._project = project
        self._metric = metric
        self._curve: list[tuple[int, float]] = []

    def value(self, step: int, value: float) -> None:
        """See `Page`."""
        self._curve.append((step, value))

    def end(self, trial: TrialRecord) -> None:
        """See `Page`."""
        words = {f"tunewise {name}": text for name, text in words_of(trial).items()}
        trackio.init(project=self._project, name=f"trial {trial.number}", config={**trial.configuration, **words})
        for step, value in self._curve:
            trackio.log({f"curve/{self._metric}": value}, step=step)
        trackio.log(numbers_of(trial, self._metric))
        trackio.finish()
