"""Runs as arrays: which tasks and methods there are, and how each method did on each task."""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tunewise.bench.measures import Array, at_best, best_so_far, chances_of_best, expected_best, resampled_best
from tunewise.bench.methods import METHODS
from tunewise.bench.records import Run, Step
from tunewise.errors import UsageError

__all__ = ["RandomSearch", "Results"]

RANDOM = "random"
SHORT = 10
"""The budget at which language models are at their best; a longer run of most methods contains it."""
SEARCHES = 200
"""Random searches that are drawn from the pool to show how they vary; their mean is computed exactly."""


@dataclass(frozen=True, slots=True)
class RandomSearch:
    """Where random search of some budget ends: each evaluated configuration of the pool, and how likely it is the best.

    Attributes:
        values: Sorted.
        tests: Their test values.
        chances: Of each.
    """

    values: Array
    tests: Array
    chances: Array

    def beaten(self, test: float) -> float:
        """Share of random searches whose test value is larger."""
        return float(self.chances[self.tests > test].sum())


@dataclass(frozen=True)
class Results:
    """Whole runs, to be asked by task, label and budget.

    Attributes:
        runs: All of them.
    """

    runs: tuple[Run, ...]

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """Problems, with their protocol where one has several."""
        return tuple(dict.fromkeys(self.task_of(run) for run in self.runs))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Methods in the order of the registry, with their model where one ran with several."""
        order = {name: k for k, name in enumerate(METHODS)}
        found = {self.label_of(run): order.get(run.key.method, len(order)) for run in self.runs}
        return tuple(sorted(found, key=lambda label: (found[label], label)))

    @cached_property
    def budgets(self) -> tuple[int, ...]:
        """Numbers of evaluations to report, ascending: those that were asked for, and 10 where runs are longer."""
        asked = {run.key.budget for run in self.runs if run.key.method != RANDOM}
        return tuple(sorted(asked | ({SHORT} if asked and max(asked) > SHORT else set())))

    @cached_property
    def _protocols(self) -> Mapping[str, set[str]]:
        found = defaultdict(set)
        for run in self.runs:
            found[run.key.problem].add(run.key.protocol)
        return found

    @cached_property
    def _askings(self) -> set[tuple[str, str]]:
        return {(run.key.model, run.key.variant) for run in self.runs if run.key.model}

    @cached_property
    def _by_place(self) -> Mapping[tuple[str, str], list[Run]]:
        found = defaultdict(list)
        for run in sorted(self.runs, key=lambda run: run.key.seed):
            found[self.task_of(run), self.label_of(run)].append(run)
        return found

    def task_of(self, run: Run) -> str:
        """The task of a run."""
        several = len(self._protocols[run.key.problem]) > 1
        return f"{run.key.problem} ({run.key.protocol})" if several else run.key.problem

    def label_of(self, run: Run) -> str:
        """What the method of a run is called."""
        if not run.key.model or len(self._askings) < 2:
            return run.key.method
        return f"{run.key.method} ({', '.join(filter(None, [run.key.model, run.key.variant]))})"

    def of(self, task: str, label: str, budget: int) -> list[Run]:
        """The runs that say how a method does with a budget, by seed; of equal ones the longest."""
        found: dict[int, Run] = {}
        for run in self._by_place.get((task, label), []):
            method = METHODS.get(run.key.method)
            fits = run.key.budget == budget if method is None or method.planned else run.key.budget >= budget
            if fits and len(run.steps) > len(found[run.key.seed].steps if run.key.seed in found else ()):
                found[run.key.seed] = run
        return list(found.values())

    def pool(self, task: str) -> Array:
        """The values of random configurations; a failed one counts as the worst of them.

        Raises:
            UsageError: There are none.
        """
        if task not in self._pools:
            self._pools[task] = self._read_pool(task)
        return self._pools[task]

    def _read_pool(self, task: str) -> Array:
        values = [step.value for step in self.pool_steps(task)]
        finite = [value for value in values if value is not None]
        return np.array([max(finite) if value is None else value for value in values])

    def pool_steps(self, task: str) -> tuple[Step, ...]:
        """The evaluated random configurations.

        Raises:
            UsageError: There are none with a value.
        """
        runs = self._by_place.get((task, RANDOM), [])
        steps = max((run.steps for run in runs), key=len, default=())
        if all(step.value is None for step in steps):
            raise UsageError(
                f"The records hold no random configurations of {task}, which every measure is relative to. Run the "
                "same tasks with the method random first."
            )
        return steps

    @cached_property
    def best_known(self) -> Mapping[str, float]:
        """By task: the problem's own least value, else the least that any run has found."""
        stated: dict[str, float] = {}
        seen: dict[str, float] = {}
        for run in self.runs:
            task = self.task_of(run)
            if run.best_known is not None:
                stated[task] = min(run.best_known, stated.get(task, math.inf))
            values = [step.value for step in run.steps if step.value is not None]
            seen[task] = min([*values, seen.get(task, math.inf)])
        return seen | stated

    @cached_property
    def _pools(self) -> dict[str, Array]:
        return {}

    @cached_property
    def _losses(self) -> set[str]:
        return {self.task_of(run) for run in self.runs if any("test_loss" in step.extra for step in run.steps)}

    def measure(self, task: str) -> str:
        """What its values are: "loss" or "error". The test value stands beside them under that name."""
        return "loss" if task in self._losses else "error"

    def tested(self, task: str, steps: Iterable[Step]) -> tuple[Array, Array]:
        """Values and test values of evaluations; one without them counts as the worst random configuration."""
        name = f"test_{self.measure(task)}"
        pool = self.pool_steps(task)
        worst = max((s for s in pool if s.value is not None), key=lambda s: s.value or 0.0)
        done = [step if step.value is not None else worst for step in steps]
        return np.array([s.value for s in done], float), np.array([s.extra.get(name, math.nan) for s in done], float)

    def random_search(self, task: str, budget: int) -> RandomSearch:
        """Where random search ends."""
        values, tests = self.tested(task, self.pool_steps(task))
        order = np.argsort(values, kind="stable")
        return RandomSearch(values[order], tests[order], chances_of_best(len(order), budget))

    def test_curves(self, task: str, label: str, budget: int) -> Array:
        """Test value of the best so far, `seeds x budget`; a shorter run keeps its last one."""
        rows = []
        for run in self.of(task, label, budget):
            row = at_best(*self.tested(task, run.steps[:budget]))
            rows.append(np.pad(row, (0, budget - len(row)), mode="edge"))
        return np.array(rows).reshape(len(rows), budget)

    def random_best(self, task: str, budget: int) -> float:
        """E[best of `budget` random configurations]."""
        return expected_best(self.pool(task), budget)

    def curves(self, task: str, label: str, budget: int) -> Array:
        """Best so far, `seeds x budget`; no row where the method did not run."""
        pool = self.pool(task)
        if label == RANDOM:
            rng = np.random.default_rng(zlib.crc32(task.encode()))
            return resampled_best(pool, budget, repetitions=SEARCHES, rng=rng)
        ceiling = float(pool.max())
        rows = [
            best_so_far([step.value for step in run.steps], budget=budget, ceiling=ceiling)
            for run in self.of(task, label, budget)
        ]
        return np.array(rows).reshape(len(rows), budget)

    def mean_curve(self, task: str, label: str, budget: int) -> Array:
        """Best so far, mean over seeds; of random search the expectation."""
        if label == RANDOM:
            return np.array([self.random_best(task, size) for size in range(1, budget + 1)])
        return np.asarray(self.curves(task, label, budget).mean(axis=0))

    def bests(self, task: str, label: str, budget: int) -> Array:
        """The best value of each seed."""
        if label == RANDOM:
            return np.array([self.random_best(task, budget)])
        return np.asarray(self.curves(task, label, budget)[:, -1])

    def covered(self, labels: Iterable[str], budget: int) -> tuple[str, ...]:
        """Tasks on which all these methods ran."""
        listed = list(labels)
        return tuple(
            task for task in self.tasks if all(label == RANDOM or self.of(task, label, budget) for label in listed)
        )

    def last(self, tasks: Iterable[str]) -> int:
        """The largest budget with any run on these tasks."""
        listed = list(tasks)
        ran = [b for b in self.budgets if any(self.of(task, label, b) for task in listed for label in self.labels)]
        return max(ran, default=1)

    def table(self, tasks: Iterable[str], labels: Iterable[str], budget: int) -> Array:
        """`tasks x methods`: mean over seeds of the best value."""
        listed = list(labels)
        return np.array([[self.bests(task, label, budget).mean() for label in listed] for task in tasks])

    def extra_of_best(self, task: str, label: str, budget: int, name: str) -> float:
        """Mean over seeds of another number (`test_error`) at the trial with the best value; NaN where none has it."""
        found = []
        for run in self.of(task, label, budget):
            done = [step for step in run.steps[:budget] if step.value is not None]
            best = min(done, key=lambda step: step.value if step.value is not None else math.inf, default=None)
            if best is not None and name in best.extra:
                found.append(best.extra[name])
        return float(np.mean(found)) if found else math.nan
