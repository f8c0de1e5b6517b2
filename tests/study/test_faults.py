"""Every fault of a server and of an objective: the study goes on, and says truthfully where each trial came from."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from support.whole_paths import (
    OBJECTIVE,
    SPACE,
    Answers,
    InProcess,
    answering,
    assert_paragraph,
    last_message,
    nth,
    space,
    write_study,
)
from tunewise import attributes
from tunewise.errors import ContextLimitExceeded, ModelUnusable, ObjectiveFailed
from tunewise.history import History
from tunewise.llm.openai import OpenAIModel
from tunewise.sampler import LLMSampler
from tunewise.sampler_options import SamplerOptions
from tunewise.study.options import TuneOptions
from tunewise.study.storage import open_study
from tunewise.study.stored import StoredStudy
from tunewise.study.tune import tune
from tunewise.testing.server import (
    Behaviour,
    FaultServer,
    body,
    context_exceeded,
    drop_mid_body,
    hang,
    not_json,
    refusal,
    rejects,
    reset,
    status,
    wrong_shape,
)
from tunewise.tokens import estimate_tokens

FOREVER = SamplerOptions(max_fallbacks=None)
"""However often it does without the model."""

Plan = tuple[list[Behaviour], str, str]
"""What is played for one trial, the source that it must have, and a word of the fallback's or the last objection."""


def plans(say: Answers) -> list[Plan]:
    """A trial for each fault; nothing that is not sent by `say` is a proposal."""

    def good(k: int) -> Behaviour:
        return say(json.dumps(nth(k)))

    def wanted(k: int, form: str) -> Behaviour:
        return say(form.replace("@", json.dumps(nth(k))))

    again, out = say(json.dumps(nth(0))), say('{"C": 1e9, "n": 3}')
    soon = 0.01
    refused = rejects("json_schema", "temperature", otherwise=good(29))
    return [
        ([good(0)], "model", ""),
        ([status(429, retry_after=soon), good(1)], "model", ""),
        ([status(429, retry_after=soon), status(429)], "random", "HTTP 429"),
        ([status(429), good(3)], "model", ""),
        ([status(500, retry_after=soon), good(4)], "model", ""),
        ([status(500, retry_after=soon), status(500)], "random", "HTTP 500"),
        ([status(503, retry_after=soon), status(503)], "random", "HTTP 503"),
        ([hang(), hang()], "random", "did not answer within"),
        ([reset(), good(8)], "model", ""),
        ([drop_mid_body(), drop_mid_body()], "random", "connection"),
        ([not_json()], "random", "no chat completion"),
        ([wrong_shape()], "random", "no chat completion"),
        ([say(""), good(12)], "model", "empty"),
        ([refusal(), good(13)], "model", "refused"),
        ([say('{"C": 0.0', finish_reason="length"), good(14)], "model", "cut off"),
        ([wanted(15, "Let me think. C should be small.\n@\nI hope that helps {really}!")], "model", ""),
        ([wanted(16, "```json\n@\n```")], "model", ""),
        ([wanted(17, '{"C": 55.5, "n": 55} was my first idea, but better is @')], "model", ""),
        ([say('{"gamma": 1, "depth": 2}'), good(18)], "model", "gamma"),
        ([say('{"C": "19.02", "n": "20"}')], "model", ""),
        ([say('{"C": NaN, "n": 3}'), good(20)], "model", "C"),
        ([say('{"C": Infinity, "n": 3}')] * 4, "random", "4 replies could not be used"),
        ([out] * 4, "repair", "above"),
        ([say('{"C": 5, "n": -7}'), good(23)], "model", "below"),
        ([again, good(24)], "model", "repeats trial 0"),
        ([again] * 4, "random", "4 replies could not be used"),
        ([say("x" * 1_000_000), good(26)], "model", "no JSON object"),
        ([wanted(27, "@" + " and so on" * 100_000)], "model", ""),
        ([body(b"\xff\xfe\x00")], "random", "no chat completion"),
        ([refused] * 3, "model", ""),
    ]


def test_thirty_trials_with_every_fault_are_thirty_honest_trials(caplog: pytest.LogCaptureFixture) -> None:
    say = Answers()
    planned = plans(say)
    with FaultServer([played for behaviours, _, _ in planned for played in behaviours]) as server:
        model = OpenAIModel("every-fault-of-a-study", base_url=server.base_url, timeout_s=3.0, max_retries=1)
        sampler = LLMSampler(model, space=space(), seed=1, options=FOREVER, proposer="compressed")
        with caplog.at_level("WARNING", "tunewise"):
            study = tune(total, space(), sampler=sampler, n_trials=30)
        model.close()
        assert len(server.received) == sum(len(behaviours) for behaviours, _, _ in planned)
        last = server.received[-1].json
    trials = History.from_study(study).trials
    assert [t.number for t in trials] == list(range(30))
    assert all(t.state == "finished" and t.value == total(t.configuration) for t in trials)

    sent = {(loaded["C"], loaded["n"]) for text in say.sent if (loaded := configuration_in(text))}
    for trial, (_, source, word) in zip(trials, planned, strict=True):
        proposal, place = trial.proposal, (trial.configuration["C"], trial.configuration["n"])
        assert trial.source == source, (trial, word)
        assert (place in sent) == (source == "model"), trial  # what the server never said is not the model's
        said = (proposal.fallback, *proposal.refused)
        assert any(word in text for text in said), (word, trial)
        assert bool(proposal.fallback) == (source == "random"), trial
    for trial in (t for t in trials if t.source == "random"):
        assert f"Trial {trial.number} is random, not the model's: {trial.proposal.fallback}" in caplog.messages
    repaired = trials[22]
    assert repaired.configuration == {"C": 100.0, "n": 3}
    assert "C = 1000000000.0" in repaired.proposal.repairs[0]
    assert "temperature" not in last
    assert "response_format" not in last or last["response_format"]["type"] != "json_schema"

    totals = StoredStudy.read(study).totals
    proper, refusals = say.sent, 1
    assert totals == sampler.totals
    assert totals.input_tokens == 40 * (len(proper) + refusals)
    # the server says that its refusal took no token, which is not believed: our estimate stands
    of_refusal = estimate_tokens("I cannot help with that.")
    assert totals.output_tokens == of_refusal + sum(len(text) // 4 for text in proper)
    assert totals.calls - totals.failed_calls == len(proper) + refusals
    assert totals.failed_calls == totals.uncounted_calls == sum(s == "random" for _, s, _ in planned) - 2
    assert totals.cost_usd is None  # nobody said what this model costs


def total(configuration: dict[str, Any]) -> float:
    return float(configuration["C"] + configuration["n"])


def configuration_in(text: str) -> dict[str, Any] | None:
    """The configuration that a text of `plans` stands for, read with other eyes than the parser's."""
    start, end = text.rfind('{"C"'), text.rfind("}") + 1
    if text.count("{really}"):
        end = text.rfind("\n")
    try:
        loaded = json.loads(text[start:end])
        return {"C": float(loaded["C"]), "n": int(loaded["n"])}
    except ValueError:
        return None


def test_a_dialogue_that_outgrows_the_context_is_compressed() -> None:
    say = Answers()
    good = [say(json.dumps(nth(k))) for k in range(3)]
    with FaultServer([good[0], context_exceeded(), good[1], good[2]]) as server:
        model = OpenAIModel("short-memory", base_url=server.base_url, max_retries=0)
        study = tune(lambda c: c["C"], space(), model=model, proposer="chat", n_trials=3)
        model.close()
    trials = History.from_study(study).trials
    assert [t.source for t in trials] == ["model"] * 3
    assert "outgrew the context" in trials[1].proposal.note


def test_a_problem_that_no_prompt_can_hold_ends_the_study_and_loses_nothing() -> None:
    say = Answers()
    storage = optuna.storages.InMemoryStorage()
    with FaultServer([say(json.dumps(nth(0))), context_exceeded(), say(json.dumps(nth(1)))]) as server:
        model = OpenAIModel("tiny-memory", base_url=server.base_url, max_retries=0)
        with pytest.raises(ContextLimitExceeded):
            tune(lambda c: c["C"], space(), model=model, n_trials=2, storage=storage, proposer="compressed")
        study = tune(lambda c: c["C"], space(), model=model, n_trials=2, storage=storage, proposer="compressed")
        model.close()
    assert [(t.number, t.source, t.value) for t in History.from_study(study)] == [
        (0, "model", nth(0)["C"]),
        (1, "model", nth(1)["C"]),
    ]


@pytest.mark.parametrize(
    ("code", "words"),
    [(401, ["refused the key", "OPENAI_API_KEY"]), (404, ["HTTP 404", "model's name"]), (402, ["no credit"])],
)
def test_a_model_that_cannot_be_used_ends_the_command_with_4(
    code: int, words: list[str], tmp_path: Path, cli: InProcess
) -> None:
    say = Answers()
    good = [say(json.dumps(nth(k))) for k in range(3)]
    with FaultServer([good[0], status(code), good[1], good[2]]) as server:
        file = write_study(
            tmp_path, objective=OBJECTIVE, n_trials=3, model={"name": f"unusable-{code}", "base_url": server.base_url}
        )
        ended = cli("tune", file, "-q")
        assert_paragraph(ended, 4, *words)
        assert "Best: loss" in ended.out
        kept = History.from_study(open_study(tmp_path / "study.journal"))
        assert [t.state for t in kept] == ["finished", "waiting"]
        assert cli("tune", file, "-q").code == 0
    trials = History.from_study(open_study(tmp_path / "study.journal")).trials
    assert [(t.number, t.state, t.source) for t in trials] == [(k, "finished", "model") for k in range(3)]
    assert trials[0] == kept[0]


def test_no_server_and_no_key_end_the_command_with_4(
    tmp_path: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    with FaultServer() as server:
        nobody = server.base_url
    file = write_study(tmp_path, objective=OBJECTIVE, n_trials=2, model={"name": "m", "base_url": nobody})
    assert_paragraph(cli("tune", file, "-q"), 4, "No server can be reached", nobody)
    keyless = ("--model", "m", "--base-url", "https://model.example/v1", "--api-key-env", "SOME_KEY")
    assert_paragraph(cli("tune", file, "-q", *keyless), 4, "SOME_KEY is not set")
    with FaultServer(then=answering()) as server:
        assert cli("tune", file, "-q", "--base-url", server.base_url).code == 0
    assert [t.number for t in History.from_study(open_study(tmp_path / "study.journal"))] == [0, 1]


def test_fallbacks_in_a_row_end_the_study_and_it_goes_on() -> None:
    storage = optuna.storages.InMemoryStorage()
    with FaultServer([not_json()] * 3, then=answering()) as server:
        model = OpenAIModel("useless-at-first", base_url=server.base_url, max_retries=0)
        with pytest.raises(ModelUnusable, match="last 3 trials had to do without"):
            tune(lambda c: c["C"], space(), model=model, n_trials=5, storage=storage, proposer="compressed")
        study = tune(lambda c: c["C"], space(), model=model, n_trials=5, storage=storage, proposer="compressed")
        model.close()
    assert [t.source for t in History.from_study(study)] == ["random"] * 3 + ["model"] * 2


def nothing(_: dict[str, Any]) -> Any:
    return None


def nan(_: dict[str, Any]) -> float:
    return float("nan")


def broken(_: dict[str, Any]) -> float:
    raise ValueError("kernel is not positive definite")


def hanging(_: dict[str, Any]) -> float:
    time.sleep(600)
    return 0.0


def leaving(_: dict[str, Any]) -> float:
    sys.exit(3)


def crashing(_: dict[str, Any]) -> float:
    os._exit(7)


@pytest.mark.parametrize(
    ("fault", "reason", "timeout_s"),
    [
        (nothing, "returned None", None),
        (nan, "NaN", None),
        (broken, "kernel is not positive definite", None),
        (leaving, "sys.exit(3)", None),
        pytest.param(hanging, "exceeded its limit of 3 s", 3.0, marks=pytest.mark.long),
        (crashing, "exit code 7", 600.0),
    ],
)
def test_what_an_objective_does_wrong_is_told_to_the_model(
    fault: Callable[[dict[str, Any]], float], reason: str, timeout_s: float | None
) -> None:
    def objective(configuration: dict[str, Any]) -> float:
        return fault(configuration) if configuration["n"] == 2 else float(configuration["C"])

    with FaultServer(then=answering()) as server:
        model = OpenAIModel(f"told-{fault.__name__}", base_url=server.base_url, max_retries=0)
        study = tune(
            objective, space(), model=model, n_trials=4, proposer="compressed", options=TuneOptions(timeout_s=timeout_s)
        )
        model.close()
        asked = [last_message(request) for request in server.received]
    trials = History.from_study(study).trials
    assert [t.state for t in trials] == ["finished", "failed", "finished", "finished"]
    assert reason in trials[1].error
    assert reason not in asked[1]
    assert f"The latest trial failed: {trials[1].error[:100]}" in asked[2]
    assert reason in asked[3]  # in the digest of failures
    assert "The latest trial failed" not in asked[3]


def test_a_program_that_tells_no_metric_is_told_to_the_model(tmp_path: Path, cli: InProcess) -> None:
    program = "import sys; n = sys.argv[2]; print('n is', n, 'and no metric' if n == '--n=2' else '\\n0.5')"
    with FaultServer(then=answering()) as server:
        file = write_study(
            tmp_path,
            evaluate={"command": [sys.executable, "-c", program]},
            n_trials=3,
            model={"name": "told-program", "base_url": server.base_url},
        )
        assert cli("tune", file, "-q").code == 0
        asked = last_message(server.received[2])
    failed = History.from_study(open_study(tmp_path / "study.journal")).failed
    assert [t.number for t in failed] == [1]
    assert "told no metric" in failed[0].error
    assert "told no metric" in asked


def test_an_objective_that_always_fails_ends_with_its_reason(tmp_path: Path, cli: InProcess) -> None:
    storage = optuna.storages.InMemoryStorage()
    with pytest.raises(ObjectiveFailed, match=r"All 2 trials failed.*positive definite"):
        tune(broken, space(), proposer="random", n_trials=3, storage=storage)
    assert len(History.from_study(optuna.load_study(study_name="tunewise", storage=storage)).open) == 2
    file = write_study(tmp_path, objective="def objective(c): raise OSError('disk on fire')", proposer="random")
    assert_paragraph(cli("tune", file, "-q", "--n-trials", "2"), 5, "All 2 trials failed", "disk on fire")
    shown = cli("show", file)
    assert shown.code == 0
    assert "disk on fire" in " ".join(shown.out.split())
    assert "No trial has finished yet." in shown.out


def test_calls_are_recorded_with_the_trial_they_were_made_for() -> None:
    say = Answers()
    with FaultServer([say("no idea"), say(json.dumps(nth(0)))]) as server:
        model = OpenAIModel("recorded", base_url=server.base_url, max_retries=0)
        study = tune(lambda c: c["C"], SPACE, model=model, n_trials=1, proposer="compressed")
        model.close()
        prompts = [last_message(request) for request in server.received]
    stored = study._storage.get_trial(study.trials[0]._trial_id).system_attrs
    calls = [stored[f"{attributes.CALL}{k}"] for k in range(2)]
    assert [call["text"] for call in calls] == say.sent
    assert [call["prompt"] for call in calls] == prompts
    assert [call["input_tokens"] for call in calls] == [40, 40]
