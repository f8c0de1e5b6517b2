"""`tune`: from an objective and a search space to a finished study."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from tunewise import attributes
from tunewise.checks import check_whole
from tunewise.errors import ObjectiveFailed, StudyError
from tunewise.evaluate import Evaluator, FunctionEvaluator
from tunewise.evaluate.objective import Objective
from tunewise.history import TrialRecord, direction_of
from tunewise.llm.base import ChatModel
from tunewise.llm.ledger import Caps
from tunewise.llm.resolve import check
from tunewise.sampler import LLMSampler
from tunewise.space import SearchSpace
from tunewise.study.driver import Driver, Inline, Watch, requeue_running
from tunewise.study.sessions import extended
from tunewise.study.storage import Storage, only_driver, open_storage
from tunewise.task import Task

__all__ = ["check_same_study", "tune"]


def tune(
    objective: Objective | Evaluator,
    space: SearchSpace | Mapping[str, Any],
    *,
    task: Task | None = None,
    model: str | ChatModel | None = None,
    trials: int = 10,
    proposer: str = "auto",
    reasoning: bool = False,
    workers: int = 1,
    executor: Executor | None = None,
    timeout_s: float | None = None,
    storage: Storage = None,
    name: str = "tunewise",
    seed: int = 0,
    caps: Caps | None = None,
    sampler: BaseSampler | None = None,
    watch: Watch | None = None,
) -> optuna.Study:
    """Tune hyperparameters, or go on where an interrupted run of the same study ended.

    ```python
    study = tune(objective, space, task=Task(model="SVC", metric="error"), model="embedded", storage="svc.journal")
    print(study.best_params, study.best_value)
    ```

    Args:
        objective: Takes a configuration (a dictionary) and returns the metric, or a mapping that has it under
            "value"; or any `Evaluator`. With a second argument it is given a `Run`, through which it may report
            intermediate values.
        space: The search space; or a mapping from names to hyperparameters, Optuna distributions or their plain form.
        task: What is tuned; its budget becomes `trials` when it has none.
        model: Who proposes: a `ChatModel` or a name (see `LLMSampler`).
        trials: How many evaluations the study is to have in all, failed ones included, earlier runs included.
        proposer: "auto", "compressed", "chat", "random" or "auto+prior" (see `LLMSampler`).
        reasoning: Whether the model analyses before it proposes.
        workers: How many trials run at a time, each in a process of its own when there are several.
        executor: Runs the evaluations elsewhere (dask, Ray, ...); `workers` then says how many at a time.
        timeout_s: Limit of one evaluation, in seconds; it then runs in a process that can be killed.
        storage: Where the study is kept: path of a journal file, database URL, Optuna storage, or None for memory.
        name: Of the study in the storage.
        seed: Of everything random.
        caps: What the model's calls may cost.
        sampler: Used in place of the one that the arguments above describe.
        watch: Is told of every proposal and result.

    Returns:
        The Optuna study.

    Raises:
        UsageError: An argument breaks a rule.
        BudgetReached: A cap was reached. Running trials were finished first; the same call with a higher cap goes on.
        ModelUnusable: The model cannot be reached, or was of no use three times in a row. Likewise.
        ObjectiveFailed: Not one trial of the study finished.
    """
    for option, value, meaning in (
        ("trials", trials, "how many evaluations there may be"),
        ("workers", workers, "how many trials run at a time"),
    ):
        check_whole(option, value, 1, error=StudyError, way_out=f"Say {meaning}.")
    if timeout_s is not None and isinstance(objective, Evaluator):
        raise StudyError(
            f"timeout_s = {timeout_s!r} limits a plain function, and {type(objective).__name__} is an Evaluator, which "
            "has limits of its own. Set the limit there, and leave timeout_s out."
        )
    space = space if isinstance(space, SearchSpace) else SearchSpace.from_dict(space)
    task = task or Task()
    task = replace(task, budget=task.budget or trials)
    sampler = sampler or LLMSampler(
        model, task=task, space=space, proposer=proposer, reasoning=reasoning, seed=seed, caps=caps
    )
    if isinstance(sampler, LLMSampler):
        check(sampler.model)
    with ExitStack() as stack:
        orphaned = stack.enter_context(only_driver(storage))
        study = optuna.create_study(
            study_name=name,
            storage=open_storage(storage),
            direction=task.direction or "minimize",
            sampler=sampler,
            load_if_exists=True,
        )
        check_same_study(study, space, task)
        if not isinstance(objective, Evaluator):
            isolate = workers > 1 and executor is None
            objective = FunctionEvaluator(objective, timeout_s=timeout_s, isolate=isolate)
        if executor is None:
            executor = Inline() if workers == 1 else stack.enter_context(ThreadPoolExecutor(workers))
        if hasattr(objective, "close"):
            stack.callback(objective.close)
        if orphaned:
            requeue_running(study)
        Driver(study, space, objective, executor, workers, watch).run(trials)
    if not any(t.state in (TrialState.COMPLETE, TrialState.PRUNED) for t in study.get_trials(deepcopy=False)):
        last = TrialRecord.from_optuna(study.get_trials(deepcopy=False)[-1])
        raise ObjectiveFailed(
            f"None of the {trials} trials of study {name!r} finished. The last one failed with: {last.error} "
            "Run the objective by itself with the default configuration, mend it, and start a new study."
        )
    return study


def check_same_study(study: optuna.Study, space: SearchSpace, task: Task) -> None:
    """Store what the study is about and how it is run, or compare it with what was stored.

    Raises:
        StudyError: The stored study minimizes and this one maximizes, or a hyperparameter changed its type or choices.
    """
    if len(study.directions) > 1:
        raise StudyError(
            f"The study {study.study_name!r} has {len(study.directions)} objectives, and tune knows one. Use another "
            "storage or name, or go on in Python: study.optimize with an LLMSampler."
        )
    if task.direction not in (None, direction_of(study)):
        raise StudyError(
            f"The study {study.study_name!r} was begun with direction {direction_of(study)}, and the task says "
            f"{task.direction}. Correct the task, or use another storage or name."
        )
    stored = study.user_attrs.get(attributes.STUDY, {})
    before = stored.get("space", {})
    for name, plain in space.to_dict().items():
        then = before.get(name, plain)
        if any(then.get(key) != plain.get(key) for key in ("type", "choices")):
            raise StudyError(
                f"The study {study.study_name!r} was begun with another {name}: {then} then, {plain} now. "
                "Type and choices of a hyperparameter cannot change within a study. Use another storage or name."
            )
    sessions = extended(stored.get("sessions", ()), study.sampler, first=len(study.get_trials(deepcopy=False)))
    about = {"space": space.to_dict(), "task": task.to_dict(), "sessions": sessions}
    if stored != about:
        study.set_user_attr(attributes.STUDY, about)
