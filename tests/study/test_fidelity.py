"""Trials begin cheap, and the promising go on, whatever evaluates them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import optuna
import pytest

from support.whole_paths import InProcess, assert_paragraph, write_study
from tunewise.errors import StudyError, TrialStopped
from tunewise.evaluate import CommandEvaluator, Evaluation, Run
from tunewise.evaluate.fidelity import Fidelity, Rungs
from tunewise.history import History
from tunewise.models import FunctionModel
from tunewise.space import Float, SearchSpace
from tunewise.study.options import TuneOptions
from tunewise.study.storage import open_study
from tunewise.study.tune import tune
from tunewise.task import Direction, Task

SPACE = SearchSpace({"x": Float(0, 1)})
EPOCHS = Fidelity(name="epochs", low=1, high=9)
OPTIONS = TuneOptions(fidelity=EPOCHS)


def objective(configuration: dict[str, Any], run: Run) -> float:
    assert run.fidelity is not None
    run.report(99.0, 5)  # steps are fidelities here
    return float(configuration["x"]) + 1 / run.fidelity


def spent(study: optuna.Study) -> float:
    return sum(step for trial in History.from_study(study) for step, _ in trial.curve)


@pytest.mark.parametrize(
    ("low", "high", "factor", "rungs"),
    [(3, 81, 3, (3, 9, 27, 81)), (1, 10, 2, (1, 2, 4, 8, 10)), (4, 5, 3, (4, 5)), (3, 9, 3, (3, 9))],
)
def test_rungs(low: int, high: int, factor: int, rungs: tuple[int, ...]) -> None:
    assert Fidelity(name="epochs", low=low, high=high, factor=factor).rungs == rungs


@pytest.mark.parametrize(("n_jobs", "goal"), [(1, "minimize"), (1, "maximize"), (3, "minimize")])
def test_of_three_one_goes_on_and_the_best_comes_to_the_top(n_jobs: int, goal: Direction) -> None:
    task = Task(direction=goal)
    study = tune(objective, SPACE, task=task, proposer="random", n_trials=27, n_jobs=n_jobs, options=OPTIONS)
    history = History.from_study(study)
    assert len(history) == 27
    assert {trial.state for trial in history} == {"finished", "pruned"}
    for trial in history:
        x = trial.configuration["x"]
        assert [step for step, _ in trial.curve] == list(EPOCHS.rungs[: len(trial.curve)])
        assert trial.value == pytest.approx(x + 1 / trial.curve[-1][0])  # type: ignore[operator]
        assert (trial.state == "finished") == (trial.curve[-1][0] == EPOCHS.high)
    assert history.best is not None
    best = min if goal == "minimize" else max
    assert history.best.configuration["x"] == best(float(t.configuration["x"]) for t in history)  # type: ignore[arg-type]
    went_on = sum(len(t.curve) > 1 for t in history)
    assert went_on >= 9
    if n_jobs == 1:  # beside each other, who comes first decides who is among the best then
        assert went_on <= 12
        assert spent(study) < 27 * EPOCHS.high / 2


@pytest.mark.parametrize("n_trials", [2, 4])
def test_of_few_the_best_still_comes_to_the_top(n_trials: int) -> None:
    study = tune(objective, SPACE, proposer="random", n_trials=n_trials, options=OPTIONS)
    history = History.from_study(study)
    assert len(history) == n_trials
    assert history[0].state == "finished", "the first goes up to the top"
    assert history.best is not None
    assert history.best.configuration["x"] == min(float(t.configuration["x"]) for t in history)  # type: ignore[arg-type]


def test_a_trial_goes_on_where_it_stood_and_finds_its_folder() -> None:
    seen: list[tuple[float, float]] = []
    folders: dict[float, set[str]] = {}

    def counted(configuration: dict[str, Any], run: Run) -> float:
        assert run.fidelity is not None
        x = float(configuration["x"])
        seen.append((x, run.fidelity))
        folders.setdefault(x, set()).add(run.folder)
        checkpoint = Path(run.folder, "epochs")
        before = float(checkpoint.read_text("utf-8")) if checkpoint.exists() else 0.0
        assert before == {1: 0, 3: 1, 9: 3}[int(run.fidelity)]
        checkpoint.write_text(str(run.fidelity), "utf-8")
        return objective(configuration, run)

    study = tune(counted, SPACE, proposer="random", n_trials=9, options=OPTIONS)
    went_on = [t for t in History.from_study(study) if t.repeats]
    assert went_on, "none was stopped first"
    assert len(seen) == len(set(seen)), "nothing is evaluated twice"
    assert all(len(of) == 1 for of in folders.values())
    assert not any(Path(folder).exists() for of in folders.values() for folder in of)
    assert all(study.trials[t.repeats[-1]].state.name == "PRUNED" for t in went_on)


def test_one_that_goes_on_and_is_interrupted_goes_on_and_counts_once() -> None:
    storage = optuna.storages.InMemoryStorage()
    interrupted: list[float] = []
    evaluated: list[tuple[float, float]] = []

    def interrupting(configuration: dict[str, Any], run: Run) -> float:
        assert run.fidelity is not None
        if run.earlier and run.earlier.values and not interrupted:
            interrupted.append(run.fidelity)
            raise KeyboardInterrupt
        evaluated.append((float(configuration["x"]), run.fidelity))
        return objective(configuration, run)

    with pytest.raises(KeyboardInterrupt):
        tune(interrupting, SPACE, proposer="random", n_trials=9, storage=storage, options=OPTIONS)
    study = tune(interrupting, SPACE, proposer="random", n_trials=9, storage=storage, options=OPTIONS)
    history = History.from_study(study)
    assert interrupted
    assert len(history) == 9
    assert all(t.ended for t in history)
    assert len(evaluated) == len(set(evaluated))


def test_a_program_is_given_the_fidelity_like_a_hyperparameter(tmp_path: Path, cli: InProcess) -> None:
    code = "import sys; x, e = map(float, sys.argv[1:]); print(x + 1 / e)"
    file = write_study(
        tmp_path,
        space=SPACE.to_dict(),
        evaluate={"command": [sys.executable, "-c", code, "{x}", "{epochs}"]},
        fidelity={"name": "epochs", "low": 1, "high": 9},
        proposer="random",
        n_trials=8,
    )
    ran = cli("tune", file)
    assert ran.code == 0, ran
    for trial in History.from_study(open_study(file.with_suffix(".journal"))):
        x = trial.configuration["x"]
        assert list(trial.configuration) == ["x"]
        assert trial.value == pytest.approx(x + 1 / trial.curve[-1][0])  # type: ignore[operator]


def test_a_trial_finds_its_checkpoint_at_the_next_fidelity_and_nobody_elses() -> None:
    folders: set[Path] = set()

    def goes_on(configuration: dict[str, Any], run: Run) -> float:
        assert run.fidelity is not None
        folders.add(Path(run.folder))
        checkpoint = Path(run.folder, "epochs")
        before = int(checkpoint.read_text("utf-8")) if checkpoint.exists() else 0
        checkpoint.write_text(str(int(run.fidelity)), "utf-8")
        return run.fidelity - before  # the epochs that are left

    options = TuneOptions(fidelity=EPOCHS, pruner="nop")
    study = tune(goes_on, SPACE, proposer="random", n_trials=3, options=options)
    assert [trial.curve for trial in History.from_study(study)] == [((1, 1.0), (3, 2.0), (9, 6.0))] * 3
    assert len(folders) == 3
    assert not any(folder.exists() for folder in folders)


def test_a_program_finds_its_checkpoint() -> None:
    code = (
        "import os; now, path = float(os.environ['TUNEWISE_FIDELITY']), os.environ['TUNEWISE_FOLDER'] + '/epochs'\n"
        "print(now - float(open(path).read() if os.path.exists(path) else 0)); open(path, 'w').write(str(now))"
    )
    program = Rungs(CommandEvaluator([sys.executable, "-S", "-c", code, "{x}"]), Fidelity(name="epochs", low=1, high=3))
    assert program.evaluate({"x": 0.1}).value == 2.0


def test_the_model_is_told_and_fidelity_is_a_fact_once() -> None:
    asked: list[str] = []

    def answer(request: object) -> str:
        asked.append(str(request))
        return f'{{"x": {0.1 * len(asked)}}}'

    tune(objective, SPACE, model=FunctionModel(answer), n_trials=3, options=OPTIONS)
    said = "Each trial begins with 1 epochs; about one in 3 goes on to the next of 3 epochs, 9 epochs, at once"
    assert all(said in request for request in asked)
    task = EPOCHS.told(EPOCHS.told(Task()))
    assert len(task.facts) == 1


def test_a_trial_that_is_interrupted_begins_again() -> None:
    interrupted: list[float] = []

    def interrupting(configuration: dict[str, Any], run: Run) -> float:
        if run.fidelity == 3 and not interrupted:
            interrupted.append(run.fidelity)
            raise KeyboardInterrupt
        return objective(configuration, run)

    storage = optuna.storages.InMemoryStorage()
    with pytest.raises(KeyboardInterrupt):
        tune(interrupting, SPACE, proposer="random", n_trials=1, storage=storage, options=OPTIONS)
    (waiting,) = History.from_study(optuna.load_study(study_name="tunewise", storage=storage))
    assert waiting.state == "waiting"
    study = tune(interrupting, SPACE, proposer="random", n_trials=1, storage=storage, options=OPTIONS)
    (trial,) = History.from_study(study)
    assert trial.state == "finished"
    assert trial.configuration == waiting.configuration
    assert [step for step, _ in trial.curve] == [1, 3, 9]


def test_without_a_study_it_goes_up_to_the_top_and_a_stop_is_heard() -> None:
    seen: list[object] = []

    class Plain:
        def evaluate(self, configuration: Any) -> Evaluation:
            seen.append(dict(configuration))
            return Evaluation(0.5)

    assert Rungs(Plain(), EPOCHS).evaluate({"x": 0.1}).value == 0.5
    assert seen == [{"x": 0.1, "epochs": rung} for rung in EPOCHS.rungs]

    class Stop:
        heard = True
        late: tuple[()] = ()

        def send(self, value: float, step: int | None) -> None:
            assert (value, step) == (0.5, 1)

        def stopped(self) -> bool:
            return True

    with pytest.raises(TrialStopped):
        Rungs(Plain(), EPOCHS).evaluate({"x": 0.1}, Run(channel=Stop()))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "epochs", "low": 9, "high": 9}, "fidelity.high = 9 is not above fidelity.low = 9"),
        ({"name": "epochs", "low": 0, "high": 9}, "fidelity.low"),
        ({"name": "epochs", "low": 1, "high": 9, "factor": 1}, "fidelity.factor"),
        ({"name": " ", "low": 1, "high": 9}, "fidelity.name"),
        ({"name": "epochs", "low": 1, "high": "many"}, "fidelity"),
        ({"name": "epochs", "low": 1}, "fidelity"),
        ({"name": "x", "low": 1, "high": 9}, "x is both the fidelity and a hyperparameter"),
    ],
)
def test_what_is_no_fidelity_is_said(wrong: dict[str, Any], said: str, tmp_path: Path, cli: InProcess) -> None:
    file = write_study(
        tmp_path,
        space=SPACE.to_dict(),
        objective="def objective(c, run): return run.fidelity",
        proposer="random",
        fidelity=wrong,
    )
    ran = cli("tune", file)
    assert_paragraph(ran, code=2)
    assert said in " ".join(ran.err.split()), ran


def test_a_function_that_cannot_know_its_fidelity_is_refused() -> None:
    with pytest.raises(StudyError, match=r"cannot know its epochs. Write objective\(configuration, run\)"):
        tune(lambda configuration: 1.0, SPACE, proposer="random", options=OPTIONS)
    Rungs(CommandEvaluator(["true"]), EPOCHS)
