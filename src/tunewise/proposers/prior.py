"""A prior that the model wrote: asked for once, kept in the history, and trusted as far as the values bear it out.

The model says for each hyperparameter where it expects the best value, and how sure it is. That weights the
surrogate's acquisition and fades with the trials [piBO]. What it says may be wrong, so its confidence is multiplied
by the model's credit and by how well the prior has ordered the values so far: both are 0 soon after it has misled.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tunewise.errors import ContextLimitExceeded, InvalidReply, ModelUnavailable
from tunewise.history import History
from tunewise.llm.base import ChatReply, ChatRequest, Message
from tunewise.prompts.prior import Guess, PriorView, parse_prior, prior_schema, read_guesses
from tunewise.prompts.render import render
from tunewise.prompts.views import ProblemView
from tunewise.proposers.base import Ask, asked_again, cut_off
from tunewise.proposers.compressed import system
from tunewise.proposers.credit import policy_of
from tunewise.space import Configuration, SearchSpace

if TYPE_CHECKING:
    from tunewise.proposers.options import AutoOptions
    from tunewise.surrogate import Surrogate

__all__ = ["agreement", "ask_for_prior", "guesses_in", "guide", "led", "prior_asked"]

SUREST = 0.9
"""Nobody is surer: every place keeps a tenth of an even density, so that a wrong prior can be outvoted."""
NARROWEST = 0.05
"""Least standard deviation, as a share of the range: models state digits that they do not know."""
FAINT = 0.1
"""Below this power, or this trust, a prior changes too little to search twice."""
MOVED = 0.05
"""A point that the prior moves by no more of any range is the surrogate's, and its success is none of the model's."""


def prior_asked(history: History) -> bool:
    """Whether the model has answered, be it in vain."""
    return any("prior" in policy_of(trial) for trial in history)


def guesses_in(history: History, space: SearchSpace) -> dict[str, Guess]:
    """The first prior of the history of which something can be used; what is stored is not trusted either."""
    for trial in history:
        stored = policy_of(trial).get("prior")
        if isinstance(stored, Mapping) and (guesses := read_guesses(stored, space)[0]):
            return guesses
    return {}


def ask_for_prior(ask: Ask, *, retries: int) -> Generator[ChatRequest, ChatReply, dict[str, Any]]:
    """Ask where the best values lie; ask again, with the objections, where nothing can be used.

    Returns:
        What is to be stored: the guesses, and what was wrong with others. Empty where no reply came, so that the
        question is asked again later.
    """
    view = PriorView(render(ProblemView(ask.task, ask.space, bare=True)), ask.task, ask.space)
    messages = (*system(ask), Message("user", render(view)))
    first = ChatRequest(messages=messages, schema=prior_schema(ask.space), seed=ask.seed, temperature=ask.temperature)
    request = first
    guesses: dict[str, Guess] = {}
    refused: tuple[str, ...] = ()
    for _ in range(retries + 1):
        try:
            reply = yield request
        except ContextLimitExceeded as error:
            refused = (str(error),)
            break
        except ModelUnavailable:
            return {}
        try:
            guesses, refused = parse_prior(reply.text, ask.space)
            break
        except InvalidReply as error:
            refused = (str(error),)
            request = asked_again(first, refused, room=request.max_output_tokens * (2 if cut_off(reply) else 1))
    kept = {name: guess.to_dict() for name, guess in guesses.items()}
    return {"prior": kept, **({"refused": list(refused)} if refused else {})}


def guide(
    surrogate: Surrogate,
    guesses: Mapping[str, Guess],
    observed: Sequence[tuple[Configuration, float]],
    *,
    credit: float,
    options: AutoOptions,
) -> tuple[Surrogate, float]:
    """The surrogate with the prior in its acquisition.

    Args:
        surrogate: Fitted to all trials.
        guesses: The prior.
        observed: Configurations and values, to be minimized.
        credit: The model's.
        options: The policy's numbers.

    Returns:
        The surrogate, itself where the prior has nothing to say, and the trust in it, in [0, 1].
    """
    from tunewise.surrogate import Opinion, make_prior

    power = options.beta / max(1, len(observed))
    if not guesses or len(observed) < options.after or power < FAINT or credit < options.least:
        return surrogate, 0.0
    space = surrogate.lattice.space
    opinions = {
        name: Opinion(guess.best, spread_of(guess, space, name), min(guess.confidence, SUREST))
        for name, guess in guesses.items()
    }
    stated = make_prior(surrogate.lattice, opinions)
    scores = stated.score(space.encode_all([configuration for configuration, _ in observed]))
    trust = credit * agreement(scores, np.array([value for _, value in observed]), options.trust)
    if trust < FAINT:
        return surrogate, 0.0
    weighted = replace(stated, confidences=trust * stated.confidences, power=power)
    return replace(surrogate, prior=weighted), trust


def led(space: SearchSpace, own: Configuration, aim: Configuration) -> bool:
    """Whether a prior has led the surrogate from its own point to another place."""
    one, other = space.encode_all([own, aim], absent=2.0)
    return bool(np.abs(one - other).max() > MOVED)


def spread_of(guess: Guess, space: SearchSpace, name: str) -> float:
    """Half the range on the cube, one standard deviation: two to one is 68 %."""
    if not space[name].ordered:
        return NARROWEST
    low, high = space[name].encode([guess.low, guess.high])[:, 0]
    return max(NARROWEST, float(high - low) / 2)


def agreement(scores: NDArray[np.float64], values: NDArray[np.float64], trust: float) -> float:
    """How well a prior orders the values, as far as it says anything about them.

    Each pair of trials is evidence as far as the prior tells the two apart; `n` trials count as `n - 1` pairs.

    Args:
        scores: `n` logarithms of its density.
        values: `n` values, to be minimized.
        trust: Strength of the belief in it before any evidence, in pairs that it ordered well.

    Returns:
        1 when all is in order, 0 when half of the evidence or more is against it.
    """
    gap = scores[:, None] - scores
    weight = np.where(gap > 0, -np.expm1(-np.abs(gap)), 0.0) * 2 / max(1, len(values))
    wins = float(weight[values[:, None] < values].sum())
    losses = float(weight[values[:, None] > values].sum())
    return max(0.0, 2 * (trust + wins) / (trust + wins + losses) - 1)
