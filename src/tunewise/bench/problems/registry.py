"""Every problem by its name.

```python
names()  # "branin", ..., "svm:credit-g", ...
get("svm:credit-g")  # from the table
get("svm:credit-g", mode="live", data_dir="data")  # trained
get("rf:my-data", mode="live", data_dir="data")  # data/my-data.csv, the last column is the target
get("rf:openml-187", mode="live")  # any classification data of OpenML
get("live:svr-diabetes")  # trained on data of scikit-learn
get("taxi", data_dir="data")  # trained on the trips of data/nyc_green_2023
get("svm:credit-g+renamed+noisy")  # wrapped, see wrappers.py
```
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Final, Literal

from tunewise.bench.problems.base import Problem
from tunewise.bench.problems.datasets import DATASETS, DataSet, find_data_dir
from tunewise.bench.problems.hpobench import LiveTask, TabularTask
from tunewise.bench.problems.landscapes import LANDSCAPES, PROMPTS
from tunewise.bench.problems.live import LIVE
from tunewise.bench.problems.lookup import look_up, unknown
from tunewise.bench.problems.models import MODELS
from tunewise.bench.problems.published import PublishedTask, find_published
from tunewise.bench.problems.taxi import Taxi, find_trips
from tunewise.bench.problems.training import PROTOCOLS, Protocol
from tunewise.bench.problems.wrappers import WRAPPERS
from tunewise.errors import StudyError

__all__ = ["Mode", "get", "names"]

Mode = Literal["tabular", "live"]

TASKS: Final = tuple(f"{model}:{data}" for model in MODELS for data in DATASETS)


def names() -> tuple[str, ...]:
    """The ten landscapes, the 32 tasks, the six live ones, and the taxi trips."""
    return (*LANDSCAPES, *TASKS, *LIVE, "taxi")


def get(
    name: str,
    *,
    mode: Mode = "tabular",
    protocol: Protocol | None = None,
    data_dir: Path | str | None = None,
    share: float = 1.0,
    effort: int | None = None,
    seed: int | None = None,
    prompt: int = 2,
) -> Problem:
    """A problem by its name; whatever could fail later for lack of data fails here.

    Args:
        name: One of `names()`; or, live, a model with other data: `<model>:openml-<number>`, or `<model>:<file>` for
            `<file>.csv` in the data folder. Behind it, each after a plus sign, the names of wrappers.
        mode: Look up or train. Landscapes are formulas in both; taxi and the live tasks are trained in both.
        protocol: Which one; None: `clean`, but for the tables of nn, which know only `hpobench-0.0.10`.
        data_dir: Folder with the data sets; None: that of `TUNEWISE_DATA`, else OpenML. Tables need none.
        share: Share of the training data, 0.1 to 1; live only.
        effort: Iterations of lr, trees of rf, epochs of nn; None: the most; live only.
        seed: Random state of live training, else 0; for the tables of nn one of the 5 published runs, else their mean.
        prompt: Which of the four prompts of [Zhang], 0 to 3, describes a landscape.

    Raises:
        StudyError: An unknown name, mode or protocol; data or a table that cannot be read; a table of another version.
    """
    bare, *wrappers = name.split("+")
    wraps = [look_up(wrapper, WRAPPERS, "wrapper") for wrapper in wrappers]
    look_up(mode, {"tabular": 0, "live": 0}, "mode")
    if protocol is not None:
        look_up(protocol, dict.fromkeys(PROTOCOLS), "protocol")
    problem: Problem
    if bare in LANDSCAPES:
        look_up(str(prompt), {str(i): i for i in range(len(PROMPTS))}, "prompt")
        problem = replace(LANDSCAPES[bare], prompt=prompt)
    elif bare in LIVE:
        problem = LIVE[bare]
    elif bare == "taxi":
        problem = Taxi(find_trips(data_dir))
    else:
        key, _, data = bare.partition(":")
        if key not in MODELS or not data:
            raise unknown(bare, names(), "problem")
        folder = find_data_dir(data_dir) if data_dir or mode == "live" else None
        if mode == "live":
            found = find_dataset(key, data, folder)
            problem = LiveTask(MODELS[key], found, folder, protocol or "clean", share, effort, seed or 0)
        elif share != 1 or effort is not None:
            raise StudyError("share and effort change the training, but a table is looked up. Take mode live.")
        else:
            problem = look_up_task(key, data, protocol, seed)
    return reduce(lambda inner, wrap: wrap(inner), wraps, problem)


def look_up_task(key: str, data: str, protocol: Protocol | None, seed: int | None) -> Problem:
    """A task from its table."""
    name = f"{key}:{data}"
    if data not in DATASETS:
        raise StudyError(f"{unknown(name, TASKS, 'problem')} Other data have no tables: take mode live.")
    if protocol not in (None, "hpobench-0.0.10" if key == "nn" else "clean"):
        raise StudyError(f"There is no table of {name} under protocol {protocol}. Take the other one, or mode live.")
    return PublishedTask(data, find_published(), seed) if key == "nn" else TabularTask(key, data)


def find_dataset(key: str, data: str, folder: Path | None) -> DataSet:
    """One of the eight, one of OpenML by number, or a file of the data folder."""
    if data in DATASETS:
        return DATASETS[data]
    if number := re.fullmatch(r"openml-(\d{1,7})", data):
        return DataSet(data, int(number[1]))
    if folder and re.fullmatch(r"\w[\w.-]*", data) and (folder / f"{data}.csv").is_file():
        return DataSet(data)
    files = [f"{key}:{file.stem}" for file in sorted(folder.glob("*.csv"))] if folder else []
    raise unknown(f"{key}:{data}", dict.fromkeys([*TASKS, *files]), "problem")
