"""The scores that ship with tunewise: of the embedded model, of the recorded reader, and of simulated models.

    OMP_NUM_THREADS=1 python benchmarks/model_scores.py --records scores.jsonl --write src/tunewise/scores.json

Simulated models are written as "simulated: <name>", so that no model of a user's is taken for one. What the records
hold is not played again. With `--tasks 4` each model plays four tables in place of twelve.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunewise.bench.problems.base import Problem
from tunewise.bench.problems.hpobench import TabularTask
from tunewise.bench.runner import ModelSpec
from tunewise.bench.score import TASKS, score, sentences
from tunewise.llm.base import ChatModel, ChatReply, ChatRequest
from tunewise.llm.prices import FREE
from tunewise.space import Configuration
from tunewise.testing import simulated
from tunewise.worth import keep


@dataclass(frozen=True)
class Kind:
    """A kind of simulated model, which is told where the best and the worst lie."""

    key: str
    make: Callable[[Configuration, Configuration, int], ChatModel]
    price = FREE
    context_tokens = None

    @property
    def name(self) -> str:
        """As it is listed."""
        return f"simulated: {self.key}"

    def on(self, problem: Problem, seed: int) -> ChatModel:
        """The model on a table."""
        assert isinstance(problem, TabularTask)
        errors = problem.table.validation_errors
        points = problem.grid.points
        return self.make(points[int(np.nanargmin(errors))], points[int(np.nanargmax(errors))], seed)

    def complete(self, request: ChatRequest) -> ChatReply:
        """Only on a problem."""
        raise NotImplementedError(request)


KINDS = (
    Kind("expert", lambda best, _, seed: simulated.expert(best, seed=seed)),
    Kind("stale", lambda best, _, seed: simulated.stale(best, seed=seed)),
    Kind("adversary", lambda _, worst, seed: simulated.adversary(worst, seed=seed)),
    Kind("default_lover", lambda _best, _worst, seed: simulated.default_lover(seed=seed)),
    Kind("repeater", lambda _best, _worst, seed: simulated.repeater(seed=seed)),
    Kind("rambler", lambda _best, _worst, seed: simulated.rambler(seed=seed)),
)
MODELS: dict[str, ModelSpec | Kind] = {
    **{kind.key: kind for kind in KINDS},
    "recorded": ModelSpec(name="recorded"),
    "embedded": ModelSpec(name="embedded"),
}


def main() -> None:
    """Play, keep, say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(MODELS), help=f"of {', '.join(MODELS)}; all when left out")
    parser.add_argument("--records", type=Path, default=Path("scores.jsonl"))
    parser.add_argument("--tasks", type=int, default=len(TASKS))
    parser.add_argument("--write", type=Path, required=True)
    asked = parser.parse_args()
    for name in asked.models:
        worth = score(MODELS[name], records=asked.records, tasks=TASKS[: asked.tasks])
        keep(worth, asked.write)
        print("\n".join(sentences(worth)), flush=True)


if __name__ == "__main__":
    main()
