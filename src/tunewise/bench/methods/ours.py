"""tunewise's own methods and those of the base paper: proposers in a real study in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from tunewise import attributes
from tunewise.bench.methods.base import Method, Offer, Offering, Setting, always, needs_default
from tunewise.bench.methods.optuna import quiet_study, tell
from tunewise.errors import ModelUnavailable
from tunewise.history import TrialRecord
from tunewise.llm.calls import Call
from tunewise.proposers import Auto, AutoOptions, Chat, Compressed, ProposalContext, Proposer, Proposing
from tunewise.record import Result

if TYPE_CHECKING:
    import optuna

    from tunewise.evaluate.base import Evaluator
    from tunewise.study.driver import Suggests

__all__ = ["METHODS", "ModelThenSurrogate", "studied"]

N = TypeVar("N", int, float)

WARM = 10
"""Evaluations by the language model before Bayesian optimization goes on [Zhang]."""
MAX_SILENCE = 3
"""So many trials in a row without any reply end the run: nothing would be measured but random search."""


def proposing(
    proposer: Proposer, *, default: bool, asks: bool = True, reasoning: bool = False
) -> Callable[[Setting], Offering]:
    """A proposer, driven by `LLMSampler`."""

    def start(setting: Setting) -> Offering:
        from tunewise.sampler import LLMSampler
        from tunewise.sampler_options import SamplerOptions

        sampler = LLMSampler(
            setting.model if asks else None,
            task=setting.task,
            space=setting.problem.space,
            proposer=proposer,
            seed=setting.entropy,
            options=SamplerOptions(reasoning=reasoning, default=default, max_fallbacks=None),
        )
        return studied(quiet_study(sampler), setting.problem.space, budget=setting.budget)

    return start


def studied(study: optuna.Study, space: Suggests, *, budget: int, evaluator: Evaluator | None = None) -> Offering:
    """The trials of a study whose sampler asks a language model, or could.

    Args:
        study: Without trials.
        space: Of each trial.
        budget: Number of evaluations.
        evaluator: As in `Offer`.

    Raises:
        ModelUnavailable: There was no reply three trials in a row.
    """
    billed: set[tuple[int, str]] = set()
    silent = 0
    for _ in range(budget):
        trial = study.ask()
        configuration = dict(space.suggest(trial))
        offer = offered(study, trial.number, billed)
        silent = silent + 1 if offer.fallback.startswith("the model gave no reply") else 0
        if silent == MAX_SILENCE:
            raise ModelUnavailable(
                f"The model gave no reply for {MAX_SILENCE} trials in a row: {offer.fallback} The run is not kept. "
                "Fix the model and run the same command again: it goes on."
            )
        outcome = yield replace(offer, configuration=configuration, evaluator=evaluator)
        trial.set_user_attr(attributes.RESULT, Result(error=outcome.error, extra=dict(outcome.extra)).to_dict())
        tell(study, trial, outcome.value)


def offered(study: optuna.Study, number: int, billed: set[tuple[int, str]]) -> Offer:
    """What the sampler has stored about a trial, with the calls since the last one: some are made beside training."""
    trials = study.get_trials(deepcopy=False)
    record = TrialRecord.from_optuna(trials[number])
    made = {
        (trial.number, key): Call.from_dict(value)
        for trial in trials
        for key, value in trial.system_attrs.items()
        if key.startswith(attributes.CALL) and (trial.number, key) not in billed
    }
    billed.update(made)
    calls = made.values()
    written = [program for key, program in study.user_attrs.items() if key.startswith(attributes.PROGRAM)]
    programs = [program for program in written if program["trial"] == number]
    return Offer(
        configuration=record.configuration,
        source=record.source,
        reason=record.proposal.reason if record.by_model else "",
        fallback=record.proposal.fallback,
        refused=len(record.proposal.refused) + sum(bool(program["objection"]) for program in programs),
        programs=programs,
        calls=len(calls),
        input_tokens=total(call.input_tokens for call in calls),
        output_tokens=total(call.output_tokens for call in calls),
        cost_usd=total(call.cost_usd for call in calls),
    )


def total(numbers: Iterable[N | None]) -> N | int | None:
    """The sum; None as soon as one is unknown."""
    listed = list(numbers)
    known = [number for number in listed if number is not None]
    return sum(known) if len(known) == len(listed) else None


@dataclass(frozen=True)
class ModelThenSurrogate:
    """The language model alone for ten evaluations, then the Gaussian process alone: the warm-start experiment."""

    name: ClassVar[str] = "llm-then-bo"
    needs_model: ClassVar[bool] = True

    def propose(self, context: ProposalContext) -> Proposing:
        """By whoever has its turn."""
        if len(context.tried) < WARM:
            return (yield from Compressed().propose(context))
        return (yield from Auto().propose(replace(context, has_model=False)))


def paper(name: str, proposer: Proposer, description: str) -> list[Method]:
    """A method of the base paper, with and without reasoning, with and without the default first."""
    found = []
    for default in (False, True):
        for reasoning in (False, True):
            first = "the default configuration, then " if default else ""
            after = ", asked to reason before it proposes" if reasoning else ""
            found.append(
                Method(
                    name=f"{'default+' if default else ''}{name}{'+reasoning' if reasoning else ''}",
                    description=f"{first}{description}{after}",
                    start=proposing(proposer, default=default, reasoning=reasoning),
                    group="paper",
                    refuses=needs_default if default else always,
                    planned=True,
                    asks=True,
                )
            )
    return found


VARIANTS: Final[tuple[tuple[str, str, AutoOptions], ...]] = (
    ("batch", "three configurations a call, all run before the next call", AutoOptions(batch_size=3)),
    ("prefetch", "asked for the next configuration while a trial runs", AutoOptions(prefetch=True)),
)
"""Other options of `auto`, under names of their own."""

METHODS = [
    Method(
        name="default+gp",
        description="auto without a model: the default configuration where there is one, then our Gaussian process",
        start=proposing(Auto(), default=True, asks=False),
        group="ours",
        packages=("scipy",),
    ),
    Method(
        name="gp",
        description="our Gaussian process from a random first trial",
        start=proposing(Auto(), default=False, asks=False),
        group="ours",
        packages=("scipy",),
    ),
    *paper("chat", Chat(), "the model alone, in one dialogue"),
    *paper("compressed", Compressed(), "the model alone, with all trials in one message"),
    Method(
        name="llm-then-bo",
        description=f"the model alone for {WARM} evaluations (as compressed), then our Gaussian process on all of them",
        start=proposing(ModelThenSurrogate(), default=False),
        group="ours",
        planned=True,
        asks=True,
    ),
    *(
        Method(
            name=f"auto+{word}",
            description=f"auto, {description}",
            start=proposing(Auto(options), default=True),
            group="ours",
            planned=True,
            asks=True,
        )
        for word, description, options in VARIANTS
    ),
    Method(
        name="auto",
        description="the default, then the model decides, our Gaussian process advises, and credit guards",
        start=proposing(Auto(), default=True),
        group="ours",
        planned=True,
        asks=True,
    ),
]
