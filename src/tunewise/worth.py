"""What a model is worth as an optimizer, as `tunewise models score` has measured it; where `auto` finds it.

Models that ship with tunewise, and those of the benchmark, have scores in `scores.json` of this package. What was
measured here stands in the user's data folder (`TUNEWISE_HOME`, else the platform's), and comes first.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from tunewise.errors import UsageError

__all__ = ["SCORES", "Worth", "home", "keep", "known_worth", "read_worths"]

SCORES: Final = "scores.json"
LEAST, MOST = 0.1, 0.95
"""Between these a prior stays: other tasks differ from the few that were played, so every model is heard in the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """A model's score.

    Attributes:
        model: Its name, as a user writes it.
        budget: Evaluations of a run.
        tasks: How many tables were played.
        capable: Probability, in [0, 1], that the model alone is no worse than the surrogate alone, both after the
            default configuration: the share of bootstrap samples of the tasks in which it is.
        alone: Mean normalized regret of the model alone minus that of the surrogate alone; below 0 is better.
        alone_low: Lower end of its 95 % interval.
        alone_high: Upper end.
        auto: The same of `auto`.
        auto_low: Lower end of its 95 % interval.
        auto_high: Upper end.
        calls: Calls that it took.
        cost_usd: US dollars that they cost; None where nobody knows.
        version: Of tunewise.
    """

    model: str
    budget: int
    tasks: int
    capable: float
    alone: float
    alone_low: float
    alone_high: float
    auto: float
    auto_low: float
    auto_high: float
    calls: int
    cost_usd: float | None
    version: str

    @property
    def prior(self) -> float:
        """What `auto` takes for the probability that the model is capable, before it has seen a trial of it."""
        return min(MOST, max(LEAST, self.capable))


def home() -> Path:
    """The folder of what tunewise keeps for a user between studies."""
    if given := os.environ.get("TUNEWISE_HOME"):
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "tunewise"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "tunewise"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "tunewise"


def read_worths(text: str) -> dict[str, Worth]:
    """Scores by model; what is damaged or of another version's form is left out, because it can be measured anew."""
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    found = {}
    for name, given in stored.items() if isinstance(stored, Mapping) else ():
        try:
            worth = Worth(**given)
            if 0 <= worth.capable <= 1:
                found[str(name)] = worth
        except TypeError:
            continue
    return found


@cache
def shipped() -> Mapping[str, Worth]:
    """Scores that come with the package."""
    return read_worths(files("tunewise").joinpath(SCORES).read_text("utf-8"))


def known_worth(model: str, folder: Path | None = None) -> Worth | None:
    """A model's score, the user's own first; None where it has none.

    Args:
        model: Its name.
        folder: Where the user's scores are; None: `home()`.
    """
    try:
        own = read_worths(((folder or home()) / SCORES).read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        own = {}
    return own.get(model) or shipped().get(model)


def keep(worth: Worth, file: Path) -> None:
    """Add a score to a file, in place of an earlier one of the same model.

    Raises:
        UsageError: The file cannot be written.
    """
    try:
        known = read_worths(file.read_text("utf-8")) if file.exists() else {}
        known[worth.model] = worth
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(asdict(each))}" for name, each in sorted(known.items()))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.with_suffix(".new").write_text(f"{{\n{lines}\n}}\n", "utf-8")
        file.with_suffix(".new").replace(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}. Name another file with --output.") from None
