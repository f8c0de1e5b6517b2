"""Optuna's own contract suite for samplers, with models that answer well, badly, out of range and in the wrong type."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from support.forms import in_short
from tunewise import LLMSampler, SamplerOptions
from tunewise.models import ChatRequest, FunctionModel


@pytest.fixture(autouse=True)
def little_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract says what may be proposed, not how good it is; hundreds of thorough proposals take minutes."""
    for name, count in {"POOL": 32, "NEARBY": 8, "STARTS": 1, "ROUNDS": 1}.items():
        monkeypatch.setattr(f"tunewise.surrogate.acquisition.{name}", count)


Answer = Callable[[dict[str, Any], int], Any]


def answering(answer: Answer, proposer: str = "compressed") -> Callable[[], LLMSampler]:
    """A sampler whose model answers from the schema of each request."""

    def make() -> LLMSampler:
        calls = iter(range(10**9))

        def reply(request: ChatRequest) -> str:
            assert request.schema is not None
            properties = request.schema["properties"]
            if "candidates" in properties:
                properties = properties["candidates"]["items"]["properties"]
            if "configuration" in properties:
                properties = properties["configuration"]["properties"]
            turn = next(calls)
            return json.dumps({name: answer(schema, turn) for name, schema in properties.items()})

        return LLMSampler(FunctionModel(reply), seed=0, proposer=proposer, options=SamplerOptions(max_fallbacks=None))

    return make


def good(schema: dict[str, Any], turn: int) -> Any:
    """A value within the bounds, another one each time."""
    if "enum" in schema:
        return schema["enum"][turn % len(schema["enum"])]
    share = (turn * 0.6180339887498949) % 1
    value = schema["minimum"] + share * (schema["maximum"] - schema["minimum"])
    return round(value) if schema["type"] == "integer" else value


def out_of_range(schema: dict[str, Any], turn: int) -> Any:
    """A number beyond the upper bound; no choice at all."""
    return "nonsense" if "enum" in schema else schema["maximum"] + 1 + turn


def wrong_type(schema: dict[str, Any], turn: int) -> Any:
    """A list where a value is asked for."""
    return [turn, None]


def garbage(proposer: str = "compressed") -> LLMSampler:
    """A model that never heard of JSON."""
    weather = FunctionModel(lambda request: "I would rather talk about the weather.")
    return LLMSampler(weather, seed=0, proposer=proposer, options=SamplerOptions(max_fallbacks=None))


SAMPLERS = {
    "good": answering(good),
    "out_of_range": answering(out_of_range),
    "wrong_type": answering(wrong_type),
    "garbage": lambda: garbage(),
}


class TestLLMSampler(BasicSamplerTestCase, RelativeSamplerTestCase):
    @pytest.fixture(params=in_short(["good"], SAMPLERS))
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], optuna.samplers.BaseSampler]:
        return SAMPLERS[request.param]


AUTO = {"good": answering(good, "auto"), "garbage": lambda: garbage("auto")}


class TestAuto(BasicSamplerTestCase, RelativeSamplerTestCase):
    @pytest.fixture(params=in_short([], AUTO))
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], optuna.samplers.BaseSampler]:
        return AUTO[request.param]


SEVERAL = {"compressed": SAMPLERS["good"], "auto": AUTO["good"]}


class TestSeveralObjectives(MultiObjectiveSamplerTestCase):
    @pytest.fixture(params=in_short([], SEVERAL))
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], optuna.samplers.BaseSampler]:
        return SEVERAL[request.param]
