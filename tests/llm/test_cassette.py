import json
from dataclasses import replace
from pathlib import Path

import pytest

from tunewise.errors import ContextLimitExceeded, ModelUnavailable, ReplayMiss, StudyError
from tunewise.llm.base import ChatModel, ChatReply, ChatRequest, Message
from tunewise.llm.cassette import RecordingModel, ReplayingModel
from tunewise.llm.ledger import Ledger
from tunewise.llm.prices import Price
from tunewise.llm.scripted import ScriptedModel

ASK = ChatRequest(messages=(Message("system", "Be brief."), Message("user", "Propose C.")), schema={"type": "object"})
OTHER = replace(ASK, messages=(Message("system", "Be brief."), Message("user", "Propose gamma.")))
FULL = ChatReply(
    text='{"C": "é\ud83d"}', model="m-2", finish_reason="length", input_tokens=4, output_tokens=2, seconds=0.5
)


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """A recording of four calls: twice the same request, an error, another request."""
    path = tmp_path / "tape.jsonl"
    inner = ScriptedModel([FULL, "second", ModelUnavailable("HTTP 503"), "other"], name="gpt")
    inner.context_tokens, inner.price = 8192, Price(1, 2)
    model = RecordingModel(inner, path)
    assert model.complete(ASK) == FULL
    model.complete(ASK)
    with pytest.raises(ModelUnavailable):
        model.complete(ASK)
    model.complete(OTHER)
    return path


def test_a_replay_is_what_was_recorded(tape: Path) -> None:
    model = ReplayingModel(tape)
    assert (model.name, model.context_tokens, model.price) == ("gpt", 8192, Price(1, 2))
    assert model.complete(OTHER).text == "other"
    assert model.complete(ASK) == FULL
    assert model.complete(ASK).text == "second"
    with pytest.raises(ModelUnavailable, match=r"\AHTTP 503\Z"):
        model.complete(ASK)
    assert isinstance(model, ChatModel)
    assert isinstance(RecordingModel(model, tape), ChatModel)


def test_a_ledger_over_a_replay_bills_what_the_recording_cost(tape: Path) -> None:
    ledger = Ledger(ReplayingModel(tape))
    ledger.complete(ASK, lambda _: None)
    assert ledger.totals.cost_usd == pytest.approx(8e-6)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (replace(ASK, temperature=0.5), "Call 1 .*temperature was 0.0 when it was recorded, and is 0.5"),
        (
            replace(ASK, messages=(Message("system", "Be brief."), Message("user", "Propose D."))),
            "message 2 was 'Propose C.'",
        ),
        (
            replace(ASK, messages=(Message("user", "Propose C."),)),
            "messages was 2 long when it was recorded, and is 1 long",
        ),
        (replace(ASK, schema=None), 'schema was {"type": "object"} .* and is null'),
    ],
)
def test_a_miss_says_which_call_and_what_differs(tape: Path, asked: ChatRequest, words: str) -> None:
    with pytest.raises(ReplayMiss, match=words):
        ReplayingModel(tape).complete(asked)


def test_a_call_too_many_is_a_miss(tape: Path) -> None:
    model = ReplayingModel(tape)
    model.complete(OTHER)
    with pytest.raises(ReplayMiss, match=r"Call 2 .*recorded 1 times, and is made once more"):
        model.complete(OTHER)
    for number in range(3, 5):
        with pytest.raises(ReplayMiss, match=f"Call {number} "):
            model.complete(replace(ASK, seed=number))
    with pytest.raises(ReplayMiss, match=r"Call 5 .*it holds 4 calls"):
        model.complete(replace(ASK, seed=9))


def test_a_recording_is_continued_and_counts_on(tape: Path) -> None:
    tape.write_text(tape.read_text().rstrip("\n"))  # an editor took the last line break
    model = RecordingModel(ScriptedModel(["third", ContextLimitExceeded("long")], name="gpt"), tape)
    assert model.complete(OTHER).text == "third"
    with pytest.raises(ContextLimitExceeded):
        model.complete(OTHER)
    replay = ReplayingModel(tape)
    assert [replay.complete(OTHER).text for _ in range(2)] == ["other", "third"]
    with pytest.raises(ContextLimitExceeded, match="long"):
        replay.complete(OTHER)


def test_a_recording_of_another_model_is_not_continued(tape: Path) -> None:
    with pytest.raises(StudyError, match="holds calls of the model 'gpt', not of 'scripted'"):
        RecordingModel(ScriptedModel([]), tape)


@pytest.mark.parametrize("wrong", ['{"a": 1}', "[]", "hello", "", "\n", "null", '{"tunewise_cassette": 2}'])
def test_a_foreign_file_is_neither_read_nor_written(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(wrong)
    with pytest.raises(StudyError, match="Line 1 of"):
        ReplayingModel(path)
    if wrong:
        with pytest.raises(StudyError, match="Line 1 of"):
            RecordingModel(ScriptedModel([]), path)
    assert path.read_text() == wrong


@pytest.mark.parametrize(
    "damage",
    [
        '{"key": "cut',
        "{}",
        "[1]",
        '{"key": "k", "repeat": 0, "request": {}}',
        '{"key": "k", "repeat": 0, "request": {}, "reply": {"text": 1, "model": "m"}}',
        '{"key": "k", "repeat": 0, "request": {}, "error": "x"}',
        "[" * 100_000,
    ],
)
def test_a_damaged_line_is_named(tape: Path, damage: str) -> None:
    with tape.open("a") as file:
        file.write(damage + "\n")
    with pytest.raises(StudyError, match=r"Line 6 of .*tape\.jsonl is not that of a cassette\. Delete it"):
        ReplayingModel(tape)


def test_no_cassette_no_replay(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot be read"):
        ReplayingModel(tmp_path / "none.jsonl")
    with pytest.raises(StudyError, match="cannot be written"):
        RecordingModel(ScriptedModel([]), tmp_path / "no folder" / "tape.jsonl")


def test_the_request_stands_in_the_cassette_for_the_reader(tape: Path) -> None:
    first = json.loads(tape.read_text().splitlines()[1])
    assert first["request"]["messages"][1] == {"role": "user", "content": "Propose C."}
    assert (first["key"], first["repeat"]) == (ASK.key, 0)


def test_a_loose_replay_answers_where_numbers_alone_differ(tmp_path: Path) -> None:
    path = tmp_path / "run.cassette"
    recording = RecordingModel(ScriptedModel(['{"C": 1}', '{"C": 2}']), path)
    first, second = (ChatRequest(messages=(Message("user", text),)) for text in ("error 0.12345", "error 1.5e-03 now"))
    for request in (first, second):
        recording.complete(request)
    other = ChatRequest(messages=(Message("user", "error 0.12346"),))
    with pytest.raises(ReplayMiss):
        ReplayingModel(path).complete(other)
    loose = ReplayingModel(path, loose=True)
    assert loose.complete(other).text == '{"C": 1}'
    with pytest.raises(
        ReplayMiss, match="was 'error # now' around character 8 when it was recorded, and is 'error # then'"
    ):
        loose.complete(ChatRequest(messages=(Message("user", "error 1.6e-03 then"),)))
