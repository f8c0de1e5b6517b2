"""`tunewise models score`: what a model is worth, from tables alone, with caps, and going on."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.whole_paths import InProcess, assert_paragraph
from tunewise.bench.recorded import NAME
from tunewise.bench.records import read_runs
from tunewise.bench.runner import ModelSpec
from tunewise.bench.score import TASKS, score, sentences
from tunewise.errors import BudgetReached
from tunewise.llm.base import ChatReply
from tunewise.llm.scripted import FunctionModel
from tunewise.worth import known_worth

READER = ModelSpec(name=NAME)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEWISE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.long
def test_a_capable_reader_is_told_from_a_model_that_says_nothing(tmp_path: Path) -> None:
    few = TASKS[:2]
    reader = score(READER, records=tmp_path / "reader.jsonl", tasks=few, budget=5)
    mute = FunctionModel(lambda _: ChatReply(text="I do not know.", model="mute"), name="mute")
    silent = score(mute, records=tmp_path / "mute.jsonl", tasks=few, budget=5)
    assert reader.tasks == silent.tasks == 2
    assert reader.alone < silent.alone
    assert reader.alone_low <= reader.alone <= reader.alone_high
    assert reader.capable > silent.capable
    assert any("The model alone against the surrogate alone" in line for line in sentences(reader))


def test_what_was_played_is_not_played_again_and_a_cap_holds(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    with pytest.raises(BudgetReached, match="--max-calls is 1"):
        score(READER, records=file, tasks=TASKS[:2], budget=3, max_calls=1)
    capped = score(READER, records=file, tasks=TASKS[:2], budget=3, max_calls=5)
    assert capped.tasks == 1
    whole = score(READER, records=file, tasks=TASKS[:2], budget=3)
    assert whole.tasks == 2
    before = file.read_bytes()
    assert score(READER, records=file, tasks=TASKS[:2], budget=3) == whole
    assert file.read_bytes() == before
    assert sum(step.calls for run in read_runs([file]).values() for step in run.steps) == whole.calls


def test_the_command_says_what_it_found_and_where_it_keeps_it(cli: InProcess, home: Path) -> None:
    said = cli("models", "score", NAME, "--tasks", 1, "--budget", 3)
    assert said.code == 0, said
    assert "against the surrogate alone" in said.out
    worth = known_worth(NAME)
    assert worth is not None
    assert (worth.tasks, worth.budget) == (1, 3)
    assert (home / f"score-{NAME}.jsonl").is_file()
    assert_paragraph(cli("models", "score", NAME, "--max-calls", -1), 2, "not a number of calls")
