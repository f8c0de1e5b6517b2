"""A study whose every trial failed goes on as if it had not begun, once its objective is mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from tunewise import Float, History, LLMSampler, SearchSpace
from tunewise.errors import ObjectiveFailed
from tunewise.llm.base import ChatRequest
from tunewise.llm.scripted import FunctionModel
from tunewise.study.options import TuneOptions
from tunewise.study.stop import StopRules
from tunewise.study.storage import open_storage, open_study
from tunewise.study.stored import StoredStudy
from tunewise.study.tune import tune

SPACE = SearchSpace({"x": Float(0, 1, default=0.5)})


def broken(configuration: dict[str, Any]) -> float:
    raise OSError("no data")


def mended(configuration: dict[str, Any]) -> float:
    return float(configuration["x"])


class Model:
    """Proposes something new each time, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.model = FunctionModel(self.answer)

    def answer(self, request: ChatRequest) -> str:
        self.asked.append("\n".join(message.content for message in request.messages))
        return f'{{"x": {0.9 - 0.1 * len(self.asked)}}}'


def test_what_ended_a_study_at_its_beginning_is_run_again_by_the_next_run(tmp_path: Path) -> None:
    address, model = str(tmp_path / "a.journal"), Model()
    with pytest.raises(ObjectiveFailed, match=r"^All 2 trials failed\. .*no data.* runs them again, the default first"):
        tune(broken, SPACE, model=model.model, proposer="compressed", n_trials=4, storage=address)
    assert len(model.asked) == 1
    study = tune(mended, SPACE, model=model.model, proposer="compressed", n_trials=4, storage=address)
    history = History.from_study(study)
    assert [t.number for t in history] == [2, 3, 4, 5]
    assert [t.source for t in history] == ["default", "model", "model", "model"]
    assert history[1].configuration == study.trials[1].params  # what was paid for is not lost
    assert len(model.asked) == 3
    assert not any("no data" in asked for asked in model.asked[1:])  # nobody is told of what is no failure any more
    stored = StoredStudy.read(open_study(address))
    assert stored.history.trials == history.trials
    assert stored.default == history[0]
    assert stored.totals.calls == 3


@pytest.mark.parametrize("n_trials", [1, 2])
@pytest.mark.parametrize("rules", [StopRules(), StopRules(failures=None)])
def test_a_study_of_which_nothing_finished_is_no_dead_end(n_trials: int, rules: StopRules) -> None:
    storage, options = optuna.storages.InMemoryStorage(), TuneOptions(stop=rules)
    for again in range(2):  # fails again, and goes on nevertheless
        with pytest.raises(ObjectiveFailed, match="The only trial failed" if n_trials == 1 else "All 2 trials failed"):
            tune(broken, SPACE, n_trials=n_trials, storage=storage, options=options)
        assert len(optuna.load_study(study_name=None, storage=storage).trials) == (again + 2) * n_trials
    study = tune(mended, SPACE, n_trials=n_trials, storage=storage, options=options)
    history = History.from_study(study)
    assert [t.state for t in history] == ["finished"] * n_trials
    assert history[0].source == "default"
    assert len(study.trials) == 3 * n_trials


def test_the_budget_does_not_count_what_is_run_again() -> None:
    storage = optuna.storages.InMemoryStorage()
    with pytest.raises(ObjectiveFailed):
        tune(broken, SPACE, n_trials=4, storage=storage)
    study = optuna.load_study(study_name=None, storage=storage)
    sampler = LLMSampler("manual", space=SPACE)
    context = sampler._context(study, 4, SPACE, fixed={})
    assert context.trial == 2
    assert [t.number for t in context.history] == [2, 3]


def test_a_trial_that_optuna_runs_again_takes_the_place_of_the_one_that_failed(tmp_path: Path) -> None:
    study = optuna.create_study(storage=open_storage(f"sqlite:///{tmp_path}/a.db"))
    lost = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    study.tell(lost, state=optuna.trial.TrialState.FAIL)
    assert len(History.from_study(study).failed) == 1
    optuna.storages.RetryHeartbeatStaleTrialCallback()(study, study.trials[0])
    history = History.from_study(study)
    assert (history.failed, [t.number for t in history.open]) == ((), [1])
