"""Runs methods on problems: in several processes, by seed first, resumable after a kill.

```python
run(["branin"], choose("tpe,default+gp"), budgets=(10,), seeds=3, records=Path("runs.jsonl"))
```

Runs are ordered by seed, so that what an interruption leaves is balanced. The parent alone writes; a run is written
when it ends, and the same call does what is missing.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from tunewise.bench.known import CostGuard, Known
from tunewise.bench.methods import METHODS, Chosen, Method, Outcome, Setting
from tunewise.bench.problems.base import Problem
from tunewise.bench.recorded import NAME, RecordedReaders
from tunewise.bench.records import Records, Run, RunKey, Step, append, exclusive, read_runs
from tunewise.bench.suites import Terms
from tunewise.bench.workers import one_thread, workers
from tunewise.errors import TrialFailed, TunewiseError, UsageError
from tunewise.evaluate.base import Evaluator
from tunewise.llm.base import ChatModel
from tunewise.log import silenced
from tunewise.space import Configuration

__all__ = ["POOL", "Crash", "ModelSpec", "Plan", "Refusal", "Report", "Watch", "plan", "play", "run"]

POOL = 200
"""Evaluated random configurations of a problem, from which random search is computed [Zhang]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A language model as it is named on a command line; each process connects for itself.

    Attributes:
        name: As `resolve_model` takes it, or "recorded".
        base_url: Of its server.
        api_key_env: Name of the variable that holds its key.
    """

    name: str
    base_url: str | None = None
    api_key_env: str | None = None

    def connect(self) -> ChatModel:
        """The model.

        Raises:
            UsageError: There is none of this name.
            ModelUnusable: It cannot be used; found out without a call.
        """
        from tunewise.llm.resolve import check, resolve_model

        if self.name == NAME:
            return RecordedReaders()
        model = resolve_model(self.name, base_url=self.base_url, api_key_env=self.api_key_env)
        check(model)
        return model

    def reach(self) -> None:
        """Ask its server once whether it is there and takes the key.

        Raises:
            ModelUnusable: It does not.
        """
        from tunewise.llm.resolve import closing, reach

        with closing(self.connect()) as model:
            reach(model)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A method that does not fit a problem, and why."""

    problem: str
    method: str
    why: str


@dataclass(frozen=True, slots=True)
class Crash:
    """A run that a library's error ended; it is not recorded, and the next call tries again."""

    key: RunKey
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run.

    Attributes:
        runs: By seed, then problem, then method; with the number of evaluations.
        refusals: What does not fit.
    """

    runs: tuple[tuple[RunKey, int], ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a call of `run`: the runs that were asked for, earlier ones included, and what went wrong."""

    runs: Records
    refusals: tuple[Refusal, ...]
    crashes: tuple[Crash, ...]


@runtime_checkable
class PerProblem(Protocol):
    """A model that is another one on each problem."""

    def on(self, problem: Problem, seed: int) -> ChatModel:
        """The one that plays a problem."""
        ...


class Watch(Protocol):
    """Is told of progress."""

    def begun(self, todo: Sequence[RunKey], done: int, jobs: int) -> None:
        """Told once, before the first run: what is to be played, how many are there, and in how many processes."""
        ...

    def ended(self, key: RunKey, seconds: float) -> None:
        """After each run."""
        ...


def run(
    problems: Sequence[str],
    methods: Chosen,
    *,
    budgets: Sequence[int],
    seeds: int,
    records: Path,
    model: ModelSpec | ChatModel | None = None,
    jobs: int = 1,
    pool: int = POOL,
    terms: Terms = Terms(),  # noqa: B008 - immutable
    max_usd: float | None = None,
    max_calls: int | None = None,
    command: str = "",
    watch: Watch | None = None,
) -> Report:
    """Run what the records do not hold yet.

    Args:
        problems: Names.
        methods: As `choose` reads them.
        budgets: Numbers of evaluations. Of a method whose first steps do not depend on it the largest is run alone.
        seeds: Repetitions, from seed 0 on.
        records: File that is read and appended to.
        model: For methods that ask one. An object rather than its name only with one job.
        jobs: Processes.
        pool: Random configurations that are evaluated for `random`.
        terms: How problems are evaluated and told of.
        max_usd: No run that asks a model is begun once the records have cost so many US dollars, or nobody knows what.
        max_calls: The same for calls.
        command: What is kept with each run as that which made it.
        watch: Is told of progress.

    Raises:
        UsageError: An argument breaks a rule; nothing was computed.
        ModelError: The model is of no use; what was finished is kept.
        BudgetReached: Runs were left out because of a cap; all others are done.
    """
    check(methods, budgets=budgets, seeds=seeds, jobs=jobs, pool=pool, model=model)
    found = [terms.find(name) for name in problems]
    if max_usd is not None and not 0 <= max_usd < math.inf:
        raise UsageError(f"max_usd = {max_usd} is not a number of dollars, 0 or more. Leave it out for no cap.")
    if max_calls is not None and max_calls < 0:
        raise UsageError(f"max_calls = {max_calls} is not a number of calls, 0 or more. Leave it out for no cap.")
    named = model.name if model else ""
    planned = plan(found, methods, budgets=budgets, seeds=seeds, pool=pool, model=named, terms=terms)
    with exclusive(records):
        known = Known(read_runs([records]) if records.exists() else {})
        todo = [(key, size) for key, size in planned.runs if not known.find(key)]
        if watch:
            watch.begun([key for key, _ in todo], len(planned.runs) - len(todo), jobs)
        crashes = []
        if isinstance(model, ModelSpec) and any(key.model for key, _ in todo):
            model.reach()
        guard = CostGuard(known, max_usd=max_usd, max_calls=max_calls)
        for key, result, seconds in results(guard.allow(todo), model=model, jobs=min(jobs, len(todo)), terms=terms):
            if isinstance(result, Run):
                made = replace(result, command=command)
                append(records, made)
                known.add(made)
            else:
                crashes.append(Crash(key, result))
            if watch:
                watch.ended(key, seconds)
    guard.check(records)
    asked = {answer: known.runs[answer] for key, _ in planned.runs if (answer := known.find(key))}
    return Report(runs=asked, refusals=planned.refusals, crashes=tuple(crashes))


def check(
    methods: Chosen,
    *,
    budgets: Sequence[int],
    seeds: int,
    jobs: int,
    pool: int,
    model: ModelSpec | ChatModel | None,
) -> None:
    """Everything that can be known to be wrong before anything is computed."""
    numbers = [("budget", b) for b in budgets] + [("seeds", seeds), ("jobs", jobs), ("pool", pool)]
    for name, value in numbers:
        if value < 1:
            raise UsageError(f"{name} = {value} is not a number of at least 1. Correct it.")
    if not budgets:
        raise UsageError("No budget was given. Give for example 10.")
    asking = [m.name for m in methods if m.asks]
    if asking and model is None:
        raise UsageError(f"{', '.join(asking)} ask a language model, and none was given. Name one with --model.")
    if model is not None and not isinstance(model, ModelSpec) and jobs > 1:
        raise UsageError(f"The model {model.name} is an object of this process. Use one job, or name a model.")
    if isinstance(model, ModelSpec) and model.name.strip() == "manual" and jobs > 1:
        raise UsageError("A person answers one question at a time. Use --jobs 1 with the manual model.")
    for method in methods:
        method.check()
    if asking and isinstance(model, ModelSpec):
        from tunewise.llm.resolve import closing

        with closing(model.connect()):
            pass


def plan(
    problems: Sequence[Problem],
    methods: Chosen,
    *,
    budgets: Sequence[int],
    seeds: int,
    pool: int,
    model: str,
    terms: Terms = Terms(),  # noqa: B008 - immutable
) -> Plan:
    """Which runs are wanted, by seed first; and which cannot be."""
    runs: list[tuple[RunKey, int]] = []
    refusals = {}
    repetitions = max([seeds, *(count or 0 for count in methods.values())])
    for seed in range(repetitions):
        for problem in problems:
            for method, own in methods.items():
                if seed >= (1 if method.name == "random" else own or seeds):
                    continue
                if why := method.refuses(problem):
                    refusals[problem.name, method.name] = Refusal(problem.name, method.name, why)
                    continue
                for size, budget in sizes(method, budgets, pool):
                    asked = (model, terms.variant_of(problem)) if method.asks else ("", "")
                    key = RunKey(problem.name, terms.protocol_of(problem), method.name, *asked, budget, seed)
                    runs.append((key, size))
    return Plan(tuple(runs), tuple(refusals.values()))


def sizes(method: Method, budgets: Sequence[int], pool: int) -> list[tuple[int, int]]:
    """Numbers of evaluations, and what the key says about them."""
    if method.name == "random":
        return [(pool, pool)]
    if method.planned:
        return [(budget, budget) for budget in sorted(set(budgets))]
    return [(max(budgets), max(budgets))]


Result = tuple[RunKey, Run | str, float]


def results(
    todo: Iterable[tuple[RunKey, int]], *, model: ModelSpec | ChatModel | None, jobs: int, terms: Terms
) -> Iterator[Result]:
    """Runs as they end; a text in place of one that a library's error ended."""
    if jobs < 2:
        with one_thread():
            for key, size in todo:
                yield one(key, size, model, terms)
        return
    with workers(jobs) as pool:
        waiting: set[Future[Result]] = set()
        left = iter(todo)
        try:
            while True:
                while len(waiting) < 2 * jobs and (following := next(left, None)) is not None:
                    waiting.add(pool.submit(one, *following, model, terms))
                if not waiting:
                    return
                ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield future.result()
        except BrokenProcessPool:
            raise UsageError(
                "A worker process was killed, perhaps for want of memory. What was finished is kept; run the same "
                "command again, with fewer --jobs if need be."
            ) from None


connected: dict[ModelSpec, ChatModel] = {}
"""The models of this process: one connection serves many runs."""


def one(key: RunKey, size: int, model: ModelSpec | ChatModel | None, terms: Terms) -> Result:
    """A run, in whatever process."""
    began = time.perf_counter()
    problem, method = terms.find(key.problem), METHODS[key.method]
    if isinstance(model, ModelSpec):
        if model not in connected:
            connected[model] = model.connect()
        model = connected[model]
    if method.asks and isinstance(model, PerProblem):
        model = model.on(problem, key.seed)
    setting = Setting(
        problem=problem,
        budget=size,
        seed=key.seed,
        model=model if method.asks else None,
        tells_budget=terms.tells_budget(problem),
    )
    try:
        with silenced():  # each record says who made it
            steps = tuple(play(method, setting))
    except TunewiseError:
        raise
    except Exception as error:  # noqa: BLE001 - a driver: one library's error must not end a night's work
        at = traceback.extract_tb(error.__traceback__)[-1]
        why = f"{type(error).__name__}: {error} ({Path(at.filename).name}, line {at.lineno})"
        return key, why, time.perf_counter() - began
    made = Run(key=key, steps=steps, best_known=problem.best, versions=versions(method))
    return key, made, time.perf_counter() - began


def play(method: Method, setting: Setting) -> Iterator[Step]:
    """The evaluations of a run, as they end."""
    offers = method.start(setting)
    outcome: Outcome | None = None
    while True:
        began, worked = time.perf_counter(), time.process_time()
        try:
            offer = next(offers) if outcome is None else offers.send(outcome)
        except StopIteration:
            return
        proposed, busy = time.perf_counter(), time.process_time()
        outcome = evaluated(offer.evaluator or setting.problem, offer.configuration)
        yield Step(
            configuration=offer.configuration,
            source=offer.source,
            value=outcome.value,
            error=outcome.error,
            extra=outcome.extra,
            reason=offer.reason,
            fallback=offer.fallback,
            refused=offer.refused,
            programs=offer.programs,
            seconds=proposed - began,
            cpu_seconds=busy - worked,
            evaluation_seconds=time.perf_counter() - proposed,
            calls=offer.calls,
            input_tokens=offer.input_tokens,
            output_tokens=offer.output_tokens,
            cost_usd=offer.cost_usd,
        )


def evaluated(evaluator: Evaluator, configuration: Configuration) -> Outcome:
    """What comes of a configuration."""
    try:
        evaluation = evaluator.evaluate(configuration)
    except TrialFailed as failure:
        return Outcome(value=None, error=str(failure))
    if not math.isfinite(evaluation.value):
        return Outcome(value=None, error=f"The value is {evaluation.value}.")
    return Outcome(value=evaluation.value, extra={k: v for k, v in evaluation.extra.items() if math.isfinite(v)})


def versions(method: Method) -> str:
    """What decides a run's results, as text."""
    from importlib.metadata import version

    from tunewise import __version__

    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", *method.packages))
    return f"tunewise {__version__}, {packages}"
