"""`tune`: from an objective and a search space to a finished study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from tempfile import TemporaryDirectory

import optuna
from optuna.samplers import BaseSampler

from tunewise.checks import check_whole, whole
from tunewise.errors import ObjectiveFailed, StudyError
from tunewise.evaluate import Evaluator, FunctionEvaluator
from tunewise.evaluate.fidelity import Rungs
from tunewise.evaluate.identity import identity_of
from tunewise.evaluate.objective import Objective
from tunewise.executors import open_executor
from tunewise.history import History
from tunewise.llm.base import ChatModel
from tunewise.llm.resolve import check, reach
from tunewise.proposers import Proposer, Random
from tunewise.sampler import LLMSampler
from tunewise.space import SearchSpace
from tunewise.study.again import all_failed, run_again
from tunewise.study.driver import Driver, Inline, requeue_running
from tunewise.study.notebook import Live, Study, in_notebook
from tunewise.study.options import TuneOptions
from tunewise.study.prior import PriorSource, read_prior_study
from tunewise.study.promotion import Promotion
from tunewise.study.pruners import find_pruner
from tunewise.study.same import check_same_study
from tunewise.study.stop import capped
from tunewise.study.storage import Storage, only_driver, open_storage
from tunewise.task import Task

__all__ = ["tune"]

USUAL = TuneOptions()


def tune(
    objective: Objective | Evaluator,
    space: SearchSpace | Mapping[str, object],
    *,
    task: Task | None = None,
    model: str | ChatModel | None = None,
    proposer: str | Proposer | None = None,
    sampler: BaseSampler | None = None,
    n_trials: int = 10,
    n_jobs: int = 1,
    storage: Storage = None,
    prior_studies: Sequence[PriorSource] = (),
    options: TuneOptions = USUAL,
) -> Study:
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
        task: What is tuned; its budget becomes `n_trials` when it has none.
        model: Who proposes: a `ChatModel` or a name (see `LLMSampler`).
        proposer: A name or an object, "auto" when nothing is said (see `LLMSampler`).
        sampler: An Optuna sampler, in place of `model` and `proposer`. An `LLMSampler` brings its task along.
        n_trials: How many evaluations the study is to have in all, failed ones included, earlier runs included.
        n_jobs: How many trials run at a time, each in a process of its own when there are several.
        storage: Where the study is kept: path of a journal file, database URL, Optuna storage, or None for memory.
        prior_studies: Finished studies of the same or an overlapping space, from which this one learns where to begin:
            journal files, database URLs (`#name` behind either where it holds several), or Optuna studies.
        options: All else.

    Returns:
        The Optuna study.

    Raises:
        UsageError: An argument breaks a rule, or contradicts another one.
        BudgetReached: A cap was reached. Running trials were finished first; the same call with a higher cap goes on.
        ModelUnusable: The model's server cannot be reached or refuses the key, which is found before a trial begins;
            or the model was of no use three times in a row. Likewise.
        ObjectiveFailed: Not one trial of the study finished. Two failures with the same reason at the beginning are
            enough (see `StopRules`). The same call runs these configurations again.
    """
    n_trials, n_jobs = whole(n_trials), whole(n_jobs)
    for option, value, meaning in (
        ("n_trials", n_trials, "how many evaluations there may be"),
        ("n_jobs", n_jobs, "how many trials run at a time"),
    ):
        check_whole(option, value, 1, error=StudyError, way_out=f"Say {meaning}.")
    if options.timeout_s is not None and isinstance(objective, Evaluator):
        raise StudyError(
            f"timeout_s = {options.timeout_s!r} limits a plain function, and {type(objective).__name__} is an "
            "Evaluator, which has limits of its own. Set the limit there, and leave timeout_s out."
        )
    fidelity = options.fidelity
    promotion = Promotion(fidelity) if fidelity and options.pruner is None else None
    pruner = find_pruner(promotion or options.pruner)
    space = space if isinstance(space, SearchSpace) else SearchSpace.from_dict(space)
    if fidelity:
        fidelity.check(space)
    if sampler is not None:
        check_sampler(
            sampler,
            model=model,
            proposer=proposer,
            prior_studies=prior_studies,
            task=task,
            space=space,
            options=options,
        )
    task = task or (sampler.task if isinstance(sampler, LLMSampler) else Task())
    task = replace(task, budget=task.budget or n_trials)
    task = fidelity.told(task) if fidelity else task
    sampler = sampler or LLMSampler(
        model,
        task=task,
        space=space,
        proposer=proposer or "auto",
        seed=options.seed or 0,
        caps=capped(options.caps, options.stop),
        prior_studies=[read_prior_study(source, space) for source in prior_studies],
    )
    if isinstance(sampler, LLMSampler):
        check(sampler.model)
    with ExitStack() as stack:
        orphaned = stack.enter_context(only_driver(storage, options.study_name))
        opened = open_storage(storage)
        optuna.create_study(
            study_name=options.study_name,
            storage=opened,
            direction=task.direction or "minimize",
            load_if_exists=True,
        )
        study = Study(options.study_name, opened, sampler=sampler)
        executor = options.executor
        if isinstance(executor, str):
            executor = stack.enter_context(open_executor(executor))
        if not isinstance(objective, Evaluator):
            isolate = (n_jobs > 1 and executor is None) or bool(options.devices)
            objective = FunctionEvaluator(objective, timeout_s=options.timeout_s, isolate=isolate)
        if fidelity:
            home = stack.enter_context(TemporaryDirectory(prefix="tunewise-", ignore_cleanup_errors=True))
            objective = Rungs(objective, fidelity, home)
        check_same_study(study, space, task, objective=identity_of(objective), n_trials=n_trials)
        if executor is None:
            executor = Inline() if n_jobs == 1 else stack.enter_context(ThreadPoolExecutor(n_jobs))
        if hasattr(objective, "close"):
            stack.callback(objective.close)
        if orphaned:
            requeue_running(study)
        if isinstance(sampler, LLMSampler):
            sampler.workers = n_jobs
        live = [Live(options.study_name, metric=task.metric, n_trials=n_trials)] if shows_live(options) else []
        driver = Driver(
            study,
            space,
            objective,
            executor,
            n_jobs,
            callbacks=[*options.callbacks, *live],
            pruner=pruner,
            promotion=promotion,
            stop=options.stop,
            devices=[str(device) for device in options.devices],
        )
        begins = len(History.from_study(study).told) < n_trials
        if begins and isinstance(sampler, LLMSampler) and not isinstance(sampler.proposer, Random):
            reach(sampler.model)
        try:
            driver.run(n_trials)
            if (history := History.from_study(study)).told and len(history.failed) == len(history.told):
                raise all_failed(history)
        except ObjectiveFailed:
            run_again(study)
            raise
    return study


def shows_live(options: TuneOptions) -> bool:
    """Whether the study is shown in a notebook's cell while it runs."""
    return in_notebook() if options.live is None else options.live


def check_sampler(
    sampler: BaseSampler,
    *,
    model: object,
    proposer: object,
    prior_studies: object,
    task: Task | None,
    space: SearchSpace,
    options: TuneOptions,
) -> None:
    """Refuse what a sampler that was given would ignore or contradict.

    Raises:
        StudyError: It is said twice who proposes, or what is tuned.
    """
    twice = {"model": model, "proposer": proposer, "seed": options.seed, "caps": options.caps}
    twice["prior_studies"] = prior_studies or None
    if given := [name for name, value in twice.items() if value is not None]:
        raise StudyError(
            f"{' and '.join(given)} would be ignored: the sampler says already who proposes. Leave out the sampler, or "
            f"make it with {'it' if len(given) == 1 else 'them'}: LLMSampler(..., {given[0]}=...)."
        )
    if not isinstance(sampler, LLMSampler):
        return
    if task is not None and replace(task, budget=None) != replace(sampler.task, budget=None):
        raise StudyError("The sampler was made for another task. Leave task out: tune takes the sampler's.")
    if sampler.space is not None and sampler.space.to_dict() != space.to_dict():
        raise StudyError("The sampler was made for another space. Give tune and the sampler the same one.")
