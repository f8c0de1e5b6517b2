"""What a call of `tune` may say beside what is tuned and who proposes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from tunewise.evaluate.fidelity import Fidelity
from tunewise.llm.ledger import Caps
from tunewise.study.pruners import PrunerSpec
from tunewise.study.stop import StopRules
from tunewise.study.watch import Callback

__all__ = ["TuneOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneOptions:
    """The rarer choices of a call of `tune`.

    Attributes:
        study_name: Of the study in the storage.
        seed: Of everything random; None is 0, or that of a sampler that was given.
        caps: What the model's calls may cost.
        executor: Runs the evaluations elsewhere; `n_jobs` then says how many at a time. Any executor, or the address
            of one: `dask://host:port`, `ray://host:port`, `ray` (see `tunewise.executors`).
        timeout_s: Limit of one evaluation in seconds; it then runs in a process that can be killed.
        callbacks: Told of what happens, in this process.
        fidelity: What makes an evaluation cheap or good: trials begin at the lowest, and the promising go on. Without
            a pruner, successive halving decides which do.
        pruner: Decides from intermediate values which trials are given up: a name of Optuna's ("hyperband",
            "successive_halving", "median", ...), a mapping of `name` and its options, or a pruner.
        stop: What ends the study before its trials are used up.
        live: Whether the study is shown while it runs, in the output of a notebook's cell; None: in notebooks.
        devices: One for each worker in turn, as in `CUDA_VISIBLE_DEVICES`, which each worker's process has set.
    """

    study_name: str = "tunewise"
    seed: int | None = None
    caps: Caps | None = None
    executor: Executor | str | None = None
    timeout_s: float | None = None
    callbacks: Sequence[Callback] = ()
    fidelity: Fidelity | None = None
    pruner: PrunerSpec = None
    stop: StopRules = field(default_factory=StopRules)
    devices: Sequence[int | str] = ()
    live: bool | None = None
