"""Prior studies by where they are stored, read for the space of a new one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TypeAlias, TypedDict

import optuna

from tunewise.errors import StudyError
from tunewise.plain import PlainDict
from tunewise.prior_studies import PriorStudy
from tunewise.space import SearchSpace
from tunewise.study.storage import may_exist, open_study
from tunewise.study.validated import validate
from tunewise.text import shorten

__all__ = ["PriorSource", "Subject", "about", "read_prior_study", "split_name"]

PriorSource: TypeAlias = str | Path | optuna.Study | PriorStudy
"""A journal file or database URL, with `#name` behind it where it holds several studies; or a study itself."""

logger = logging.getLogger("tunewise")


def read_prior_study(source: PriorSource, space: SearchSpace) -> PriorStudy:
    """A study that an earlier one may learn from.

    Raises:
        StudyError: There is none, it has several objectives, or nothing in it fits the space.
    """
    if isinstance(source, PriorStudy):
        return source
    if not isinstance(source, str | Path | optuna.Study):
        raise StudyError(
            f"prior_studies: {shorten(source)} is no study. Give the path of a journal, a URL, or a study."
        )
    study = source if isinstance(source, optuna.Study) else open_study(*split_name(str(source)))
    known = validate(study)
    if len(known.objectives) > 1:
        raise StudyError(
            f"The prior study {study.study_name} has {len(known.objectives)} objectives, and which of them matters "
            "here cannot be told. Leave it out."
        )
    (objective,) = known.objectives
    read = PriorStudy.of(
        known.history,
        space,
        name=study.study_name,
        metric=objective.name,
        **about(known.about.task.to_dict()),
    )
    left = f", {read.left_out} do not fit" if read.left_out else ""
    logger.info("Prior study %s: %d trials tell about this space%s.", read.name, len(read.trials), left)
    return read


def split_name(address: str) -> tuple[str, str | None]:
    """Where a study is stored, and its name if one is said behind `#`."""
    if "#" not in address or ("://" not in address and may_exist(address)):
        return address, None
    where, _, name = address.rpartition("#")
    return where, name or None


class Subject(TypedDict):
    """What a study was about."""

    model: str
    data: str


def about(task: PlainDict) -> Subject:
    """The model that a stored task was about, and its data, where it says so."""
    data = task.get("data")
    card = data if isinstance(data, dict) else {}
    model, name = (part if isinstance(part, str) else "" for part in (task.get("model"), card.get("name")))
    sizes = [f"{count} {what}" for what in ("rows", "features", "classes") if (count := card.get(what))]
    return Subject(model=model, data=", ".join([*([name] if name else []), *sizes]))
