"""An objective may do what it likes: the study gets a number or a reason."""

from __future__ import annotations

import ctypes
import math
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.waiting import Leap, meet, runs, until_gone, written
from tunewise.errors import StudyError, TrialFailed
from tunewise.evaluate.base import Evaluation
from tunewise.evaluate.function import FunctionEvaluator, import_objective

HERE = Path(__file__).parents[1] / "support"


class BrokenTextError(ValueError):
    def __str__(self) -> str:
        raise RuntimeError("not even a message")


def raise_(error: BaseException) -> float:
    raise error


def sleep_with_daemon(folder: str) -> float:
    """A child in a session of its own, which the process group does not hold."""
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    Path(folder, "new").write_text(str(child.pid))
    Path(folder, "new").rename(Path(folder, "pid"))
    time.sleep(600)
    return 0.0


def is_open(descriptor: int) -> bool:
    try:
        return os.fstat(descriptor).st_mode > 0
    except OSError:
        return False


def hang_up(configuration: Any) -> float:
    os.closerange(3, 100)
    time.sleep(600)
    return 0.0


@pytest.mark.parametrize("isolate", [False, True])
def test_returns_the_number(isolate: bool) -> None:
    with FunctionEvaluator(
        lambda c: {"error": c["x"] ** 2, "epochs": 3, "log": "text"}, metric="error", isolate=isolate
    ) as e:
        assert e.evaluate({"x": 3}) == Evaluation(9.0, {"epochs": 3.0})
        assert e.evaluate({"x": 0.1}).value == 0.1**2


@pytest.mark.parametrize("number", [Decimal("0.5"), Fraction(1, 2), np.float16(0.5), np.array(0.5)])
def test_a_number_of_any_kind_is_one(number: object) -> None:
    assert FunctionEvaluator(lambda c: number).evaluate({}).value == 0.5


FAILURES: list[tuple[Callable[[Any], object], str]] = [
    (lambda c: None, "returned None"),
    (lambda c: math.nan, "NaN"),
    (lambda c: -math.inf, "-inf"),
    (lambda c: "0.5", "returned '0.5', which is not a number"),
    (lambda c: True, "not a number"),
    (lambda c: Decimal("sNaN"), "not a number"),
    (lambda c: 10**400, "OverflowError"),
    (lambda c: lambda: 1, "not a number"),
    (lambda c: {"other": 1}, "its keys are: other"),
    (lambda c: 1 / 0, "ZeroDivisionError: division by zero (test_function.py:"),
    (lambda c: c["nothing"], "KeyError: 'nothing'"),
    (lambda c: raise_(BrokenTextError()), "BrokenTextError (test_function.py:"),
    (lambda c: raise_(ValueError("x" * 10_000)), "..."),
    (lambda c: sys.exit("no data"), "sys.exit(no data)"),
    (lambda c: raise_(GeneratorExit()), "GeneratorExit"),
    (lambda c: raise_(TrialFailed("My own reason.")), "My own reason."),
    (lambda c: textwrap.fill("text", width=0), "ValueError: invalid width 0 (must be > 0) (test_function.py:"),
]


@pytest.mark.parametrize(("objective", "reason"), FAILURES)
def test_failures_have_a_reason(objective: Callable[[Any], object], reason: str) -> None:
    with pytest.raises(TrialFailed) as caught:
        FunctionEvaluator(objective).evaluate({})
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 700


def test_failures_have_the_same_reason_in_a_worker() -> None:
    """One worker takes them all: a failed trial does not cost the process."""
    which = {i: objective for i, (objective, _) in enumerate(FAILURES)}
    with FunctionEvaluator(lambda c: os.getpid() if c["i"] < 0 else which[c["i"]](c), isolate=True) as evaluator:
        pid = evaluator.evaluate({"i": -1})
        for i, (_, reason) in enumerate(FAILURES):
            with pytest.raises(TrialFailed) as caught:
                evaluator.evaluate({"i": i})
            assert reason in str(caught.value)
        assert evaluator.evaluate({"i": -1}) == pid


@pytest.mark.parametrize("isolate", [False, True])
def test_keyboard_interrupt_passes(isolate: bool) -> None:
    with (
        FunctionEvaluator(lambda c: raise_(KeyboardInterrupt()), isolate=isolate) as e,
        pytest.raises(KeyboardInterrupt),
    ):
        e.evaluate({})


def test_the_objective_cannot_change_the_configuration() -> None:
    configuration = {"x": 1}
    FunctionEvaluator(lambda c: c.pop("x")).evaluate(configuration)
    assert configuration == {"x": 1}


def test_a_hanging_trial_is_ended_with_its_daemons(tmp_path: Path, leap: Leap) -> None:
    leap((tmp_path / "pid").exists)
    with FunctionEvaluator(lambda c: sleep_with_daemon(c["folder"]) if c["folder"] else 1.0, timeout_s=600) as e:
        with pytest.raises(TrialFailed, match=r"exceeded its limit of 600 s"):
            e.evaluate({"folder": str(tmp_path)})
        until_gone(int((tmp_path / "pid").read_text()))
        assert e.evaluate({"folder": ""}).value == 1.0


@pytest.mark.parametrize(
    ("crash", "reason"),
    [
        (lambda c: os._exit(7), "exit code 7"),
        pytest.param(lambda c: ctypes.string_at(0), "signal SIGSEGV", marks=pytest.mark.long),
        (lambda c: os.kill(os.getpid(), 9), "signal SIGKILL, perhaps out of memory"),
        pytest.param(hang_up, "broke the connection", marks=pytest.mark.long),
        (lambda c: [os.write(fd, b"rubbish") for fd in range(3, 100) if is_open(fd)], "broke the connection"),
    ],
)
def test_a_crash_is_a_failed_trial(crash: Callable[[Any], object], reason: str) -> None:
    with FunctionEvaluator(lambda c: crash(c) if c["bad"] else 1.0, isolate=True) as evaluator:
        with pytest.raises(TrialFailed, match=reason):
            evaluator.evaluate({"bad": True})
        assert evaluator.evaluate({"bad": False}).value == 1.0


@pytest.mark.long
def test_several_threads_have_a_process_each_and_none_is_left(tmp_path: Path) -> None:
    def objective(configuration: Any) -> dict[str, int]:
        meet(tmp_path, str(configuration["x"]), 3)
        return {"value": configuration["x"], "pid": os.getpid()}

    evaluator = FunctionEvaluator(objective, isolate=True)
    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(evaluator.evaluate, [{"x": x} for x in range(6)]))
    pids = {int(result.extra["pid"]) for result in results}
    assert [result.value for result in results] == list(range(6))
    assert len(pids) == 3
    assert os.getpid() not in pids
    evaluator.close()
    assert not any(map(runs, pids))


def test_close_ends_a_trial_in_the_middle(tmp_path: Path) -> None:
    evaluator = FunctionEvaluator(lambda c: sleep_with_daemon(c["folder"]), isolate=True)
    outcome: list[BaseException] = []

    def trial() -> None:
        try:
            evaluator.evaluate({"folder": str(tmp_path)})
        except TrialFailed as error:
            outcome.append(error)

    thread = threading.Thread(target=trial)
    thread.start()
    written(tmp_path / "pid")
    evaluator.close()
    thread.join()
    assert "ended in the middle" in str(outcome[0])
    until_gone(int((tmp_path / "pid").read_text()))


def test_the_worker_dies_with_its_parent(tmp_path: Path) -> None:
    """A script without `if __name__ == "__main__"`, killed without notice in the middle of a trial."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import os, time, pathlib
        from tunewise.evaluate.function import FunctionEvaluator
        def objective(configuration):
            pathlib.Path("new").write_text(str(os.getpid()))
            os.rename("new", "pid")
            time.sleep(600)
        FunctionEvaluator(objective, isolate=True).evaluate({})
        """)
    )
    parent = subprocess.Popen(
        [sys.executable, script], cwd=tmp_path, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    written(tmp_path / "pid")
    parent.kill()
    parent.wait()
    until_gone(int((tmp_path / "pid").read_text()))


def test_it_can_be_pickled_with_live_workers() -> None:
    with FunctionEvaluator(lambda c: c["x"] + 1, isolate=True) as evaluator:
        evaluator.evaluate({"x": 1})
        with pickle.loads(pickle.dumps(evaluator)) as copy:
            assert copy.evaluate({"x": 2}).value == 3
    assert pickle.loads(pickle.dumps(FunctionEvaluator(lambda c: c["x"]))).evaluate({"x": 2}).value == 2


def test_what_cannot_be_sent_names_the_way_out() -> None:
    lock = threading.Lock()
    with pytest.raises(StudyError, match="inside the objective, or leave out timeout_s"):
        FunctionEvaluator(lambda c: lock.locked(), isolate=True)


@pytest.mark.parametrize("limit", [0, -1, math.inf, math.nan, "5", True])
def test_limits_that_are_none(limit: Any) -> None:
    with pytest.raises(StudyError, match="timeout_s"):
        FunctionEvaluator(lambda c: 1.0, timeout_s=limit)


def test_what_is_no_objective() -> None:
    async def objective(configuration: Any) -> float:
        return 1.0

    with pytest.raises(StudyError, match="async"):
        FunctionEvaluator(objective)
    with pytest.raises(StudyError, match="not an objective"):
        FunctionEvaluator(0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("isolate", [False, True])
def test_imported_objectives_run_here_and_in_a_worker(isolate: bool) -> None:
    objective = import_objective(f"{HERE / 'objective_for_test.py'}:objective")
    with FunctionEvaluator(objective, isolate=isolate) as evaluator:
        assert evaluator.evaluate({"x": 1}).value == 43
    broken = import_objective(f"{HERE / 'objective_for_test.py'}:broken")
    with (
        FunctionEvaluator(broken, isolate=isolate) as e,
        pytest.raises(TrialFailed, match=r"objective_for_test\.py:13"),
    ):
        e.evaluate({})


def test_import_by_module_name() -> None:
    assert import_objective("math:prod")({}) == 1


def test_import_errors(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import nothing_of_this_name\n")
    (tmp_path / "exits.py").write_text("raise SystemExit(2)\n")
    path = HERE / "objective_for_test.py"
    for address, message in {
        "objective": "Write module:function",
        f"{path}": "Write module:function",
        f"{HERE / 'objective_for_tset.py'}:objective": "Did you mean objective_for_test.py",
        f"{path}:objektive": "Did you mean objective",
        f"{path}:answer": "cannot be called",
        f"{path}:zzz": "It has: objective, broken",
        f"{tmp_path / 'train.py'}:main": "ModuleNotFoundError: No module named 'nothing_of_this_name' (train.py:1)",
        f"{tmp_path / 'exits.py'}:main": "SystemExit",
        "no_such_module_at_all:main": "There is no module no_such_module_at_all",
    }.items():
        with pytest.raises(StudyError) as caught:
            import_objective(address)
        assert message in str(caught.value)
