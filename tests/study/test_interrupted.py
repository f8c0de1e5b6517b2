"""Ctrl-C while a call of the model is pending: an end at once, an account that is complete, nothing that runs on."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from support.waiting import PATIENCE_S, until
from support.whole_paths import OBJECTIVE, InProcess, Ran, answering, nth, space, start, write_study
from tunewise import attributes
from tunewise.history import History
from tunewise.llm.openai import OpenAIModel
from tunewise.llm.scripted import ScriptedModel
from tunewise.proposers import Auto, AutoOptions
from tunewise.sampler import LLMSampler
from tunewise.sampler_options import SamplerOptions
from tunewise.study.options import TuneOptions
from tunewise.study.storage import open_study
from tunewise.study.tune import tune
from tunewise.testing.server import FaultServer, hang, reply

AT_ONCE = SamplerOptions(default=False)
"""The model from the first trial on."""

LONG_S = 40 * PATIENCE_S
"""So long the server is silent: who waits for it fails the test."""


@pytest.fixture
def silent() -> Iterator[FaultServer]:
    """A server that answers for the first trial, and to the next request never."""
    with FaultServer([reply(json.dumps(nth(0))), hang(LONG_S)], then=answering()) as server:
        yield server


def calls_of(study: optuna.Study) -> list[dict[str, Any]]:
    """All calls that a study has recorded."""
    return [
        call
        for trial in study.get_trials(deepcopy=False)
        for key, call in trial.system_attrs.items()
        if key.startswith(attributes.CALL)
    ]


def interrupting(server: FaultServer, number: int) -> Callable[[dict[str, Any]], float]:
    """An objective in whose n-th evaluation Ctrl-C is pressed, as soon as a call is pending beside it."""
    evaluated = []

    def objective(configuration: dict[str, Any]) -> float:
        evaluated.append(configuration)
        if len(evaluated) == number:
            until(lambda: len(server.received) == 2)
            raise KeyboardInterrupt
        return float(configuration["C"])

    return objective


def begun_by_model(server: FaultServer) -> LLMSampler:
    model = OpenAIModel("slow", base_url=server.base_url, max_retries=0, timeout_s=LONG_S)
    return LLMSampler(model, space=space(), proposer=Auto(AutoOptions(prefetch=True)), options=AT_ONCE, seed=0)


def assert_given_up(study: optuna.Study, server: FaultServer) -> None:
    """The call that was pending is recorded, and no thread waits for it that would hold the end of the process."""
    calls = calls_of(study)
    assert len(server.received) == len(calls) == 2
    assert [bool(call["error"]) for call in calls] == [False, True]
    assert calls[1]["most_input_tokens"] > 0
    assert calls[1]["cost_usd"] is None
    assert {thread for thread in threading.enumerate() if "tunewise" in thread.name and not thread.daemon} == set()
    assert all(trial.state != "running" for trial in History.from_study(study))


def test_the_command_ends_at_once_and_the_next_one_goes_on(silent: FaultServer, tmp_path: Path, cli: InProcess) -> None:
    file = write_study(
        tmp_path,
        objective=OBJECTIVE,
        n_trials=3,
        model={"name": "slow", "base_url": silent.base_url, "timeout_s": LONG_S},
    )
    process = start("tune", file)
    until(lambda: len(silent.received) == 2)
    process.send_signal(signal.SIGINT)
    began = time.perf_counter()
    out, err = process.communicate(timeout=PATIENCE_S)
    assert time.perf_counter() - began < PATIENCE_S / 10
    assert process.returncode == 130, Ran(process.returncode, out, err)
    assert "Interrupted. All finished trials are in" in err
    assert "Traceback" not in err
    assert "thread" not in err.lower()

    assert_given_up(open_study(tmp_path / "study.journal"), silent)
    shown = cli("show", file).out
    assert "running" not in shown
    assert "waiting" in shown
    assert cli("tune", file, "-q").code == 0
    trials = History.from_study(open_study(tmp_path / "study.journal"))
    assert [(trial.number, trial.state) for trial in trials] == [(k, "finished") for k in range(3)]


@pytest.mark.parametrize("how", ["tune", "optimize"])
def test_the_library_ends_at_once_and_the_same_sampler_goes_on(how: str, silent: FaultServer) -> None:
    sampler = begun_by_model(silent)
    objective = interrupting(silent, number=1)
    study = optuna.create_study(sampler=sampler)
    storage, options = study._storage, TuneOptions(study_name=study.study_name)

    def go_on(trials: int) -> None:
        if how == "tune":
            tune(objective, space(), sampler=sampler, n_trials=trials, storage=storage, options=options)
        else:
            study.optimize(lambda trial: objective(space().suggest(trial)), n_trials=trials)

    with pytest.raises(KeyboardInterrupt):
        go_on(3)
    assert_given_up(study, silent)
    go_on(3)
    assert sum(trial.state == "finished" for trial in History.from_study(study)) == 3
    sampler.model.close()  # type: ignore[attr-defined]


def test_an_interrupted_call_of_optimize_ends_its_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = LLMSampler(ScriptedModel([json.dumps(nth(0))]), space=space(), proposer="compressed")
    study = optuna.create_study(sampler=sampler)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    def go_on() -> None:
        study.optimize(lambda trial: space().suggest(trial)["C"], n_trials=1)

    with monkeypatch.context() as patch:
        patch.setattr(ScriptedModel, "complete", interrupted)
        with pytest.raises(KeyboardInterrupt):
            go_on()
    assert [call["error"] for call in calls_of(study)] == ["interrupted"]
    go_on()
    assert [trial.state for trial in History.from_study(study)] == ["failed", "finished"]
