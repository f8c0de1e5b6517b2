"""The live tasks: they train, fail as trials, and are as good as they can be known to be."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path

import pytest

from tunewise.bench import best, problems
from tunewise.bench.problems import live
from tunewise.bench.problems.live import BEST, LIVE
from tunewise.bench.suites import Terms, choose_problems
from tunewise.errors import TrialFailed

QUICK = "live:svr-diabetes"


@pytest.mark.parametrize("name", LIVE)
def test_the_default_has_a_value_that_is_no_better_than_the_best_known(name: str) -> None:
    task = problems.get(name)
    assert task.space.default is not None
    found = task.evaluate(task.space.default)
    assert math.isfinite(found.extra["test_error"])
    assert task.best is not None
    assert task.best < found.value < 1.5


@pytest.mark.parametrize("name", ["live:svr-diabetes", "live:elastic-diabetes", "live:kernel-friedman"])
def test_the_best_known_value_is_that_of_the_configuration_beside_it(name: str) -> None:
    known = json.loads(BEST.read_text("utf-8"))[name]
    assert LIVE[name].evaluate(known["configuration"]).value == pytest.approx(known["value"], abs=1e-4)


def test_a_task_says_what_it_is_and_survives_a_journey_to_another_process() -> None:
    task = pickle.loads(pickle.dumps(problems.get(QUICK)))
    assert task.task.data.rows == 265
    assert any("88 validation rows" in fact for fact in task.task.facts)
    assert task.evaluate(task.space.default) == LIVE[QUICK].evaluate(task.space.default)
    assert Terms(mode="live").protocol_of(task) == Terms().protocol_of(task) == "validation part, trained"
    assert choose_problems("live") == tuple(LIVE)


def test_what_cannot_be_trained_is_a_failed_trial() -> None:
    task = LIVE["live:mlp-digits"]
    assert task.space.default is not None
    with pytest.raises(TrialFailed, match="Training"):
        task.evaluate({**task.space.default, "learning_rate_init": 1e300, "alpha": 1e300})


def test_the_search_keeps_what_is_better_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "best.json"
    monkeypatch.setattr("sys.argv", ["best", QUICK, "--random", "3", "--guided", "3", "-o", str(file)])
    best.main()
    first = json.loads(file.read_text())
    assert first[QUICK]["evaluations"] == 6
    file.write_text(json.dumps({QUICK: {**first[QUICK], "value": 0.0}}))
    best.main()
    assert json.loads(file.read_text())[QUICK]["value"] == 0.0
    assert live.BEST.name == "best.json"
