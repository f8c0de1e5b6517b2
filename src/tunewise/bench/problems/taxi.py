"""New York City's taxi trips: how long does a trip take? A network on a fixed space, trained in the sandbox [Zhang].

```python
problem = get("taxi", data_dir="data")  # data/nyc_green_2023/green_tripdata_2023-01.parquet, ...
problem.evaluate(problem.space.default)  # the fixed program
problem.generation(model, trials=10, seed=0)  # programs that a language model writes, on the same terms
```
"""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tunewise.bench.problems.datasets import find_data_dir
from tunewise.codegen.contract import contract_named, installed_contract, read_space
from tunewise.codegen.data import Dataset, Recipe, make_dataset
from tunewise.codegen.evaluate import Runner
from tunewise.codegen.runtime import sandbox_for
from tunewise.codegen.taxi import PICKUP, TARGET, load_taxi
from tunewise.errors import StudyError
from tunewise.evaluate.base import Evaluation
from tunewise.sandbox.base import Limits, Sandbox
from tunewise.space import SearchSpace, Value
from tunewise.task import Task

if TYPE_CHECKING:
    from tunewise.codegen.generate import Generation
    from tunewise.llm.base import ChatModel

__all__ = ["BASELINE", "Taxi", "find_trips"]

BASELINE: Final = '''
import torch
from torch import nn

def make_model_and_optimizer(
    depth: Annotated[int, Range(1, 5)] = 2,
    width: Annotated[int, Range(16, 256, log=True)] = 64,
    batch_size: Annotated[int, Range(32, 1024, log=True)] = 128,
    learning_rate: Annotated[float, Range(1e-5, 1e-1, log=True)] = 1e-3,
    weight_decay: Annotated[float, Range(1e-6, 1e-1, log=True)] = 1e-4,
):
    """The fixed space of the paper's baselines: a plain network and Adam.

    Args:
        depth: hidden layers
        width: units of each
        batch_size: rows of a training batch
        learning_rate: step size of Adam
        weight_decay: strength of the penalty on squared weights
    """
    layers, size = [], N_INPUTS
    for _ in range(depth):
        layers += [nn.Linear(size, width), nn.ReLU()]
        size = width
    model = nn.Sequential(*layers, nn.Linear(size, N_OUTPUTS))
    return model, torch.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
'''
CONTRACT: Final = contract_named("torch")
FOLDER: Final = "nyc_green_2023"
LIMITS: Final = Limits(wall_s=600.0, cpu_s=600.0)
"""Of one training run."""


@dataclass(frozen=True)
class Taxi:
    """The fixed program on the trips; its hyperparameters are the space.

    Attributes:
        folder: With the commission's monthly files.
        rows: Trips, drawn at random before the split by time.
        epochs: Passes over the training trips.
        seed: Of the drawing and of all training.

    Raises:
        StudyError: The trips cannot be read, or torch is missing.
    """

    folder: Path
    rows: int = 20_000
    epochs: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        installed_contract(CONTRACT.name)
        _ = self.dataset

    @property
    def dataset(self) -> Dataset:
        """The trips; loaded once in a process."""
        return load(self.folder, self.rows, self.seed)

    @property
    def runner(self) -> Runner:
        """Trains programs in this process's sandbox."""
        return Runner(
            dataset=self.dataset,
            contract=CONTRACT,
            sandbox=sandbox(),
            epochs=self.epochs,
            seed=self.seed,
            limits=LIMITS,
        )

    @property
    def name(self) -> str:
        """As the registry has it."""
        return "taxi"

    @property
    def space(self) -> SearchSpace:
        """Depth, width, batch size, learning rate, weight decay."""
        return read_space(BASELINE, CONTRACT)

    @property
    def task(self) -> Task:
        """Network, trips, training."""
        return Task(
            model="feed-forward network with ReLU, trained by Adam",
            library=CONTRACT.library,
            data=self.dataset.card,
            metric=self.dataset.metric,
            direction="minimize",
            facts=(
                f"{self.dataset.about[0]}.",
                f"The loss is the mean squared error of the standardized target; training lasts {self.epochs} epochs.",
            ),
        )

    @property
    def best(self) -> float | None:
        """Nobody knows."""
        return None

    @property
    def protocol(self) -> str:
        """How many trips train, score and test, for how long; and which ones."""
        parts = (self.dataset.train, self.dataset.validation, self.dataset.test)
        sizes = " / ".join(str(len(part)) for part in parts)
        return f"{sizes} trips by time, {self.epochs} epochs, data {self.dataset.fingerprint}"

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """Train the fixed program; the validation loss, and beside it `test_loss`.

        Raises:
            TrialFailed: Training diverged or took too long.
        """
        return self.runner.evaluate(BASELINE, configuration)

    def generation(self, model: ChatModel, *, trials: int, seed: int) -> Generation:
        """A search for programs on the same terms; see `Programmable`."""
        from tunewise.codegen.generate import Generation, GenerationOptions
        from tunewise.codegen.sampler import SearchOptions

        options = GenerationOptions(
            contract=CONTRACT.name,
            trials=trials,
            epochs=self.epochs,
            seed=self.seed,
            limits=LIMITS,
            search=SearchOptions(seed=seed),
        )
        return Generation(self.dataset, sandbox=sandbox(), model=model, options=options)


def find_trips(data_dir: Path | str | None) -> Path:
    """The folder of the trips in that of the data sets.

    Raises:
        StudyError: There is none.
    """
    folder = find_data_dir(data_dir)
    if folder is None or not (folder / FOLDER).is_dir():
        where = f"and {folder} has none" if folder else "and no folder with data was named"
        raise StudyError(
            f"The problem taxi needs a folder {FOLDER} with the trip records of New York City's Taxi and Limousine "
            f"Commission (green_tripdata_2023-01.parquet and so on), {where}. Name the folder that it is in with "
            "--data-dir or TUNEWISE_DATA."
        )
    return folder / FOLDER


@cache
def load(folder: Path, rows: int, seed: int) -> Dataset:
    """Read, draw, split by time, encode."""
    recipe = Recipe(path=FOLDER, target=TARGET, task="regression", time=PICKUP, rows=rows, seed=seed)
    return make_dataset(load_taxi(folder), recipe, name="green taxi trips, New York City, 2023")


@cache
def sandbox() -> Sandbox:
    """The sandbox of this process, closed at its end."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(sandbox_for(CONTRACT.name))
