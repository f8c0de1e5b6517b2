"""`generate`: from a table and a goal to a study whose models and optimizers a language model wrote."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

import optuna
from optuna.trial import TrialState

from tunewise import attributes
from tunewise.checks import check_whole
from tunewise.codegen.baseline import Baseline, Gain, gain_over
from tunewise.codegen.contract import installed_contract
from tunewise.codegen.data import Dataset
from tunewise.codegen.evaluate import TRAIN, Runner
from tunewise.codegen.sampler import Options, ProgramSampler, ProgramSpaces
from tunewise.codegen.tree import Tree, split_name
from tunewise.errors import ObjectiveFailed, StudyError
from tunewise.evaluate import Evaluation
from tunewise.history import TrialRecord
from tunewise.llm.base import ChatModel
from tunewise.llm.ledger import Caps, Ledger
from tunewise.llm.prices import Price
from tunewise.llm.resolve import check, reach
from tunewise.plain import PlainDict
from tunewise.sandbox.base import Limits, Sandbox
from tunewise.space import Value
from tunewise.study.driver import Driver, Inline, requeue_running
from tunewise.study.storage import Storage, only_driver, open_storage
from tunewise.study.watch import Watch
from tunewise.task import Task

__all__ = ["Generation", "generate"]

logger = logging.getLogger("tunewise")


class Generation:
    """A study of programs, before it runs.

    Args:
        dataset: The data.
        sandbox: Where programs run.
        model: Who writes them.
        contract: "torch" or "sklearn".
        trials: How many evaluations the study is to have in all.
        epochs: Passes over the training rows, for torch.
        seed: Of everything random.
        limits: Of one evaluation.
        options: How programs are sought.
        caps: What the model's calls may cost.
        price: Of the model, where no list has it.
        baselines: What the model is told to beat; see `baselines`.

    Raises:
        UsageError: An argument breaks a rule.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        sandbox: Sandbox,
        model: ChatModel,
        contract: str = "torch",
        trials: int = 5,
        epochs: int = 10,
        seed: int = 0,
        limits: Limits = TRAIN,
        options: Options | None = None,
        caps: Caps | None = None,
        price: Price | None = None,
        baselines: Sequence[Baseline] = (),
    ) -> None:
        for name, value in (("trials", trials), ("epochs", epochs)):
            check_whole(name, value, 1, error=StudyError)
        chosen = installed_contract(contract)
        self.trials = trials
        self.runner = Runner(
            dataset=dataset,
            contract=chosen,
            sandbox=sandbox,
            epochs=epochs,
            seed=seed,
            limits=limits,
        )
        self.task = Task(
            library=chosen.library,
            data=dataset.card,
            metric=dataset.metric,
            direction="minimize",
            budget=trials,
            facts=(*(f"{line}." for line in dataset.about[:1]), *told(dataset, baselines)),
        )
        ledger = Ledger(model, caps=caps or Caps(), price=price)
        self.sampler = ProgramSampler(ledger, runner=self.runner, task=self.task, options=options or Options(seed=seed))

    def run(self, *, storage: Storage = None, name: str = "tunewise", watch: Watch | None = None) -> optuna.Study:
        """Run the study, or go on where an interrupted run of the same ended.

        Raises:
            StudyError: The storage holds a study of something else under that name.
            BudgetReached: A cap was reached; the same with a higher cap goes on.
            ModelError: The model cannot be reached, or wrote no program that can be used. Likewise.
            ObjectiveFailed: Not one trial finished.
        """
        check(self.sampler.model)
        with ExitStack() as stack:
            orphaned = stack.enter_context(only_driver(storage, name))
            study = optuna.create_study(
                study_name=name,
                storage=open_storage(storage),
                direction="minimize",
                sampler=self.sampler,
                load_if_exists=True,
            )
            self._check_same(study)
            if orphaned:
                requeue_running(study)
            reach(self.sampler.model)
            evaluator = ProgramEvaluator(study, self.runner)
            Driver(study, ProgramSpaces(), evaluator, Inline(), 1, [watch] if watch else ()).run(self.trials)
        if not any(t.state == TrialState.COMPLETE for t in study.get_trials(deepcopy=False)):
            last = TrialRecord.from_optuna(study.get_trials(deepcopy=False)[-1])
            raise ObjectiveFailed(
                f"None of the {self.trials} trials of study {name!r} finished. The last one failed with: {last.error} "
                "Choose another model, or raise the limits of an evaluation, and start a new study."
            )
        return study

    def about(self) -> PlainDict:
        """What is stored with the study, so that it can be continued and its winner exported."""
        runner = self.runner
        return {
            "contract": runner.contract.name,
            "data": runner.dataset.recipe.to_dict(),
            "fingerprint": runner.dataset.fingerprint,
            "metric": runner.dataset.recipe.metric,
            "epochs": runner.epochs,
            "seed": runner.seed,
            "max_parameters": runner.max_parameters,
            "limits": asdict(runner.limits),
            "sandbox": runner.sandbox.name,
            "inputs": len(runner.dataset.inputs),
            "outputs": runner.dataset.outputs,
            "rows": len(runner.dataset.train),
        }

    def _check_same(self, study: optuna.Study) -> None:
        """Store what the study is about, or compare it with what was stored."""
        about = self.about()
        before = study.user_attrs.get(attributes.GENERATION)
        if before is None and study.get_trials(deepcopy=False):
            raise StudyError(
                f"The study {study.study_name!r} is not one of programs. Use another storage or --study-name."
            )
        for key in ("contract", "fingerprint", "epochs", "seed", "metric"):
            if before is not None and before.get(key) != about[key]:
                what = "other data" if key == "fingerprint" else f"{key} {before.get(key)}, not {about[key]}"
                raise StudyError(
                    f"The study {study.study_name!r} was begun with {what}, and its scores could not be compared. Use "
                    "the same, or another storage or --study-name."
                )
        if before is not None and before.get("sandbox") != about["sandbox"]:
            logger.warning(
                "The study was begun in the sandbox %s, and goes on in %s.", before["sandbox"], about["sandbox"]
            )
        if before != about:
            study.set_user_attr(attributes.GENERATION, about)
        if study.user_attrs.get(attributes.STUDY) is None:
            study.set_user_attr(attributes.STUDY, {"space": {}, "task": self.task.to_dict()})

    def gain(self, study: optuna.Study, over: Baseline) -> Gain:
        """How much the best program gains over a baseline on the test rows; it is trained once more.

        Raises:
            TrialFailed: It does not train a second time.
        """
        configuration = study.best_trial.params
        number, _ = split_name(next(iter(configuration)))
        own = {split_name(name)[1]: value for name, value in configuration.items()}
        predictions = self.runner.predict_test(Tree.from_study(study)[number].code, own)
        return gain_over(over, predictions, self.runner.dataset)


def told(dataset: Dataset, baselines: Sequence[Baseline]) -> list[str]:
    """What the model learns of the baselines."""
    scores = ", ".join(f"{baseline.name} {baseline.value:.4g}" for baseline in baselines)
    return [f"The {dataset.metric} of usual models with their usual settings: {scores}."] if scores else []


class ProgramEvaluator:
    """Evaluates a configuration with the program that its names begin with."""

    def __init__(self, study: optuna.Study, runner: Runner) -> None:
        self._study = study
        self._runner = runner

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """Train and score it; see `Evaluator`."""
        number, _ = split_name(next(iter(configuration)))
        own = {split_name(name)[1]: value for name, value in configuration.items()}
        return self._runner.evaluate(Tree.from_study(self._study)[number].code, own)


def generate(
    dataset: Dataset,
    *,
    sandbox: Sandbox,
    model: ChatModel,
    storage: Storage = None,
    name: str = "tunewise",
    watch: Watch | None = None,
    **options: Any,
) -> optuna.Study:
    """Run a `Generation` with these options; see there."""
    return Generation(dataset, sandbox=sandbox, model=model, **options).run(storage=storage, name=name, watch=watch)
