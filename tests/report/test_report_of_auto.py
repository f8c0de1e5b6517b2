"""What the report says beyond the trials: effects, credit, uplift, the front, how a study came to be."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import optuna
import pytest

from support.report_pages import Page, assert_inert
from tunewise import attributes
from tunewise.report import report
from tunewise.space import Categorical, Float, SearchSpace
from tunewise.study.stored import StoredStudy
from tunewise.task import Direction
from tunewise.testing.studies import sample_study

EVIL = "</script><script>alert(1)</script>"


def page(study: optuna.Study) -> Page:
    """The page of a study, checked for what every page must be."""
    made = Page(report(study))
    assert_inert(made)
    json.dumps(made.plots, allow_nan=False)
    return made


@pytest.fixture(scope="module")
def study() -> optuna.Study:
    """A real run of `auto`."""
    return sample_study(12, seed=3)


def bowl(direction: Direction, trials: int = 25) -> optuna.Study:
    """A bowl with its end at x = 3, log10(y) = -2, seen on the left side only."""
    sign = 1 if direction == "minimize" else -1
    study = optuna.create_study(direction=direction, sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("x", 0, 10), trial.suggest_float("y", 1e-4, 1, log=True)
        if x > 6:
            raise optuna.TrialPruned
        return sign * ((x - 3) ** 2 + 4 * (math.log10(y) + 2) ** 2)

    study.optimize(objective, n_trials=trials)
    return study


@pytest.mark.long
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_surrogate_sees_the_bowl_and_knows_where_it_knows_little(direction: Direction) -> None:
    plots = page(bowl(direction)).plots
    expected, doubt = plots["surrogate-0"], plots["surrogate-0-doubt"]
    heat = expected["data"][0]
    z, x, y = np.array(heat["z"]), heat["x"], heat["y"]
    best = np.unravel_index(z.argmin() if direction == "minimize" else z.argmax(), z.shape)
    along = {
        expected["layout"]["xaxis"]["title"]["text"]: x[best[1]],
        expected["layout"]["yaxis"]["title"]["text"]: y[best[0]],
    }
    assert along["x"] == pytest.approx(3, abs=1.5)
    assert math.log10(along["y"]) == pytest.approx(-2, abs=0.7)
    assert heat["reversescale"] == (direction == "minimize")
    unknown = np.array(doubt["data"][0]["z"])
    known = unknown if doubt["layout"]["xaxis"]["title"]["text"] == "x" else unknown.T
    assert known[:, -1].mean() > 2 * known[:, len(x) // 4].mean()
    scales = {
        expected["layout"][axis]["title"]["text"]: expected["layout"][axis]["type"] for axis in ("xaxis", "yaxis")
    }
    assert scales == {"x": "linear", "y": "log"}


def test_what_does_not_exist_stays_blank() -> None:
    space = SearchSpace({"kind": Categorical(["a", "b"]), "x": Float(0, 1, when={"kind": "a"})})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.set_user_attr(attributes.STUDY, {"space": space.to_dict()})
    study.optimize(lambda t: float(space.suggest(t).get("x") or 2.0), n_trials=15)
    heat = page(study).plots["surrogate-0"]["data"][0]
    z = np.array(heat["z"], dtype=float)
    rows, kinds = (z, heat["y"]) if "a" in heat["y"] else (z.T, heat["x"])
    assert np.isnan(rows[kinds.index("b")]).all()
    assert not np.isnan(rows[kinds.index("a")]).any()


@pytest.mark.parametrize("space", [{"x": {"type": "float", "low": 5, "high": 1}}, {"x": {"type": EVIL}}])
def test_a_space_that_cannot_be_read_is_said(space: dict[str, Any]) -> None:
    study = bowl("minimize", 6)
    study.set_user_attr(attributes.STUDY, {"space": space})
    assert "for the space cannot be read" in page(study).text


@pytest.mark.long
def test_credit_and_uplift_are_told(study: optuna.Study) -> None:
    made = page(study)
    credit = made.plots["credit"]["data"]
    assert credit[0]["x"] == [
        t.number for t in study.trials if "credit" in t.user_attrs.get(attributes.PROPOSAL, {}).get("decision", {})
    ]
    asked = [trace for trace in credit if trace["name"].startswith("asked")]
    assert sum(len(trace["x"]) for trace in asked) >= 2
    uplift = StoredStudy.read(study).uplift
    assert uplift is not None
    assert uplift.in_words("validation error") in made.text
    bars = made.plots["added"]["data"][0]
    assert bars["x"][0] == pytest.approx(uplift.added[0], rel=1e-5)
    assert json.loads(report(study, form="json"))["uplift"]["probability"] == uplift.probability
    assert "Added over the surrogate" in report(study, form="md")


def test_a_study_of_another_proposer_says_why_there_is_no_uplift() -> None:
    text = page(sample_study(5, proposer="compressed")).text
    assert "What the model added over a surrogate alone is not known" in text
    assert "Only the proposer auto with a model keeps one." in text


@pytest.mark.parametrize(
    ("policy", "damaged"),
    [
        ({"credit": "much"}, True),
        (["x"], True),
        ({"credit": 0.5, "offered": 3}, True),
        ({"credit": 0.5, "bar": math.nan, "alternative": EVIL}, True),
        ({"credit": 0.5, "bar": math.nan}, False),
    ],
)
def test_a_damaged_policy_is_left_out(policy: Any, damaged: bool) -> None:
    study = bowl("minimize", 6)
    trial = study.ask()
    trial.suggest_float("x", 0, 10)
    trial.set_user_attr(attributes.PROPOSAL, {"source": "model", "policy": policy})
    study.tell(trial, 1.0)
    assert ("says about trial 6 is damaged" in page(study).text) == damaged


def two(names: list[str] | None, *values: tuple[float, float]) -> optuna.Study:
    """A study of two objectives, the first to be small, the second large."""
    study = optuna.create_study(directions=["minimize", "maximize"])
    if names:
        study.set_metric_names(names)
    for k, given in enumerate(values):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        trial.set_user_attr(attributes.RESULT, {"seconds": float(k)})
        study.tell(trial, given)
    return study


def test_the_front_of_two_objectives() -> None:
    study = two(["error", f"speed {EVIL}"], (1, 1), (2, 2), (2, 1), (3, math.inf), (1, 1), (0.5, 0.5))
    made = page(study)
    assert "The study has 2 objectives. No single trial is best" in made.text
    front = {trace["name"]: trace["x"] for trace in made.plots["front"]["data"]}
    assert front == {"on the front": [0.5, 1, 1, 2], "beaten": [2]}
    assert StoredStudy.read(study).front.best == (0, 1, 4, 5)  # type: ignore[union-attr]
    data = json.loads(report(study, form="json"))
    assert [entry["trial"] for entry in data["front"]["trials"]] == [0, 1, 4, 5]
    assert data["front"]["objectives"][1] == {"name": f"speed {EVIL}", "direction": "maximize"}
    markdown = report(study, form="md")
    assert "## The front" in markdown
    assert "<script" not in markdown


def test_the_front_is_that_of_optuna() -> None:
    study = optuna.create_study(directions=["minimize", "maximize", "minimize"])
    rng = np.random.default_rng(0)
    for _ in range(60):
        study.tell(study.ask(), rng.integers(0, 6, 3).tolist())
    front = StoredStudy.read(study).front
    assert front is not None
    assert list(front.best) == sorted(t.number for t in study.best_trials)
    assert "Of 3 objectives the first two are drawn." in page(study).text


def limited(*values: tuple[float, float]) -> optuna.Study:
    """Trials with a value and a constraint."""
    study = optuna.create_study(study_name="limited")
    for value, limit in values:
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        trial.suggest_float("y", 0, 1)
        trial.set_constraint("memory in MB", limit)
        study.tell(trial, value)
    return study


def test_a_trial_that_violates_a_constraint_is_never_the_best() -> None:
    study = limited((3.0, -1), (1.0, 12.5), (2.0, 0), (2.5, -3), (4.0, -1), (0.5, 1))
    made = page(study)
    assert "2 finished trials violated constraints and cannot be the best." in made.text
    assert "memory in MB by 12.5" in made.text
    traces = {trace["name"]: trace for trace in made.plots["progress"]["data"]}
    assert traces["best so far"]["y"][-1] == 2.0
    assert traces["violates constraints"]["x"] == [1, 5]
    data = json.loads(report(study, form="json"))
    assert data["best"]["trial"] == 2
    assert data["trials"][1]["constraints"] == {"memory in MB": 12.5}
    markdown = report(study, form="md").replace("\\", "")
    assert "memory in MB by 12.5" in markdown
    assert "Best (minimize)&#58; value 2 in trial 2" in markdown
    assert made.plots["contour"]["data"][1]["text"] == ["0", "2", "3", "4"]
    assert f"'x': {study.trials[2].params['x']}" in made.text.split("Best configuration")[1]


def test_the_old_form_of_constraints_counts_too() -> None:
    study = optuna.create_study()
    for value, limits in ((1.0, [0.0, 3.0]), (2.0, [-1.0, 0.0])):
        system_attrs = {"constraints": limits}
        study.add_trial(optuna.trial.create_trial(value=value, system_attrs=system_attrs))
    assert json.loads(report(study, form="json"))["best"]["trial"] == 1


def test_a_default_that_violates_a_constraint_is_no_comparison() -> None:
    study = limited((1.0, 5), (2.0, -1))
    for number, source in enumerate(("default", "model")):
        study.get_trials(deepcopy=False)[number].user_attrs[attributes.PROPOSAL] = {"source": source}
    assert "the default configuration violates constraints, so it is no comparison" in page(study).text


def test_where_nothing_meets_the_constraints_there_is_no_best() -> None:
    made = page(limited((3.0, 1), (1.0, 2), (2.0, 3), (2.5, 4), (2.6, 4)))
    assert "no trial meets them, so there is no best value" in made.text
    assert "none yet" in made.text
    assert "best so far" not in {trace["name"] for trace in made.plots["progress"]["data"]}


def test_constraints_that_cannot_be_read_are_left_out() -> None:
    study = limited((1.0, -1), (2.0, -1), (3.0, -1))
    for number, damaged in enumerate(("much", [math.nan], {"a": 1})):
        study.get_trials(deepcopy=False)[number].system_attrs["constraints"] = damaged
    assert "What constraints says about trial 0 is damaged" in page(study).text


@pytest.mark.parametrize("values", [(), ((math.inf, 1.0),)])
def test_several_objectives_without_a_front(values: tuple[tuple[float, float], ...]) -> None:
    study = two(None, *values)
    assert "No trial has finished with a value for each objective." in page(study).text
    assert "## The front" in report(study, form="md")
    assert json.loads(report(study, form="json"))["front"]["trials"] == []


def test_how_a_study_came_to_be_is_told(study: optuna.Study) -> None:
    text = page(study).text
    assert "auto, seed 3, model simulated" in text
    assert f"optuna {optuna.__version__}" in text
    assert "- from trial 0: auto, seed 3, model simulated (tunewise" in report(study, form="md")
    assert json.loads(report(study, form="json"))["sessions"][0]["seed"] == 3
    assert "does not say with which proposer" in page(bowl("minimize", 3)).text


def test_the_command_that_runs_it_again_can_be_pasted(study: optuna.Study) -> None:
    made = Page(report(study, address="'my studies/letters.yaml' --study-name letters"))
    assert "tunewise tune 'my studies/letters.yaml' --proposer auto --seed 3\n" in made.text
    assert "tunewise show 'my studies/letters.yaml' --study-name letters\n" in made.text
    assert "tunewise tune" not in page(study).text, "without a study file there is nothing to run"


def test_a_damaged_session_does_not_matter() -> None:
    study = bowl("minimize", 3)
    study.set_user_attr(attributes.STUDY, {"sessions": [{"first": "x"}]})
    assert "What tunewise:study says about the study is damaged" in page(study).text
    study.set_user_attr(attributes.STUDY, {"sessions": [{"seed": [EVIL], "proposer": {EVIL: 1}, "cassette": EVIL}]})
    assert EVIL in page(study).text
