"""What is stored with a trial: written, read back, distrusted; studies of version 0.1."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import optuna
import pytest

from tunewise.history import History
from tunewise.objectives import Objective, Scalarization
from tunewise.record import Advice, Candidate, Decision, Expected, Proposal, Result
from tunewise.study.storage import open_storage

FULL = Proposal(
    configuration={"x": 0.5, "k": None, "n": 3, "on": True},
    source="repair",
    reason="because",
    repairs=("x = 9 is above",),
    reply="{}",
    refused=("no", "no"),
    note="careful",
    method="auto",
    model="m",
    template="abc",
    scalarization=Scalarization(
        objectives=(Objective("speed", "maximize"), Objective("error")),
        weights=(0.25, 0.75),
        ideal=(1, 2),
        nadir=(3, 4),
    ),
    decision=Decision(
        credit=0.5,
        call="candidates",
        offered=(Candidate(configuration={"x": 1.0}, reason="r", repairs=("a",), note="b", model="m"),),
        failure="none came",
        advice=(Advice(configuration={"x": 2}, expected=Expected(mean=1.0, std=0.5)), Advice(configuration={"x": 3})),
        expected=Expected(mean=-1.0, std=0.25),
    ),
)


@pytest.mark.parametrize("proposal", [FULL, Proposal(), Proposal(source="default", configuration={"x": 1})])
def test_what_is_written_is_read_back(proposal: Proposal) -> None:
    stored = json.loads(json.dumps(proposal.to_dict()))
    assert Proposal.from_dict(stored) == (proposal, ())
    assert stored["version"] == 2
    assert len(Proposal().to_dict()) == 1, "what is empty takes no room"


@pytest.mark.parametrize(
    "damage",
    [
        {"source": "oracle"},
        {"repairs": 3},
        {"configuration": [1]},
        {"scalarization": {"weights": [1]}},
        {"decision": "text"},
        {"decision": {"credit": "high"}},
        {"decision": {"offered": [{"configuration": 3}]}},
        {"decision": {"expected": {"mean": "x", "std": 1}}},
    ],
)
def test_a_damaged_part_is_left_out_and_named_and_the_rest_is_kept(damage: dict[str, Any]) -> None:
    proposal, damaged = Proposal.from_dict({**FULL.to_dict(), **damage})
    assert damaged
    assert all(part.startswith("proposal") for part in damaged)
    assert proposal.note == FULL.note
    (part,) = damage
    assert getattr(proposal, part) != getattr(FULL, part)


@pytest.mark.parametrize("stored", [None, 3, "text", [], [["no mapping"]]])
def test_what_is_no_record_at_all_is_nobodys(stored: object) -> None:
    assert Proposal.from_dict(stored) == (Proposal(), ("proposal",))
    assert Result.from_dict(stored) == (Result(), ("result",))


def test_one_damaged_candidate_does_not_cost_the_others() -> None:
    offered = [{"configuration": {"x": 1}}, 7, {"reason": "none"}, {"configuration": {"x": 2}}]
    proposal, damaged = Proposal.from_dict({"version": 2, "decision": {"offered": offered}})
    assert [c.configuration["x"] for c in proposal.decision.offered] == [1, 2]
    assert len(damaged) == 2


def test_results() -> None:
    result = Result(value=0.5, seconds=1.5, extra={"loss": 1.0}, last_step=0)
    assert Result.from_dict(json.loads(json.dumps(result.to_dict()))) == (result, ())
    assert Result.from_dict({"seconds": math.nan})[0].seconds is None
    assert Result.from_dict({"pruned": ""})[0].pruned == ""


def test_a_journal_of_version_0_1_is_read(tmp_path: Path) -> None:
    """Nine trials that the `auto+prior` of version 0.1 made: a prior, candidates, repairs, expectations, credit."""
    journal = tmp_path / "old.journal"
    journal.write_bytes((Path(__file__).parent / "data" / "version-0.1.journal").read_bytes())
    history = History.from_study(optuna.load_study(study_name="old", storage=open_storage(journal)))
    assert [t.source for t in history] == ["default", "surrogate", "model", "model", *["surrogate"] * 5]
    assert not any(t.damaged for t in history)
    first, good, _, led, stopped = (t.proposal for t in history[1:6])
    expected = Expected(mean=0.193, std=0.5385485014512293)
    assert first.decision.expected == expected
    assert first.decision.advice == (Advice(configuration=first.configuration, expected=expected),)
    assert (good.decision.call, good.decision.credit, good.model) == ("candidates", 1.0, "m")
    assert [c.configuration for c in good.decision.offered] == [
        {"x": 0.8200000000000001, "y": 0.25},
        {"x": 0.7, "y": 0.33999999999999997},
    ]
    assert good.decision.surrogate_choice not in (None, good.configuration)
    assert led.reason.startswith("where the surrogate, weighted by the model's prior")
    assert led.decision.offered[0].repairs == ("y = 1.2 is above the upper bound 1; 1.0 was used",)
    assert (stopped.note != "", stopped.decision.credit) == (True, 0.232)
