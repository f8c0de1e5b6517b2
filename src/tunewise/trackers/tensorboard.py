"""TensorBoard: a folder for a study, a run for each trial; the HPARAMS tab compares them."""

from __future__ import annotations

import time
from pathlib import Path

from tunewise.errors import StudyError
from tunewise.history import TrialRecord
from tunewise.trackers.base import Tracker, missing, numbers_of, words_of

try:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
except ImportError:
    raise StudyError(missing("TensorBoard", "tensorboard")) from None

__all__ = ["TensorBoardCallback"]


class TensorBoardCallback(Tracker):
    """Each trial is a run: hyperparameters, the metric and its curve, source and reason as text.

    Args:
        study_name: A folder in `folder`.
        metric: What the value of a trial is called; its intermediate values are `curve/<metric>`.
        folder: What `tensorboard --logdir` is given.

    Raises:
        StudyError: TensorBoard is missing.
    """

    def __init__(self, study_name: str = "tunewise", *, metric: str = "value", folder: str = "runs") -> None:
        super().__init__(lambda trial: Run(Path(folder) / study_name / f"trial-{trial.number}", trial, metric))


class Run:
    """A trial's folder."""

    def __init__(self, folder: Path, trial: TrialRecord, metric: str) -> None:
        self._writer = EventFileWriter(str(folder))
        self._metric = metric
        shown = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in trial.configuration.items()}
        self._add(hparams_pb(shown, trial_id=f"trial {trial.number}"))

    def value(self, step: int, value: float) -> None:
        """See `Page`."""
        self._add(scalar(f"curve/{self._metric}", value), step)
        self._writer.flush()

    def end(self, trial: TrialRecord) -> None:
        """See `Page`."""
        for name, number in numbers_of(trial, self._metric).items():
            self._add(scalar(name, number))
        for name, text in words_of(trial).items():
            self._add(words(f"tunewise/{name}", text))
        self._writer.close()

    def _add(self, summary: Summary, step: int = 0) -> None:
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))


def scalar(tag: str, value: float) -> Summary:
    """A number, as TensorBoard's protocol has it. Its own helpers need TensorFlow."""
    return Summary(value=[Summary.Value(tag=tag, simple_value=value)])


def words(tag: str, text: str) -> Summary:
    """A text."""
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()], tensor_shape=shape)
    plugin = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    return Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=plugin)])
