"""Trials as a table that fits the terminal: a line each, with columns for as many hyperparameters as fit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from tunewise.cli.terminal import fitted, inert
from tunewise.history import History, TrialRecord
from tunewise.objectives import Objective
from tunewise.space import SearchSpace, Value
from tunewise.study.remarks import details_of, remarks_on

__all__ = ["SOURCE_STYLES", "Columns", "best_first", "brief", "brief_time", "samples_of"]

SOURCE_STYLES = {
    "default": "cyan",
    "model": "green",
    "repair": "yellow",
    "surrogate": "bright_blue",
    "random": "magenta",
    "enqueued": "blue",
}
GAP = "  "
TRIAL, TIME = 5, 6
VALUE = 10
"""Columns of a metric's value."""
SOURCE = 11
SHORT = 8
"""Columns of a name that needs no second line."""
NAME = 12
"""Columns of a hyperparameter at most."""
MAX_VALUES = 3
"""Objectives that get a column."""
INDENT = " " * (TRIAL + len(GAP))


@dataclass(frozen=True)
class Columns:
    """The columns of a table of trials.

    Attributes:
        objectives: What is measured; the first few have columns.
        widths: Of each hyperparameter that has a column.
        left_out: Hyperparameters that have none.
        width: Of the table.
    """

    objectives: tuple[Objective, ...]
    widths: Mapping[str, int]
    left_out: tuple[str, ...]
    width: int

    @classmethod
    def fit(cls, objectives: Sequence[Objective], samples: Mapping[str, Iterable[Value]], width: int) -> Columns:
        """As many hyperparameters as there is room for.

        Args:
            objectives: What is measured.
            samples: Values of each hyperparameter that will be shown, those that matter most first.
            width: Of the terminal.
        """
        shown = min(len(objectives), MAX_VALUES)
        room = width - TRIAL - SOURCE - TIME - shown * (VALUE + len(GAP)) - 2 * len(GAP)
        widths: dict[str, int] = {}
        for name, values in samples.items():
            needed = min(NAME, max(map(cell_len, [*in_two(name), *map(brief, values)])))
            room -= needed + len(GAP)
            if room < 0:
                break
            widths[name] = needed
        left_out = tuple(name for name in samples if name not in widths)
        return cls(tuple(objectives[:shown]), widths, left_out, width)

    def head(self) -> Text:
        """Names of the columns, long ones on two lines."""
        fixed = ["trial".rjust(TRIAL), "from".ljust(SOURCE)]
        fixed += [last_words(one.name, VALUE).rjust(VALUE) for one in self.objectives]
        fixed.append("time".rjust(TIME))
        first = [" " * cell_len(part) for part in fixed]
        names = {name: in_two(name) for name in self.widths}
        first += [padded(names[name][0], width) for name, width in self.widths.items()]
        fixed += [padded(names[name][1], width) for name, width in self.widths.items()]
        lines = [GAP.join(first).rstrip(), GAP.join(fixed).rstrip()]
        return inert("\n".join(line for line in lines if line.strip()), "bold")

    def row(self, trial: TrialRecord, history: History, *, starred: bool) -> Text:
        """A trial in a line.

        Args:
            trial: Which.
            history: Where it stands.
            starred: Whether it is the best, or on the front.
        """
        source = trial.source if trial.configuration else ""
        line = Text(str(trial.number).rjust(TRIAL) + GAP)
        line.append_text(inert(padded(source, SOURCE) + GAP, SOURCE_STYLES.get(source, "")))
        line.append_text(self._outcome(trial, history, starred=starred))
        line.append("* " if starred else GAP)
        line.append(brief_time(trial.seconds).rjust(TIME), style="dim")
        for name, width in self.widths.items():
            shown = brief(trial.configuration[name]) if name in trial.configuration else "-"
            line.append_text(inert(GAP + padded(shown, width)))
        if not self.widths:  # each trial may have hyperparameters of its own
            told = ", ".join(f"{name}={brief(value)}" for name, value in trial.configuration.items())
            line.append_text(inert(GAP + fitted(told, self.width - line.cell_len - len(GAP))))
        line.rstrip()
        return line

    def _outcome(self, trial: TrialRecord, history: History, *, starred: bool) -> Text:
        if trial.state != "finished" or trial.value is None:
            room = len(self.objectives) * (VALUE + len(GAP)) - len(GAP)
            return Text(trial.state.rjust(room), "red" if trial.state == "failed" else "dim")
        values = trial.values if len(self.objectives) > 1 else (trial.value,)
        shown = GAP.join(f"{value:.5g}".rjust(VALUE) for value in values[: len(self.objectives)])
        if starred:
            return Text(shown, style="bold green")
        return Text(shown, style="" if history.counts(trial) else "dim")

    def below(self, trial: TrialRecord, *, verbose: bool) -> Iterator[Text]:
        """What stands below a trial's line: why it was proposed, why it failed; with `verbose` all that is known."""
        remarks = ([("error", trial.error)] if trial.state == "failed" else []) + remarks_on(trial)
        if not verbose:
            if trial.source == "default":  # its reason is always the same
                remarks = [(label, text) for label, text in remarks if label != "reason"]
            told = "; ".join(brief_remark(label, text) for label, text in remarks)
            if told:
                yield inert(INDENT + fitted(told, self.width - len(INDENT)), style_of(remarks))
            return
        rest = {name: trial.configuration[name] for name in self.left_out if name in trial.configuration}
        if rest:
            yield inert(", ".join(f"{name}={brief(value)}" for name, value in rest.items()))
        for label, text in [*remarks, *details_of(trial)]:
            yield inert(text if label == "reason" else f"{label}: {text}", "red" if label == "error" else "dim")


def brief_remark(label: str, text: str) -> str:
    """A remark in few words: of a failure what went wrong, without the output."""
    if label == "error":
        return text.removeprefix("The command ended with ").partition(" Its output ends with:")[0]
    return text if label == "reason" else f"{label}: {text}"


def best_first(history: History) -> list[TrialRecord]:
    """Trials in the order of a table: the best first, then those without a rank by number."""
    ranks = {t.number: rank for rank, t in enumerate(history.ranked)}
    return sorted(history, key=lambda t: (ranks.get(t.number, len(ranks)), t.number))


def samples_of(space: SearchSpace) -> dict[str, list[Value]]:
    """Values as long as each hyperparameter's may become."""
    return {name: list(hyperparameter.grid(24)) or [1.23e-05] for name, hyperparameter in space.items()}


def brief(value: object) -> str:
    """A value in few characters."""
    match value:
        case bool() | None:
            return json.dumps(value)
        case float():
            return f"{value:.3g}"
    return str(value)


def brief_time(seconds: float | None) -> str:
    """A time in at most six characters; nothing where it is unknown."""
    if seconds is None:
        return ""
    if seconds < 100:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def padded(text: str, width: int) -> str:
    """Exactly so many columns."""
    return set_cell_size(fitted(text, width), width)


def in_two(name: str) -> tuple[str, str]:
    """A long name at the separator nearest to its middle; what is short or has none in the second line alone."""
    places = [match.end() for match in re.finditer(r"[_.\- ]+(?=[^_.\- ])", name) if match.start()]
    if cell_len(name) <= SHORT or not places:
        return "", name
    middle = min(places, key=lambda place: abs(place - len(name) / 2))
    return name[:middle], name[middle:]


def last_words(name: str, width: int) -> str:
    """The end of a metric's name that fits: "validation error" is an error."""
    words = name.split()
    while len(words) > 1 and cell_len(" ".join(words)) > width:
        words = words[1:]
    return fitted(" ".join(words), width)


def style_of(remarks: Sequence[tuple[str, str]]) -> str:
    """Errors stand out."""
    return "red" if any(label == "error" for label, _ in remarks) else "dim"
