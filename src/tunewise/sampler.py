"""`LLMSampler`: an Optuna sampler around a proposer.

Everything that is needed to go on stands in Optuna's storage: what was proposed and why, and every call as it was
billed. A trial that was interrupted between a call and its evaluation reads the call from there and does not pay twice.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from tunewise import attributes
from tunewise.account import Account
from tunewise.changes import PerStudy
from tunewise.checks import check_whole, whole
from tunewise.collisions import ATTEMPTS, CALLS, gives_way
from tunewise.errors import ModelUnusable, StudyError
from tunewise.history import History, TrialRecord
from tunewise.inferred_space import InferredSpace
from tunewise.llm.base import ChatModel, ChatRequest
from tunewise.llm.calls import Totals
from tunewise.llm.ledger import Caps, Ledger
from tunewise.objectives import draw_weights, find_scalarization, objectives_of
from tunewise.optuna_private import id_of, process_constraints, storage_of, stored_trial
from tunewise.pickling import Portable
from tunewise.plain import PlainDict
from tunewise.prefetches import Prefetches
from tunewise.prior_studies import PriorStudy
from tunewise.prompts.render import template_hash
from tunewise.proposers import Auto, DefaultFirst, ProposalContext, Proposer, as_stored, find_proposer
from tunewise.proposers.base import PRIOR, Prefetching, Proposing
from tunewise.proposers.drive import drive
from tunewise.proposers.registry import find_model
from tunewise.proposers.simple import only_one, without_choice
from tunewise.proposers.tried import TriedBefore, nothing_left
from tunewise.record import MODEL_SOURCES, Proposal
from tunewise.sampler_options import SamplerOptions
from tunewise.space import Configuration, SearchSpace, Value
from tunewise.task import Task
from tunewise.text import shorten
from tunewise.worth import known_worth

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from tunewise.llm.prices import Price

__all__ = ["LLMSampler"]

logger = logging.getLogger("tunewise")

USUAL = SamplerOptions()


class LLMSampler(Portable, BaseSampler):
    """An Optuna sampler that asks a language model.

    ```python
    study = optuna.create_study(sampler=tunewise.LLMSampler("gpt-5", task=tunewise.Task(model="SVC")))
    ```

    Args:
        model: A `ChatModel`, or a name as the command line takes it ("embedded", "manual", or a server's model). None
            where no model is to be asked: with "random", and with "auto", which then is the default configuration
            and after it a Gaussian process alone.
        task: What is tuned. Its direction, if it has one, must be the study's.
        space: The search space. Without one it is inferred from the distributions of past trials, and the parameters
            of the first trial are asked for one by one.
        proposer: "auto", "compressed", "chat", "random", one of these with options, as `Auto(AutoOptions(...))`, or a
            `Proposer` of your own.
        seed: Of everything random. Trial k is the same in every process.
        caps: What the study may spend.
        price: Of the model, where no list has it.
        constraints_func: Gives the constraints of a finished trial, as with Optuna's samplers: above 0 is violated.
            `trial.set_constraint` in the objective says the same without it.
        prior_studies: Earlier studies of the same or an overlapping space (`tunewise.study.prior` reads them).
        options: All else.

    A study may have several directions: each proposal then has a trade-off of its own, and the model is shown the
    Pareto front. Constraints are those that Optuna stores; a trial that violates one is never the best.

    Raises:
        UsageError: An argument breaks a rule.
    """

    of_process: ClassVar = {
        "_lock": threading.RLock,
        "_inferred": lambda: PerStudy(InferredSpace),
        "_before": TriedBefore,
    }

    def __init__(
        self,
        model: str | ChatModel | None = None,
        *,
        task: Task | None = None,
        space: SearchSpace | None = None,
        proposer: str | Proposer = "auto",
        seed: int | None = None,
        caps: Caps | None = None,
        price: Price | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        prior_studies: Sequence[PriorStudy] = (),
        options: SamplerOptions = USUAL,
    ) -> None:
        self.task = task or Task()
        self.space = space
        if space is not None and not isinstance(space, SearchSpace):
            raise StudyError(
                f"space = {shorten(space)} is no SearchSpace. Make one, or read it: SearchSpace.from_dict."
            )
        seed = whole(seed)
        if seed is not None:
            check_whole("seed", seed, 0, error=StudyError, way_out="Correct it or use None.")
        self.proposer = find_proposer(proposer)
        self._options = options
        self._has_model = model is not None
        self._account = Account(Ledger(find_model(model, self.proposer), caps=caps or Caps(), price=price))
        worth = known_worth(self.model.name)
        self._capable = worth.prior if worth else PRIOR
        self.workers = 1
        self.prefetches = self.model.name != "manual"  # a person is not to be asked behind the progress display
        self._beside = Prefetches(self.ledger)
        self._seed = seed
        self._entropy = [int(word) for word in np.random.SeedSequence(seed).generate_state(4)]
        self._constraints_func = constraints_func
        self.prior_studies = tuple(prior_studies)
        self._fallbacks: dict[tuple[str, int], str] = {}  # study and trial in a row, up to now: why
        self._inferred = PerStudy(InferredSpace)
        self._before = TriedBefore()
        self._lock = threading.RLock()

    @property
    def model(self) -> ChatModel:
        """Who is asked."""
        return self._account.ledger.model

    @property
    def settings(self) -> PlainDict:
        """How its proposals come to be, as plain data to be kept with a study."""
        options = self._options
        named = [study.name for study in self.prior_studies]
        return {
            "proposer": as_stored(self.proposer),
            "reasoning": options.reasoning,
            "expert": options.expert,
            "temperature": options.temperature,
            **({"capable": self._capable} if self._capable != PRIOR else {}),
            **({"prior_studies": named} if named else {}),
            "model": self.model.name if self._has_model else None,
            "default": options.default,
            "seed": self._seed,
        }

    @property
    def ledger(self) -> Ledger:
        """Who is billed for the calls."""
        return self._account.ledger

    @property
    def totals(self) -> Totals:
        """What the study's calls took, as far as this process has seen."""
        return self._account.ledger.totals

    def restore(self, study: Study) -> None:
        """Count what the study has spent in other processes, and in conversations about it."""
        with self._lock:
            self._account.restore(study)

    def preview(self, study: Study) -> ChatRequest | None:
        """The request that a next trial would send first, as far as is known now; None if it would send none.

        Nothing is sent or stored. Where the default configuration comes first, this is the request after it.

        Raises:
            StudyError: The sampler has no space.
        """
        if self.space is None:
            raise StudyError("A sampler without a space cannot say what it would ask. Give LLMSampler a space.")
        trials = study.get_trials(deepcopy=False)
        waiting = (
            t.number for t in trials if t.state == TrialState.WAITING and not TrialRecord.from_optuna(t).configuration
        )
        context = self._context(study, next(waiting, len(trials)), self.space, fixed={})
        try:
            return next(self.proposer.propose(context))
        except StopIteration:
            return None

    def check_fallbacks(self) -> None:
        """Stop where the model has not been of use for a while.

        Raises:
            ModelUnusable: Once, after `max_fallbacks` fallbacks in a row. A later trial tries again.
        """
        if self._options.max_fallbacks is not None and len(self._fallbacks) >= self._options.max_fallbacks:
            why = list(self._fallbacks.values())[-1]
            self._fallbacks.clear()
            raise ModelUnusable(
                f"The last {self._options.max_fallbacks} trials had to do without the model {self.model.name}, and ran "
                f"random configurations (marked as such) in its place. The latest reason: {why} All trials are kept. "
                "Fix the model or choose another one and run the study again: it goes on where it is."
            )

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Say so where there is nothing to choose: Optuna asks for no value of a space that has one configuration."""
        known = attributes.PROPOSAL in trial.user_attrs or fixed_in(trial)
        if self.space and not known and all(one.single() for one in self.space.distributions.values()):
            self._store(study, trial, only_one(self.space))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The given space, else every parameter that any trial has had, as it was last."""
        if self.space is not None:
            return self.space.distributions
        return self._inferred.of(study).read(study, skip=trial.number)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Configuration:
        """Ask for all parameters at once."""
        fixed = fixed_in(trial)
        wanted = {
            name: distribution
            for name, distribution in search_space.items()
            if name not in fixed and (self.space is None or self.space.may_exist(name, fixed))
        }
        return self._sample(study, trial, wanted, fixed=fixed) if wanted else {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Value:
        """Ask for one parameter that no earlier trial had."""
        fixed = {name: value for name, value in fixed_in(trial).items() if name != param_name}
        return self._sample(study, trial, {param_name: param_distribution}, fixed=fixed)[param_name]

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Store constraints, wait for what is asked beside the trial; end `study.optimize` where no more can come."""
        del values
        self._beside.wait(study.study_name, trial.number)
        if self._constraints_func:
            process_constraints(self._constraints_func, study, trial, state)
        if attributes.PROPOSAL not in trial.user_attrs and nothing_chosen(trial):
            self._store(study, trial, without_choice(trial.params))
        with suppress(RuntimeError):  # not inside optimize: who asks is told by the next proposal
            if self._options.max_fallbacks is not None and len(self._fallbacks) >= self._options.max_fallbacks:
                study.stop()
                try:
                    self.check_fallbacks()
                except ModelUnusable as error:
                    logger.warning("The study stops. %s", error)
            elif self.space and (why := nothing_left(self.space, History.from_study(study))):
                study.stop()
                logger.warning("The study stops. %s", why)

    def give_up(self) -> None:
        """End the calls that are made beside trials, at once, as for Ctrl-C; they are recorded."""
        self._beside.give_up()

    def _sample(
        self,
        study: Study,
        trial: FrozenTrial,
        distributions: Mapping[str, BaseDistribution],
        *,
        fixed: Mapping[str, Value],
    ) -> Configuration:
        space = self.space.restricted(distributions) if self.space else SearchSpace.from_distributions(distributions)
        with self._lock:
            planned = TrialRecord.from_optuna(stored_trial(study, trial))
            if space.accepts(planned.configuration):  # proposed before an interruption
                return {name: planned.configuration[name] for name in space if name in planned.configuration}
            self.restore(study)
            self._beside.raise_late(study.study_name)
            if (study.study_name, trial.number) not in self._fallbacks:  # never halfway through it
                self.check_fallbacks()
            proposal = self._claim(study, trial, planned, space, fixed=fixed)
            self._tell(study, trial, proposal)
            self._prefetch(study, trial, space)
        return dict(proposal.configuration)

    def _propose(self, context: ProposalContext) -> Proposing:
        return (DefaultFirst(self.proposer) if self._options.default else self.proposer).propose(context)

    def _prefetch(self, study: Study, trial: FrozenTrial, space: SearchSpace) -> None:
        """Make the next trial's call in a thread; what it brings is stored with this trial, which is still running."""
        if self._beside.busy or not self.prefetches:
            return
        if not isinstance(self.proposer, Auto) or not self.proposer.options.prefetch:
            return
        following = self._context(study, trial.number + 1, space, fixed={})
        if following.trial != self.task.budget and (prefetching := self.proposer.prefetch(following)):
            self._beside.begin(study.study_name, trial.number, lambda: self._fetch(study, trial, prefetching))

    def _fetch(self, study: Study, trial: FrozenTrial, prefetching: Prefetching) -> None:
        learned = drive(prefetching, lambda request: self._account.complete(study, trial, request))
        stored = TrialRecord.from_optuna(stored_trial(study, trial)).proposal
        offered = stored.decision.offered + learned.offered
        decision = replace(stored.decision, call=learned.call, offered=offered, failure=learned.failure)
        with suppress(UpdateFinishedTrialError):  # told by another process: what was offered is lost, no more
            self._store(study, trial, replace(stored, decision=decision))

    def _claim(
        self, study: Study, trial: FrozenTrial, planned: TrialRecord, space: SearchSpace, *, fixed: Mapping[str, Value]
    ) -> Proposal:
        """Ask the proposer, and store where the configuration came from, before anybody evaluates it.

        It is stored first and compared with others then: of two processes that do so at the same time, one at least
        sees the other. Who has to give way asks again.
        """
        for _ in range(CALLS if self._has_model else ATTEMPTS):
            context = self._context(study, trial.number, space, fixed=fixed)
            found = drive(self._propose(context), lambda request: self._account.complete(study, trial, request))
            proposal = replace(found, template=template_hash(), scalarization=context.history.scalarization)
            self._store(study, trial, planned.proposal.joined(proposal))
            if not gives_way(study, trial.number, context, proposal.configuration):
                break
        return proposal

    def _context(self, study: Study, number: int, space: SearchSpace, *, fixed: Mapping[str, Value]) -> ProposalContext:
        task, history = self._scored(study, number)
        return ProposalContext(
            task=task,
            space=space,
            history=history,
            trial=history.preceding(number),
            rng=np.random.default_rng([*self._entropy, number, zlib.crc32("|".join(space).encode())]),
            seed=None if self._seed is None else self._seed + number,
            fixed=fixed,
            context_tokens=self.model.context_tokens,
            workers=self.workers,
            inferred=self.space is None,
            prior_studies=self.prior_studies,
            before=self._before,
            reasoning=self._options.reasoning,
            expert=self._options.expert,
            temperature=self._options.temperature,
            has_model=self._has_model,
            capable=self._capable,
        )

    def _scored(self, study: Study, number: int) -> tuple[Task, History]:
        """The task and the trials so far, scored by the one metric, or by a scalarization for this trial."""
        objectives = objectives_of(study, self.task.metric)
        known = sorted({o.direction for o in objectives})
        if self.task.direction and known != [self.task.direction]:
            raise StudyError(
                f"The task says {self.task.direction}, but the study has direction {' and '.join(known)}. Make them "
                f'agree: create_study(direction="{self.task.direction}"), or leave the direction out of the task.'
            )
        history = History.from_study(study, skip=number)
        scalarization = find_scalarization(
            history.finished, objectives, draw_weights(len(objectives), number, self._entropy)
        )
        if scalarization is None:
            return replace(self.task, direction=history.direction), history
        task = replace(self.task, metric=scalarization.measure, direction="minimize")
        return task, history.scalarized(scalarization)

    def _tell(self, study: Study, trial: FrozenTrial, proposal: Proposal) -> None:
        """Say what is no proposal of the model's, and count it."""
        if proposal.fallback and proposal.source != "random":  # what runs is no accident, and no reason to stop
            logger.warning("Trial %d is not the model's but %s: %s", trial.number, proposal.source, proposal.fallback)
        elif proposal.fallback:
            self._fallbacks[study.study_name, trial.number] = proposal.fallback
            logger.warning("Trial %d is random, not the model's: %s", trial.number, proposal.fallback)
        elif proposal.source in MODEL_SOURCES:
            self._fallbacks.clear()
        if proposal.note:
            logger.warning("Trial %d: %s", trial.number, proposal.note)

    @staticmethod
    def _store(study: Study, trial: FrozenTrial, proposal: Proposal) -> None:
        storage_of(study).set_trial_user_attr(id_of(trial), attributes.PROPOSAL, proposal.to_dict())


def fixed_in(trial: FrozenTrial) -> Configuration:
    """What a trial has been given, by a person or before an interruption."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def nothing_chosen(trial: FrozenTrial) -> bool:
    """Whether a trial has parameters, and none of them could have been another: Optuna asks nobody for those."""
    known = trial.distributions.values()
    return bool(known) and "fixed_params" not in trial.system_attrs and all(one.single() for one in known)
