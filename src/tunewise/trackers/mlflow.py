"""MLflow: an experiment for a study, a run for each trial."""

from __future__ import annotations

from typing import Final

from tunewise.errors import StudyError
from tunewise.history import TrialRecord
from tunewise.trackers.base import Tracker, missing, numbers_of, words_of

try:
    from mlflow.tracking import MlflowClient
except ImportError:
    raise StudyError(missing("MLflow", "mlflow")) from None

__all__ = ["MLflowCallback"]

STATUS: Final = {"finished": "FINISHED", "pruned": "FINISHED", "failed": "FAILED"}


class MLflowCallback(Tracker):
    """Each trial is a run: parameters, the metric and its curve, source and reason as tags.

    Args:
        study_name: The experiment.
        metric: What the value of a trial is called; its intermediate values are `curve/<metric>`.
        tracking_uri: As MLflow has it; None: `MLFLOW_TRACKING_URI`, or MLflow's own default.

    Raises:
        StudyError: MLflow is missing.
    """

    def __init__(self, study_name: str = "tunewise", *, metric: str = "value", tracking_uri: str | None = None) -> None:
        self._client = MlflowClient(tracking_uri)
        self._study_name = study_name
        self._metric = metric
        super().__init__(self._begin)

    def _begin(self, trial: TrialRecord) -> Run:
        client = self._client
        experiment = client.get_experiment_by_name(self._study_name)
        place = experiment.experiment_id if experiment else client.create_experiment(self._study_name)
        known = client.search_runs([place], f"tags.`tunewise.trial` = '{trial.number}'", max_results=1)
        if known:  # it was interrupted, and runs again
            run_id = known[0].info.run_id
            client.set_terminated(run_id, "RUNNING")
        else:
            tags = {"mlflow.runName": f"trial {trial.number}", "tunewise.trial": str(trial.number)}
            run_id = client.create_run(place, tags=tags).info.run_id
            for name, value in trial.configuration.items():
                client.log_param(run_id, name, value)
        return Run(client, run_id, self._metric)


class Run:
    """A trial's run."""

    def __init__(self, client: MlflowClient, run_id: str, metric: str) -> None:
        self._client = client
        self._id = run_id
        self._metric = metric

    def value(self, step: int, value: float) -> None:
        """See `Page`."""
        self._client.log_metric(self._id, f"curve/{self._metric}", value, step=step)

    def end(self, trial: TrialRecord) -> None:
        """See `Page`."""
        for name, number in numbers_of(trial, self._metric).items():
            self._client.log_metric(self._id, name, number)
        for name, text in words_of(trial).items():
            self._client.set_tag(self._id, f"tunewise.{name}", text)
        self._client.set_terminated(self._id, STATUS.get(trial.state, "KILLED"))
