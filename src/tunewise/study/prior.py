"""Prior studies by where they are stored, read for the space of a new one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TypeAlias

import optuna

from tunewise.errors import StudyError
from tunewise.plain import PlainDict
from tunewise.prior_studies import PriorStudy
from tunewise.space import SearchSpace
from tunewise.study.storage import may_exist, open_study
from tunewise.study.validated import validate
from tunewise.text import clip, shorten

__all__ = ["PriorSource", "named", "read_prior_study", "split_name"]

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
        name=named(study.study_name, known.about.task.to_dict()),
        metric=objective.name,
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


def named(name: str, task: PlainDict) -> str:
    """A study's name, with the model and the data that it was about where it says so."""
    data = task.get("data")
    card = data if isinstance(data, dict) else {}
    words = (word for word in (task.get("model"), card.get("name")) if isinstance(word, str))
    parts = [word for word in words if word not in name]
    sizes = [f"{count} {what}" for what in ("rows", "features", "classes") if (count := card.get(what))]
    about = ", ".join([*([clip(" on ".join(parts), 80)] if parts else []), *sizes])
    return f"{name} ({about})" if about else name
