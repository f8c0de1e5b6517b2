"""`tune`: from an objective and a search space to a finished study."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, Protocol

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from tunewise.checks import check_whole
from tunewise.errors import BudgetReached, ModelError, ObjectiveFailed, StudyError, TrialFailed
from tunewise.evaluate import Evaluation, Evaluator, FunctionEvaluator
from tunewise.history import RESULT_KEY, History, HistoryReader, TrialRecord, direction_of
from tunewise.llm.base import ChatModel
from tunewise.llm.ledger import Caps
from tunewise.llm.resolve import check
from tunewise.sampler import LLMSampler
from tunewise.secrets import mask
from tunewise.space import SearchSpace, Value
from tunewise.study.sessions import extended
from tunewise.study.sound import STUDY_KEY
from tunewise.study.storage import Storage, only_driver, open_storage
from tunewise.task import Task

__all__ = ["Watch", "tune"]

ASKED_KEY = "tunewise:asked"
"""User attribute of a trial that somebody evaluates outside; it is never taken over."""

logger = logging.getLogger("tunewise")


class Watch(Protocol):
    """Is told what happens, for a display."""

    def proposed(self, trial: TrialRecord) -> None:
        """A configuration has been chosen and its evaluation begins."""
        ...

    def told(self, trial: TrialRecord, history: History) -> None:
        """An evaluation has ended, and its result is stored."""
        ...


def tune(
    objective: Callable[[dict[str, Any]], float | Mapping[str, float]] | Evaluator,
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
            "value"; or any `Evaluator`.
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


class Inline(Executor):
    """Runs what is submitted at once, in the thread that asks, so that Ctrl-C reaches it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future that is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - an executor hands over every error
            future.set_exception(error)
        return future


class Suggests(Protocol):
    """A search space, or what stands in its place where each trial has its own."""

    def suggest(self, trial: optuna.Trial) -> Mapping[str, Value]:
        """Ask a trial for its configuration."""
        ...


class Driver:
    """The one process that asks and tells, so that the model has one history."""

    def __init__(
        self,
        study: optuna.Study,
        space: Suggests,
        evaluator: Evaluator,
        executor: Executor,
        workers: int,
        watch: Watch | None,
    ) -> None:
        self._study = study
        self._space = space
        self._evaluator = evaluator
        self._executor = executor
        self._workers = workers
        self._watch = watch
        self._reader = HistoryReader()
        self._running: dict[Future[Any], optuna.Trial] = {}

    def run(self, trials: int) -> None:
        """Evaluate until the study has so many trials that are told."""
        stopped: BudgetReached | ModelError | None = None
        try:
            while True:
                told = sum(t.state.is_finished() for t in self._study.get_trials(deepcopy=False))
                while not stopped and len(self._running) < min(self._workers, trials - told):
                    try:
                        self._start()
                    except (BudgetReached, ModelError) as error:
                        stopped = error
                if not self._running:
                    break
                for future in wait(self._running, return_when=FIRST_COMPLETED).done:
                    self._finish(future)
        finally:
            self._abandon()
        if stopped:
            raise stopped

    def _start(self) -> None:
        if isinstance(self._study.sampler, LLMSampler):
            self._study.sampler.check_fallbacks()
        trial = self._study.ask()
        try:
            configuration = self._space.suggest(trial)
            if self._watch:
                self._watch.proposed(self._record(trial))
            future = self._executor.submit(timed, self._evaluator, configuration)
        except BaseException:
            requeue(self._study, trial._trial_id)
            raise
        self._running[future] = trial

    def _finish(self, future: Future[Any]) -> None:
        trial = self._running[future]
        trial.set_user_attr(RESULT_KEY, outcome(future))
        tell_stored(self._study, trial._trial_id)
        del self._running[future]
        if self._watch:
            self._watch.told(self._record(trial), self._reader.read(self._study))

    def _abandon(self) -> None:
        """After an interruption: what was running goes back to the queue, with its configuration."""
        for future, trial in self._running.items():
            future.cancel()
            requeue(self._study, trial._trial_id)
        if self._running and hasattr(self._evaluator, "close"):
            self._evaluator.close()

    def _record(self, trial: optuna.Trial) -> TrialRecord:
        return TrialRecord.from_optuna(self._study._storage.get_trial(trial._trial_id))


def timed(evaluator: Evaluator, configuration: Mapping[str, Value]) -> tuple[Evaluation | str, float]:
    """Evaluate; a failed trial is its reason. Runs in the executor, wherever that is."""
    began = time.monotonic()
    try:
        evaluation: Evaluation | str = evaluator.evaluate(configuration)
    except TrialFailed as error:
        evaluation = str(error) or "no reason was given"
    return evaluation, time.monotonic() - began


def outcome(future: Future[Any]) -> dict[str, Any]:
    """What is stored about an evaluation: its value, or the error that it failed with, and more.

    Raises:
        StudyError: The objective cannot be run at all.
    """
    try:
        evaluation, seconds = future.result()
    except StudyError:
        raise
    except Exception as error:  # noqa: BLE001 - a lost worker, a broken pool: recorded as the reason
        return {"error": mask(f"{type(error).__name__}: {error}")}
    if isinstance(evaluation, str):
        return {"seconds": seconds, "error": mask(evaluation)}
    return {"value": evaluation.value, "seconds": seconds} | (
        {"extra": dict(evaluation.extra)} if evaluation.extra else {}
    )


def tell_stored(study: optuna.Study, trial_id: int) -> bool:
    """Tell a trial's result from its attribute, which is written first: what was earned cannot fall between the two.

    Returns:
        Whether there is a result.
    """
    trial = study._storage.get_trial(trial_id)
    match trial.user_attrs.get(RESULT_KEY):
        case {"value": int() | float() as value}:
            study.tell(trial.number, value)
        case {"error": _}:
            study.tell(trial.number, state=TrialState.FAIL)
        case _:
            return False
    return True


def requeue(study: optuna.Study, trial_id: int) -> None:
    """Put a trial back into the queue: the next ask gets it, with the same configuration and the same source.

    One that was interrupted between its result and the end is ended.
    """
    with suppress(optuna.exceptions.UpdateFinishedTrialError):  # interrupted just after it was told
        if study._storage.get_trial(trial_id).state == TrialState.RUNNING and tell_stored(study, trial_id):
            return
        study._storage.set_trial_state_values(trial_id, state=TrialState.WAITING)


def requeue_running(study: optuna.Study) -> None:
    """Take over the trials that a process which is no more has left running."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if ASKED_KEY not in trial.user_attrs:
            logger.info("Trial %d was interrupted and is run again.", trial.number)
            requeue(study, trial._trial_id)


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
    stored = study.user_attrs.get(STUDY_KEY, {})
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
        study.set_user_attr(STUDY_KEY, about)
