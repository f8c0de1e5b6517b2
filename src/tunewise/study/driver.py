"""The one process that asks and tells. It listens while trials run, and stores what comes of them."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ParamSpec, Protocol, TypeVar

import optuna
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from tunewise import attributes
from tunewise.errors import BudgetReached, ModelError, StudyError, TrialFailed
from tunewise.evaluate import Evaluator
from tunewise.evaluate.mailbox import Mailbox, Wired
from tunewise.evaluate.outcome import Outcome, evaluated
from tunewise.evaluate.run import Earlier, Run, takes_run
from tunewise.history import History, TrialRecord
from tunewise.llm.calls import Totals
from tunewise.optuna_private import id_of, storage_of, stored_trial
from tunewise.proposers.tried import all_begun, nothing_left
from tunewise.sampler import LLMSampler
from tunewise.secrets import mask
from tunewise.space import SearchSpace, Value
from tunewise.study.curve import Curve
from tunewise.study.promotion import Promotion
from tunewise.study.stop import NEVER, Stopper, StopRules
from tunewise.study.storage import begun_by_driver
from tunewise.study.watch import Callback, Listeners

__all__ = ["Driver", "Inline", "Suggests", "requeue", "requeue_running"]


logger = logging.getLogger("tunewise")


Given = ParamSpec("Given")
Returned = TypeVar("Returned")


class Suggests(Protocol):
    """A search space, or what stands in its place where each trial has its own."""

    def suggest(self, trial: optuna.Trial) -> Mapping[str, Value]:
        """Ask a trial for its configuration."""
        ...


class Inline(Executor):
    """Runs what is submitted at once, in the thread that asks, so that Ctrl-C reaches it."""

    def submit(self, fn: Callable[Given, Returned], /, *args: Given.args, **kwargs: Given.kwargs) -> Future[Returned]:
        """A future that is done."""
        future: Future[Returned] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - an executor hands over every error
            future.set_exception(error)
        return future


@dataclass(slots=True)
class Running:
    """A trial that is being evaluated."""

    trial: optuna.Trial
    worker: int
    mailbox: Mailbox
    curve: Curve = field(default_factory=Curve)


class Driver:
    """Asks and tells, so that the model has one history.

    Args:
        study: Where everything is stored.
        space: Says what a trial's configuration is.
        evaluator: Turns it into a number.
        executor: Where it does so.
        n_jobs: How many evaluations run at a time.
        callbacks: Are told what happens.
        pruner: Decides from the intermediate values which trials are not worth going on with.
        promotion: Where the study has fidelities: which of the trials that were stopped go on.
        stop: Rules that end the study early.
        devices: What the workers are given, in turn.
    """

    def __init__(
        self,
        study: optuna.Study,
        space: Suggests,
        evaluator: Evaluator,
        executor: Executor,
        n_jobs: int,
        callbacks: Sequence[Callback] = (),
        pruner: BasePruner | None = None,
        promotion: Promotion | None = None,
        stop: StopRules = NEVER,
        devices: Sequence[str] = (),
    ) -> None:
        self._study = study
        self._space = space
        self._evaluator = evaluator
        self._takes_run = takes_run(evaluator.evaluate)
        self._executor = executor
        self._n_jobs = n_jobs
        self._listeners = Listeners(study, callbacks)
        self._pruner = pruner or NopPruner()
        self._promotion = promotion
        self._rules = stop
        self._stopper = Stopper(stop, lambda: totals.cost_usd if (totals := totals_of(study.sampler)) else None)
        self._devices = devices
        self._lock = threading.Lock()
        self._running: dict[Future[Outcome], Running] = {}

    def run(self, trials: int) -> None:
        """Evaluate until the study has so many trials that are told, or a rule ends it.

        Raises:
            ObjectiveFailed: It has never done anything else, and for the same reason.
        """
        stopped: BudgetReached | ModelError | None = None
        reason = ""
        try:
            while True:
                history = History.from_study(self._study)
                reason = reason or self._stopper.reason(history)
                if not (stopped or reason) and self._takes_up(history, trials):
                    history = History.from_study(self._study)
                elif isinstance(self._space, SearchSpace):
                    reason = reason or nothing_left(self._space, history)
                while not (stopped or reason) and len(self._running) < min(self._n_jobs, trials - len(history.told)):
                    if self._running and self._all_begun(history):
                        break
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
        if isinstance(stopped, BudgetReached) and self._rules.usd is not None:
            stopped, reason = None, str(stopped)
        if reason != self._study.user_attrs.get(attributes.STOPPED, ""):
            self._study.set_user_attr(attributes.STOPPED, reason)
        if reason:
            logger.info("Stopped: %s", reason)
        if stopped:
            raise stopped

    def _all_begun(self, before: History) -> bool:
        """Whether a further trial could only repeat one that runs or ran; looked up where that is possible at all."""
        space = self._space
        if not isinstance(space, SearchSpace) or space.count > len(before) + self._n_jobs:
            return False
        return all_begun(space, History.from_study(self._study))

    def _takes_up(self, history: History, trials: int) -> bool:
        """Whether a trial that was stopped goes on now."""
        if self._promotion is None or len(self._running) >= self._n_jobs:
            return False
        last = len(history.told) >= trials and not self._running
        return self._promotion.take_up(self._study, history, last=last)

    def _start(self) -> None:
        if isinstance(self._study.sampler, LLMSampler):
            self._study.sampler.check_fallbacks()
        trial = self._study.ask()
        try:
            configuration = self._space.suggest(trial)
            self._listeners.proposed(trial)
            running = self._begin(trial)
            device = self._devices[running.worker % len(self._devices)] if self._devices else ""
            earlier = self._earlier(trial) if self._promotion else None
            run = Run(
                trial=trial.number, worker=running.worker, device=device, earlier=earlier, channel=running.mailbox
            )
            future = self._executor.submit(evaluated, self._evaluator, self._takes_run, configuration, run)
        except BaseException:
            requeue(self._study, id_of(trial))
            raise
        self._running[future] = running

    def _earlier(self, trial: optuna.Trial) -> Earlier:
        """What is stored of a trial that goes on, or that was interrupted."""
        stored = stored_trial(self._study, trial)
        repeats = TrialRecord.from_optuna(stored).repeats
        return Earlier(repeats[0] if repeats else trial.number, dict(stored.intermediate_values))

    def _begin(self, trial: optuna.Trial) -> Running:
        busy = {running.worker for running in self._running.values()}
        worker = next(k for k in range(self._n_jobs) if k not in busy)
        running = Running(
            trial,
            worker,
            Mailbox(
                lambda value, step: self._received(running, value, step),
                wire=self._executor.wire if isinstance(self._executor, Wired) else None,
                again=lambda: setattr(running, "curve", Curve()),
            ),
        )
        return running

    def _received(self, running: Running, value: float, step: int | None) -> bool:
        """Store an intermediate value; whether the trial should stop. Called by the thread that the value came from."""
        with self._lock:
            stored = running.curve.add(value, step)
            if stored is None:
                return False
            self._store(running, stored, value)
            self._listeners.reported(running.trial.number, stored, value)
            frozen = copy.copy(stored_trial(self._study, running.trial))
            frozen.intermediate_values = running.curve.kept  # without what an interrupted run of it left behind
            return self._pruner.prune(self._study, frozen)

    def _store(self, running: Running, step: int, value: float) -> None:
        # Not `trial.report`: where an interrupted trial runs again, its values take the place of the old ones.
        storage_of(self._study).set_trial_intermediate_value(id_of(running.trial), step, value)

    def _finish(self, future: Future[Outcome]) -> None:
        running = self._running[future]
        outcome = fetched(future)
        for value, step in outcome.late:
            running.mailbox.send(value, step)
        running.mailbox.close()
        curve = running.curve
        if curve.unkept:
            self._store(running, *curve.unkept)
        result = outcome.result
        if curve.last:
            result["last_step"] = curve.last[0]
        if curve.note:
            result["note"] = curve.note
        running.trial.set_user_attr(attributes.RESULT, result)
        tell_stored(self._study, id_of(running.trial))
        del self._running[future]
        self._stopper.told(TrialRecord.from_optuna(stored_trial(self._study, running.trial)))
        self._listeners.told(running.trial)

    def _abandon(self) -> None:
        """After an interruption: what was running goes back to the queue, with its configuration.

        The storage says what that is: a trial that was interrupted while it was asked for never came into our hands.
        """
        if isinstance(self._study.sampler, LLMSampler):
            self._study.sampler.give_up()
        for future, running in self._running.items():
            future.cancel()
            with suppress(Exception):  # that of the interruption is told
                running.mailbox.close()
        for trial in left_running(self._study):
            requeue(self._study, id_of(trial))
        if self._running and hasattr(self._evaluator, "close"):
            self._evaluator.close()


def totals_of(sampler: BaseSampler) -> Totals | None:
    """What a sampler's calls to a model have taken; None where it makes none."""
    return sampler.totals if isinstance(sampler, LLMSampler) else None


def fetched(future: Future[Outcome]) -> Outcome:
    """The outcome of an evaluation, or of its executor's failure.

    Raises:
        StudyError: The objective cannot be run at all.
    """
    try:
        return future.result()
    except StudyError:
        raise
    except TrialFailed as failure:
        return Outcome({"error": mask(str(failure))})
    except Exception as error:  # noqa: BLE001 - a lost worker, a broken pool: recorded as the reason
        return Outcome({"error": mask(f"{type(error).__name__}: {error}")})


def tell_stored(study: optuna.Study, trial_id: int) -> bool:
    """Tell a trial's result from its attribute, which is written first: what was earned cannot fall between the two.

    Returns:
        Whether there is a result.
    """
    trial = storage_of(study).get_trial(trial_id)
    match trial.user_attrs.get(attributes.RESULT):
        case {"value": int() | float() as value}:
            study.tell(trial.number, value)
        case {"error": _}:
            study.tell(trial.number, state=TrialState.FAIL)
        case {"pruned": _, **more} if more.get("last_step") == trial.last_step:
            study.tell(trial.number, state=TrialState.PRUNED)
        case {"pruned": _, "last_step": int() as last}:  # an interrupted run of it went further than this one
            values = [trial.intermediate_values[last]]
            study.sampler.after_trial(study, trial, TrialState.PRUNED, values)
            storage_of(study).set_trial_state_values(trial_id, TrialState.PRUNED, values)
        case _:
            return False
    return True


def requeue(study: optuna.Study, trial_id: int) -> None:
    """Put a trial back into the queue: the next ask gets it, with the same configuration and the same source.

    One that was interrupted between its result and the end is ended.
    """
    with suppress(optuna.exceptions.UpdateFinishedTrialError):  # interrupted just after it was told
        if storage_of(study).get_trial(trial_id).state == TrialState.RUNNING and tell_stored(study, trial_id):
            return
        storage_of(study).set_trial_state_values(trial_id, state=TrialState.WAITING)


def requeue_running(study: optuna.Study) -> None:
    """Take over the trials that a process which is no more has left running."""
    for trial in left_running(study):
        logger.info("Trial %d was interrupted and is run again.", trial.number)
        requeue(study, id_of(trial))


def left_running(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that a driver has begun, and that have not ended."""
    return [*filter(begun_by_driver, study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))]
