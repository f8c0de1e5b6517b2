"""`auto`: who decides a trial, what is asked, what is kept; by hand and in real studies."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import optuna
import pytest

from support.bowl import BARE, DEFAULT, OPTIMUM, SPACE, TASK, WORST, asked, bowl, by, offer, past, proposals, sources
from support.playing import play, told
from tunewise import Categorical, Float, Int, LLMSampler, SamplerOptions, SearchSpace, Task
from tunewise.errors import ContextLimitExceeded, ModelUnavailable
from tunewise.history import History, TrialRecord
from tunewise.llm.base import ChatModel
from tunewise.models import FunctionModel
from tunewise.prior_studies import PriorStudy
from tunewise.prompts.advised import FEW
from tunewise.prompts.by_value import say_by_value
from tunewise.prompts.findings import equal_settings, say_findings, without_effect
from tunewise.prompts.render import MAX_PROMPT_TOKENS
from tunewise.proposers import Auto, AutoOptions
from tunewise.proposers import credit as credit_module
from tunewise.proposers.assessment import STALLED, Assessment
from tunewise.proposers.auto import STALLED_NOTE
from tunewise.proposers.credit import DOUBT, LEAST, costs_for, placement, read_credit
from tunewise.proposers.steps import FAR
from tunewise.record import Advice, Candidate
from tunewise.testing.simulated import adversary, default_lover, expert, rambler, repeater, stale
from tunewise.tokens import estimate_tokens

FOREVER = SamplerOptions(max_fallbacks=None)
"""However often it does without the model."""

GOOD = tuple(past(i, 0.6 + i / 50, 0.3, proposal=by("model")) for i in range(1, 4))
"""Three trials of the model that beat the default."""
BAD = tuple(past(i, 0.01 * i, 0.9, proposal=by("model")) for i in range(1, 4))
"""Three that are worse than everything."""
LOST = (
    DEFAULT,
    BAD[0],
    past(2, 0.6),
    past(3, 0.7),
    BAD[1].__class__(4, "finished", {"x": 0.0, "y": 1.0}, 2.0, proposal=by("model")),
)
BETTER = tuple(past(i, 0.5 + i / 50, 0.4) for i in range(4, 10))
"""Six of the surrogate's that are better than these."""
AGAIN = past(10, 0.01, 0.95, proposal=by("model"))
"""Another of the model's that is worse than everything."""
MODELS: dict[str, Callable[[], ChatModel]] = {
    "expert": lambda: expert(OPTIMUM),
    "stale": lambda: stale(OPTIMUM),
    "adversary": lambda: adversary(WORST),
    "default_lover": default_lover,
    "repeater": lambda: repeater(seed=3),
    "rambler": rambler,
}


@pytest.fixture(autouse=True)
def quiet() -> Any:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(optuna.logging.INFO)


def run(model: ChatModel | None, *, trials: int = 12, space: SearchSpace = SPACE, **more: Any) -> optuna.Study:
    """A study of the bowl."""
    known: dict[str, Any] = {
        "task": Task(metric="error", budget=trials),
        "seed": 0,
        "options": FOREVER,
    }
    study = optuna.create_study(sampler=LLMSampler(model, space=space, **(known | more)))
    study.optimize(lambda trial: bowl(space.suggest(trial)), n_trials=trials)
    return study


# Who decides


def test_the_model_decides_from_trial_1_on() -> None:
    proposal, (request,) = play(Auto(), asked(DEFAULT), offer((0.7, 0.4)))
    assert (proposal.source, proposal.configuration, proposal.reason) == ("model", {"x": 0.7, "y": 0.4}, "because")
    assert "Gaussian process" not in told(request).split("Trials so far")[1].split("\n", 1)[1], "it knows nothing yet"
    assert proposal.decision.call == "candidates"
    assert proposal.decision.offered == (Candidate(configuration={"x": 0.7, "y": 0.4}, reason="because", model="m"),)


def test_before_six_values_the_model_goes_by_its_own_ideas() -> None:
    proposal, (request,) = play(Auto(), asked(DEFAULT, *GOOD, past(4, 0.9)), offer((0.9, 0.1)))
    assert proposal.source == "model"
    assert len(proposal.decision.advice) == 3, "the surrogate's own points are kept, to tell what the model added"
    assert "fitted to these trials" not in told(request)


def test_from_six_values_on_the_surrogate_advises_and_the_model_still_decides() -> None:
    level = [past(i, i / 20, value=0.3) for i in range(6)]
    proposal, (request,) = play(Auto(), asked(*level), offer((0.9, 0.1)))
    assert proposal.source == "model"
    assert len(proposal.decision.advice) == 3
    assert "too few different values to expect anything" in told(request)
    assert "±" not in told(request)
    assert proposal.decision.expected is None


def asks(*trials: TrialRecord, **fields: Any) -> str:
    """What the model is told after some trials."""
    _, (request,) = play(Auto(), asked(*trials, **fields), offer((1, 1), (0.9, 0.1)))
    return told(request)


def test_the_first_trials_go_far_from_the_default() -> None:
    said = "Do not stay near the default"
    assert said in asks(DEFAULT)
    assert said in asks(DEFAULT, past(1, 0.6))
    assert said not in asks(DEFAULT, past(1, 0.6), past(2, 0.7))
    assert said not in asks(past(0, 0.2), space=BARE), "there is none"


def test_where_nothing_was_better_of_late_every_second_call_is_for_a_large_step() -> None:
    said = "at least a sixth of the range"
    worse = [past(i, 0.6 - 0.05 * i) for i in range(1, 9)]
    assert [said in asks(past(0, 0.6), *worse[:count]) for count in (4, 5, 6, 7)] == [False, True, False, True]
    assert said not in asks(past(0, 0.1), past(1, 0.2), *worse[1:4], past(5, 0.83, 0.21)), "the last one was better"
    assert said not in asks(past(0, 0.6), *worse[:5], task=replace(TASK, budget=9)), "the last few refine"


GRID = SearchSpace({"x": Int(0, 4, default=2), "y": Int(0, 4, default=2)})


def on_grid(*cells: tuple[int, int, float]) -> tuple[TrialRecord, ...]:
    """Trials of a small grid."""
    return tuple(TrialRecord(i, "finished", {"x": x, "y": y}, value) for i, (x, y, value) in enumerate(cells))


def test_whether_a_large_step_is_worth_it_is_the_model_s_to_say() -> None:
    cells = [(2, 2, 0.1), (0, 0, 0.9), (4, 4, 0.8), (3, 2, 0.4), (0, 4, 0.95), (4, 0, 0.7)]
    large = asks(*on_grid(*cells), space=GRID)
    assert "If you expect that another region can compete, go there now" in large
    assert "at least a sixth" in large
    assert "next to the best" in large, "it may go on from there"


def test_a_large_step_is_asked_for_where_there_is_something_to_find_and_room_and_time() -> None:
    said = "at least a sixth of the range"
    trials = [past(i, 0.6 - 0.05 * i) for i in range(6)]
    assert said in asks(*trials)
    assert said in asks(*trials, task=replace(TASK, budget=30))
    more = [past(i, 0.3, 0.1 + 0.02 * i) for i in range(6, 16)]
    assert said in asks(*trials, *more, task=replace(TASK, budget=40))
    assert said not in asks(*trials, *more, task=replace(TASK, budget=30)), "the second half makes use of what is known"
    assert said not in asks(replace(trials[0], value=0.0), *trials[1:]), "nothing is better than an error of 0"
    plateau = [replace(t, value=0.1) for t in trials[:5]]
    assert said in asks(*plateau[:4], *trials[4:])
    assert said not in asks(*plateau, *trials[5:]), "five trials share the best value"
    line = SearchSpace({"x": Int(0, 8, default=2)})
    around = [TrialRecord(i, "finished", {"x": x}, 0.1 + i) for i, x in enumerate((2, 0, 4, 6, 8, 5))]
    assert said not in asks(*around, space=line), "there is no room"


def test_advice_is_told_with_figures_from_four_different_values_on_and_not_where_it_is_worse_than_the_middle() -> None:
    trials = (DEFAULT, *GOOD, *BAD)
    trials = tuple(replace(trial, number=i) for i, trial in enumerate(trials))
    proposal, (request,) = play(Auto(), asked(*trials), offer((0.9, 0.1)))
    values = sorted(trial.value for trial in trials if trial.value is not None)
    lines = re.findall(r"^([\d.]+) ([\d.]+): expects ([\d.e-]+) ± ([\d.e-]+)$", told(request), re.MULTILINE)
    inside = [a for a in proposal.decision.advice if a.configuration["x"] != 1]
    good = [a for a in inside if a.expected and a.expected.mean <= values[3]]
    assert len(inside) < len(proposal.decision.advice), "nobody was near x = 1"
    assert len(lines) == len(good) > 0
    for x, y, mean, std in lines:
        assert float(mean) <= values[3]
        assert float(std) <= values[-1] - values[0]
        assert (float(x), float(y)) not in {(t.configuration["x"], t.configuration["y"]) for t in trials}


def test_a_small_grid_is_counted_and_what_is_untried_next_to_the_best_is_named() -> None:
    trials = on_grid((2, 2, 0.5), (0, 0, 0.9), (4, 4, 0.8), (0, 4, 0.9), (4, 0, 0.8), (3, 2, 0.4))
    _, (request,) = play(Auto(), asked(*trials, space=GRID), offer((3, 3)))
    assert "6 of the 25 configurations of the grid were tried. Of the 8 next to the best, 7 are untried." in told(
        request
    )
    said = told(request).split("it would take ")[1].split("\n")[0]
    named = [tuple(map(int, part.split(":")[0].split())) for part in said.split("; ")]
    assert 1 <= len(named) <= 3
    assert not {tuple(t.configuration.values()) for t in trials}.intersection(named)


def test_what_comes_to_the_same_is_not_advised() -> None:
    cells = [(4, 4, 0.9), (0, 0, 0.5), (0, 1, 0.5), (1, 0, 0.4), (1, 1, 0.4), (3, 0, 0.1)]
    _, (request,) = play(Auto(), asked(*on_grid(*cells), space=GRID), offer((4, 0)))
    assert "With all else equal, these made no difference so far: y 0, 1 (2 pairs of trials)." in told(request)
    assert re.search(r"^3 1\b|it would take 3 1\b|; 3 1\b", told(request), re.MULTILINE) is None


def test_what_comes_to_the_same_is_counted_once() -> None:
    cells = [(4, 4, 0.9), (0, 0, 0.5), (0, 1, 0.5), (1, 0, 0.4), (1, 1, 0.4), (3, 0, 0.1)]
    _, (request,) = play(Auto(), asked(*on_grid(*cells), space=GRID), offer((4, 0)))
    assert "4 of the 20 different configurations of the grid were tried. Of the 2 next to the best" in told(request)


def test_where_advice_is_far_a_point_near_the_best_is_named() -> None:
    context = asked(DEFAULT, *(replace(t, number=i) for i, t in enumerate((*GOOD, *BAD), 1)))
    best = context.history.best
    assert best is not None
    for away, told_near in ((0.1, False), (0.5, True)):
        state = Assessment(context)
        vars(state)["told_advice"] = (Advice(configuration={**best.configuration, "x": 0.66 - away}),)
        assert bool(state.close) is told_near
    assert state.close is not None
    assert 0 < context.distance(state.close.configuration, best.configuration) <= FAR + 1e-9
    assert not context.duplicate(state.close.configuration)


def test_what_values_gave_is_told_where_there_are_few() -> None:
    space = SearchSpace({"kind": Categorical(["a", "b", "c"]), "n": Int(1, 3), "x": Float(0, 1)})
    rows = [("a", 1, 0.5), ("a", 2, 0.25), ("b", 1, 0.75), ("a", 1, 1.0)] * 4
    trials = [TrialRecord(i, "finished", {"kind": k, "n": n, "x": i / 16}, v) for i, (k, n, v) in enumerate(rows)]
    assert say_by_value(History(tuple(trials[:7])), space) == []
    assert say_by_value(History(tuple(trials[:8])), space)[1:] == [
        'kind: "a" 0.25/0.5 (6), "b" 0.75/0.75 (2)',
        "n: 1 0.5/0.75 (6), 2 0.25/0.25 (2)",
    ]
    assert say_by_value(History(tuple(trials)), space)[1:] == [
        'kind: "a" 0.25/0.5 (12), "b" 0.75/0.75 (4); untried "c"',
        "n: 1 0.5/0.75 (12), 2 0.25/0.25 (4); untried 3",
    ]
    assert 'kind: "a" 1/0.5 (6)' in say_by_value(History(tuple(trials[:8]), "maximize"), space)[1]


def test_a_neighbourhood_that_was_tried_is_said() -> None:
    around = on_grid((0, 1, 0.2), (1, 0, 0.3), (1, 1, 0.4), (4, 4, 0.9), (3, 3, 0.8), (0, 0, 0.1))
    _, (request,) = play(Auto(), asked(*around, space=GRID), offer((0, 2)))
    assert "6 of the 25 configurations of the grid were tried, all 3 next to the best among them: " in told(request)


def test_where_all_next_to_the_best_was_tried_it_looks_two_steps_away() -> None:
    cells = [(x, y, 0.1 + 0.1 * (x + y)) for x in (1, 0) for y in (1, 0)]
    line = SearchSpace({"x": Int(0, 6, default=2), "y": Int(0, 1, default=0)})
    far = [(x, y, 0.9 + x + y) for x in (2, 6) for y in range(2)]
    _, (request, _) = play(Auto(), asked(*on_grid(*far, *cells), space=line), offer((4, 1)), offer((4, 0)))
    assert "all 3 next to the best among them: " in told(request)
    said = told(request).split("be better. ")[1].split("\n")[0]
    assert said.startswith(("At most two steps from the best", "It expects nothing good at most two steps")), said


TREES = SearchSpace({"min_samples_split": Int(2, 20, default=2), "min_samples_leaf": Int(1, 10, default=1)})


def test_settings_of_trees_that_are_equal_by_their_meaning_are_said_and_count_as_tried() -> None:
    history = History((TrialRecord(0, "finished", {"min_samples_split": 2, "min_samples_leaf": 5}, 0.3),))
    assert (
        "min_samples_split makes no difference as long as it is at most twice" in say_findings(history, TREES, {})[-1]
    )
    same = without_effect(equal_settings(history, TREES), TREES)
    assert same({"min_samples_split": 8, "min_samples_leaf": 5}) == same(history[0].configuration)
    assert same({"min_samples_split": 11, "min_samples_leaf": 5}) != same(history[0].configuration)
    assert not say_findings(history, SPACE, {})


def test_the_best_few_of_many_trials_are_named() -> None:
    trials = [past(i, i / 20) for i in range(12)]
    best = sorted(trials, key=lambda t: t.value or 0.0)[:5]
    assert say_findings(History(tuple(trials[:11])), SPACE, {})[:1] != [
        said := say_findings(History(tuple(trials)), SPACE, {})[0]
    ]
    assert said == f"The best so far are trials {', '.join(f'{t.number} ({t.value:.5g})' for t in best)}."


def test_all_of_trials_that_tie_for_the_best_are_looked_around() -> None:
    trials = on_grid((2, 2, 0.2), (0, 4, 0.3), (4, 0, 0.4), (2, 0, 0.4), (0, 0, 0.1), (4, 4, 0.1))
    _, (request,) = play(Auto(), asked(*trials, space=GRID), offer((1, 1)))
    assert "Of the 6 next to the best, 6 are untried" in told(request)
    assert told(request).count("(best)") == 2


@pytest.mark.parametrize("space", [SPACE, BARE])
def test_without_any_value_the_model_is_asked_too(space: SearchSpace) -> None:
    proposal, (request,) = play(Auto(), asked(space=space), offer((0.7, 0.4)))
    assert proposal.source == "model"
    assert "must differ" not in told(request)


def test_what_is_fixed_is_completed_by_the_surrogate() -> None:
    proposal, requests = play(Auto(), asked(DEFAULT, fixed={"z": 1}))
    assert (proposal.source, requests) == ("surrogate", [])


def test_a_space_that_is_exhausted_asks_nobody() -> None:
    space = SearchSpace({"x": Categorical([0, 1])})
    trials = [TrialRecord(i, "finished", {"x": i}, float(i)) for i in (0, 1)]
    proposal, requests = play(Auto(), asked(*trials, space=space))
    assert (proposal.source, requests) == ("surrogate", [])


# Replies


def test_a_useless_reply_is_sent_back_once_and_never_blocks() -> None:
    proposal, requests = play(Auto(), asked(DEFAULT), "Good morning.", "Good evening.")
    assert (proposal.source, proposal.decision.call) == ("surrogate", "candidates")
    assert "2 replies could not be used" in proposal.fallback
    assert len(proposal.refused) == 2
    assert "could not be used" in told(requests[1])


@pytest.mark.parametrize("error", [ModelUnavailable("503"), ContextLimitExceeded("64")])
def test_no_reply_never_blocks(error: Any) -> None:
    proposal, _ = play(Auto(), asked(DEFAULT), error)
    assert (proposal.source, proposal.decision.call) == ("surrogate", "no reply")
    assert proposal.fallback.startswith("the model gave no reply")
    proposal, _ = play(Auto(), asked(space=BARE), error)
    assert proposal.source == "random", "there is nothing to fit"


def test_a_repeat_is_sent_back_with_the_reason() -> None:
    proposal, (_, second) = play(Auto(), asked(DEFAULT), offer((0.5, 0.5)), offer((0.7, 0.4)))
    assert "It repeats trial 0, which has been evaluated" in told(second)
    assert proposal.source == "model"


def test_out_of_range_is_repaired_and_marked() -> None:
    proposal, _ = play(Auto(), asked(DEFAULT), offer((7.0, 0.4)))
    assert (proposal.source, proposal.configuration) == ("repair", {"x": 1.0, "y": 0.4})
    assert proposal.repairs


# Batches


def test_a_batch_runs_whole_before_the_next_call() -> None:
    auto = Auto(AutoOptions(batch_size=3))
    first, (request,) = play(auto, asked(DEFAULT), offer((0.7, 0.4), (0.8, 0.3), (0.9, 0.2)))
    assert "Give the next 3 configurations" in told(request)
    trial = past(1, 0.7, 0.4, proposal=first)
    second, requests = play(auto, asked(DEFAULT, trial))
    assert (second.source, second.configuration, requests) == ("model", {"x": 0.8, "y": 0.3}, [])


def test_a_batch_is_no_larger_than_what_is_left() -> None:
    _, (request,) = play(
        Auto(AutoOptions(batch_size=3)), asked(DEFAULT, *GOOD, task=Task(budget=6)), offer((0.9, 0.1), (0.9, 0.2))
    )
    assert "Give the next 2 configurations" in told(request)


def test_a_call_brings_a_configuration_for_each_free_worker() -> None:
    running = past(1, 0.55, 0.42, state="running", value=None)
    _, (request,) = play(Auto(), asked(DEFAULT, running, workers=4), offer((0.7, 0.4)))
    assert "Give the next 3 configurations" in told(request)
    assert 'Being evaluated now, with results not known yet:\n{"x": 0.55, "y": 0.42}' in told(request)


def test_the_last_evaluation_is_for_exploiting() -> None:
    _, (request,) = play(Auto(), asked(DEFAULT, task=Task(budget=2)), offer((0.7, 0.4)))
    assert "This is the last evaluation" in told(request)


def test_a_stored_candidate_of_another_space_is_left_out() -> None:
    offered = (Candidate(configuration={"x": 9.0, "y": 1.0}), Candidate(configuration={"z": 1}))
    trial = past(1, 0.7, 0.4, proposal=by("model", offered=offered))
    proposal, requests = play(Auto(), asked(DEFAULT, trial), offer((0.8, 0.3)))
    assert (proposal.configuration, len(requests)) == ({"x": 0.8, "y": 0.3}, 1)


# Credit


def test_credit_follows_outcomes() -> None:
    fresh = read_credit(asked(DEFAULT))
    assert read_credit(asked(DEFAULT, *GOOD)) > read_credit(asked(DEFAULT, *GOOD[:1])) > fresh
    assert LEAST < read_credit(asked(DEFAULT, *BAD)) < read_credit(asked(DEFAULT, *BAD[:1])) < fresh
    assert read_credit(asked(DEFAULT, *BAD, *BETTER, AGAIN)) < LEAST
    assert read_credit(asked(DEFAULT, past(1, 0.9))) == fresh, "the surrogate's trials alone say nothing"


def test_what_differs_by_the_order_of_a_sum_ties() -> None:
    same = 0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1
    assert same[0] > same[1]
    found = []
    for value in (*same, 0.7):
        default, trial = replace(DEFAULT, value=same[1]), past(1, 0.8, 0.3, value=value, proposal=by("model"))
        found.append(read_credit(asked(default, trial), candidate={"x": 0.85, "y": 0.3}))
        assert asked(default, trial).history.ties(default, trial) == (value in same)
    assert found[0] == found[1] > found[2]


def test_credit_knows_the_direction() -> None:
    def credit(*trials: TrialRecord) -> float:
        return read_credit(asked(*trials, direction="maximize"))

    assert credit(DEFAULT, *GOOD) < credit(DEFAULT) < credit(DEFAULT, *BAD)


def test_an_objective_that_always_fails_costs_no_credit() -> None:
    failed: dict[str, Any] = {"state": "failed", "value": None, "error": "no such file"}
    trials = [past(i, i / 10, 0.3, proposal=by("model" if i else "default"), **failed) for i in range(6)]
    assert read_credit(asked(*trials)) == read_credit(asked())
    trials[3] = past(3, 0.3, 0.3)
    assert read_credit(asked(*trials)) < read_credit(asked()), "what only the model's do counts"


def test_a_candidate_that_never_ran_costs_nothing() -> None:
    offered = tuple(Candidate(configuration={"x": x / 10, "y": 0.9}) for x in range(9))
    trial = past(1, 0.7, 0.4, proposal=by("model", offered=offered))
    assert read_credit(asked(DEFAULT, trial)) == read_credit(asked(DEFAULT, past(1, 0.7, 0.4, proposal=by("model"))))


def test_silence_and_useless_replies_cost_credit() -> None:
    silent = past(1, 0.7, 0.4, proposal=by("surrogate", call="no reply", failure="503"))
    assert read_credit(asked(DEFAULT, silent)) < read_credit(asked(DEFAULT))


def test_a_reply_that_nobody_can_read_costs_credit_for_good_and_a_repeat_none() -> None:
    answers = ("I would go up.", offer((0.7, 0.4)))
    proposal, _ = play(Auto(), asked(DEFAULT), *answers)
    assert proposal.decision.unreadable == 1
    repeated, _ = play(Auto(), asked(DEFAULT), offer((0.5, 0.5)), offer((0.7, 0.4)))
    assert repeated.decision.unreadable == 0

    def credit(unreadable: int) -> float:
        proposals = [by("model", unreadable=unreadable * (i == 1)) for i in range(4)]
        return read_credit(asked(DEFAULT, *(past(i, 0.9 - i / 10, 0.4, proposal=proposals[i]) for i in range(1, 4))))

    assert credit(0) > credit(1) > credit(2)


def test_a_trial_hardly_off_the_default_says_that_there_is_no_idea() -> None:
    near, far = (past(1, x, 0.5, value=0.0, proposal=by("model")) for x in (0.53, 0.7))
    assert read_credit(asked(DEFAULT, near)) < read_credit(asked(DEFAULT)) < read_credit(asked(DEFAULT, far))


def test_what_others_reach_long_after_the_model_was_heard_says_nothing_about_it() -> None:
    assert read_credit(asked(DEFAULT, *BAD, *BETTER)) == read_credit(asked(DEFAULT, *BAD, *BETTER[:3]))


def test_trials_that_leave_the_best_as_it_was_tie() -> None:
    bold = past(1, 0.9, 0.1, value=0.6, proposal=by("model"))
    good, middling, bad = (past(i, 0.1 * i, 0.9, value=v) for i, v in ((2, 0.1), (3, 0.5), (4, 0.9)))
    start = replace(DEFAULT, value=0.2)
    lost = read_credit(asked(start, bold))
    assert read_credit(asked(start, bold, good)) < lost
    after = replace(bold, number=4)
    more = [replace(t, number=i) for i, t in enumerate((good, bad, middling), 1)]
    assert read_credit(asked(start, *more, after)) > lost, "0.6 and 0.5 are no progress, and 0.9 is worse"


def test_a_trial_near_the_default_after_a_bold_one_is_no_lack_of_ideas() -> None:
    bold = past(1, 0.9, 0.5, value=0.1, proposal=by("model"))
    back, far = (past(2, x, 0.5, value=0.1, proposal=by("model")) for x in (0.53, 0.7))
    assert read_credit(asked(DEFAULT, bold, back)) == read_credit(asked(DEFAULT, bold, far))


ASTRAY = (past(1, 0.01, 0.9, proposal=by("model")), past(2, 0.9, 0.9, proposal=by("model")))
"""Two of the model's, far from each other, that lose to the default."""


def test_in_doubt_they_take_turns() -> None:
    _, requests = play(Auto(), asked(DEFAULT, *ASTRAY), offer((0.7, 0.4)))
    assert requests, "two that lose to the default raise no doubt"
    others = [past(i, 0.01 * i, 0.05 * i) for i in range(3, 8)]
    asks = []
    for count in range(5):
        context = asked(DEFAULT, *ASTRAY, *others[:count], capable=0.45)
        credit = read_credit(context, prior=0.45)
        assert LEAST < credit < DOUBT
        decides = Assessment(context).model_decides
        assert decides == (count >= 1 / credit - 1)
        asks.append(decides)
    assert asks[0] is False
    assert asks[-1] is True


def test_a_proposal_next_to_a_bad_trial_is_turned_down_while_little_is_known_of_the_model() -> None:
    proposal, (_, again) = play(Auto(), asked(DEFAULT, BAD[0]), offer((0.1, 0.95)), offer((0.12, 0.95)))
    assert proposal.source == "surrogate"
    assert proposal.refused == tuple(
        "It does not run: it is nearest to trial 1, one of the worse half. Propose one that is nearer to a better "
        f'trial. It was {{"x": {x}, "y": 0.95}}'
        for x in (0.1, 0.12)
    )
    assert proposal.refused[0] in told(again)
    assert not proposal.fallback, "the model did answer"
    after = past(2, 0.6, 0.4, proposal=proposal)
    others = [past(i, 0.2 + i / 10, 0.0, value=2.0) for i in range(3, 5)]
    later, (request,) = play(Auto(), asked(DEFAULT, BAD[0], after, *others), offer((0.7, 0.3)))
    assert "It does not run: it is nearest to trial 1, one of the worse half" in told(request)
    assert (later.source, later.configuration) == ("model", {"x": 0.7, "y": 0.3})
    good, _ = play(Auto(), asked(DEFAULT, BAD[0]), offer((0.6, 0.45)))
    assert good.source == "model", "it lies next to the default"


def test_a_large_step_that_was_asked_for_is_judged_by_what_comes_of_it_alone() -> None:
    away = (past(4, 0.5, 0.7, proposal=by("model")), past(5, 0.05, 0.95, proposal=by("model")))
    context = asked(DEFAULT, *GOOD, *away)
    there = {"x": 0.05, "y": 0.6}
    assert placement(there, 6, context) < 1
    assert Assessment(context).objection({**there}) is None
    proposal, _ = play(Auto(), context, offer((0.05, 0.6)))
    assert (proposal.source, proposal.decision.call) == ("model", "large step")
    after = past(6, 0.05, 0.6, proposal=proposal)
    unasked = replace(after, proposal=replace(proposal, decision=replace(proposal.decision, call="candidates")))
    assert read_credit(asked(*context.history, after)) > read_credit(asked(*context.history, unasked))


def test_a_model_in_doubt_is_asked_for_no_large_step_and_judged_as_ever() -> None:
    away = (past(4, 0.5, 0.7, proposal=by("model")), past(5, 0.05, 0.95, proposal=by("model")))
    states = [Assessment(asked(DEFAULT, *GOOD, *away, capable=k / 1000)) for k in range(1, 300)]
    doubted = [state for state in states if LEAST < (state.credit or 0) < DOUBT]
    assert len(doubted) > 50
    assert {state.step for state in doubted} == {""}
    assert all(state.objection({"x": 0.05, "y": 0.6}) for state in doubted), "next to a bad trial"
    assert {state.objection(dict(GOOD[0].configuration)) for state in doubted} == {None}


def test_a_proposal_that_comes_again_is_counted_once() -> None:
    bad, other = ((Candidate(configuration={"x": x, "y": 0.95}),) for x in (0.1, 0.12))

    def credit(*offered: tuple[Candidate, ...]) -> float:
        turned_down = [
            past(i, 0.6, 0.1 * i, proposal=by("surrogate", call="candidates", offered=candidates))
            for i, candidates in enumerate(offered, 2)
        ]
        return read_credit(asked(DEFAULT, BAD[0], *turned_down))

    assert credit(bad, bad) == credit(bad, ()) > credit(bad, other)


def test_what_ties_with_the_best_is_no_bad_place() -> None:
    tied = past(1, 0.9, 0.4, value=DEFAULT.value, proposal=by("model"))
    worse = replace(tied, value=9.0)
    near = {"x": 0.92, "y": 0.4}
    assert placement(near, 3, asked(DEFAULT, tied, past(2, 0.1, value=DEFAULT.value))) >= 1
    assert placement(near, 3, asked(DEFAULT, worse, past(2, 0.1, value=DEFAULT.value))) < 1
    second, third, fourth = (past(i, 0.1 * i, value=9.0) for i in (2, 3, 4))
    assert placement(near, 5, asked(DEFAULT, tied, second, third, fourth)) > 1
    shared = [replace(t, value=DEFAULT.value) for t in (second, third)]
    assert placement(near, 5, asked(DEFAULT, tied, *shared, fourth)) == 1, "most have it: that is no place"


def test_a_first_proposal_hardly_off_the_default_is_turned_down() -> None:
    proposal, _ = play(Auto(), asked(DEFAULT), offer((0.52, 0.51)))
    assert (proposal.source, len(proposal.decision.offered)) == ("surrogate", 1)
    assert "it is hardly off the default" in proposal.refused[0]


def test_a_second_try_in_a_better_place_is_heard_and_counts_alone() -> None:
    far, near = offer((0.1, 0.95)), offer((0.6, 0.45))
    heard, _ = play(Auto(), asked(DEFAULT, BAD[0]), far, near)
    assert (heard.source, heard.configuration) == ("model", {"x": 0.6, "y": 0.45})
    assert "nearest to trial 1" in heard.refused[0]
    assert [dict(c.configuration) for c in heard.decision.offered] == [{"x": 0.6, "y": 0.45}]
    at_once, _ = play(Auto(), asked(DEFAULT, BAD[0]), near)
    after = [read_credit(asked(DEFAULT, BAD[0], past(2, 0.6, 0.45, proposal=p))) for p in (heard, at_once)]
    assert after[0] == after[1]


def test_what_was_turned_down_is_kept_where_nothing_better_comes() -> None:
    bad = offer((0.1, 0.95))
    repeated, _ = play(Auto(), asked(DEFAULT, BAD[0]), bad, offer((0.5, 0.5)))
    assert (repeated.source, repeated.fallback, len(repeated.refused)) == ("surrogate", "", 2)
    assert [dict(c.configuration) for c in repeated.decision.offered] == [{"x": 0.1, "y": 0.95}]
    silent, _ = play(Auto(), asked(DEFAULT, BAD[0]), bad, ModelUnavailable("gone"))
    assert "gone" in silent.fallback
    assert silent.decision.call == "no reply"


def test_a_proposal_near_the_default_that_a_prior_study_speaks_for_is_no_lack_of_ideas() -> None:
    near, trials = dict(zip(SPACE, (0.52, 0.51), strict=True)), [past(0, 0.52, 0.51, value=0.1), past(1, 0.9, 0.9)]
    known = PriorStudy.of(History(tuple(trials)), SPACE, name="earlier")
    alone, informed = asked(DEFAULT), replace(asked(DEFAULT), prior_studies=(known,))
    assert read_credit(informed, candidate=near) > read_credit(alone, candidate=near)


def test_a_model_in_doubt_does_not_lead_the_surrogate() -> None:
    trial = replace(BAD[0], proposal=by("model", call="candidates", offered=(Candidate(configuration=dict(WORST)),)))
    trusted, doubted = (Assessment(asked(DEFAULT, trial, capable=capable)) for capable in (0.83, 0.4))
    assert [len(state.surrogate.plausible) for state in (trusted, doubted)] == [2, 1]


def test_losing_to_a_good_default_again_and_again_is_one_piece_of_evidence() -> None:
    many = [past(i, 0.01 * i, 0.9, proposal=by("model")) for i in range(1, 20)]
    assert read_credit(asked(DEFAULT, *many)) > 0.4


def test_a_model_that_stays_where_every_trial_gives_the_same_is_not_alone_for_long() -> None:
    flat = [past(i, 0.1 * i, 0.9, value=DEFAULT.value, proposal=by("model")) for i in range(1, 4)]
    credit = [read_credit(asked(DEFAULT, *flat[:k])) for k in range(4)]
    assert credit == sorted(credit, reverse=True)
    assert credit[2] >= DOUBT > credit[3], "as three trials that lose"
    assert read_credit(asked(DEFAULT, *flat, past(4, 0.6, 0.3))) < read_credit(asked(DEFAULT, *flat, GOOD[2]))


def test_eight_trials_that_are_no_better_than_the_start_have_found_nothing() -> None:
    start, worse = 0.3, (0.4, 0.5, *[0.3] * 7)
    default = replace(DEFAULT, value=start)
    own = [past(i, 0.1 * i, 0.9, value=v, proposal=by("model")) for i, v in enumerate(worse, 1)]
    seven, eight = (read_credit(asked(default, *own[:n])) for n in (7, 8))
    assert eight < seven, "until then a trial that equals the best is no loss"
    assert read_credit(asked(default, *own[:4], replace(own[4], value=0.2), *own[5:])) >= seven, "one found something"
    broken = [replace(t, state="failed", value=None) for t in own]
    assert read_credit(asked(default, *broken)) == read_credit(asked(default, *broken[:7])), "it may fail for everybody"


def test_five_are_enough_on_a_plateau_of_two_values() -> None:
    default = replace(DEFAULT, value=0.3)
    own = [past(i, 0.1 * i, 0.9, value=0.3, proposal=by("model")) for i in range(1, 6)]
    own[1] = past(2, 0.9, 0.1, value=0.4, proposal=by("model"))  # far from what is proposed next
    assert read_credit(asked(default, *own)) < DOUBT <= read_credit(asked(default, *own[:4]))
    assert read_credit(asked(default, *own[:4], replace(own[4], value=0.5))) >= DOUBT, "something is different there"


def test_where_the_model_gains_nothing_for_long_the_surrogate_has_one_turn() -> None:
    own = [past(i, 0.7 + i / 50, 0.4, value=0.1 + i / 100, proposal=by("model")) for i in range(1, STALLED + 3)]
    gained, stuck = asked(DEFAULT, *own[:STALLED]), asked(DEFAULT, *own[: STALLED + 1])
    assert play(Auto(), gained, offer((0.8, 0.3)))[0].source == "model", "the first of them was better"
    turn, requests = play(Auto(), stuck)
    assert (turn.source, requests, turn.note) == ("surrogate", [], STALLED_NOTE)
    with_turn = asked(DEFAULT, *own[: STALLED + 1], past(STALLED + 2, 0.2, value=0.5, proposal=turn))
    assert play(Auto(), with_turn, offer((0.8, 0.3)))[0].source == "model", "one turn"
    running = replace(with_turn.history.trials[-1], state="running", value=None)
    at_once = asked(DEFAULT, *own[: STALLED + 1], running)
    assert play(Auto(), at_once, offer((0.8, 0.3)))[0].source == "model", "while it runs, too"
    ending = replace(stuck, task=replace(TASK, budget=STALLED + 2 + FEW))
    assert play(Auto(), ending, offer((0.8, 0.3)))[0].source == "model", "the last few are the model's"


def test_back_to_a_plateau_of_the_worst_value_is_a_bad_place() -> None:
    plateau = [past(i, 0.9, 0.1 * i, value=DEFAULT.value) for i in range(1, 4)]
    better, there = past(4, 0.2, 0.2, value=0.1), {"x": 0.9, "y": 0.35}
    assert placement(there, 5, asked(DEFAULT, *plateau, better)) < 1
    assert placement(there, 3, asked(DEFAULT, plateau[0], replace(better, number=2))) == 1, "two may share it by chance"


def test_a_late_point_of_the_surrogate_is_compared_with_what_the_model_tried_then() -> None:
    early = [past(i, 0.55 + i / 1000, 0.4, proposal=by("model")) for i in range(1, 9)]
    late = [past(i, 0.83, 0.21, proposal=by("model")) for i in range(9, 13)]
    learned = past(13, 0.8, 0.25)
    whole, part = asked(DEFAULT, *early, *late, learned), asked(DEFAULT, *early, learned)
    assert read_credit(whole, prior=0.003) > read_credit(part, prior=0.003)


def test_what_trials_are_worth_is_worked_out_as_often_in_a_long_study(monkeypatch: pytest.MonkeyPatch) -> None:
    def times(n: int) -> int:
        counted = Mock(side_effect=costs_for)
        monkeypatch.setattr(credit_module, "costs_for", counted)
        trials = [past(i, i / n, 0.4, proposal=by("model" if i % 2 else "surrogate")) for i in range(1, n)]
        read_credit(asked(DEFAULT, *trials))
        return counted.call_count

    assert times(40) == times(80) > 0


def test_what_is_known_about_a_model_is_where_credit_begins() -> None:
    assert read_credit(asked(DEFAULT), prior=0.3) == pytest.approx(0.3)
    proposal, requests = play(Auto(), asked(DEFAULT, capable=0.3))
    assert (proposal.source, proposal.decision.credit, requests) == ("surrogate", 0.3, [])
    assert proposal.note == "The model is asked after 3 trials of the surrogate: its score gives it a credit of 30%."
    again, _ = play(Auto(), asked(DEFAULT, past(1, 0.6, 0.3, proposal=proposal), capable=0.3))
    assert (again.source, again.note) == ("surrogate", ""), "said once"
    others = [past(i, 0.6 + i / 50, 0.3) for i in range(1, 4)]
    proposal, _ = play(Auto(), asked(DEFAULT, *others, capable=0.3), offer((0.7, 0.3)))
    assert proposal.source == "model", "it is heard where the surrogate has had its share, next to what was good"


def test_without_credit_nobody_asks_and_it_is_said_once() -> None:
    last = replace(AGAIN, proposal=by("model", credit=0.2))
    trials = (DEFAULT, *BAD, *BETTER, last)
    proposal, requests = play(Auto(), asked(*trials))
    assert (proposal.source, requests) == ("surrogate", [])
    assert proposal.note.startswith("The model's proposals have not paid")
    proposal, _ = play(Auto(), asked(*trials, past(11, 0.8, 0.3, proposal=proposal)))
    assert not proposal.note


@pytest.mark.long
def test_a_study_that_others_began_is_continued_by_the_model() -> None:
    """Four random trials, then a capable model: it gets at least half of the next eight."""
    for seed in range(3):
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=4)
        study = optuna.create_study(sampler=sampler)
        study.optimize(lambda trial: bowl(SPACE.suggest(trial)), n_trials=4)
        study.sampler = LLMSampler(expert(OPTIMUM, seed=seed), space=SPACE, task=Task(budget=12), seed=seed)
        study.optimize(lambda trial: bowl(SPACE.suggest(trial)), n_trials=8)
        assert sources(study)[4:].count("model") >= 4, seed


# Studies


@pytest.mark.parametrize("name", MODELS)
def test_sources_are_true(name: str) -> None:
    study = run(MODELS[name]())
    assert sources(study)[0] == "default"
    assert set(sources(study)) <= {"default", "model", "surrogate"}
    for trial, proposal in zip(study.trials, proposals(study), strict=True):
        offered = [c.configuration for p in proposals(study) for c in p.decision.offered]
        assert (proposal.source == "model") == (trial.params in offered)


def test_an_expert_is_heard_and_helps() -> None:
    study = run(expert(OPTIMUM))
    assert sources(study).count("model") >= 9
    assert study.trials[1].value < run(None).trials[1].value  # type: ignore[operator]


@pytest.mark.parametrize("name", ["adversary", "repeater", "default_lover"])
def test_a_bad_model_is_soon_left_alone(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "tunewise"):
        study = run(MODELS[name](), trials=16)
    assert sources(study).count("model") <= 4
    assert study.best_value < 0.03


def test_without_a_model_it_is_the_default_and_a_gaussian_process() -> None:
    study = run(None, trials=6)
    assert sources(study) == ["default"] + ["surrogate"] * 5
    assert not any(p.fallback for p in proposals(study))
    assert all(p.decision.credit is None for p in proposals(study))


def test_a_model_that_says_nothing_changes_nothing() -> None:
    nonsense = FunctionModel(lambda request: "Good morning.")
    assert [t.params for t in run(nonsense, trials=5).trials] == [t.params for t in run(None, trials=5).trials]


@pytest.mark.parametrize("name", ["expert", "rambler"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_study_goes_on_where_it_was(name: str, batch_size: int) -> None:
    """In another process, with another sampler: the state is the history's."""
    auto = Auto(AutoOptions(batch_size=batch_size))
    whole = run(MODELS[name](), trials=8, proposer=auto)
    storage = optuna.storages.InMemoryStorage()
    for part in (3, 2, 3):
        sampler = LLMSampler(MODELS[name](), space=SPACE, task=Task(metric="error", budget=8), proposer=auto, seed=0)
        study = optuna.create_study(study_name="s", storage=storage, sampler=sampler, load_if_exists=True)
        study.optimize(lambda trial: bowl(SPACE.suggest(trial)), n_trials=part)
    assert proposals(study) == proposals(whole)


def test_many_workers_do_not_collide() -> None:
    sampler = LLMSampler(expert(OPTIMUM), space=SPACE, task=Task(budget=60), seed=0)
    study = optuna.create_study(sampler=sampler)
    seen = [SPACE.suggest(study.ask()) for _ in range(40)]
    assert min(max(abs(a[n] - b[n]) for n in "xy") for i, a in enumerate(seen) for b in seen[:i]) > 1e-3


def test_what_a_trial_really_had_counts_where_the_space_does_not_say_it() -> None:
    """One hyperparameter or another, by the value of a third: 18 configurations, and no two trials alike for long."""
    study = optuna.create_study(sampler=LLMSampler(None, seed=0))

    def objective(trial: optuna.Trial) -> float:
        kind = trial.suggest_categorical("m", ["a", "b", "c"])
        return trial.suggest_int(f"{kind}.n", 1, 6) + {"a": 2, "b": 1, "c": 0}[kind]

    study.optimize(objective, n_trials=18)
    assert len({tuple(t.params.items()) for t in study.trials}) >= 14
    assert study.best_value == 1


def test_the_model_is_told_what_a_trial_really_had() -> None:
    space = SearchSpace({"m": Categorical(["a", "b"]), "a.n": Int(1, 6), "b.n": Int(1, 6)})
    trial = TrialRecord(0, "finished", {"m": "a", "a.n": 3}, 0.5)
    again = '{"reason": "", "configuration": {"m": "a", "a.n": 3, "b.n": 5}}'
    other = '{"reason": "", "configuration": {"m": "b", "a.n": 3, "b.n": 5}}'
    proposal, (first, second) = play(Auto(), asked(trial, space=space, inferred=True), again, other)
    assert '0 unknown "a" 3 -: 0.5' in told(first)
    assert "It repeats trial 0" in told(second)
    assert proposal.configuration["m"] == "b"


def test_prefetching_costs_one_value_and_is_off_by_default() -> None:
    assert not AutoOptions().prefetch
    study = run(expert(OPTIMUM), trials=5, proposer=Auto(AutoOptions(prefetch=True)))
    assert sources(study).count("model") == 4
    calls = [p.decision.call for p in proposals(study)]
    assert calls[-1] == "", "the last trial's call was made before it"


def test_strange_trials_are_data() -> None:
    trials = (
        DEFAULT,
        past(1, 0.9, 0.9, state="failed", value=None, error="diverged"),
        past(2, 0.7, 0.2, value=math.inf),
        past(3, 0.6, 0.3, state="pruned", value=0.9, curve=((1, 0.9),)),
        past(4, 0.2, 0.9, state="running", value=None),
    )
    proposal, (request,) = play(Auto(), asked(*trials), offer((0.7, 0.4)))
    assert SPACE.accepts(proposal.configuration)
    for part in ("diverged", "stopped early", "Being evaluated now"):
        assert part in told(request)


def test_the_prompt_is_bounded() -> None:
    trials = [past(i, (i % 97) / 97, (i % 89) / 89, proposal=by("model")) for i in range(999)]
    trials.append(past(999, 0.5, 0.3, proposal=by("surrogate")))  # else it would be the surrogate's turn
    _, (request,) = play(Auto(), asked(*trials, task=TASK), offer((0.123456, 0.7)))
    assert sum(estimate_tokens(m.content) for m in request.messages) <= MAX_PROMPT_TOKENS
    assert told(request).count(" you ") > 40
    assert History(tuple(trials)).best is not None
