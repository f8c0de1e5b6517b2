"""`ProgramSampler`: an Optuna sampler whose search space is written by the model, trial by trial.

A trial either tunes a valid program, by the same proposers as any other study, or begins a new one, with its
defaults. Programs, calls and proposals are stored before they are used, so that any process can go on.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from optuna.samplers import BaseSampler

from tunewise import attributes
from tunewise.account import Account
from tunewise.codegen.evaluate import Runner
from tunewise.codegen.policy import Step, next_step
from tunewise.codegen.tell import tuning_request
from tunewise.codegen.tools import answered_by_calls, tool_of
from tunewise.codegen.tree import Program, Tree, joined_name, split_name
from tunewise.codegen.write import NoProgram, write_program
from tunewise.errors import ModelUnavailable, StudyError
from tunewise.history import History, TrialRecord
from tunewise.llm.base import ChatModel, ChatReply, ChatRequest
from tunewise.llm.calls import Totals
from tunewise.llm.ledger import Ledger
from tunewise.optuna_private import id_of, storage_of, stored_trial
from tunewise.prompts.render import template_hash
from tunewise.proposers import PROPOSERS, ProposalContext, find_proposer
from tunewise.proposers.drive import drive
from tunewise.record import Proposal
from tunewise.space import Configuration, SearchSpace, Value
from tunewise.task import Task

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["ProgramSampler", "ProgramSpaces", "SearchOptions"]

Part = TypeVar("Part")

logger = logging.getLogger("tunewise")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How programs are sought.

    Attributes:
        tuner: Name of the proposer that tunes a program.
        patience: Trials without improvement before another program is written.
        reasoning: Whether the model analyses before it proposes.
        expert: Whether a system message gives it the role of an expert.
        temperature: Of its first replies.
        seed: Of everything random in the search.
    """

    tuner: str = "auto"
    patience: int = 3
    reasoning: bool = False
    expert: bool = True
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tuner not in PROPOSERS:
            raise StudyError(f"tuner = {self.tuner!r} is unknown. There are {', '.join(PROPOSERS)}.")
        if self.patience < 1:
            raise StudyError(f"patience = {self.patience} is below 1. Say how many trials may bring nothing.")


class ProgramSampler(BaseSampler):
    """Asks a language model for programs, and for their hyperparameters.

    Args:
        ledger: The model, with its account.
        runner: Checks programs.
        task: What is modelled.
        options: How programs are sought.
    """

    def __init__(self, ledger: Ledger, *, runner: Runner, task: Task, options: SearchOptions | None = None) -> None:
        self.task = task
        self._runner = runner
        self._options = options or SearchOptions()
        self._account = Account(ledger)

    @property
    def model(self) -> ChatModel:
        """Who is asked."""
        return self._account.ledger.model

    @property
    def ledger(self) -> Ledger:
        """Who is billed for the calls."""
        return self._account.ledger

    @property
    def totals(self) -> Totals:
        """What the study's calls took, as far as this process has seen."""
        return self._account.ledger.totals

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The hyperparameters of the program that the trial is for."""
        if not planned(study, trial):
            self._account.restore(study)
            proposal = self._propose(study, trial)
            storage_of(study).set_trial_user_attr(id_of(trial), attributes.PROPOSAL, proposal.to_dict())
        return space_of(study, trial).distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Configuration:
        """The configuration that was proposed for it."""
        return {name: value for name, value in planned(study, trial).items() if name in search_space}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Value:
        """There are no other parameters."""
        del study, param_distribution
        raise StudyError(f"{param_name} is no hyperparameter of the program of trial {trial.number}. Leave it out.")

    def _propose(self, study: Study, trial: FrozenTrial) -> Proposal:
        """Write a program, or tune one."""
        tree = Tree.from_study(study, History.from_study(study, skip=trial.number))
        step = next_step(tree, patience=self._options.patience)
        note = ""
        if step.write:
            try:
                return untuned(self._write(study, trial, tree, step))
            except (NoProgram, ModelUnavailable) as error:
                if step.tune is None:
                    raise
                note = f"No new program: {error}"
                logger.warning("Trial %d: %s", trial.number, note)
        program = step.tune
        assert program is not None, "what is not written is tuned"
        tree = Tree.from_study(study, tree.history)
        if not tree.history_of(program).trials:
            return untuned(program)
        proposal = self._tune(study, trial, tree, program)
        return replace(proposal, note=note or proposal.note)

    def _write(self, study: Study, trial: FrozenTrial, tree: Tree, step: Step) -> Program:
        return write_program(
            study,
            tree,
            step,
            runner=self._runner,
            task=self.task,
            trial=trial.number,
            expert=self._options.expert,
            temperature=self._options.temperature,
            complete=self._complete(study, trial),
        )

    def _tune(self, study: Study, trial: FrozenTrial, tree: Tree, program: Program) -> Proposal:
        history = tuning_of(tree.history_of(program))
        entropy = [self._options.seed, trial.number, zlib.crc32(program.code.encode())]
        context = ProposalContext(
            task=replace(self.task, direction=history.direction, model="the program above"),
            space=program.space,
            history=history,
            trial=trial.number,
            rng=np.random.default_rng(entropy),
            seed=self._options.seed + trial.number,
            context_tokens=None,  # the program stands before it, whatever its length
            reasoning=self._options.reasoning,
            expert=self._options.expert,
            temperature=self._options.temperature,
        )
        complete = self._complete(study, trial)
        tool = tool_of(program, self._runner.contract, self.model)

        def about_program(request: ChatRequest) -> ChatReply:
            told = tuning_request(request, program, history, tool=tool)
            return answered_by_calls(told, complete) if tool else complete(told)

        proposal = drive(find_proposer(self._options.tuner).propose(context), about_program)
        configuration = with_program(program, proposal.configuration)
        return replace(proposal, configuration=configuration, template=template_hash())

    def _complete(self, study: Study, trial: FrozenTrial) -> Callable[[ChatRequest], ChatReply]:
        return lambda request: self._account.complete(study, trial, request)


def untuned(program: Program) -> Proposal:
    """The defaults of a program, which are the model's own."""
    default = program.space.default
    assert default is not None, "the contract demands a default of every hyperparameter"
    return Proposal(
        configuration=with_program(program, default),
        source="model",
        reason=f"{program.kind}: {program.reason or 'a new program'}",
        method="program",
        model=program.model,
    )


def tuning_of(history: History) -> History:
    """The trials of a program as its proposer sees them: its defaults are the defaults, and not a proposal to judge."""
    trials = [
        replace(trial, proposal=replace(trial.proposal, source="default"))
        if trial.proposal.method == "program"
        else trial
        for trial in history.trials
    ]
    return History(tuple(trials), history.direction)


def with_program(program: Program, configuration: Mapping[str, Part]) -> dict[str, Part]:
    """A configuration or a space as the study knows it."""
    return {joined_name(program, name): value for name, value in configuration.items()}


def planned(study: Study, trial: FrozenTrial) -> Configuration:
    """What was proposed for a trial, perhaps before an interruption."""
    return TrialRecord.from_optuna(stored_trial(study, trial)).configuration


def space_of(study: Study, trial: FrozenTrial) -> SearchSpace:
    """The search space of a trial's program, by the names that the study knows."""
    number, _ = split_name(next(iter(planned(study, trial)), ""))
    program = Tree.from_study(study)[number]
    return SearchSpace(with_program(program, program.space))


class ProgramSpaces:
    """Stands in the place of a search space where each trial has its own."""

    def suggest(self, trial: optuna.Trial) -> Configuration:
        """Ask a trial for the hyperparameters of its program."""
        assert trial.relative_params, "asking for them makes the sampler choose a program"
        record = stored_trial(trial.study, trial)
        return space_of(trial.study, record).suggest(trial)
