"""Which of several workers in processes of their own has to ask again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import optuna
import pytest

from tunewise import attributes
from tunewise.collisions import gives_way
from tunewise.history import History
from tunewise.optuna_private import id_of, storage_of
from tunewise.proposers.base import ProposalContext
from tunewise.record import Proposal
from tunewise.space import Configuration, Int, SearchSpace
from tunewise.task import Task

SPACE = SearchSpace({"k": Int(0, 9)})
MINE = 1
OTHER: Configuration = {"k": 3}


def plan(study: optuna.Study, trial: optuna.Trial, configuration: Configuration) -> None:
    proposal = Proposal(configuration=configuration, source="surrogate")
    storage_of(study).set_trial_user_attr(id_of(trial), attributes.PROPOSAL, proposal.to_dict())


def begin(study: optuna.Study, trial: optuna.Trial) -> None:
    trial.suggest_int("k", 3, 3)


def end(study: optuna.Study, trial: optuna.Trial) -> None:
    begin(study, trial)
    study.tell(trial, 1.0)


def nothing(study: optuna.Study, trial: optuna.Trial) -> None:
    pass


@pytest.mark.parametrize(
    ("number", "then", "gives"),
    [(0, nothing, True), (0, begin, True), (0, end, True), (2, nothing, False), (2, begin, True), (2, end, True)],
)
@pytest.mark.parametrize("before", [{}, {"k": 5}])
def test_who_goes_before(
    before: Configuration, number: int, then: Callable[[optuna.Study, optuna.Trial], None], gives: bool
) -> None:
    study = optuna.create_study()
    trials = [study.ask() for _ in range(3)]
    if before:
        plan(study, trials[number], before)
    context = ProposalContext(task=Task(), space=SPACE, history=History.from_study(study, skip=MINE), trial=MINE)
    plan(study, trials[number], OTHER)
    then(study, trials[number])
    plan(study, trials[MINE], OTHER)
    assert gives_way(study, MINE, context, OTHER) is gives
    elsewhere: Configuration = {"k": 4}
    assert not gives_way(study, MINE, context, elsewhere)
    now = replace(context, history=History.from_study(study, skip=MINE))
    assert not gives_way(study, MINE, now, OTHER), "that was known when it was proposed: nothing else is left"
