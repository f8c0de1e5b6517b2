"""What a model is worth as an optimizer: it plays the shipped tables, and is compared with the surrogate alone.

No training, a few hundred calls at most. Every run that ended is kept, so that the same command goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tunewise import __version__
from tunewise.bench.measures import Array, Interval, normalized
from tunewise.bench.methods import METHODS
from tunewise.bench.records import Run, read_runs
from tunewise.bench.results import Results
from tunewise.bench.runner import ModelSpec, Watch, run
from tunewise.errors import BudgetReached, UsageError
from tunewise.llm.base import ChatModel
from tunewise.llm.resolve import closing
from tunewise.worth import Worth

__all__ = ["BUDGET", "TASKS", "score", "sentences"]

TASKS: Final = (
    "svm:credit-g",
    "svm:segment",
    "lr:phoneme",
    "lr:vehicle",
    "rf:kc1",
    "rf:car",
    "svm:Australian",
    "lr:credit-g",
    "rf:vehicle",
    "svm:phoneme",
    "lr:segment",
    "rf:blood-transfusion-service-center",
)
"""Tables that ship with tunewise, four of each model; a prefix of them is balanced, too."""
BUDGET: Final = 10
REFERENCE, ALONE, AUTO = "default+gp", "default+compressed", "auto"
SEEDS: Final = 3
"""Of the reference, which costs nothing. The model plays each task once."""
RESAMPLES: Final = 4000


def score(
    model: ModelSpec | ChatModel,
    *,
    records: Path,
    tasks: Sequence[str] = TASKS,
    budget: int = BUDGET,
    max_calls: int | None = None,
    max_usd: float | None = None,
    watch: Watch | None = None,
) -> Worth:
    """Play, and say what it is worth.

    Args:
        model: Who plays.
        records: File that is read and appended to.
        tasks: Names of tables.
        budget: Evaluations of a run.
        max_calls: No run that asks the model is begun once so many calls were made.
        max_usd: The same for US dollars.
        watch: Is told of progress.

    Raises:
        UsageError: An argument breaks a rule.
        ModelError: The model is of no use; what was finished is kept.
        BudgetReached: Not one task was finished within the caps. Else what was finished is what is scored.
    """
    chosen = {METHODS["random"]: None, METHODS[REFERENCE]: SEEDS, METHODS[ALONE]: 1, METHODS[AUTO]: 1}
    try:
        run(
            tasks,
            chosen,
            budgets=[budget],
            seeds=1,
            records=records,
            model=model,
            max_calls=max_calls,
            max_usd=max_usd,
            watch=watch,
        )
    except BudgetReached as reached:
        stopped: BudgetReached | None = reached
    else:
        stopped = None
    own = [r for r in read_runs([records]).values() if r.key.model in ("", model.name) and r.key.problem in tasks]
    results = Results(tuple(own))
    played = results.covered([REFERENCE, ALONE, AUTO], budget)
    if not played:
        raise stopped or UsageError(f"{records} holds no whole task of {model.name}. Run the same command again.")
    return measured(own_name(model), results, played, budget)


def own_name(model: ModelSpec | ChatModel) -> str:
    """What the model calls itself, which is what a study knows."""
    if not isinstance(model, ModelSpec):
        return model.name
    with closing(model.connect()) as there:
        return there.name


@dataclass(frozen=True)
class Gap:
    """Regret beside the reference's, by task."""

    gaps: Array

    @property
    def interval(self) -> Interval:
        """The mean with its 95 % interval by bootstrap over tasks."""
        low, high = np.quantile(self._resampled, [0.025, 0.975])
        return Interval(float(self.gaps.mean()), float(low), float(high))

    @property
    def no_worse(self) -> float:
        """Share of bootstrap samples of the tasks in which the mean is not above 0."""
        return float((self._resampled <= 0).mean())

    @property
    def _resampled(self) -> Array:
        draws = np.random.default_rng(0).integers(len(self.gaps), size=(RESAMPLES, len(self.gaps)))
        return np.asarray(self.gaps[draws].mean(axis=1))


def measured(name: str, results: Results, tasks: Sequence[str], budget: int) -> Worth:
    """A score of the runs on some tasks."""

    def regrets(label: str) -> Array:
        return np.array(
            [
                normalized(
                    results.bests(task, label, budget).mean(),
                    best=results.best_known[task],
                    first=results.random_best(task, 1),
                )
                for task in tasks
            ]
        )

    alone, auto = (Gap(regrets(label) - regrets(REFERENCE)) for label in (ALONE, AUTO))
    steps = [step for made in results.runs if asked(made, tasks) for step in made.steps]
    costs = [step.cost_usd for step in steps]
    known = [cost for cost in costs if cost is not None]
    return Worth(
        model=name,
        budget=budget,
        tasks=len(tasks),
        capable=round(alone.no_worse, 3),
        alone=round(alone.interval.value, 4),
        alone_low=round(alone.interval.low, 4),
        alone_high=round(alone.interval.high, 4),
        auto=round(auto.interval.value, 4),
        auto_low=round(auto.interval.low, 4),
        auto_high=round(auto.interval.high, 4),
        calls=sum(step.calls for step in steps),
        cost_usd=round(sum(known), 4) if len(known) == len(costs) else None,
        version=__version__,
    )


def asked(made: Run, tasks: Sequence[str]) -> bool:
    """Whether a run asked the model on one of the tasks."""
    return bool(made.key.model) and made.key.problem in tasks


def sentences(worth: Worth) -> list[str]:
    """A score in plain words."""
    cost = "at an unknown cost" if worth.cost_usd is None else f"for ${worth.cost_usd:.2f}"
    return [
        f"{worth.model}: {worth.tasks} tables, {worth.budget} evaluations each, {worth.calls} calls {cost}.",
        f"The model alone against the surrogate alone: {against(worth.alone, worth.alone_low, worth.alone_high)}.",
        f"auto with this model against the surrogate alone: {against(worth.auto, worth.auto_low, worth.auto_high)}.",
        "Regret: 0 is the best value of a table, 1 a random point. In brackets 95 % intervals over the tables.",
        f"The probability that it proposes at least as well as the surrogate: {100 * worth.capable:.0f} %. "
        f"auto begins with {100 * worth.prior:.0f} %.",
    ]


def against(value: float, low: float, high: float) -> str:
    """A difference of regrets."""
    word = "better" if high < 0 else "worse" if low > 0 else "no clear difference"
    return f"regret {value:+.3f} ({low:+.3f} to {high:+.3f}), {word}"
