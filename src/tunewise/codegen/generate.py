"""`generate`: from a table and a goal to a study whose models and optimizers a language model wrote."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field

import optuna
from optuna.trial import TrialState

from tunewise import attributes
from tunewise.checks import check_whole
from tunewise.codegen.baseline import Gain, Usual
from tunewise.codegen.contract import Contract, installed_contract
from tunewise.codegen.evaluate import TRAIN, ProgramData, Runner
from tunewise.codegen.sampler import ProgramSampler, ProgramSpaces, SearchOptions
from tunewise.codegen.table import Table
from tunewise.codegen.table_baseline import TableBaseline
from tunewise.codegen.tree import Tree, split_name
from tunewise.errors import ObjectiveFailed, StudyError
from tunewise.evaluate import Evaluation, Run
from tunewise.evaluate.run import SILENT
from tunewise.history import TrialRecord
from tunewise.llm.base import ChatModel
from tunewise.llm.ledger import Caps, Ledger
from tunewise.llm.prices import Price
from tunewise.llm.resolve import check, reach
from tunewise.plain import PlainDict
from tunewise.sandbox.base import Limits, Sandbox
from tunewise.space import Value
from tunewise.study.driver import Driver, Inline, requeue_running
from tunewise.study.pruners import PrunerSpec, find_pruner
from tunewise.study.storage import Storage, only_driver, open_storage
from tunewise.study.watch import Watch
from tunewise.task import Task

__all__ = ["Generation", "GenerationOptions", "generate"]

logger = logging.getLogger("tunewise")


@dataclass(frozen=True, kw_only=True)
class GenerationOptions:
    """How a study of programs is run.

    Attributes:
        contract: "torch" or "sklearn" for a `Dataset`, "table" for a `Table`; None: "torch" or "table".
        trials: How many evaluations the study is to have in all.
        epochs: Passes over the training rows, for torch.
        seed: Of everything random in programs.
        limits: Of one evaluation.
        search: How programs are sought.
        caps: What the model's calls may cost.
        price: Of the model, where no list has it.
        pruner: Gives up programs of torch by their validation loss after each epoch; named as for `tune`.
    """

    contract: str | None = None
    trials: int = 5
    epochs: int = 10
    seed: int = 0
    limits: Limits = TRAIN
    search: SearchOptions = field(default_factory=SearchOptions)
    caps: Caps = field(default_factory=Caps)
    price: Price | None = None
    pruner: PrunerSpec = None

    def __post_init__(self) -> None:
        find_pruner(self.pruner)
        for name, value in (("trials", self.trials), ("epochs", self.epochs)):
            check_whole(name, value, 1, error=StudyError)


class Generation:
    """A study of programs, before it runs.

    Args:
        dataset: The data, a `Dataset` or a `Table`.
        sandbox: Where programs run.
        model: Who writes them.
        options: How it is run.
        baselines: What the model is told to beat; see `baselines` and `table_baselines`.

    Raises:
        UsageError: An option breaks a rule, or the contract does not fit the data.
    """

    def __init__(
        self,
        dataset: ProgramData,
        *,
        sandbox: Sandbox,
        model: ChatModel,
        options: GenerationOptions | None = None,
        baselines: Sequence[Usual] = (),
    ) -> None:
        options = options or GenerationOptions()
        self._pruner = find_pruner(options.pruner)
        chosen = contract_for(dataset, options.contract)
        self.trials = options.trials
        self.runner = Runner(
            dataset=dataset,
            contract=chosen,
            sandbox=sandbox,
            epochs=options.epochs,
            seed=options.seed,
            limits=options.limits,
        )
        self.task = Task(
            library=chosen.library,
            data=dataset.card,
            metric=dataset.metric,
            direction="minimize",
            budget=options.trials,
            facts=(*(f"{line}." for line in dataset.about[:1]), *told(dataset, baselines)),
        )
        ledger = Ledger(model, caps=options.caps, price=options.price)
        self.sampler = ProgramSampler(ledger, runner=self.runner, task=self.task, options=options.search)

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
            watches = [watch] if watch else ()
            Driver(study, ProgramSpaces(), evaluator, Inline(), 1, watches, pruner=self._pruner).run(self.trials)
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
            "told_metric": runner.dataset.metric,
            "task": runner.dataset.task,
            "epochs": runner.epochs,
            "seed": runner.seed,
            "max_parameters": runner.max_parameters,
            "limits": asdict(runner.limits),
            "sandbox": runner.sandbox.name,
            **runner.dataset.constants,
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

    def gains(self, study: optuna.Study, over: Sequence[Usual]) -> tuple[Gain, ...]:
        """How much the best program gains over baselines on rows that it was not chosen by; it is trained once more.

        Raises:
            TrialFailed: It does not train a second time.
        """
        number, own = program_and_own(study.best_trial.params)
        proof = self.runner.proof(Tree.from_study(study)[number].code, own)
        found = tuple(baseline.gain(proof) for baseline in over)
        told = {"trial": study.best_trial.number, "over": [asdict(gain) for gain in found]}
        study.set_user_attr(attributes.GAINS, told)
        return found


def contract_for(dataset: ProgramData, name: str | None) -> Contract:
    """The contract of this name, or the usual one.

    Raises:
        StudyError: It is unknown, its library is missing, or it is one for other data.
    """
    folds = isinstance(dataset, Table)
    chosen = installed_contract(name or ("table" if folds else "torch"))
    if (chosen.name == "table") != folds:
        need = "a Table, with folds" if chosen.name == "table" else "a Dataset, with one split"
        raise StudyError(f"Programs of contract {chosen.name} are scored on {need}. Give that, or another contract.")
    return chosen


def program_and_own(configuration: Mapping[str, Value]) -> tuple[int, dict[str, Value]]:
    """The number of the program that a configuration is of, and its hyperparameters by the program's names."""
    number, _ = split_name(next(iter(configuration)))
    return number, {split_name(name)[1]: value for name, value in configuration.items()}


def told(dataset: ProgramData, baselines: Sequence[Usual]) -> list[str]:
    """What the model learns of the baselines, and of chance."""
    if not baselines:
        return []
    scores = ", ".join(f"{baseline.name} {baseline.value:.4g}" for baseline in baselines)
    lines = [f"The {dataset.metric} of usual models with their usual settings: {scores}."]
    last = baselines[-1]
    if isinstance(last, TableBaseline):
        folds = ", ".join(f"{loss:.4g}" for loss in last.losses)
        lines.append(f"In each fold {last.name} has {folds}: small differences of means are chance.")
    return lines


class ProgramEvaluator:
    """Evaluates a configuration with the program that its names begin with."""

    def __init__(self, study: optuna.Study, runner: Runner) -> None:
        self._study = study
        self._runner = runner

    def evaluate(self, configuration: Mapping[str, Value], run: Run = SILENT) -> Evaluation:
        """Train and score it; see `Evaluator`."""
        number, own = program_and_own(configuration)
        return self._runner.evaluate(Tree.from_study(self._study)[number].code, own, run)


def generate(
    dataset: ProgramData,
    *,
    sandbox: Sandbox,
    model: ChatModel,
    options: GenerationOptions | None = None,
    baselines: Sequence[Usual] = (),
    storage: Storage = None,
    name: str = "tunewise",
    watch: Watch | None = None,
) -> optuna.Study:
    """Run a `Generation`; see there."""
    generation = Generation(dataset, sandbox=sandbox, model=model, options=options, baselines=baselines)
    return generation.run(storage=storage, name=name, watch=watch)
