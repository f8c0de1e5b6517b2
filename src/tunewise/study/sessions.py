"""How a study came to be: who proposed, with which seed and versions, kept with the study and appended to on resume."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version

from optuna.samplers import BaseSampler

from tunewise.llm.cassette import RecordingModel, ReplayingModel
from tunewise.plain import PlainDict
from tunewise.sampler import LLMSampler

__all__ = ["extended"]


def extended(sessions: object, sampler: BaseSampler, *, first: int) -> list[PlainDict]:
    """The sessions of a study, and one more where something is another than it was.

    Args:
        sessions: Those before, as stored; what is none is left out.
        sampler: Who proposes from now on.
        first: Number of the first trial that does not exist yet.

    Returns:
        Plain data, oldest first: `first`, `sampler`, an `LLMSampler`'s settings, and `versions`. A session without a
        trial of its own is replaced.
    """
    settings = sampler.settings if isinstance(sampler, LLMSampler) else {}
    if isinstance(sampler, LLMSampler) and isinstance(sampler.model, RecordingModel | ReplayingModel):
        settings["cassette"] = str(sampler.model.path)
    now: PlainDict = {"first": first, "sampler": type(sampler).__name__, **settings, "versions": {**versions()}}
    listed = [session for session in sessions if isinstance(session, dict)] if isinstance(sessions, list) else []
    before = [session for session in listed if isinstance(begun := session.get("first", 0), int) and begun < first]
    return before if before and before[-1] | {"first": first} == now else [*before, now]


@cache
def versions() -> dict[str, str]:
    """Of what a study depends on, in this process; looked up once, in files."""
    return {name: version(name) for name in ("tunewise", "optuna", "numpy")} | {"python": platform.python_version()}
