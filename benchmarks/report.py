"""How long a report takes and how large it is, beside the study that it is about.

    python benchmarks/report.py [--trials 30 1000] [--folder DIR]

The study comes from `tunewise.testing.studies`: a simulated model, learning curves, failures, fallbacks. Up to 100
trials `auto` proposes, which fits a Gaussian process for each; beyond, `compressed` does. With --folder the pages stay.
"""

from __future__ import annotations

import argparse
import logging
import platform
import time
from pathlib import Path

import optuna

from tunewise.report import FORMATS, report
from tunewise.testing.studies import sample_study

GOALS = {30: (5, 6), 1000: (15, 6)}
"""Seconds and megabytes that a page of so many trials may take."""


def main() -> None:
    """Make the studies, then their reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-trials", type=int, nargs="+", default=list(GOALS), metavar="N")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(f"Python {platform.python_version()}, {platform.machine()}, optuna {optuna.__version__}\n")
    print("trials  format  seconds  megabytes")
    for trials in options.trials:
        study = sample_study(trials, proposer="auto" if trials <= 100 else "compressed", seed=5)
        for form in FORMATS:
            began = time.perf_counter()
            text = report(study, form=form)
            seconds, megabytes = time.perf_counter() - began, len(text.encode()) / 1e6
            goal = f"   goal: {GOALS[trials][0]} s, {GOALS[trials][1]} MB" if form == "html" and trials in GOALS else ""
            print(f"{trials:6}  {form:6}  {seconds:7.1f}  {megabytes:9.2f}{goal}")
            if options.folder:
                options.folder.mkdir(parents=True, exist_ok=True)
                (options.folder / f"report-{trials}.{form}").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
