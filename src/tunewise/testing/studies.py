"""Studies to look at: made by a real run with a simulated model, with everything in them that a report can show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import optuna

from tunewise import attributes
from tunewise.errors import TrialFailed
from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.llm.prices import Price
from tunewise.record import Result
from tunewise.sampler import LLMSampler
from tunewise.sampler_options import SamplerOptions
from tunewise.space import Categorical, Configuration, Float, Int, SearchSpace
from tunewise.study.same import check_same_study
from tunewise.task import DataCard, Task
from tunewise.testing.simulated import Simulated, around
from tunewise.tokens import estimate_tokens

__all__ = ["Counted", "sample_study"]

SPACE = SearchSpace(
    {
        "learning_rate": Float(1e-5, 1, log=True, default=0.1, description="step size of the optimizer"),
        "width": Int(8, 1024, log=True, default=64, description="units in each hidden layer"),
        "dropout": Float(0, 0.9, default=0.0, description="share of units that is left out in training"),
        "optimizer": Categorical(["sgd", "adam"], default="sgd"),
        "momentum": Float(0, 0.99, default=0.9, when={"optimizer": "sgd"}),
    }
)
OPTIMUM: Configuration = {"learning_rate": 0.003, "width": 256, "dropout": 0.3, "optimizer": "adam", "momentum": 0.9}
EPOCHS = 12
PRICE = Price(input_usd_per_million=1.25, output_usd_per_million=10.0)


class Counted:
    """A simulated model that says how many tokens it read and wrote.

    Attributes:
        name: As the model's.
        price: What it would cost.
    """

    context_tokens: int | None = None
    price: Price | None = PRICE

    def __init__(self, model: Simulated) -> None:
        self.name = model.name
        self._model = model

    def complete(self, request: ChatRequest) -> ChatReply:
        """The model's reply, with its size by estimate."""
        reply = self._model.complete(request)
        read = sum(estimate_tokens(message.content) for message in request.messages)
        return replace(reply, input_tokens=read, output_tokens=estimate_tokens(reply.text), seconds=0.8)


def sample_study(trials: int, *, proposer: str = "auto", seed: int = 0) -> optuna.Study:
    """A study with the default, picks of the model and of the surrogate, fallbacks, failures, pruned trials, curves.

    Args:
        trials: How many, at least 3.
        proposer: "auto", or "compressed" where there are too many trials for a Gaussian process each.
        seed: Of everything random.
    """
    task = Task(
        model="multilayer perceptron",
        data=DataCard(name="letters", rows=20_000, features=16, classes=26),
        metric="validation error",
        budget=trials,
    )
    model = Simulated("simulated", lambda seen, rng: around(OPTIMUM, seen, rng, 0.1), seed=seed, broken=0.5)
    sampler = LLMSampler(
        Counted(model),
        task=task,
        space=SPACE,
        proposer=proposer,
        seed=seed,
        price=PRICE,
        options=SamplerOptions(max_fallbacks=None),
    )
    pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=3)
    study = optuna.create_study(study_name="letters", sampler=sampler, pruner=pruner)
    check_same_study(study, SPACE, task)
    study.optimize(train, n_trials=2, catch=TrialFailed)
    study.enqueue_trial({"learning_rate": 0.01, "width": 128, "dropout": 0.1, "optimizer": "adam"})
    study.optimize(train, n_trials=trials - 2, catch=TrialFailed)
    return study


def train(trial: optuna.Trial) -> float:
    """A made-up training run: an error that falls with the epochs, and a machine with little memory."""
    configuration = SPACE.suggest(trial)
    if float(configuration["width"] or 0) > 600:
        reason = f"CUDA out of memory: tried to allocate {configuration['width']} MiB"
        trial.set_user_attr(attributes.RESULT, Result(error=reason, seconds=3.0).to_dict())
        raise TrialFailed(reason)
    best = SPACE.encode({name: OPTIMUM[name] for name in configuration})
    distance = float(np.sum((SPACE.encode(configuration) - best) ** 2))
    error = 0.5
    for epoch in range(EPOCHS):
        error = 0.04 + 0.3 * distance + 0.9 * np.exp(-0.5 * (epoch + 1) / (1 + distance))
        trial.report(error, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    result = Result(seconds=20.0 + 100 * distance, extra={"training error": float(error / 2)})
    trial.set_user_attr(attributes.RESULT, result.to_dict())
    return float(error)
