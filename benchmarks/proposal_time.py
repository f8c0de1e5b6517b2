"""How long one proposal takes: the surrogate's against Optuna's Gaussian process, on one core, in the same run.

    OMP_NUM_THREADS=1 python benchmarks/proposal_time.py

A proposal is everything between the last result and the next configuration: fit and maximizer of the acquisition, 30
trials in 10 dimensions; then the surrogate alone at 1,000 trials. Medians. Optuna's sampler needs torch;
without it the ratio is left out.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy is loaded
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import platform
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import optuna
from optuna.trial import create_trial

from tunewise.space import Configuration, Float, SearchSpace
from tunewise.surrogate import fit_surrogate

SPACE = SearchSpace({f"h{i}": Float(1e-5, 1e0, log=True) for i in range(10)})


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
    started = time.perf_counter()
    fit_surrogate(SPACE, tried, values, rng=np.random.default_rng(seed)).propose()
    return time.perf_counter() - started


def time_optuna(n: int, seed: int) -> float:
    """The same for Optuna's GPSampler, with a fresh sampler, so that nothing is warm on either side."""
    study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=seed, deterministic_objective=True))
    for configuration, value in zip(*history(n, seed), strict=True):
        study.add_trial(create_trial(params=dict(configuration), distributions=SPACE.distributions, value=value))
    started = time.perf_counter()
    study.ask(SPACE.distributions)
    return time.perf_counter() - started


def median_ms(measure: Callable[[int, int], float], n: int, repeats: int) -> float:
    """Median over seeds, after one run to warm up."""
    measure(n, 0)
    return 1000 * float(np.median([measure(n, seed) for seed in range(repeats)]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(f"Python {platform.python_version()}, numpy {np.__version__}, optuna {optuna.__version__}, {repeats} repeats")
    ours = median_ms(time_tunewise, 30, repeats)
    print(f"30 trials, 10 dimensions: tunewise {ours:.1f} ms (limit 50)")
    if find_spec("torch"):
        import torch  # installed only where it is compared

        torch.set_num_threads(1)
        theirs = median_ms(time_optuna, 30, repeats)
        print(f"the same with Optuna's GPSampler: {theirs:.1f} ms; ratio {ours / theirs:.2f} (limit 0.60)")
    many = median_ms(time_tunewise, 1000, max(repeats // 3, 3))
    print(f"1,000 trials, 10 dimensions: tunewise {many:.0f} ms (limit 500)")


if __name__ == "__main__":
    main()
