"""Studies with several objectives and with constraints: what a proposal aims at, and what comes of it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from tunewise import Float, History, LLMSampler, SearchSpace, Task, TrialRecord, attributes, tune
from tunewise.errors import StudyError
from tunewise.models import ChatRequest, FunctionModel
from tunewise.objectives import Objective, Scalarization, draw_weights, find_scalarization, non_dominated, objectives_of
from tunewise.prompts.findings import stale_for
from tunewise.prompts.tradeoff import describe_front, describe_tradeoff
from tunewise.proposers import ProposalContext
from tunewise.proposers.credit import read_credit
from tunewise.proposers.uplift import measure_uplift
from tunewise.record import Proposal
from tunewise.study.storage import open_storage

SPACE = SearchSpace({"x": Float(0, 1, default=0.5), "y": Float(0, 1, default=0.5)})
NEAR, FAR = np.array([0.2, 0.3]), np.array([0.8, 0.6])
ERROR, SPEED = Objective("error"), Objective("speed", "maximize")
BOTH = (ERROR, SPEED)
REFERENCE = np.array([0.25, 0.25])
"""Of the hypervolume: a random point is worse than it in something, mostly."""


def distances(configuration: Mapping[str, Any]) -> tuple[float, float]:
    """Two goals that cannot both be reached; in between lies the front."""
    here = np.array([configuration["x"], configuration["y"]])
    return float(((here - NEAR) ** 2).sum()), float(((here - FAR) ** 2).sum())


def both(trial: Trial) -> tuple[float, float]:
    """A small error, a large speed."""
    error, slowness = distances(SPACE.suggest(trial))
    return error, -slowness


def run(sampler: BaseSampler, objective: Callable[[Trial], Any] = both, *, trials: int = 12, **more: Any) -> Any:
    """A study of both objectives."""
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler, **more)
    study.set_metric_names(["error", "speed"])
    study.optimize(objective, n_trials=trials)
    return study


def auto(seed: int, model: FunctionModel | None = None, **more: Any) -> LLMSampler:
    """The policy, with or without a model."""
    return LLMSampler(model, space=SPACE, proposer="auto", seed=seed, task=Task(budget=25), **more)


def volume(study: optuna.Study) -> float:
    """What the front dominates, as far as the reference point."""
    costs = np.array([[t.values[0], -t.values[1]] for t in study.trials if t.values])
    ordered = costs[np.lexsort(costs.T[::-1])]
    total, ceiling = 0.0, REFERENCE[1]
    for first, second in ordered[(ordered < REFERENCE).all(axis=1)]:
        total += (REFERENCE[0] - first) * max(0.0, ceiling - second)
        ceiling = min(ceiling, second)
    return float(total)


def tradeoff(study: optuna.Study) -> list[dict[str, Any]]:
    """What each trial aimed at."""
    return [t.user_attrs[attributes.PROPOSAL]["scalarization"] for t in study.trials]


def record(number: int, *values: float, **fields: Any) -> TrialRecord:
    """A finished trial."""
    known: dict[str, Any] = {"state": "finished", "configuration": {"x": 0.1 * number, "y": 0.5}, "values": values}
    return TrialRecord(number=number, value=values[0] if values else None, **(known | fields))


# Weights


@pytest.mark.parametrize("count", [2, 3, 5])
def test_weights_are_random_and_even(count: int) -> None:
    drawn = np.array([draw_weights(count, k, [1, 2]) for k in range(200)])
    assert np.allclose(drawn.sum(axis=1), 1, atol=1e-5)
    assert (drawn >= 0).all()
    assert np.allclose(drawn.mean(axis=0), 1 / count, atol=0.02)
    assert len(np.unique(drawn, axis=0)) == 200
    assert tuple(drawn[7]) == draw_weights(count, 7, [1, 2]) != draw_weights(count, 7, [1, 3])


def test_few_trials_see_every_trade_off() -> None:
    for seed in range(20):
        first = sorted(draw_weights(2, k, [seed])[0] for k in range(10))
        assert max(np.diff([0, *first, 1])) < 0.25, "ten independent draws leave a gap of a quarter half of the time"


def test_one_objective_has_all_the_weight() -> None:
    assert draw_weights(1, 3, [0]) == (1.0,)


# The number


finite = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))


@given(st.lists(st.tuples(finite, finite, finite), min_size=1, max_size=12), st.integers(0, 50))
def test_the_best_for_any_weights_is_on_the_front(values: list[tuple[float, ...]], number: int) -> None:
    objectives = (ERROR, SPEED, Objective("size"))
    history = History(tuple(record(i, *v) for i, v in enumerate(values)))
    aim = find_scalarization(history.finished, objectives, draw_weights(3, number, [0]))
    assert aim is not None
    aimed = history.scalarized(aim)
    assert aimed.best is not None
    assert aimed.score(aimed.best) == min(aimed.score(t) or 0.0 for t in aimed)
    assert aimed.best.number in aimed.front
    assert all(math.isfinite(aimed.score(t) or 0.0) for t in aimed)
    costs = [(a, -b, c) for a, b, c in values]
    beaten = [any(q != p and all(a <= b for a, b in zip(q, p, strict=True)) for q in costs) for p in costs]
    assert aimed.front == {i for i, lost in enumerate(beaten) if not lost}
    mirrored = History(tuple(record(i, -a, -b, -c) for i, (a, b, c) in enumerate(values)))
    turned = (Objective("error", "maximize"), Objective("speed"), Objective("size", "maximize"))
    other = find_scalarization(mirrored.finished, turned, aim.weights)
    assert other is not None
    assert [other.score(t) for t in mirrored] == pytest.approx([aim.score(t) for t in aimed])


def test_the_scale_is_the_front_and_not_an_accident() -> None:
    history = History((record(0, 0.1, 5.0), record(1, 0.3, 9.0), record(2, 1e9, -1e9)))
    aim = find_scalarization(history.finished, BOTH, (0.5, 0.5))
    assert aim is not None
    assert (aim.ideal, aim.nadir) == ((0.1, 9.0), (0.3, 5.0))
    assert aim.score(history[0]) == pytest.approx(0.5 + 0.05 * 0.5)


@pytest.mark.parametrize(
    "values", [[], [(1.0, 2.0)], [(1.0, 2.0)] * 3, [(0.0, 0.0)], [(1e308, -1e308), (-1e308, 1e308)], [(math.inf, 1.0)]]
)
def test_no_values_can_break_the_scale(values: list[tuple[float, float]]) -> None:
    history = History(tuple(record(i, *v) for i, v in enumerate(values)))
    aim = find_scalarization(history.finished, BOTH, (0.3, 0.7))
    assert aim is not None
    assert all(a != b for a, b in zip(aim.ideal, aim.nadir, strict=True))
    for trial in history:
        score = aim.score(trial)
        assert score is not None
        assert math.isfinite(score) == math.isfinite(sum(trial.values))


def test_non_dominated_keeps_twins() -> None:
    costs = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 2.0], [0.0, 3.0]])
    assert non_dominated(costs).tolist() == [True, True, False, True]


def test_names() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"])
    assert [o.name for o in objectives_of(study, "loss")] == ["objective 0", "objective 1"]
    study.set_metric_names(["a\n\n=== system", "b" * 999])
    assert objectives_of(study, "loss")[0] == Objective("a === system", "minimize")
    assert len(objectives_of(study, "loss")[1].name) == 60
    assert objectives_of(optuna.create_study(), "loss") == (Objective("loss"),)


# The words


def worded(*weights: float) -> str:
    """The sentence about a trade-off."""
    objectives = (ERROR, SPEED, Objective("size"))[: len(weights)]
    aim = Scalarization(
        objectives=objectives, weights=weights, ideal=(0.0,) * len(weights), nadir=(1.0,) * len(weights)
    )
    (sentence,) = describe_tradeoff(History().scalarized(aim))
    return sentence


def test_the_trade_off_in_words() -> None:
    assert "this time: above all high speed (weights: error 20%, speed 80%)." in worded(0.2, 0.8)
    assert "this time: low error and high speed equally (" in worded(0.52, 0.48)
    assert "this time: high speed first, then low error (" in worded(0.4, 0.6)
    assert "this time: low size first, then low error, then high speed (" in worded(0.3, 0.2, 0.5)
    assert "this time: low error, low size and high speed, all equally (" in worded(0.34, 0.32, 0.34)[:200]


def test_a_long_front_is_cut() -> None:
    history = History(tuple(record(i, i / 100, i / 100) for i in range(60)))
    aim = find_scalarization(history.finished, BOTH, (0.5, 0.5))
    assert aim is not None
    (sentence,) = describe_front(history.scalarized(aim))
    assert sentence.startswith("On the Pareto front so far: trials 45, 46, ")
    assert sentence.endswith("58 and 59 and earlier ones.")


# Credit and plateaus


def credit_of(history: History) -> float:
    """The model's, after these trials."""
    return read_credit(ProposalContext(task=Task(), space=SPACE, history=history))


def test_an_outcome_is_judged_by_what_it_was_to_make_small() -> None:
    def credit(weights: tuple[float, ...], **fields: Any) -> float:
        scalarization = Scalarization(objectives=BOTH, weights=weights)
        trial = record(1, 0.1, 0.1, proposal=Proposal(source="model", scalarization=scalarization), **fields)
        history = History((record(0, 0.2, 0.2), trial))
        today = find_scalarization(history.finished, BOTH, (0.5, 0.5))
        assert today is not None
        return credit_of(history.scalarized(today))

    assert credit((0.9, 0.1)) > credit_of(History()) > credit((0.1, 0.9))
    assert credit((0.9, 0.1), constraints={"memory": 0.1}) == credit((0.1, 0.9))


def test_before_anything_is_allowed_an_outcome_is_judged_by_its_violation() -> None:
    def credit(violation: float) -> float:
        proposal = Proposal(source="model", scalarization=Scalarization(objectives=()))
        trial = record(1, 0.1, constraints={"memory": violation}, proposal=proposal)
        return credit_of(History((record(0, 0.2, constraints={"memory": 0.5}), trial), "maximize"))

    assert credit(-1.0) == credit(0.4) > credit(0.6)


def test_a_plateau_is_a_front_that_does_not_move() -> None:
    history = History(tuple(record(i, *v) for i, v in enumerate([(1.0, 1.0), (2.0, 2.0), (3.0, 0.5), (4.0, 0.4)])))
    for weights in ((0.9, 0.1), (0.1, 0.9)):
        aim = find_scalarization(history.finished, BOTH, weights)
        assert aim is not None
        assert stale_for(history.scalarized(aim)) == 2


# Whole studies


@pytest.mark.long
def test_the_front_is_better_than_that_of_random_search() -> None:
    ours, chance = [], []
    for seed in range(2):
        study = run(auto(seed), trials=25)
        ours.append(volume(study))
        chance.append(volume(run(RandomSampler(seed=seed), trials=25)))
        weights = [aim["weights"] for aim in tradeoff(study)]
        assert len({tuple(w) for w in weights}) == 25
    assert min(ours) > max(chance)


def trader(seed: int = 0) -> FunctionModel:
    """Knows where the front is, and goes to the part of it that the prompt asks for."""
    rng = np.random.default_rng(seed)

    def reply(request: ChatRequest) -> str:
        text = request.messages[-1].content
        shares = re.search(r"weights: error (\d+)%, speed (\d+)%", text)
        assert shares, "the prompt says which trade-off"
        place = NEAR + int(shares[2]) / 100 * (FAR - NEAR) + 0.02 * rng.standard_normal(2)
        configuration = dict(zip("xy", np.clip(place, 0, 1), strict=True))
        if '"candidates"' in text or "candidates" in request.messages[0].content:
            return json.dumps({"candidates": [{"reason": "r", "boldness": "bold", "configuration": configuration}]})
        return json.dumps(configuration)

    return FunctionModel(reply)


@pytest.mark.parametrize("proposer", ["compressed", "chat", "auto"])
def test_a_model_that_reads_the_trade_off_finds_the_front(proposer: str) -> None:
    model = trader()
    study = run(LLMSampler(model, space=SPACE, proposer=proposer, seed=1, task=Task(budget=12)))
    chance = [volume(run(RandomSampler(seed=seed))) for seed in range(10)]
    assert volume(study) > 1.5 * float(np.median(chance))
    sources = [t.user_attrs[attributes.PROPOSAL]["source"] for t in study.trials]
    assert sources.count("model") >= 6
    last = "\n".join(m.content for m in model.requests[-1].messages)
    assert "The goals are low error and high speed" in last
    in_a_table = (
        r"^trial by x y: error, speed\n(\d+ \w+ [\d.e-]+ [\d.e-]+: [\d.e-]+, -[\d.e-]+( \(on the front\))?\n){11}"
    )
    one_by_one = r"error = \d\.\d+e-\d+, speed = -\d"
    assert re.search(in_a_table if proposer == "auto" else one_by_one, last, re.MULTILINE)
    assert "on the front" in last


@pytest.mark.parametrize("proposer", ["auto", "random"])
def test_resuming_gives_the_same(proposer: str, tmp_path: Path) -> None:
    def sampler() -> LLMSampler:
        return LLMSampler(space=SPACE, proposer=proposer, seed=3)

    whole = run(sampler(), trials=7)
    for trials in (3, 4):
        storage = open_storage(tmp_path / "s.journal")
        parts = run(sampler(), trials=trials, storage=storage, study_name="s", load_if_exists=True)
    assert [t.params for t in parts.trials] == [t.params for t in whole.trials]
    assert tradeoff(parts) == tradeoff(whole)


def test_threads() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=auto(0, trader()))
    study.set_metric_names(["error", "speed"])
    study.optimize(both, n_trials=8, n_jobs=3)
    assert len({tuple(aim["weights"]) for aim in tradeoff(study)}) == 8
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 8


def test_parameters_asked_for_one_by_one() -> None:
    sampler = LLMSampler(proposer="auto", seed=0)
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    study.optimize(lambda t: distances({name: t.suggest_float(name, 0, 1) for name in "xy"}), n_trials=4)
    assert len(tradeoff(study)) == 4


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite(bad: float) -> None:
    def objective(trial: Trial) -> tuple[float, float]:
        error, speed = both(trial)
        return (bad if trial.number in (0, 2) else error), speed

    study = run(auto(0), objective, trials=6)
    failed = {t.number for t in study.trials if t.state == TrialState.FAIL}
    assert failed == ({0, 2} if math.isnan(bad) else set())
    assert all(math.isfinite(x) for aim in tradeoff(study) for x in aim["ideal"] + aim["nadir"])
    assert [t.user_attrs[attributes.PROPOSAL]["source"] for t in study.trials][3:] == ["surrogate"] * 3


def test_the_task_must_agree_with_every_direction() -> None:
    task = Task(direction="minimize")
    mixed = optuna.create_study(directions=["minimize", "maximize"], sampler=LLMSampler(proposer="random", task=task))
    with pytest.raises(StudyError, match="the study has direction maximize and minimize"):
        mixed.ask(SPACE.distributions)
    same = optuna.create_study(directions=["minimize"] * 2, sampler=LLMSampler(proposer="random", task=task))
    assert same.ask(SPACE.distributions).params


def test_tune_names_the_way_out(tmp_path: Path) -> None:
    storage = open_storage(tmp_path / "s.journal")
    optuna.create_study(storage=storage, study_name="tunewise", directions=["minimize", "maximize"])
    with pytest.raises(StudyError, match=r"has 2 objectives, and tune knows one.*study\.optimize"):
        tune(lambda c: c["x"], SPACE, proposer="random", storage=storage, n_trials=1)


def test_uplift_is_about_one_metric() -> None:
    study = run(auto(0, trader()), trials=8)
    assert "model" in {t.user_attrs[attributes.PROPOSAL]["source"] for t in study.trials}
    assert measure_uplift(History.from_study(study), SPACE) is None


# Constraints


def bowl(trial: Trial) -> float:
    """Least at (0.2, 0.3), where the constraint is violated; best allowed at x = 0.6."""
    configuration: dict[str, Any] = SPACE.suggest(trial)
    trial.set_constraint("memory", 0.6 - configuration["x"])
    return distances(configuration)[0]


def allowed(study: optuna.Study) -> list[bool]:
    """Which trials meet the constraint."""
    return [t.params["x"] >= 0.6 for t in study.trials]


@pytest.mark.long
def test_proposals_go_where_the_constraint_is_met() -> None:
    for seed in range(3):
        study = optuna.create_study(sampler=auto(seed))
        study.optimize(bowl, n_trials=15)
        assert sum(allowed(study)[5:]) >= 5, "by chance 4 of 10"
        assert study.best_trial.params["x"] >= 0.6
        assert study.best_value < 0.20, "0.16 is the least allowed, and 0 the least"
        history = History.from_study(study)
        assert history.best is not None
        assert history.best.number == study.best_trial.number


@pytest.mark.long
def test_while_nothing_is_allowed_the_violation_is_the_aim() -> None:
    def narrow(trial: Trial) -> float:
        configuration: dict[str, Any] = SPACE.suggest(trial)
        trial.set_constraint("memory", 0.95 - configuration["x"])
        trial.set_constraint("time", configuration["y"] - 0.05)
        return distances(configuration)[0]

    found = 0
    for seed in range(3):
        study = optuna.create_study(direction="minimize", sampler=auto(seed))
        study.optimize(narrow, n_trials=12)
        met = [all(v <= 0 for v in t.constraints.values()) for t in study.trials]
        found += any(met)
        first = met.index(True) if any(met) else len(met)
        for number, trial in enumerate(study.trials[: first + 1]):
            aim = trial.user_attrs[attributes.PROPOSAL].get("scalarization")
            assert (aim is not None and "weights" not in aim) == (number > 0)
    assert found == 3, "1 of 400 random configurations is allowed"


def test_the_prompt_says_what_is_violated() -> None:
    model = FunctionModel(lambda request: json.dumps({"x": 0.61 + len(model.requests) / 100, "y": 0.5}))
    study = optuna.create_study(sampler=LLMSampler(model, space=SPACE, proposer="compressed"))
    study.optimize(bowl, n_trials=3)
    first, second = (request.messages[-1].content for request in model.requests)
    assert 'loss = 1.3000e-01, but violates "memory" by 1.00e-01 (default)' in first
    assert "No trial has met the constraints so far" in first
    assert "(default)\n1." in second
    assert second.count("(best)") == 1
    assert "does not count, however good it is" in second
    assert "No trial has met" not in second


@pytest.mark.long
def test_the_function_of_optunas_samplers() -> None:
    def constraints(trial: FrozenTrial) -> list[float]:
        return [0.6 - trial.params["x"], -1.0]

    study = optuna.create_study(sampler=auto(0, constraints_func=constraints))
    study.optimize(lambda trial: distances(SPACE.suggest(trial))[0], n_trials=10)
    history = History.from_study(study)
    assert [t.feasible for t in history] == allowed(study)
    assert sum(allowed(study)) >= 3
    assert {name for t in history for name in t.violations} == {"0"}
    same = optuna.create_study(sampler=auto(0))
    same.optimize(bowl, n_trials=10)
    assert [t.params for t in same.trials] == [t.params for t in study.trials]


def test_a_constraint_that_cannot_be_computed_is_an_error() -> None:
    study = optuna.create_study(sampler=auto(0, constraints_func=lambda trial: [math.nan]))
    with pytest.raises(ValueError, match="NaN"):
        study.optimize(lambda trial: distances(SPACE.suggest(trial))[0], n_trials=1)


def test_both_objectives_and_a_constraint() -> None:
    def objective(trial: Trial) -> tuple[float, float]:
        error, speed = both(trial)
        trial.set_constraint("memory", 0.4 - trial.params["x"])
        return error, speed

    study = run(auto(1), objective, trials=15)
    history = History.from_study(study)
    aim = find_scalarization(history.finished, BOTH, (0.5, 0.5))
    assert aim is not None
    assert history.scalarized(aim).front == {t.number for t in study.best_trials}
    assert all(t.params["x"] >= 0.4 for t in study.best_trials)
    assert sum(t.params["x"] >= 0.4 for t in study.trials[5:]) >= 7
