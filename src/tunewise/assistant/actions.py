"""What the assistant may propose: a configuration to try next, a changed space. Nothing is done without a yes.

A proposal of the model is first checked and turned into a `Plan`: a difference that a person can read, and what it
costs. Only `Plan.carry_out` writes, and only the conversation calls it, after the person who was shown the plan has
said yes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import Field

from tunewise import attributes
from tunewise.assistant.subject import Subject
from tunewise.assistant.tools import Arguments, space_of
from tunewise.errors import InvalidReply, SpaceError
from tunewise.llm.base import ToolCall
from tunewise.prompts.show import describe, outcome, show
from tunewise.record import Proposal
from tunewise.secrets import mask
from tunewise.space import SearchSpace
from tunewise.space.values import exactly
from tunewise.text import clip

__all__ = ["ACTIONS", "Plan", "ProposeConfiguration", "ProposeSpace", "blocks_in", "plan_for"]

block = re.compile(r"```propose\s*\n(.*?)(?:```|\Z)", re.DOTALL)


class ProposeConfiguration(Arguments):
    """The next configuration to try."""

    configuration: dict[str, object]
    reason: str = Field(description="Why, in a sentence, with what it rests on.")


class ProposeSpace(Arguments):
    """New bounds."""

    space: dict[str, dict[str, object]] = Field(
        description='Only what changes, for example {"lr": {"low": 1e-5, "high": 0.01}}.'
    )
    reason: str = Field(description="Why, in a sentence, with what it rests on.")


ACTIONS: dict[str, tuple[str, type[Arguments]]] = {
    "propose_configuration": (
        "Proposes the next configuration to the user, who decides. It costs one trial.",
        ProposeConfiguration,
    ),
    "propose_space": (
        "Proposes other bounds of hyperparameters to the user, who decides. It costs no trial by itself.",
        ProposeSpace,
    ),
}


@dataclass(frozen=True)
class Plan:
    """A checked proposal.

    Attributes:
        title: What it is.
        reason: The model's words.
        difference: Lines of a difference: what goes begins with "-", what comes with "+", what stays with a blank.
        cost: What it takes, in a sentence.
        carry_out: Does it, and says what was done.
    """

    title: str
    reason: str
    difference: tuple[str, ...]
    cost: str
    carry_out: Callable[[], str]


def plan_for(subject: Subject, asked: Arguments, write_space: Callable[[SearchSpace], str] | None) -> Plan:
    """Check a proposal.

    Args:
        subject: Whose study it is for.
        asked: What the model proposes.
        write_space: Keeps a changed space somewhere and says where; None where there is no place for it.

    Raises:
        InvalidReply: It cannot be carried out; fit to be told to the model.
    """
    if isinstance(asked, ProposeConfiguration):
        return plan_configuration(subject, asked)
    assert isinstance(asked, ProposeSpace)
    return plan_space(subject, asked, write_space)


def plan_configuration(subject: Subject, asked: ProposeConfiguration) -> Plan:
    """A trial to be queued, as its difference from the best one."""
    space, study, stored = space_of(subject), subject.study, subject.stored
    assert study is not None
    assert stored is not None
    coerced = space.coerce(asked.configuration)
    if coerced.repairs:
        raise InvalidReply(f"The configuration is not in the space: {'; '.join(map(str, coerced.repairs))}.")
    configuration = coerced.configuration
    same = next((t for t in stored.history if t.configuration == configuration), None)
    if same:
        raise InvalidReply(
            f"It repeats trial {same.number}: {outcome(same, subject.task.metric)}. Propose another one."
        )
    best = stored.history.best
    base = dict(best.configuration) if best else dict(space.default or {})
    difference = []
    for name in [*configuration, *(name for name in base if name not in configuration)]:
        before, after = (f"{name}: {exactly(side[name])}" if name in side else "" for side in (base, configuration))
        difference += (
            [f"  {after}"] if before == after else [f"{sign} {x}" for sign, x in (("-", before), ("+", after)) if x]
        )
    number = max(subject.trials, default=-1) + 1
    told, budget = len(stored.history.told), subject.task.budget
    left = f" {told} of {budget} planned trials have been run" if budget else f" {told} trials have been run"
    more = f"; run it with `tunewise tune --n-trials {told + 1}` or more" if budget and told >= budget else ""
    reason = mask(clip(asked.reason, 600))

    def enqueue() -> str:
        proposal = Proposal(configuration=configuration, source="enqueued", method="assistant", reason=reason)
        study.enqueue_trial(dict(configuration), user_attrs={attributes.PROPOSAL: proposal.to_dict()})
        return f"Queued: {show(configuration)} runs when the study goes on{more}."

    against = (
        f"against trial {best.number}, the best" if best else "against the default" if base else "nothing to compare"
    )
    cost = f"It costs 1 trial (about number {number}).{left}{more}."
    return Plan(f"Next configuration, {against}", reason, tuple(difference), cost, enqueue)


def plan_space(subject: Subject, asked: ProposeSpace, write_space: Callable[[SearchSpace], str] | None) -> Plan:
    """Other bounds; type and choices of a hyperparameter cannot change within a study."""
    space = space_of(subject)
    plain: dict[str, dict[str, object]] = {name: dict(known) for name, known in space.to_dict().items()}
    for name, changes in asked.space.items():
        if name not in plain:
            raise InvalidReply(f"There is no hyperparameter {clip(name, 60)}. There are {', '.join(plain)}.")
        if wrong := [key for key in changes if key not in ("low", "high", "log", "step", "default", "description")]:
            raise InvalidReply(
                f"{name}: {clip(wrong[0], 60)} cannot change within a study; bounds, log, step and default can."
            )
        if "choices" in plain[name] and changes.keys() - {"default", "description"}:
            raise InvalidReply(f"{name} has choices, which cannot change within a study.")
        plain[name] = plain[name] | changes
    try:
        changed = SearchSpace.from_dict(plain)
    except SpaceError as error:
        raise InvalidReply(str(error)) from None
    differing = [name for name in space if space[name].to_plain() != changed[name].to_plain()]
    if not differing:
        raise InvalidReply("This is the space as it is. Change something.")
    difference = [
        f"{sign} {describe(name, side[name])}" for name in differing for sign, side in (("-", space), ("+", changed))
    ]
    outside = sum(not changed.accepts(t.configuration) for t in subject.trials.values() if t.configuration)
    lost = f" {outside} trials of the study lie outside of it; they stay in the history." if outside else ""
    cost = f"It costs no trial by itself; the trials that follow are proposed in it.{lost}"

    def write() -> str:
        if write_space is None:
            return f"Nothing was written. Put this into your code:\n{json.dumps(changed.to_dict(), indent=1)}"
        return write_space(changed)

    return Plan("Changed search space", mask(clip(asked.reason, 600)), tuple(difference), cost, write)


def blocks_in(text: str) -> list[ToolCall]:
    """Proposals that a model without tools has written into its reply, as calls."""
    calls = []
    for number, match in enumerate(block.findall(text)):
        try:
            given = json.loads(match)
        except (ValueError, RecursionError):
            continue
        if isinstance(given, dict) and given.keys() & {"configuration", "space"}:
            name = "propose_configuration" if "configuration" in given else "propose_space"
            calls.append(ToolCall(name=name, arguments=json.dumps(given), id=f"block-{number}"))
    return calls
