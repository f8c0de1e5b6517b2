"""Two objectives are never taken for one: the second has a study of its own, or is refused with a clear word."""

from __future__ import annotations

import functools
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.whole_paths import SPACE, InProcess, assert_paragraph
from tunewise.errors import StudyError
from tunewise.evaluate import CommandEvaluator
from tunewise.evaluate.estimator import EstimatorEvaluator
from tunewise.evaluate.identity import identity_of, of_callable
from tunewise.secrets import remember
from tunewise.study.options import TuneOptions
from tunewise.study.tune import tune

CALLED: list[str] = []
OTHER = {"depth": {"type": "int", "low": 1, "high": 9}}
OBJECTIVE = "def objective(c):\n    return float(len(c))\n"


def first(configuration: dict[str, Any]) -> float:
    CALLED.append("first")
    return float(len(configuration))


def second(configuration: dict[str, Any], data: str = "iris") -> float:
    CALLED.append("second")
    return float(len(configuration) + len(data))


class Trainer:
    def __call__(self, configuration: dict[str, Any]) -> float:
        return second(configuration)

    def method(self, configuration: dict[str, Any]) -> float:
        return second(configuration)


def run(
    storage: Path, objective: Callable[..., Any], space: dict[str, Any], n_trials: int, name: str = "tunewise"
) -> Any:
    options = TuneOptions(study_name=name)
    return tune(objective, space, proposer="random", n_trials=n_trials, storage=storage, options=options)


OTHERS: dict[str, Callable[[dict[str, Any]], float]] = {
    "function": second,
    "object": Trainer(),
    "method": Trainer().method,
    "partial": functools.partial(second, data="wine"),
    "lambda": lambda configuration: second(configuration),
}


@pytest.mark.parametrize("n_trials", [3, 5])
@pytest.mark.parametrize("space", [OTHER, SPACE], ids=["other space", "same space"])
@pytest.mark.parametrize("objective", OTHERS.values(), ids=OTHERS)
def test_another_objective_in_the_same_storage_is_refused(
    objective: Callable[[dict[str, Any]], float], space: dict[str, Any], n_trials: int, tmp_path: Path
) -> None:
    CALLED.clear()
    run(tmp_path / "s.journal", first, SPACE, 3)
    with pytest.raises(StudyError, match="another study_name or another storage"):
        run(tmp_path / "s.journal", objective, space, n_trials)
    assert CALLED == ["first"] * 3
    run(tmp_path / "s.journal", objective, space, 2, name="another")
    assert CALLED[3:] == ["second"] * 2
    assert len(run(tmp_path / "s.journal", first, SPACE, 4).trials) == 4  # the first one goes on


def test_lambdas_are_told_apart_by_what_they_do_and_what_they_tune(tmp_path: Path) -> None:
    run(tmp_path / "s.journal", lambda c: c["C"], SPACE, 2)
    with pytest.raises(StudyError, match="another objective"):
        run(tmp_path / "s.journal", lambda c: c["depth"], OTHER, 2)
    study = run(tmp_path / "s.journal", lambda c: c["C"] + 1.0, {**SPACE, **OTHER}, 3)  # edited in place
    assert set(study.trials[2].params) == {"C", "n", "depth"}


def test_the_same_function_with_other_arguments_is_another_objective(tmp_path: Path) -> None:
    run(tmp_path / "s.journal", functools.partial(second, data="iris"), SPACE, 2)
    run(tmp_path / "s.journal", functools.partial(second, data="iris"), SPACE, 2)
    with pytest.raises(StudyError, match="another objective"):
        run(tmp_path / "s.journal", functools.partial(second, data="wine"), SPACE, 2)


def test_the_same_objective_goes_on_however_it_is_run(tmp_path: Path) -> None:
    run(tmp_path / "s.journal", first, SPACE, 1)
    for n_jobs, timeout_s in ((1, None), (1, 600.0), (2, None)):
        options = TuneOptions(timeout_s=timeout_s)
        study = tune(
            first, SPACE, proposer="random", n_trials=3, n_jobs=n_jobs, storage=tmp_path / "s.journal", options=options
        )
        assert len(study.trials) == 3


def cell(source: str) -> Callable[[dict[str, Any]], float]:
    """A function as a notebook has it: no file, and its lines wherever the cell stands."""
    names: dict[str, Any] = {"__name__": "no_such_module"}
    exec(compile(textwrap.dedent(source), f"<cell {hash(source)}>", "exec"), names)
    made: Callable[[dict[str, Any]], float] = names["objective"]
    return made


def test_a_function_that_was_edited_or_moved_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(tmp_path / "s.journal", cell(OBJECTIVE), SPACE, 1)
    moved = cell("import math\n\n\n# moved\ndef objective(c):\n    return math.pi * len(c)\n")
    assert len(run(tmp_path / "s.journal", moved, SPACE, 2).trials) == 2
    with caplog.at_level("WARNING", "tunewise"):
        assert len(run(tmp_path / "s.journal", moved, OTHER, 3).trials) == 3  # and its space edited
    assert "had any of these hyperparameters: C, n then, depth now" in caplog.text


def test_no_other_space_s_best_is_returned_as_this_one_s(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(tmp_path / "s.journal", cell(OBJECTIVE), SPACE, 2)
    another = cell("def objective(c):\n    return -1.0\n")  # a second notebook cell with the usual name
    with pytest.raises(StudyError, match=r"has all its trials already.*C, n then, depth now.*another study_name"):
        run(tmp_path / "s.journal", another, OTHER, 2)
    with caplog.at_level("WARNING", "tunewise"):
        run(tmp_path / "s.journal", cell(OBJECTIVE), SPACE, 2)
        assert "changed" not in caplog.text
        run(tmp_path / "s.journal", another, SPACE, 2)
    assert "The objective objective has changed since the trials" in caplog.text


def write(file: Path, space: dict[str, Any], **evaluate: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump({"space": space, "evaluate": evaluate, "proposer": "random", "n_trials": 2}))
    return file


def test_study_files_that_differ_in_their_ending_are_two_studies(tmp_path: Path, cli: InProcess) -> None:
    (tmp_path / "objectives.py").write_text("def one(c):\n    return 1.0\n\ndef two(c):\n    return 2.0\n")
    one = write(tmp_path / "c.yaml", SPACE, python="objectives.py:one")
    two = write(tmp_path / "c.yml", SPACE, python="objectives.py:two")
    assert "loss 1" in cli("tune", one, "-q").out
    assert "loss 2" in cli("tune", two, "-q").out
    assert "loss 1" in cli("show", one).out
    assert "loss 2" in cli("show", two).out
    shared = tmp_path / "shared.journal"
    assert cli("tune", one, "-q", "--storage", shared).code == 0
    assert_paragraph(cli("tune", two, "-q", "--storage", shared), 2, "one of objectives.py then", "two", "study_name")


@pytest.mark.parametrize("evaluate", [{"python": "objective.py:objective"}, {"command": "python3 objective.py"}])
def test_files_of_the_same_name_in_two_folders_are_two_objectives(
    evaluate: dict[str, Any], tmp_path: Path, cli: InProcess
) -> None:
    one, two = (write(tmp_path / folder / "c.yaml", SPACE, **evaluate) for folder in "ab")
    tail = 'if __name__ == "__main__":\n    print(objective({}))\n'
    (tmp_path / "a" / "objective.py").write_text(f"{OBJECTIVE}{tail}")
    (tmp_path / "b" / "objective.py").write_text(f"{OBJECTIVE}# another\n{tail}")
    assert cli("tune", one, "-q", "--storage", tmp_path / "shared.journal").code == 0
    assert_paragraph(cli("tune", two, "-q", "--storage", tmp_path / "shared.journal"), 2, "another objective")
    shutil.rmtree(tmp_path / "a")  # then b is where a has moved
    assert cli("tune", two, "-q", "--storage", tmp_path / "shared.journal", "--n-trials", 3).code == 0


def test_a_study_file_that_gains_a_hyperparameter_goes_on(tmp_path: Path, cli: InProcess) -> None:
    (tmp_path / "train.py").write_text("print(1.0)")
    file = write(tmp_path / "c.yaml", {"C": SPACE["C"]}, command="python3 train.py --C {C}")
    assert cli("tune", file, "-q").code == 0
    write(file, SPACE, command="python3 train.py --C {C} --n={n}")
    assert cli("tune", file, "-q", "--n-trials", 3).code == 0
    write(file, SPACE, command="python3 train.py --C {C} --n={n} --epochs 3")
    assert_paragraph(cli("tune", file, "-q", "--n-trials", 4), 2, "train.py then", "train.py --epochs 3 now")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python train.py --lr {lr}", "python train.py"),
        ("/usr/bin/python3 train.py optimizer.lr={lr} seed=1", "python3 train.py seed=1"),
        (["uv", "run", "a b.py", "{lr}"], "uv run a b.py"),
        ("./train -v", "train -v"),
        (["python", "-c", "print({lr} * 2)"], "python -c print({lr} * 2)"),
        ("train --api-key=sk-abcdefghijklmnopqrstuvwxyz123456", "train --api-key=***"),
    ],
)
def test_programs_are_known_by_what_is_no_hyperparameter(command: str | list[str], name: str) -> None:
    assert identity_of(CommandEvaluator(command)).name == name


def test_what_has_no_code_of_its_own_has_a_name() -> None:
    assert of_callable(Trainer()).name == "Trainer"
    assert of_callable(len).name == "len"
    assert identity_of(object()).name == "object"


def test_estimators_are_known_by_class_scoring_and_data() -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, LinearSVC

    X, y = [[float(k)] for k in range(20)], [0, 1] * 10  # noqa: N806 - the field's name for it
    made = [EstimatorEvaluator(e, X, y, cv=2) for e in (SVC(), make_pipeline(StandardScaler(), LinearSVC()))]
    made += [EstimatorEvaluator(SVC(), X, y, cv=2, scoring="error"), EstimatorEvaluator(SVC(), X[:9], y[:9], cv=2)]
    assert len({identity_of(one).name for one in made}) == 4
    assert identity_of(made[1]).name.startswith("StandardScaler -> LinearSVC")


def test_what_a_description_tells_of_a_secret_is_not_stored(tmp_path: Path) -> None:
    remember("hunter2-of-the-database")
    space = {"C": {**SPACE["C"], "description": "as in the table behind hunter2-of-the-database"}}
    run(tmp_path / "s.journal", first, space, 1)
    stored = (tmp_path / "s.journal").read_text()
    assert "hunter2" not in stored
    assert "as in the table behind ***" in stored
