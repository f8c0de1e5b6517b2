"""`auto` with simulated models of every kind, against default + GP and the classical methods of `tunewise.bench`.

    OMP_NUM_THREADS=1 python benchmarks/auto.py --seeds 20 --jobs 2 --save auto.jsonl --write docs/results/auto.md
    OMP_NUM_THREADS=1 python benchmarks/auto.py --methods default+gp 'default+gp reseeded' auto+rambler --write bad.md
    OMP_NUM_THREADS=1 python benchmarks/auto.py --methods default+gp default+smac-gp --write surrogate.md

Each run is one line of the file of `--save`: what it holds is not run again, so it can be stopped and gone on with
at any time. Runs of one problem and one seed are paired: the same problem, the same first trial, the same randomness of
the surrogate, so that a model which is never listened to changes nothing at all.

The first trial stands for the user's default: the best of three random draws, drawn by the seed, so it is no special
point. Regret is (best so far - best known) / (mean of a random point - best known). The svm tasks train real
classifiers; they need `--data-dir` with australian, blood or vehicle as CSV (see `svm`).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import shlex
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from auto_report import BUDGETS, report
from svm_tasks import SVM_TASKS
from synthetic_problems import PROBLEMS, Problem
from tunewise.bench.methods import METHODS as CLASSICAL
from tunewise.bench.methods import Setting
from tunewise.bench.runner import play
from tunewise.evaluate import Evaluation
from tunewise.llm.base import ChatModel
from tunewise.space import Configuration, SearchSpace, Value
from tunewise.task import Task
from tunewise.testing import simulated

SHORT, BUDGET = BUDGETS


@dataclass(frozen=True, slots=True)
class Case:
    """A problem with a default, what an expert and an adversary know about it, and how bad a random point is.

    It is a problem as `tunewise.bench` has them, too.
    """

    problem: Problem
    space: SearchSpace
    default: Configuration
    optimum: Configuration
    worst: Configuration
    scale: float
    protocol: str = "of this file"
    task: Task = field(default_factory=Task)

    @property
    def name(self) -> str:
        """The problem's."""
        return self.problem.name

    @property
    def best(self) -> float:
        """The least value known."""
        return self.problem.best

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """The function's value."""
        return Evaluation(self.problem.function(configuration))


@cache
def case(name: str, seed: int, data_dir: str) -> Case:
    """The problem that a seed means."""
    if name in SVM_TASKS:
        problem, optimum, worst, scale = SVM_TASKS[name](Path(data_dir))
    else:
        problem = PROBLEMS[name](seed)
        optimum, worst = extremes(problem, seed)
        scale = problem.scale()
    start = problem.start(seed)
    space = SearchSpace({n: replace(h, default=start[n]) if n in start else h for n, h in problem.space.items()})
    return Case(problem, space, start, optimum, worst, scale)


def extremes(problem: Problem, seed: int) -> tuple[Configuration, Configuration]:
    """The best place that a long search finds, and the worst of many draws."""
    rng = np.random.default_rng([seed, 11])
    draws = sorted((problem.space.sample(rng) for _ in range(1000)), key=problem.function)
    best, size = draws[0], 0.2
    least = problem.function(best)
    x = problem.space.encode(best)
    for i in range(4000):
        moved = x + size * rng.standard_normal(x.shape) * (rng.random(x.shape) < max(0.3, 1.5 / len(x)))
        other = problem.space.decode(np.clip(moved, 0, 1))
        if (value := problem.function(other)) < least:
            best, least, x = other, value, problem.space.encode(other)
        size = 0.2 * 0.999**i + 1e-3
    return best, draws[-1]


@cache
def embedded() -> ChatModel:
    """A real one, with 135 million parameters, on this machine; one for all runs of a process."""
    from tunewise.llm.resolve import resolve_model

    return resolve_model("embedded")


MODELS: dict[str, Callable[[Case, int], ChatModel]] = {
    "expert": lambda c, seed: simulated.expert(c.optimum, seed=seed),
    "stale": lambda c, seed: simulated.stale(c.optimum, seed=seed),
    "adversary": lambda c, seed: simulated.adversary(c.worst, seed=seed),
    "default_lover": lambda _, seed: simulated.default_lover(seed=seed),
    "repeater": lambda _, seed: simulated.repeater(seed=seed),
    "rambler": lambda _, seed: simulated.rambler(seed=seed),
    "embedded": lambda _c, _seed: embedded(),
}

SCORED = ("expert", "adversary", "repeater", "rambler")
"""Those that run with their score, too. A default lover is found out before its first trial without one."""

OPTIONS: dict[str, Any] = {}
"""Of the policy, where a run tries others than its own."""

Outcome = tuple[list[float], dict[str, Any]]


def run_auto(
    model: str | None, proposer: str = "auto", *, reseed: int = 0, scored: bool = False
) -> Callable[[Case, int], Outcome]:
    """Our sampler in a real study, with its own random numbers moved by `reseed`.

    Nothing is known of the model, unless it is `scored`: then its shipped score is where its credit begins.
    """

    def run(c: Case, seed: int) -> Outcome:
        import optuna

        from tunewise.history import History
        from tunewise.proposers import Auto, AutoOptions
        from tunewise.sampler import LLMSampler
        from tunewise.sampler_options import SamplerOptions

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        chat = MODELS[model](c, seed) if model else None
        if scored and isinstance(chat, simulated.Simulated):
            chat.name = f"simulated: {chat.name}"
        chosen = Auto(AutoOptions(**OPTIONS)) if OPTIONS and chat else proposer
        task, options = Task(budget=BUDGET), SamplerOptions(max_fallbacks=None)
        sampler = LLMSampler(chat, space=c.space, task=task, proposer=chosen, seed=seed + reseed, options=options)
        study = optuna.create_study(sampler=sampler)
        study.optimize(lambda trial: c.problem.function(c.space.suggest(trial)), n_trials=BUDGET)
        trials = History.from_study(study)
        facts = {
            "sources": "".join(t.source[0] for t in trials),
            "calls": sampler.totals.calls,
            "credit": [t.proposal.decision.credit for t in trials],
        }
        return [float(t.value) for t in study.trials if t.value is not None], facts

    return run


def run_classical(name: str) -> Callable[[Case, int], Outcome]:
    """A method of `tunewise.bench`; one whose beginning depends on the budget is run for each."""

    def run(c: Case, seed: int) -> Outcome:
        def values(budget: int) -> list[float]:
            steps = play(CLASSICAL[name], Setting(problem=c, budget=budget, seed=seed))
            return [step.value for step in steps if step.value is not None]

        return values(BUDGET), {"short": values(SHORT)} if CLASSICAL[name].planned else {}

    return run


USUAL = ("random", "default+random", "tpe", "default+tpe", "tpe-4", "default+tpe-4")
SLOW = (
    "default+optuna-gp",
    "default+optuna-gp-4",
    "default+smac-gp",
    "default+smac-rf",
    "optuna-gp",
    "smac-gp",
    "smac-rf",
)
METHODS: dict[str, Callable[[Case, int], Outcome]] = {
    "default+gp": run_auto(None),
    "default+gp reseeded": run_auto(None, reseed=1_000_000),
    **{f"auto+{model}": run_auto(model) for model in MODELS},
    **{f"auto+{model}, scored": run_auto(model, scored=True) for model in SCORED},
    "compressed+expert": run_auto("expert", "compressed"),
    **{name: run_classical(name) for name in (*USUAL, *SLOW)},
}
OPTIONAL = ("auto+embedded", "auto+expert, scored", "compressed+expert", *SLOW)


def one(name: str, method: str, seed: int, data_dir: str) -> dict[str, Any]:
    """A run, as it is stored."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    c = case(name, seed, data_dir)
    began = time.perf_counter()
    values, facts = METHODS[method](c, seed)
    return {
        "problem": name,
        "method": method,
        "seed": seed,
        "best": c.problem.best,
        "scale": c.scale,
        "values": values,
        "seconds": (time.perf_counter() - began) / (len(values) + len(facts.get("short", ()))),
        **facts,
    }


def group(
    name: str, seed: int, methods: tuple[str, ...], data_dir: str, options: dict[str, Any]
) -> list[dict[str, Any]]:
    """The runs of a problem and a seed, which share what it takes to set them up."""
    OPTIONS.update(options)
    return [one(name, method, seed, data_dir) for method in methods]


def run_all(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Every run that is not yet in the file, appended to it as it ends; returns those that were asked for."""
    path: Path = arguments.save
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    known = {(row["problem"], row["seed"], row["method"]): row for row in rows}
    seeds = arguments.seed_list or range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    todo: dict[tuple[str, int], list[str]] = {}
    for seed in seeds:
        for name in arguments.problems:
            missing = [m for m in arguments.methods if (name, seed, m) not in known]
            if missing:
                todo[name, seed] = missing
    with ProcessPoolExecutor(arguments.jobs) as pool, path.open("a") as file:
        runs = [
            pool.submit(group, n, s, tuple(m), str(arguments.data_dir), arguments.options) for (n, s), m in todo.items()
        ]
        for run in runs:
            for row in run.result():
                known[row["problem"], row["seed"], row["method"]] = row
                file.write(json.dumps(row) + "\n")
            file.flush()
    return [known[n, s, m] for n in arguments.problems for s in seeds for m in arguments.methods]


def main() -> None:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds, from --first-seed on")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seed-list", type=int, nargs="+", default=None, help="these seeds instead")
    parser.add_argument("--problems", nargs="+", default=None, choices=[*PROBLEMS, *SVM_TASKS])
    parser.add_argument(
        "--methods", nargs="+", default=[m for m in METHODS if m not in OPTIONAL], choices=list(METHODS)
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--data-dir", type=Path, default=None, help="folder with the svm tasks' data")
    parser.add_argument("--options", type=json.loads, default={}, help="JSON: other numbers for AutoOptions")
    parser.add_argument("--save", type=Path, default=Path("auto.jsonl"), help="JSON lines, read and extended")
    parser.add_argument("--write", type=Path, default=None, help="the page; else the text is printed")
    arguments = parser.parse_args()
    arguments.problems = arguments.problems or [*PROBLEMS, *(SVM_TASKS if arguments.data_dir else ())]
    rows = run_all(arguments)
    text = report(
        rows, command=command(arguments), machine=f"Python {platform.python_version()}, {os.cpu_count()} cores"
    )
    if arguments.write:
        arguments.write.parent.mkdir(parents=True, exist_ok=True)
        arguments.write.write_text(text, "utf-8")
    else:
        print(text)


def command(arguments: argparse.Namespace) -> str:
    """What remakes the page, without this machine's paths."""
    data = " --data-dir DATA" if arguments.data_dir else ""
    seeds = f"--seeds {arguments.seeds}" + (f" --first-seed {arguments.first_seed}" if arguments.first_seed else "")
    if arguments.seed_list:
        seeds = f"--seed-list {' '.join(map(str, arguments.seed_list))}"
    standard = {"methods": [m for m in METHODS if m not in OPTIONAL], "problems": [*PROBLEMS, *SVM_TASKS]}
    chosen = {name: getattr(arguments, name) for name, names in standard.items() if getattr(arguments, name) != names}
    narrowed = "".join(f" --{name} {shlex.join(names)}" for name, names in chosen.items())
    page = arguments.write.name if arguments.write else "auto.md"
    options = f" --options '{json.dumps(arguments.options)}'" if arguments.options else ""
    return f"python benchmarks/auto.py {seeds}{data}{narrowed}{options} --write docs/results/{page}"


if __name__ == "__main__":
    main()
