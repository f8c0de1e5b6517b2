"""Trials in the experiment tracker that a team has already: MLflow, Weights & Biases, TensorBoard, trackio."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

from tunewise.errors import StudyError
from tunewise.text import did_you_mean, shorten

if TYPE_CHECKING:
    from tunewise.trackers.base import Tracker
    from tunewise.trackers.mlflow import MLflowCallback
    from tunewise.trackers.tensorboard import TensorBoardCallback
    from tunewise.trackers.trackio import TrackioCallback
    from tunewise.trackers.wandb import WeightsAndBiasesCallback

__all__ = ["MLflowCallback", "TensorBoardCallback", "TrackioCallback", "WeightsAndBiasesCallback", "open_trackers"]

CLASSES: Final = {
    "mlflow": "MLflowCallback",
    "tensorboard": "TensorBoardCallback",
    "trackio": "TrackioCallback",
    "wandb": "WeightsAndBiasesCallback",
}
"""By the names of their modules here, which are their keys in a study file."""


def __getattr__(name: str) -> object:
    for module, known in CLASSES.items():
        if known == name:
            return getattr(import_module(f"tunewise.trackers.{module}"), name)
    raise AttributeError(f"module 'tunewise.trackers' has no attribute {name!r}")


def open_trackers(track: str | Mapping[str, object] | None, *, study_name: str, metric: str) -> list[Tracker]:
    """The trackers that a study file names.

    Args:
        track: A name, or for each name its options.
        study_name: Under which they keep the trials, unless an option says otherwise.
        metric: What the value of a trial is called.

    Raises:
        StudyError: There is no such tracker or option, or its library is missing.
    """
    opened: list[Tracker] = []
    for name, said in ({track: None} if isinstance(track, str) else track or {}).items():
        if name not in CLASSES:
            hint = did_you_mean(name, CLASSES, f"Known are {', '.join(CLASSES)}.")
            raise StudyError(f"track: {shorten(name)} is no tracker that is known here. {hint}")
        if said is not None and not isinstance(said, Mapping):
            raise StudyError(
                f"track: {name} is {shorten(said)}, not a mapping of options. Write for example {name}: {{}}."
            )
        make = getattr(import_module(f"tunewise.trackers.{name}"), CLASSES[name])
        try:
            opened.append(make(**{"study_name": study_name, "metric": metric, **dict(said or {})}))
        except TypeError as error:
            raise StudyError(f"track: {name} does not take these options: {error}. See docs/trackers.md.") from None
    return opened
