"""When a study is to end before its trials are used up."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field, PositiveInt

from tunewise.checks import check_whole
from tunewise.errors import StudyError
from tunewise.history import History, TrialRecord
from tunewise.llm.ledger import Caps
from tunewise.study.again import all_failed

__all__ = ["NEVER", "StopRules", "Stopper", "capped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRules:
    """Rules that end a study; the first one that holds does. Trials that run are finished.

    Attributes:
        patience: After so many trials in a row without a new best one.
        hours: After so long, counted from the start of this call; no further trial begins.
        target: When the best value is at least as good as this.
        usd: When the model's calls have cost so much; no call is made that could exceed it.
        failures: After so many failures with the same reason in a row, while no trial has finished: then it is the
            objective that is wrong, and `ObjectiveFailed` is raised; the next call runs them again. None: never.
    """

    patience: PositiveInt | None = None
    hours: Annotated[float, Field(gt=0)] | None = None
    target: float | None = None
    usd: Annotated[float, Field(ge=0)] | None = None
    failures: PositiveInt | None = 2

    def __post_init__(self) -> None:
        for name in ("patience", "failures"):
            if (value := getattr(self, name)) is not None:
                check_whole(f"stop.{name}", value, 1, error=StudyError, way_out="Correct it or leave it out.")
        for name in ("hours", "target", "usd"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value != value):
                raise StudyError(f"stop.{name} = {value!r} is not a number. Correct it or leave it out.")
        if self.hours is not None and self.hours <= 0:
            raise StudyError(f"stop.hours = {self.hours!r} is not above 0. Correct it or leave it out.")


NEVER = StopRules(failures=None)
"""No rule at all."""


def capped(caps: Caps | None, rules: StopRules) -> Caps:
    """Caps that hold a rule on money, so that no call is made that could exceed it."""
    caps = caps or Caps()
    limits = [limit for limit in (caps.max_usd, rules.usd) if limit is not None]
    return replace(caps, max_usd=min(limits)) if limits else caps


class Stopper:
    """Holds rules against one run of a study.

    Args:
        rules: What ends it.
        spent: Says what the model's calls have cost so far, in US dollars; None when unknown.
        clock: Seconds, from any beginning.
    """

    def __init__(
        self, rules: StopRules, spent: Callable[[], float | None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rules = rules
        self._spent = spent
        self._clock = clock
        self._began = clock()
        self._failures: list[str] = []

    def told(self, trial: TrialRecord) -> None:
        """Take note of a trial that has ended in this run."""
        self._failures = [*self._failures, reason_of(trial)] if trial.state == "failed" else []

    def reason(self, history: History) -> str:
        """Why no further trial shall begin, in a sentence; "" when none of the rules holds.

        Raises:
            ObjectiveFailed: It has failed in the same way again and again, and never done anything else.
        """
        rules, best = self._rules, history.best
        self._check_failures(history)
        if rules.target is not None and best is not None and best.value is not None:
            sign = 1 if history.direction == "minimize" else -1
            if sign * best.value <= sign * rules.target:
                return f"The target {rules.target:g} was reached: trial {best.number} has {best.value:.6g}."
        if rules.patience is not None and best is not None:
            since = len(history.told_since(best.number))
            if since >= rules.patience:
                return f"{since} trials in a row were not better than trial {best.number}."
        if rules.hours is not None and self._clock() - self._began >= 3600 * rules.hours:
            return f"{rules.hours:g} hours are over."
        spent = self._spent() if rules.usd is not None else None
        if rules.usd is not None and spent is not None and spent >= rules.usd:
            return f"The calls to the model have cost ${spent:.4f}, of ${rules.usd:g}."
        return ""

    def _check_failures(self, history: History) -> None:
        limit = self._rules.failures
        last = self._failures[-limit:] if limit else []
        if limit is None or len(last) < limit or len(set(last)) > 1 or len(history.failed) < len(history.told):
            return
        raise all_failed(history)


def reason_of(trial: TrialRecord) -> str:
    """The reason of a failure, without what differs from trial to trial."""
    return re.sub(r"\d+", "#", trial.error.strip().partition("\n")[0][:200])
