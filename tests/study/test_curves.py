"""Intermediate values reach the study while a trial runs, and a pruner acts on them."""

from __future__ import annotations

import math
import re
import sys
import threading
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from tunewise import Float, SearchSpace
from tunewise.errors import StudyError
from tunewise.evaluate import CommandEvaluator, Evaluation, FunctionEvaluator
from tunewise.evaluate.lines import LineReader, compile_pattern
from tunewise.evaluate.run import SILENT, Run
from tunewise.history import History
from tunewise.study.curve import ALL_KEPT, Curve
from tunewise.study.driver import Driver, Inline, requeue_running
from tunewise.study.options import TuneOptions
from tunewise.study.pruners import PRUNERS, find_pruner
from tunewise.study.tune import tune

SPACE = SearchSpace({"x": Float(0, 1)})


def falling(configuration: dict[str, Any], run: Run) -> float:
    value = math.inf
    for step in range(5):
        value = configuration["x"] + 1 / (step + 1)
        run.report(value, step)
        if run.should_stop():
            break
    return value


def curve_of(x: float, steps: int = 5) -> tuple[tuple[int, float], ...]:
    return tuple((step, x + 1 / (step + 1)) for step in range(steps))


@pytest.mark.parametrize("kind", [None, "workers", ThreadPoolExecutor, ProcessPoolExecutor])
def test_curves_are_stored_through_every_executor(kind: type[Executor] | str | None) -> None:
    if kind == "workers":
        study = tune(falling, SPACE, proposer="random", n_trials=4, n_jobs=2)
    elif isinstance(kind, type):
        with kind(2) as executor:  # type: ignore[call-arg]
            study = tune(
                falling, SPACE, proposer="random", n_trials=4, n_jobs=2, options=TuneOptions(executor=executor)
            )
    else:
        study = tune(falling, SPACE, proposer="random", n_trials=4)
    for trial in History.from_study(study):
        assert trial.state == "finished"
        assert trial.curve == curve_of(trial.configuration["x"])  # type: ignore[arg-type]


class Signalled:
    """Waits in the middle of its curve, for an event."""

    def __init__(self) -> None:
        self.in_the_middle, self.go_on = threading.Event(), threading.Event()

    def evaluate(self, configuration: Any, run: Run = SILENT) -> Evaluation:
        run.report(0.5, 3)
        self.in_the_middle.set()
        self.go_on.wait()
        return Evaluation(0.25)


def test_values_are_in_the_study_while_the_trial_runs() -> None:
    storage = optuna.storages.InMemoryStorage()
    evaluator = Signalled()
    thread = threading.Thread(
        target=lambda: tune(
            evaluator, SPACE, proposer="random", n_trials=1, storage=storage, options=TuneOptions(executor=Inline())
        )
    )
    thread.start()
    evaluator.in_the_middle.wait()
    (trial,) = optuna.load_study(study_name=None, storage=storage).trials
    assert (trial.state, trial.intermediate_values) == (TrialState.RUNNING, {3: 0.5})
    evaluator.go_on.set()
    thread.join()


class AtStep(optuna.pruners.BasePruner):
    """Prunes every trial but the first at a step."""

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        return trial.number > 0 and trial.last_step == 2


def drive(study: optuna.Study, objective: Any, trials: int, pruner: optuna.pruners.BasePruner | None = None) -> None:
    Driver(study, SPACE, FunctionEvaluator(objective), Inline(), 1, pruner=pruner).run(trials)


def test_a_pruned_trial_keeps_its_last_value() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drive(study, falling, 3, AtStep())
    first, *others = History.from_study(study)
    assert first.state == "finished"
    for trial in others:
        assert trial.state == "pruned"
        assert trial.curve == curve_of(trial.configuration["x"], 3)  # type: ignore[arg-type]
        assert trial.value == trial.curve[-1][1]


def test_whoever_does_not_ask_whether_to_stop_finishes() -> None:
    def deaf(configuration: dict[str, Any], run: Run) -> float:
        for step in range(4):
            run.report(1.0, step)
        return 0.5

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drive(study, deaf, 2, AtStep())
    assert [t.value for t in History.from_study(study).finished] == [0.5, 0.5]


def test_an_interrupted_trial_that_ends_earlier_keeps_nothing_of_the_first_run() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drive(study, falling, 1)

    def interrupted(configuration: dict[str, Any], run: Run) -> float:
        for step in range(5):
            run.report(99.0, step)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(study, interrupted, 2)
    assert study.trials[1].state == TrialState.WAITING
    drive(study, falling, 2, AtStep())
    again = History.from_study(study)[1]
    assert again.state == "pruned"
    x = again.configuration["x"]
    assert isinstance(x, float)
    assert again.curve == curve_of(x, 3)
    assert again.value == study.trials[1].value == again.curve[-1][1]


def test_a_driver_that_was_killed_between_result_and_end_has_pruned() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    trial.report(0.5, 0)
    trial.set_user_attr("tunewise:result", {"pruned": "", "last_step": 0, "seconds": 1.0})
    requeue_running(study)
    assert (study.trials[0].state, study.trials[0].value) == (TrialState.PRUNED, 0.5)


def test_steps_that_go_back_are_left_out_and_said() -> None:
    def back(configuration: dict[str, Any], run: Run) -> float:
        for step in (0, 5, 4, 5, 6):
            run.report(step, step)
        run.report(math.nan)
        return 0.5

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drive(study, back, 1)
    (trial,) = study.trials
    assert list(trial.intermediate_values) == [0, 5, 6, 7]
    note = trial.user_attrs["tunewise:result"]["note"]
    assert note.startswith("2 reports came with a step that was not above the last one")
    assert note.endswith("The last value that it reported is nan.")
    assert trial.value == 0.5


def test_a_million_values_are_thinned_and_the_last_is_kept(tmp_path: Path) -> None:
    curve = Curve()
    for _ in range(10**6):
        curve.add(1.0, None)
    assert list(curve.kept)[:ALL_KEPT] == list(range(ALL_KEPT))
    assert len(curve.kept) < 1.8 * ALL_KEPT
    assert curve.unkept == (10**6 - 1, 1.0)
    assert not curve.note

    def chatty(configuration: dict[str, Any], run: Run) -> float:
        for step in range(3000):
            run.report(step)
        return 0.5

    study = tune(chatty, SPACE, proposer="random", n_trials=1, storage=tmp_path / "x.journal")
    assert study.trials[0].last_step == 2999


PRINTING = """
import json, os, subprocess, sys, time
x = float(sys.argv[1].partition("=")[2])
child = subprocess.Popen(["sleep", "600"])
open("log", "a").write(f"{os.environ['TUNEWISE_TRIAL']} {os.getpid()} {child.pid}\\n")
for epoch in range(5):
    print(LINE, flush=True)
    while x > 0.5 and epoch == 2:
        time.sleep(0.01)  # until somebody ends it
child.kill()
"""


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


class Above(optuna.pruners.BasePruner):
    """Prunes what is above a half at step 2."""

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        return trial.last_step == 2 and trial.intermediate_values[2] > 0.5


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("json.dumps({'epoch': epoch, 'error': x, 'loss': 1.0})", None),
        ("f'INFO  epoch {epoch}/5 loss=1.0 val_error={x}'", "INFO epoch {step}/5 * val_error={value}"),
    ],
)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_program_reports_and_a_pruned_one_is_ended_with_its_children(
    line: str, pattern: str | None, n_jobs: int, tmp_path: Path
) -> None:
    program = tmp_path / "train.py"
    program.write_text(PRINTING.replace("LINE", line))
    evaluator = CommandEvaluator([sys.executable, str(program)], metric="error", cwd=tmp_path, pattern=pattern)
    options = TuneOptions(pruner=Above(), seed=0)
    study = tune(evaluator, SPACE, proposer="random", n_trials=5, n_jobs=n_jobs, options=options)
    states = {trial.state for trial in History.from_study(study)}
    assert states == {"finished", "pruned"}
    for trial in History.from_study(study):
        x = trial.configuration["x"]
        assert trial.state == ("pruned" if x > 0.5 else "finished")  # type: ignore[operator]
        assert trial.value == x
        assert [step for step, _ in trial.curve] == list(range(3 if trial.state == "pruned" else 5))
    pids = [int(pid) for line in (tmp_path / "log").read_text().splitlines() for pid in line.split()[1:]]
    assert len(pids) == 10
    assert not any(alive(pid) for pid in pids)


@pytest.mark.long
def test_a_program_that_floods_never_ends_a_line_and_says_nonsense(tmp_path: Path) -> None:
    words = (
        "import os, sys; w = sys.stdout.write; w('x' * 10**7); w('\\n');"
        'w(chr(10).join(\'{"step": %d, "value": 0.5}\' % k for k in range(200000)) + chr(10));'
        'w(\'{"step": 200001, "value": NaN}\\n{"step": -1, "value": 1}\\n{"step": 1e99, "value": 1}\\n{broken\\n\');'
        'w(\'{"step": 200002, "value": 0.25}\')'
    )
    study = tune(CommandEvaluator([sys.executable, "-c", words]), SPACE, proposer="random", n_trials=1)
    (trial,) = study.trials
    assert trial.value == 0.25
    assert trial.last_step == 200002
    assert len(trial.intermediate_values) < 3000


def test_reports_in_a_file(tmp_path: Path) -> None:
    words = (
        "import os; f = open(os.environ['TUNEWISE_REPORTS'], 'a');"
        '[print(\'{"step": %d, "value": %f}\' % (k, k / 10), file=f, flush=True) for k in range(4)]'
    )
    study = tune(CommandEvaluator([sys.executable, "-c", words]), SPACE, proposer="random", n_trials=1)
    assert study.trials[0].intermediate_values == {0: 0.0, 1: 0.1, 2: 0.2, 3: 0.3}
    assert study.trials[0].value == 0.3


LINES: dict[str, tuple[str, bytes, list[tuple[float, int | None]]]] = {
    "colours": ("epoch {step} acc={value}", b"\x1b[32mepoch 3\x1b[0m acc=\x1b[1m0.9\x1b[0m", [(0.9, 3)]),
    "a progress bar": (
        "epoch {step}: * loss={value}",
        b"\repoch 3: 9% loss=0.5]\repoch 3: loss=0.4]",
        [(0.5, 3), (0.4, 3)],
    ),
    "a decimal comma": ("epoch {step} acc={value}", b"epoch 3 acc=0,91", [(0.91, 3)]),
    "thousands": ("loss {value}", b"loss 1,234.5", [(1234.5, None)]),
    "a list": ("losses [{value}", b"losses [0.5,0.3]", [(0.5, None)]),
    "a unit": ("loss {value}ms", b"loss 12ms", [(12.0, None)]),
    "two of the metric": ("epoch {step} acc={value}", b"epoch 3 acc=0.9 acc=0.5", [(0.9, 3)]),
    "nothing for a star": ("epoch {step} * acc={value}", b"epoch 3 acc=0.9", [(0.9, 3)]),
    "the end of another name": ("* loss={value}", b"a val_loss=1 loss=2", [(2.0, None)]),
    "a step beyond a database": ("epoch {step} acc={value}", b"epoch 99999999999 acc=0.9", []),
    "no number": ("epoch {step} acc={value}", b"epoch 3 acc=high", []),
    "what an expression would try for ever": ("* * * * x * * acc={value}", b"a " * 2000, []),
    "a whole step that is a float": ("{value}", b'{"step": 5.0, "error": 0.5}', [(0.5, 5)]),
    "a step of JSON beyond a database": ("{value}", b'{"step": 99999999999, "error": 0.5}', []),
}


@pytest.mark.parametrize("name", LINES)
def test_lines_of_anybody(name: str) -> None:
    pattern, line, expected = LINES[name]
    told: list[tuple[float, int | None]] = []
    LineReader("error", compile_pattern(pattern), lambda value, step: told.append((value, step))).feed(line + b"\n")
    assert told == expected


@pytest.mark.parametrize("pattern", ["epoch {step}", "{value} {value}", ""])
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(StudyError, match=r"needs \{value\} once"):
        CommandEvaluator("true", pattern=pattern)


@pytest.mark.parametrize("name", sorted(PRUNERS))
def test_every_pruner_of_optuna_has_a_name(name: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "percentile": {"percentile": 25.0},
        "patient": {"wrapped_pruner": "median", "patience": 1},
    }
    more |= {"threshold": {"upper": 5.0}}
    options = TuneOptions(pruner={"name": name, **more.get(name, {})}, seed=0)
    study = tune(falling, SPACE, proposer="random", n_trials=3, options=options)
    assert all(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in study.trials)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("hyperbend", "Did you mean hyperband?"),
        ({"name": "median", "warmup": 3}, "median has no option warmup"),
        ({"name": "percentile"}, "pruner percentile:"),
        ({"name": "percentile", "percentile": 300.0}, "pruner percentile:"),
        ({"name": "hyperband", "min_resource": -1}, "pruner hyperband:"),
        ({"name": "hyperband", "reduction_factor": 1.5}, "pruner hyperband: The value of `reduction_factor` is 1.5"),
        ({"name": "patient", "patience": 1.5}, "pruner patient:"),
        ({"reduction_factor": 3}, "The pruners are"),
        (3, "The pruners are"),
    ],
)
def test_pruners_that_are_none(spec: Any, words: str) -> None:
    with pytest.raises(StudyError, match=re.escape(words)):
        find_pruner(spec)


@pytest.mark.long
def test_hyperband_prunes_and_the_sampler_sees_all_trials() -> None:
    def objective(configuration: dict[str, Any], run: Run) -> float:
        for step in range(9):
            run.report(configuration["x"], step)
            if run.should_stop():
                break
        return float(configuration["x"])

    pruner = {"name": "hyperband", "min_resource": 1, "max_resource": 9}
    study = tune(objective, SPACE, proposer="auto", n_trials=12, options=TuneOptions(pruner=pruner, seed=0))
    states = [trial.state for trial in History.from_study(study)]
    assert "pruned" in states
    assert len({trial.params["x"] for trial in study.trials}) == 12


@pytest.mark.long
def test_workers_have_devices_and_variables(tmp_path: Path) -> None:
    def objective(configuration: dict[str, Any], run: Run) -> dict[str, float]:
        import os

        assert os.environ["CUDA_VISIBLE_DEVICES"] == run.device == ["7", "8"][run.worker]
        return {"value": 0.5, "device": float(run.device)}

    study = tune(objective, SPACE, proposer="random", n_trials=6, n_jobs=2, options=TuneOptions(devices=[7, 8]))
    assert {trial.extra["device"] for trial in History.from_study(study)} <= {7.0, 8.0}
    words = ["sh", "-c", "echo $CUDA_VISIBLE_DEVICES$MORE"]
    command = CommandEvaluator(words, env={"MORE": "1"})
    study = tune(command, SPACE, proposer="random", n_trials=1, options=TuneOptions(devices=[4]))
    assert study.best_value == 41.0
