"""The recorded reader: what is kept of it, and that it offers what it offered, once, in whatever form is asked for."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from tunewise.bench.methods import METHODS, Setting, choose
from tunewise.bench.problems import get
from tunewise.bench.problems.base import Problem
from tunewise.bench.recorded import NAME, RecordedReader, RecordedReaders, load_recordings, pack
from tunewise.bench.runner import ModelSpec, play, run
from tunewise.errors import ModelUnusable, StudyError
from tunewise.llm.base import ChatReply, ChatRequest, Message
from tunewise.prompts.schema import batch_schema, reply_schema

SVM = "svm:credit-g"


@pytest.fixture(scope="module")
def problem() -> Problem:
    return get(SVM)


def ask(reader: RecordedReader, schema: dict[str, object]) -> dict[str, object]:
    reply = reader.complete(ChatRequest(messages=(Message("user", "?"),), schema=schema))
    assert isinstance(reply, ChatReply)
    assert reply.model == NAME
    found: dict[str, object] = json.loads(reply.text)
    return found


def test_recordings_hold_runs_on_all_32_tasks_with_their_values_and_replies(problem: Problem) -> None:
    runs = load_recordings()
    assert len({run.problem for run in runs if run.run == "advised-30"}) == 32
    assert all(len(run.steps) == run.budget for run in runs)
    assert all(run.replies for run in runs)
    (alone,) = [run for run in runs if run.run == "compressed-30" and run.problem == SVM]
    for step in alone.steps:  # a table answers as it did
        assert problem.evaluate(step.configuration).value == step.value


def test_single_configurations_and_batches_come_in_the_recorded_order_each_once(problem: Problem) -> None:
    reader = RecordedReader(problem, seed=1)
    first = ask(reader, reply_schema(problem.space, reasoning=False))
    (alone,) = [run for run in load_recordings() if run.run == "compressed-30" and run.problem == SVM]
    assert first == problem.space.coerce(alone.steps[0].configuration).configuration
    batch = ask(reader, batch_schema(problem.space, most=3, reasoning=True))
    assert list(batch) == ["analysis", "candidates"]
    assert isinstance(batch["candidates"], list)
    offered = [candidate["configuration"] for candidate in batch["candidates"]]
    reasoned = ask(reader, reply_schema(problem.space, reasoning=True))
    every = [first, *offered, reasoned["configuration"]]
    assert len(every) == 5
    assert all(every.index(one) == k for k, one in enumerate(every))
    assert ask(RecordedReader(problem, seed=0), reply_schema(problem.space, reasoning=False)) != first


def test_once_there_is_nothing_left_it_repeats_itself(problem: Problem) -> None:
    reader, schema = RecordedReader(problem), batch_schema(problem.space, most=1000, reasoning=False)
    many = ask(reader, schema)["candidates"]
    assert isinstance(many, list)
    assert ask(reader, schema)["candidates"] == many[-1:]


def test_it_plays_by_name_and_its_runs_say_who_played(tmp_path: Path) -> None:
    spec = ModelSpec(name=NAME)
    report = run([SVM], choose("auto+batch"), budgets=[4], seeds=1, records=tmp_path / "runs.jsonl", model=spec)
    (made,) = report.runs.values()
    assert made.key.model == NAME
    assert [step.source for step in made.steps] == ["default", "model", "model", "model"]
    assert sum(step.calls for step in made.steps) == 1


def test_who_was_not_recorded_cannot_be_played() -> None:
    with pytest.raises(ModelUnusable, match=r"Nobody was recorded on svm:credit-g\+renamed"):
        RecordedReaders().on(get(f"{SVM}+renamed"), 0)
    with pytest.raises(ModelUnusable, match="in tunewise bench alone"):
        RecordedReaders().complete(ChatRequest(messages=(Message("user", "?"),)))


def test_what_is_packed_is_read_back_and_what_is_torn_is_refused(tmp_path: Path, problem: Problem) -> None:
    runs, calls, output = tmp_path / "runs.xz", tmp_path / "calls.xz", tmp_path / "out.xz"
    step = {"configuration": {"C": 1.0, "gamma": 0.5}, "source": "model", "value": 0.25}
    line = {"run": "r", "problem": SVM, "method": "compressed", "budget": 1, "steps": [step]}
    with lzma.open(runs, "wt") as file:
        file.write(json.dumps(line) + "\n")
    with lzma.open(calls, "wt") as file:
        file.write(json.dumps({"run": "r", "problem": SVM, "n": 1, "messages": [], "reply": "{}"}) + "\n")
    assert pack(runs, calls, output) == 1
    (read,) = load_recordings(output)
    assert read.replies == ("{}",)
    assert read.steps[0].value == 0.25
    output.write_bytes(output.read_bytes()[:40])
    load_recordings.cache_clear()
    with pytest.raises(StudyError, match="holds no recordings"):
        load_recordings(output)


def test_every_recorded_reply_of_a_single_configuration_can_still_be_read(problem: Problem) -> None:
    from tunewise.prompts.parse import parse_reply

    singles = [run for run in load_recordings() if run.problem == SVM and run.run in ("compressed-30", "reason-10")]
    for each in singles:
        for text, step in zip(each.replies, each.steps, strict=True):
            assert (
                parse_reply(text, problem.space).configuration == problem.space.coerce(step.configuration).configuration
            )


def test_methods_of_ours_have_names() -> None:
    assert {"auto", "auto+batch", "auto+prefetch", "compressed", "default+compressed", "default+gp"} <= set(METHODS)
    setting = Setting(problem=get(SVM), budget=2, seed=0, model=RecordedReaders().on(get(SVM), 0))
    assert [step.source for step in play(METHODS["auto+prefetch"], setting)] == ["default", "model"]
