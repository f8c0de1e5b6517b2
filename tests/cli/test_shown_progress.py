"""What a person sees while a study runs."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import optuna
import pytest
from rich.console import Console

from tunewise import attributes
from tunewise.cli.progress import Progress
from tunewise.cli.show import print_study
from tunewise.cli.trial_table import Columns
from tunewise.history import History, TrialRecord
from tunewise.objectives import Objective
from tunewise.record import Proposal
from tunewise.study.stored import StoredStudy


def told(*trials: tuple[float, float]) -> str:
    """What is shown of trials with a value and a constraint."""
    out = io.StringIO()
    records: list[TrialRecord] = []
    columns = Columns.fit([Objective("loss")], {"x": [1.0]}, 80)
    with Progress(Console(file=out, width=80, highlight=False), columns, len(trials)) as shown:
        for number, (value, limit) in enumerate(trials):
            records.append(TrialRecord(number, "finished", {"x": value}, value, constraints={"memory": limit}))
            shown.told(records[-1], History(tuple(records)))
    return out.getvalue()


def test_a_trial_that_violates_a_constraint_is_never_the_best() -> None:
    first, why, second, third, also = told((1.0, 5.0), (3.0, 0.0), (2.0, 1.0)).splitlines()
    assert "no trial meets the constraints yet" in first
    assert "violates: memory by 5" in why
    assert "new best" in second
    assert third.split() == ["2", "unknown", "2", "2"]
    assert "violates: memory by 1" in also


def test_each_result_stands_under_its_own_trial_and_what_runs_is_named() -> None:
    out = io.StringIO()
    columns = Columns.fit([Objective("loss")], {"x": [1.0]}, 80)
    running = [TrialRecord(number, "running", {"x": float(number)}) for number in range(2)]
    ended = [replace(t, state="finished", value=5.0 - t.number) for t in running]
    screen = Console(file=out, width=80, highlight=False)
    with Progress(screen, columns, 2, workers=2) as shown:
        shown.begin(History())
        for trial in running:
            shown.proposed(trial)
        shown.reported(1, 3, 0.25)
        assert "worker 2" in shown.moving_lines()[1]
        assert "step 3: 0.25" in shown.moving_lines()[1]
        shown.told(ended[1], History((running[0], ended[1])))
        shown.told(ended[0], History(tuple(ended)))
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert [line[:4] for line in lines[-2:]] == [["1", "unknown", "4*", "1"], ["0", "unknown", "5", "0"]]


def test_a_study_that_goes_on_says_where_it_stands() -> None:
    out = io.StringIO()
    columns = Columns.fit([Objective("loss")], {"x": [1.0]}, 80)
    with Progress(Console(file=out, width=80, highlight=False), columns, 10) as shown:
        shown.begin(History((TrialRecord(0, "finished", {"x": 1.0}, 0.5), TrialRecord(1, "failed", {"x": 2.0}))))
    assert "Going on: 2 of 10 trials are done, best loss 0.5 (trial 0)." in out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 140])
def test_ten_trials_of_six_hyperparameters_fit(width: int) -> None:
    study = optuna.create_study(study_name="six")

    def objective(trial: optuna.Trial) -> float:
        names = ("learning_rate", "batch_size", "dropout", "weight_decay", "num_layers", "momentum")
        trial.set_user_attr(attributes.PROPOSAL, {"source": "model", "reason": "Because of what was seen. " * 20})
        return sum(trial.suggest_float(name, 1e-6, 1e6, log=True) for name in names)

    study.optimize(objective, n_trials=10)
    out = io.StringIO()
    print_study(
        Console(file=out, width=width, highlight=False, force_terminal=True, no_color=True), StoredStudy.read(study)
    )
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()
    assert len(lines) <= (30 if width >= 80 else 33)  # the closing lines wrap where it is narrow
    assert max(map(len, lines)) <= width
    assert [int(line.split()[0]) for line in lines if re.match(r" +\d+  model", line)] == [
        t.number for t in sorted(study.trials, key=lambda t: t.value or 0.0)
    ]


def test_the_line_of_a_trial_that_begins_fits_a_log() -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out, width=60), Columns.fit([Objective("loss")], {}, 60), 3)
    configuration = {f"hyperparameter_{k}": 0.5 for k in range(9)}
    proposal = Proposal(source="model", reason="because " * 20)
    progress.proposed(TrialRecord(0, "running", {**configuration}, proposal=proposal))
    (line,) = out.getvalue().splitlines()
    assert line.startswith("trial 0 begins, by model: ")
    assert len(line) <= 60
