"""What a proposal takes: the surrogate's time against Optuna's Gaussian process in the same run, and a model's tokens.

    OMP_NUM_THREADS=1 python benchmarks/proposal_time.py --write docs/results/proposal_time.md

A proposal is everything between the last result and the next configuration: fit and maximizer of the acquisition, 30
trials in 10 dimensions; then the surrogate alone at 1,000 trials. Medians of processor time on one thread, so that
other work on the machine counts little. Optuna's sampler needs torch; without it the ratio is left out. Tokens are
estimated from the requests and replies of studies in which a simulated expert answers `auto`, and of a request after
1,000 trials.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy is loaded
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import platform
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import optuna
from optuna.trial import create_trial

from tunewise.history import History, TrialRecord
from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.proposers import Auto, ProposalContext
from tunewise.sampler import LLMSampler
from tunewise.space import Configuration, Float, SearchSpace
from tunewise.surrogate import fit_surrogate
from tunewise.task import Task
from tunewise.testing.simulated import expert
from tunewise.tokens import estimate_tokens

SPACE: Final = SearchSpace({f"h{i}": Float(1e-5, 1e0, log=True, default=1e-1) for i in range(10)})
OPTIMUM: Final = SPACE.decode(np.full(10, 0.4))
RATIO, SHORT_MS, LONG_MS, TOKENS = 0.6, 50, 500, 2000
"""The limits: of the time beside Optuna's, of a proposal after 30 and 1,000 trials, and of a prompt after 1,000."""


def loss(configuration: Configuration) -> float:
    """A bowl on the logarithmic scale whose steepness differs by coordinate."""
    return float(0.7 ** np.arange(10) @ (SPACE.encode(configuration) - 0.4) ** 2)


def history(n: int, seed: int) -> tuple[list[Configuration], list[float]]:
    """Random trials."""
    rng = np.random.default_rng(seed)
    tried = [SPACE.sample(rng) for _ in range(n)]
    return tried, [loss(c) for c in tried]


def time_tunewise(n: int, seed: int) -> float:
    """Seconds of one proposal after `n` trials."""
    tried, values = history(n, seed)
    started = time.process_time()
    fit_surrogate(SPACE, tried, values, rng=np.random.default_rng(seed)).propose()
    return time.process_time() - started


def time_optuna(n: int, seed: int) -> float:
    """The same for Optuna's GPSampler, with a fresh sampler, so that nothing is warm on either side."""
    study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=seed, deterministic_objective=True))
    for configuration, value in zip(*history(n, seed), strict=True):
        study.add_trial(create_trial(params=dict(configuration), distributions=SPACE.distributions, value=value))
    started = time.process_time()
    study.ask(SPACE.distributions)
    return time.process_time() - started


def median_ms(measure: Callable[[int, int], float], n: int, repeats: int) -> float:
    """Median over seeds, after one run to warm up."""
    measure(n, 0)
    return 1000 * float(np.median([measure(n, seed) for seed in range(repeats)]))


def tokens(request: ChatRequest) -> int:
    """Of a request."""
    return sum(estimate_tokens(message.content) for message in request.messages)


@dataclass
class Counting:
    """A simulated expert that counts what it is sent and says."""

    seed: int
    calls: int = 0
    read: int = 0
    written: int = 0
    name = "expert"
    price = None
    context_tokens = None

    def complete(self, request: ChatRequest) -> ChatReply:
        """The expert's answer."""
        reply = expert(OPTIMUM, seed=self.seed).complete(request)
        self.calls, self.read = self.calls + 1, self.read + tokens(request)
        self.written += estimate_tokens(reply.text)
        return reply


def study_of(budget: int, seed: int) -> Counting:
    """A study of `auto` with the expert."""
    model = Counting(seed)
    study = optuna.create_study(sampler=LLMSampler(model, space=SPACE, task=Task(budget=budget), seed=seed))
    study.optimize(lambda trial: loss(SPACE.suggest(trial)), n_trials=budget)
    return model


def prompt_after(n: int) -> int:
    """Tokens of the request of `auto` after so many trials."""
    trials = (TrialRecord(i, "finished", c, v) for i, (c, v) in enumerate(zip(*history(n, 0), strict=True)))
    context = ProposalContext(task=Task(), space=SPACE, history=History(tuple(trials)), trial=n)
    return tokens(next(Auto().propose(context)))


def lines(repeats: int) -> Iterator[str]:
    """What was measured."""
    ours = median_ms(time_tunewise, 30, repeats)
    yield f"- The surrogate's proposal after 30 trials, 10 dimensions: {ours:.1f} ms (limit {SHORT_MS})."
    if find_spec("torch"):
        import torch  # installed only where it is compared

        torch.set_num_threads(1)
        theirs = median_ms(time_optuna, 30, repeats)
        yield f"- The same with Optuna's GPSampler: {theirs:.1f} ms; ratio {ours / theirs:.2f} (limit {RATIO:.2f})."
    many = median_ms(time_tunewise, 1000, max(repeats // 3, 3))
    yield f"- The surrogate's after 1,000 trials: {many:.0f} ms (limit {LONG_MS})."
    for budget in (10, 30):
        studies = [study_of(budget, seed) for seed in range(3)]
        calls, read, written = (np.mean([getattr(s, n) for s in studies]) for n in ("calls", "read", "written"))
        yield (
            f"- A study of {budget} trials with `auto` and a simulated expert: {calls:.1f} calls, about {read:,.0f} "
            f"tokens read ({read / calls:,.0f} a call) and {written:,.0f} written."
        )
    yield f"- The prompt of `auto` after 1,000 trials: about {prompt_after(1000):,} tokens (limit {TOKENS:,})."


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--write", type=Path, default=None, help="the page; else the text is printed")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, optuna {optuna.__version__}"
    text = "\n".join(
        [
            "# What a proposal takes",
            "",
            f"{versions}, one thread; medians of {asked.repeats} repeats, processor time. Tokens are estimated.",
            "Made by the command below; do not edit by hand.",
            "",
            f"    OMP_NUM_THREADS=1 python benchmarks/proposal_time.py --repeats {asked.repeats} "
            "--write docs/results/proposal_time.md",
            "",
            *lines(asked.repeats),
        ]
    )
    if asked.write:
        asked.write.write_text(text + "\n", "utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
