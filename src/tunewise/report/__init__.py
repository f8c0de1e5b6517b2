"""A study for people who would rather look than read: one self-contained page; also as Markdown or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from tunewise.report.records import to_dict
from tunewise.report.texts import Cleaner
from tunewise.study.stored import StoredStudy

if TYPE_CHECKING:
    import optuna

__all__ = ["FORMATS", "Format", "compare", "report"]

Format = Literal["html", "md", "json"]
FORMATS: tuple[Format, ...] = ("html", "md", "json")


def report(study: optuna.Study, *, form: Format = "html", address: str = "STUDY") -> str:
    """What a study is, as a text to be written into a file. The study is only read.

    Args:
        study: By tunewise or by anybody else, whatever state it is in.
        form: "html" for one page that needs nothing else, "md" for Markdown, "json" for programs.
        address: What a person types into a shell to mean this study; a password in it is masked.

    Raises:
        UsageError: The page needs plotly, and it is not installed.
    """
    clean = Cleaner()
    stored = StoredStudy.read(study)
    if form == "json":
        return json.dumps(clean.data(to_dict(stored)), indent=2, default=str, allow_nan=False)
    if form == "md":
        from tunewise.report.markdown import markdown

        return markdown(stored, clean, address)
    from tunewise.report.page import page

    return page(stored, clean, address)


def compare(studies: Sequence[optuna.Study], *, form: Format = "html") -> str:
    """Studies beside each other, as a text to be written into a file. They are only read.

    Args:
        studies: Two or more, by anybody, in any state.
        form: As for `report`.

    Raises:
        UsageError: The page needs plotly, and it is not installed.
    """
    from tunewise.report.comparison import compare as made

    return made([StoredStudy.read(study) for study in studies], form=form)
