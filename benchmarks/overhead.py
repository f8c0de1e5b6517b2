"""What the loop costs by itself: a model that answers at once, an objective that takes no time, a journal on disk.

    python benchmarks/overhead.py [--folder DIR]

Beside it Optuna's random sampler in the same loop on the same storage, which is the price of Optuna's own part.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import optuna

from tunewise import Float, Int, LLMSampler, SearchSpace, Task
from tunewise.evaluate import FunctionEvaluator
from tunewise.models import ChatRequest, FunctionModel
from tunewise.space import Configuration
from tunewise.study.tune import tune
from tunewise.tokens import estimate_tokens

SPACE = SearchSpace(
    {
        "learning_rate": Float(1e-5, 1e-1, log=True, default=1e-3),
        "weight_decay": Float(1e-6, 1e-1, log=True, default=1e-4),
        "momentum": Float(0.5, 0.99, default=0.9),
        "batch_size": Int(8, 512, log=True, default=64),
    }
)


class Answers:
    """A model that proposes random configurations at once, and weighs what it was asked."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.tokens: list[int] = []

    def __call__(self, request: ChatRequest) -> str:
        """Reply to a request."""
        self.tokens.append(sum(estimate_tokens(message.content) for message in request.messages))
        return json.dumps(SPACE.sample(self.rng))


def objective(configuration: Configuration) -> float:
    """A bowl."""
    rate, momentum = configuration["learning_rate"], configuration["momentum"]
    assert isinstance(rate, float)
    assert isinstance(momentum, float)
    return (math.log10(rate) + 3) ** 2 + momentum


def milliseconds(sampler: optuna.samplers.BaseSampler, storage: Path, trials: int, already: int) -> float:
    """Per trial, for the trials that a study gets beyond those that it has."""
    began = time.perf_counter()
    tune(FunctionEvaluator(objective), SPACE, n_trials=trials, storage=storage, sampler=sampler)
    return (time.perf_counter() - began) / (trials - already) * 1e3


def main() -> None:
    """Measure the first 30 trials, and 30 more once there are 1,000."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None, help="where the journal is written")
    folder = parser.parse_args().folder
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    answers = Answers()
    task = Task(metric="loss")
    ours = LLMSampler(FunctionModel(answers), task=task, space=SPACE, proposer="compressed", seed=0)
    samplers = {"tunewise": ours, "optuna random": optuna.samplers.RandomSampler(seed=0)}
    print(f"Python {platform.python_version()}, Optuna {optuna.__version__}; milliseconds per trial, journal on disk\n")
    table = {}
    with tempfile.TemporaryDirectory(dir=folder) as directory:
        for name, sampler in samplers.items():
            storage = Path(directory) / f"{name.split()[0]}.journal"
            first = milliseconds(sampler, storage, 30, 0)
            milliseconds(sampler, storage, 1_000, 30)
            table[name] = (first, milliseconds(sampler, storage, 1_030, 1_000))
    print(f"{'':<16}{'first 30':>10}{'at 1,000':>10}   (the latter includes reading the journal again, once)")
    for name, (first, late) in table.items():
        print(f"{name:<16}{first:>10.1f}{late:>10.1f}")
    (first, late), (peer_first, peer_late) = table.values()
    print(f"{'ratio':<16}{first / peer_first:>10.1f}{late / peer_late:>10.1f}")
    first_size, last_size, most = answers.tokens[0], answers.tokens[-1], max(answers.tokens)
    print(f"\nprompt: {first_size} tokens at first, {last_size} at the end, {most} at most")


if __name__ == "__main__":
    main()
