"""A bowl in two dimensions, trials on it, and what is stored with them: for the tests of `auto`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import optuna

from tunewise import Float, History, SearchSpace, Task, TrialRecord
from tunewise.proposers import ProposalContext
from tunewise.record import Decision, Proposal, Source

SPACE = SearchSpace({"x": Float(0, 1, default=0.5), "y": Float(0, 1, default=0.5)})
BARE = SearchSpace({"x": Float(0, 1), "y": Float(0, 1)})
TASK = Task(metric="error", budget=30)
OPTIMUM = {"x": 0.83, "y": 0.21}
WORST = {"x": 0.0, "y": 1.0}


def bowl(configuration: dict[str, Any]) -> float:
    """Least at `OPTIMUM`."""
    return float((configuration["x"] - 0.83) ** 2 + (configuration["y"] - 0.21) ** 2)


def past(number: int, x: float, y: float = 0.5, **fields: Any) -> TrialRecord:
    """A finished trial of the default, by the surrogate, without any policy."""
    known: dict[str, Any] = {
        "state": "finished",
        "value": bowl({"x": x, "y": y}),
        "proposal": Proposal(source="surrogate"),
    }
    return TrialRecord(number=number, configuration={"x": x, "y": y}, **(known | fields))


def by(source: Source, **decision: Any) -> Proposal:
    """What is stored with a trial."""
    return Proposal(source=source, decision=Decision(**decision))


def offer(*places: tuple[float, float], reason: str = "because") -> str:
    """A reply with candidates."""
    return json.dumps(
        {"candidates": [{"reason": reason, "boldness": "bold", "configuration": {"x": x, "y": y}} for x, y in places]}
    )


def asked(*trials: TrialRecord, direction: Any = "minimize", **fields: Any) -> ProposalContext:
    """What the proposer knows after some trials."""
    known: dict[str, Any] = {
        "task": TASK,
        "space": SPACE,
        "history": History(trials, direction),
        "trial": len(trials),
        "rng": np.random.default_rng(len(trials)),
    }
    return ProposalContext(**(known | fields))


DEFAULT = past(0, 0.5, proposal=by("default"))

START = (DEFAULT, past(1, 0.55, 0.42))


def proposals(study: optuna.Study) -> list[Proposal]:
    """What is stored about where each trial came from."""
    return [t.proposal for t in History.from_study(study)]


def sources(study: optuna.Study) -> list[str]:
    """Who proposed each trial."""
    return [p.source for p in proposals(study)]
