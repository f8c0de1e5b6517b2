"""An evaluation speaks while it runs: who is given a `Run`, and how its words travel."""

from __future__ import annotations

import math
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from support.keeper import Keeper
from tunewise.errors import StudyError, TrialFailed, TrialStopped
from tunewise.evaluate import FunctionEvaluator
from tunewise.evaluate.mailbox import FolderChannel, Mailbox
from tunewise.evaluate.run import Run, takes_run


def with_run(configuration: dict[str, Any], run: Run) -> float:
    return 0.0


class Model:
    def train(self, configuration: dict[str, Any], run: Run) -> float:
        return 0.0

    def __call__(self, configuration: dict[str, Any], run: Run | None = None) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("function", "takes"),
    [
        (with_run, True),
        (Model().train, True),
        (Model(), True),
        (lambda c: 0.0, False),
        (lambda c, data=(): 0.0, False),
        (lambda *c: 0.0, False),
        (lambda c, **more: 0.0, False),
        (math.prod, False),
        (dict, False),
    ],
)
def test_who_is_given_a_run(function: Callable[..., object], takes: bool) -> None:
    assert takes_run(function) is takes


@pytest.mark.parametrize("isolate", [False, True])
def test_reports_arrive_in_order_and_a_stop_is_heard_at_once(isolate: bool) -> None:
    def objective(configuration: dict[str, Any], run: Run) -> float:
        for step in range(100):
            run.report(step / 10, step)
            if run.should_stop():
                return float(step)
        return 100.0

    keeper = Keeper(stop_at=7)
    mailbox = Mailbox(keeper)
    with FunctionEvaluator(objective, isolate=isolate) as evaluator:
        assert evaluator.evaluate({}, Run(channel=mailbox)).value == 7.0
        assert mailbox.heard
        assert keeper.got == [(step / 10, step) for step in range(8)]
        assert evaluator.evaluate({}).value == 100.0  # nobody listens


@pytest.mark.parametrize("isolate", [False, True])
def test_it_knows_itself(isolate: bool) -> None:
    def objective(configuration: dict[str, Any], run: Run) -> dict[str, float]:
        assert (run.device, run.folder) == ("3", "kept")
        return {"value": run.trial or 0, "worker": run.worker, "fidelity": run.fidelity or 0}

    with FunctionEvaluator(objective, isolate=isolate) as evaluator:
        found = evaluator.evaluate({}, Run(trial=5, worker=2, device="3", fidelity=9, folder="kept"))
    assert (found.value, dict(found.extra)) == (5, {"worker": 2, "fidelity": 9})


def test_the_limit_is_told_and_reports_do_not_extend_it() -> None:
    def objective(configuration: dict[str, Any], run: Run) -> float:
        if configuration["ask"]:
            return run.timeout_s or 0
        while True:
            run.report(0.0)

    with FunctionEvaluator(objective, timeout_s=0.5) as evaluator:
        assert evaluator.evaluate({"ask": True}).value == 0.5
        with pytest.raises(TrialFailed, match=r"limit of 0\.5 s"):
            evaluator.evaluate({"ask": False}, Run(channel=Mailbox(Keeper())))


@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize("error", [optuna.TrialPruned("hopeless"), TrialStopped("hopeless")])
def test_an_objective_may_give_itself_up(isolate: bool, error: Exception) -> None:
    def objective(configuration: dict[str, Any]) -> float:
        raise error

    with FunctionEvaluator(objective, isolate=isolate) as evaluator, pytest.raises(TrialStopped, match="hopeless"):
        evaluator.evaluate({})


@pytest.mark.parametrize("isolate", [False, True])
def test_a_thread_that_outlives_its_trial_is_not_heard(isolate: bool) -> None:
    def objective(configuration: dict[str, Any], run: Run) -> float:
        import threading

        kept: list[Run] = objective.__dict__.setdefault("kept", [])
        if kept:
            late = threading.Thread(target=kept[0].report, args=(99.0,))
            late.start()
            late.join()
            assert isolate is False or kept[0].should_stop()
        kept.append(run)
        run.report(len(kept))
        return 0.0

    first, second = Keeper(), Keeper()
    with FunctionEvaluator(objective, isolate=isolate) as evaluator:
        mailbox = Mailbox(first)
        evaluator.evaluate({}, Run(channel=mailbox))
        mailbox.close()
        evaluator.evaluate({}, Run(channel=Mailbox(second)))
    assert (first.got, second.got) == ([(1.0, None)], [(2.0, None)])


@pytest.mark.parametrize(("value", "step"), [("0.1", 0), (None, 0), (True, 0), (0.1, -1), (0.1, 1.5), (0.1, True)])
def test_what_cannot_be_reported(value: Any, step: Any) -> None:
    keeper = Keeper()
    with pytest.raises(StudyError, match=r"(Report the metric|Count epochs)"):
        Run(channel=Mailbox(keeper)).report(value, step)
    assert keeper.got == []


def test_numbers_of_numpy_and_nan_can_be_reported() -> None:
    keeper = Keeper()
    run = Run(channel=Mailbox(keeper))
    run.report(np.float32(0.5), np.int64(3))  # type: ignore[arg-type]
    run.report(np.array(2.0), 4)  # type: ignore[arg-type]
    run.report(math.nan)
    assert keeper.got[:2] == [(0.5, 3), (2.0, 4)]
    assert math.isnan(keeper.got[2][0])


def test_a_pickled_mailbox_is_a_folder_that_is_read_while_it_is_written() -> None:
    keeper = Keeper(stop_at=2)
    mailbox = Mailbox(keeper)
    run = pickle.loads(pickle.dumps(Run(trial=1, channel=mailbox)))
    again = pickle.loads(pickle.dumps(run))
    assert isinstance(again.channel, FolderChannel)
    for step in range(3):
        again.report(math.inf if step == 1 else step, step)
    while not again.should_stop():
        pass
    assert keeper.got == [(0, 0), (math.inf, 1), (2, 2)]
    assert not mailbox.heard  # it is the evaluation that has heard, there
    assert again.channel.heard
    again.report(0.5, 3)
    mailbox.close()
    assert keeper.got[-1] == (0.5, 3)
    again.report(0.5, 4)
    assert again.channel.late == [(0.5, 4)]


def test_without_a_shared_folder_reports_come_late() -> None:
    mailbox = Mailbox(Keeper())
    there = pickle.loads(pickle.dumps(mailbox))
    assert isinstance(there, FolderChannel)
    shutil.rmtree(there._folder)
    there.send(0.25, None)
    assert not there.stopped()
    assert there.late == [(0.25, None)]
    mailbox.close()


def test_a_half_written_line_waits_for_its_end(tmp_path: Path) -> None:
    keeper = Keeper()
    mailbox = Mailbox(keeper)
    there = pickle.loads(pickle.dumps(mailbox))
    with (there._folder / "reports").open("a") as file:
        file.write('["a", 0.5, 1]\n["a", 0.2')
        file.flush()
        while not keeper.got:
            pass
        file.write("5, 2]\n")
    mailbox.close()
    assert keeper.got == [(0.5, 1), (0.25, 2)]


def test_what_the_driver_raises_is_the_driver_s(tmp_path: Path) -> None:
    def received(value: float, step: int | None) -> bool:
        raise StudyError("the disk is full")

    mailbox = Mailbox(received)
    run = Run(channel=mailbox)
    run.report(0.5)
    run.report(0.5)
    assert run.should_stop()
    with pytest.raises(StudyError, match="the disk is full"):
        mailbox.close()


def test_an_attempt_that_another_has_followed_is_not_heard_any_more() -> None:
    keeper = Keeper()
    begun: list[None] = []
    mailbox = Mailbox(keeper, again=lambda: begun.append(None))
    for attempt, value in (("first", 0.5), ("second", 0.25), ("first", 0.1), ("second", 0.2)):
        mailbox.take(attempt, value, None)
    assert keeper.got == [(0.5, None), (0.25, None), (0.2, None)]
    assert len(begun) == 1
