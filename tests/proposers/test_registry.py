"""Proposers by name and with options, and how a study stores them."""

from __future__ import annotations

import json
from typing import Any

import optuna
import pytest

from support.bowl import SPACE, bowl
from tunewise import LLMSampler
from tunewise.errors import StudyError
from tunewise.proposers import (
    PROPOSERS,
    Auto,
    AutoOptions,
    Chat,
    Proposer,
    as_stored,
    describe_proposers,
    find_proposer,
    from_stored,
)


@pytest.mark.parametrize("name", PROPOSERS)
def test_each_has_a_name_a_sentence_and_a_stored_form(name: str) -> None:
    proposer = find_proposer(name)
    assert proposer.name == name
    assert isinstance(proposer, Proposer)
    assert describe_proposers()[name].endswith(".")
    assert from_stored(json.loads(json.dumps(as_stored(proposer)))) == proposer
    assert from_stored(name) == proposer


def test_options_are_stored_and_reproduced() -> None:
    auto = Auto(AutoOptions(batch_size=3, prefetch=True))
    assert as_stored(auto) == {"name": "auto", "options": {"batch_size": 3, "prefetch": True, "retries": 1}}
    assert from_stored(json.loads(json.dumps(as_stored(auto)))) == auto


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("magic", "proposer = 'magic' is unknown"),
        (3, "is no proposer. Give its name"),
        ({"name": "auto", "options": {"margin": 2}}, "the option 'margin' is unknown. It takes batch_size, prefetch"),
        ({"name": "auto", "options": [1]}, "is unknown"),
        ({"name": "chat", "options": {"x": 1}}, "the option 'x' is unknown. It takes none."),
        ({"name": "auto", "options": {"batch_size": 0}}, "batch_size = 0"),
        ({"name": "auto", "options": {"prefetch": "yes"}}, "prefetch = 'yes' is neither true nor false"),
    ],
)
def test_what_is_wrong_is_said(stored: object, said: str) -> None:
    with pytest.raises(StudyError) as raised:
        from_stored(stored)
    assert said in str(raised.value)


@pytest.mark.parametrize("wrong", [Auto, print, 3, None])
def test_what_is_no_proposer_is_refused(wrong: Any) -> None:
    with pytest.raises(StudyError, match="is neither a name nor a proposer"):
        find_proposer(wrong)


def test_a_sampler_says_how_its_proposals_come_to_be() -> None:
    sampler = LLMSampler(None, space=SPACE, proposer=Auto(AutoOptions(batch_size=2)), seed=3)
    assert sampler.settings["proposer"] == as_stored(Auto(AutoOptions(batch_size=2)))
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: bowl(SPACE.suggest(trial)), n_trials=2)
    with pytest.raises(StudyError, match="No model was given"):
        LLMSampler(None, proposer=Chat())
