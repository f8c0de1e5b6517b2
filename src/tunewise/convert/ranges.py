"""Ranges, scales and descriptions by a language model, where there is one. The rules' draft stands wherever it errs.

The model sees names, help texts, defaults and choices of the options, and not the script.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tunewise.convert.draft import Draft, Entry
from tunewise.convert.options import Option, Script
from tunewise.convert.rules import guess
from tunewise.errors import SpaceError
from tunewise.llm.base import ChatRequest, Message
from tunewise.plain import Plain
from tunewise.prompts.relaxed import scan
from tunewise.prompts.render import render
from tunewise.prompts.thoughts import final_answer
from tunewise.space.plain import from_plain
from tunewise.text import on_one_line, shorten

__all__ = ["improve", "request_for"]

CHANGEABLE = ("low", "high", "log", "description")


@dataclass(frozen=True)
class RangesView:
    """What the model is shown.

    Attributes:
        script: Its file's name.
        lines: Of each hyperparameter.
        metric: What the script is measured by.
        direction: Whether it should be small or large.
    """

    template: ClassVar[str] = "tunewise.convert:ranges.jinja"
    script: str
    lines: tuple[str, ...]
    metric: str
    direction: str


def request_for(draft: Draft, script: Path) -> ChatRequest:
    """What is asked about a draft."""
    task = draft.study["task"]
    assert isinstance(task, Mapping)
    lines = tuple(f"{name}: {on_one_line(described(entry))}" for name, entry in draft.space.items())
    view = RangesView(script.name, lines, str(task["metric"]), str(task["direction"]))
    return ChatRequest(messages=(Message("user", render(view)),))


def described(entry: Entry) -> str:
    """A hyperparameter in a line."""
    return ", ".join(f"{key} {value}" for key, value in entry.items())


def improve(draft: Draft, script: Script, reply: str) -> int:
    """Take over what the model says, as far as it can stand; what cannot is noted.

    Returns:
        How many hyperparameters it has changed or left out.
    """
    options = {option.name: option for option in script.options}
    found = scan(final_answer(reply)).objects
    said = next((one.value for one in reversed(found) if any(name in draft.space for name in one.value)), None)
    if said is None:
        draft.note("The model's reply held no ranges, so they are those of the rules.")
        return 0
    return sum(taken(draft, options[name], change) for name, change in said.items() if name in draft.space)


def taken(draft: Draft, option: Option, change: Plain) -> bool:
    """Whether a change to one hyperparameter was taken over."""
    name, entry = option.name, draft.space[option.name]
    if change is None:
        del draft.space[name]
        draft.note(f"{name} is left as it is: the model says that it is no hyperparameter.")
        return True
    if not isinstance(change, Mapping):
        return False
    keys = CHANGEABLE if "low" in entry else ("description",)
    merged: Entry = {**entry, **{key: change[key] for key in keys if change.get(key) is not None}}
    if merged == entry:
        return False
    try:
        checked = from_plain(name, merged).to_plain()
        check_limits(option, checked)
    except SpaceError as error:
        draft.note(f"{name} has the range of the rules; the model's {shorten(dict(change))} cannot be: {error}")
        return False
    draft.space[name] = checked
    draft.notes[:] = [note for note in draft.notes if note != guess(name)]
    return True


def check_limits(option: Option, entry: Mapping[str, Plain]) -> None:
    """Whether the script takes all values of a range.

    Raises:
        SpaceError: It does not.
    """
    low, high = entry.get("low"), entry.get("high")
    if isinstance(low, int | float) and option.low is not None and low < option.low:
        raise SpaceError(f"the script takes nothing below {option.low}.")
    if isinstance(high, int | float) and option.high is not None and high > option.high:
        raise SpaceError(f"the script takes nothing above {option.high}.")
