"""What a trial takes does not grow with the trials before it: counted in lines of Python that run, so by no clock."""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import optuna
import pytest
from optuna.trial import create_trial

from tunewise import Float, SearchSpace, tune
from tunewise.attributes import PROPOSAL, RESULT
from tunewise.history.trial import TrialRecord
from tunewise.record import Proposal, Result
from tunewise.study.options import TuneOptions
from tunewise.study.storage import open_storage, open_study
from tunewise.study.stored import StoredStudy

SPACE = SearchSpace({"C": Float(0.01, 100, log=True), "gamma": Float(0, 1)})
SETTLED, COUNTED = 2, 3
"""Trials before those that are counted, the first of which reads the whole study; and how many are."""


def journal_of(path: Path, trials: int) -> Path:
    """A journal of so many finished trials, with all that tunewise stores of one."""
    study = optuna.create_study(study_name="long", storage=open_storage(path))
    proposal = Proposal(configuration={"C": 1.0, "gamma": 0.5}, source="random", method="random")
    attributes = {PROPOSAL: proposal.to_dict(), RESULT: Result(value=0.5, seconds=0.1).to_dict()}
    study.add_trial(
        create_trial(params=proposal.configuration, distributions=SPACE.distributions, value=0.5, user_attrs=attributes)
    )
    *before, last = path.read_text().splitlines()
    record = json.loads(last)
    with path.open("a") as file:
        for number in range(1, trials):
            value = number * 0.618 % 1
            record |= {"value": value, "params": {"C": 0.01 + 99 * (number * 0.755 % 1), "gamma": value}}
            file.write(json.dumps(record) + "\n")
    assert before
    return path


class Lines:
    """Lines of Python that run from the third trial on until `COUNTED` trials later, loops line by line."""

    def __init__(self) -> None:
        self.count = self.trials = 0

    def objective(self, configuration: dict[str, float]) -> float:
        self.trials += 1
        if self.trials == SETTLED:
            for frame in frames_of(sys._getframe()):
                frame.f_trace = self.line
            sys.settrace(self.line)
        if self.trials == SETTLED + COUNTED:
            sys.settrace(None)
        return configuration["gamma"]

    def line(self, frame: FrameType, event: str, value: object) -> Callable[..., Any]:
        self.count += event == "line"
        return self.line


def frames_of(frame: FrameType | None) -> list[FrameType]:
    found = []
    while frame:
        found.append(frame)
        frame = frame.f_back
    return found


def lines_of_a_trial(path: Path, proposer: str, trials: int) -> float:
    """What each of the counted trials took in a study of a length."""
    lines, before = Lines(), sys.gettrace()
    try:
        tune(
            lines.objective,
            SPACE,
            proposer=proposer,
            n_trials=trials + SETTLED + COUNTED,
            storage=journal_of(path, trials),
            options=TuneOptions(study_name="long", seed=0),
        )
    finally:
        sys.settrace(before)
    return lines.count / COUNTED


def test_a_trial_at_random_takes_no_more_after_ten_times_as_many(tmp_path: Path) -> None:
    few, many = (lines_of_a_trial(tmp_path / f"{count}.journal", "random", count) for count in (300, 3000))
    assert few > 500, "it counts"
    assert many < 1.1 * few


@pytest.mark.long
def test_a_trial_by_the_surrogate_takes_a_few_lines_for_each_before(tmp_path: Path) -> None:
    """What is fitted is bounded; what is gone through for it takes some 25 lines for each earlier trial."""
    few, many = (lines_of_a_trial(tmp_path / f"{count}.journal", "auto", count) for count in (300, 3000))
    assert few > 10_000, "it counts"
    assert many - few < 30 * 2700


def test_each_distribution_of_a_long_study_is_read_once(tmp_path: Path) -> None:
    study = open_study(journal_of(tmp_path / "s.journal", 100))
    trials = study.get_trials(deepcopy=False)
    assert len({id(each) for trial in trials for each in trial.distributions.values()}) == len(SPACE)
    assert StoredStudy.read(study).history.finished


def test_what_is_kept_of_a_trial_beside_optunas_own_is_small(tmp_path: Path) -> None:
    trials = open_study(journal_of(tmp_path / "s.journal", 500)).get_trials(deepcopy=False)
    TrialRecord.from_optuna(trials[0])
    tracemalloc.start()
    try:
        kept = [TrialRecord.from_optuna(trial) for trial in trials]
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size / len(kept) < 700  # bytes; 935 when nothing was shared
