"""A journal that is damaged: recovered where only its end is torn, else refused with the line, and never made worse."""

from __future__ import annotations

import copy
import io
import json
import pickle
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import cloudpickle
import joblib
import optuna
import pytest

from support.forms import in_short
from support.whole_paths import InProcess, answering, assert_paragraph, space, write_study
from tunewise.errors import StudyError
from tunewise.history import History
from tunewise.llm.embedded import EmbeddedModel
from tunewise.llm.openai import OpenAIModel
from tunewise.sampler import LLMSampler
from tunewise.study.journal import SafeJournalBackend, records
from tunewise.study.storage import open_storage, open_study
from tunewise.study.tune import tune
from tunewise.testing.server import FaultServer


def value_of(configuration: dict[str, Any]) -> float:
    return float(configuration["C"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A journal of four trials."""
    path = tmp_path_factory.mktemp("whole") / "whole.journal"
    tune(value_of, space(), proposer="random", n_trials=4, storage=path)
    return path.read_bytes()


DAMAGE = {
    "a record that breaks off, with its line end": b'{"op_code":6,"worker_id":"w","tri\n',
    "a value that is text": b'{"op_code":6,"worker_id":"w","trial_id":0,"state":1,"values":["low"]}\n',
    "a value too large for a float": b'{"op_code":6,"worker_id":"w","trial_id":0,"state":1,"values":[1'
    + b"0" * 400
    + b"]}\n",
    "nested a hundred thousand deep": b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "an operation that is unknown": b'{"op_code":4711,"worker_id":"w"}\n',
    "an operation that is text": b'{"op_code":"six","worker_id":"w"}\n',
    "no UTF-8": b'{"op_code":6,"worker_id":"\xff\xfe","trial_id":0}\n',
    "no record": b"17\n",
    "a key that is missing": b'{"op_code":5,"worker_id":"w","trial_id":0}\n',
    "an attribute that is no mapping": b'{"op_code":8,"worker_id":"w","trial_id":0,"user_attr":[1]}\n',
    "an empty line": b"\n",
    "zeros, as a crash of the machine leaves them": b"\0" * 300 + b"\n",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_last_line_is_cut_off_and_kept(kind: str, whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "s.journal"
    path.write_bytes(whole + DAMAGE[kind])
    before = History.from_study(open_study(path)).trials
    assert path.read_bytes() == whole + DAMAGE[kind]  # looking changes nothing
    study = tune(value_of, space(), proposer="random", n_trials=6, storage=path)
    assert History.from_study(study).trials[:4] == before
    assert path.read_bytes().startswith(whole)
    assert (tmp_path / "s.journal.cut").read_bytes() == DAMAGE[kind] + b"\n"
    assert len(open_study(path).trials) == 6


class Growing(io.BytesIO):
    """A journal of which a reader sees half of a line, and the rest, and more, when it looks again."""

    name = "s.journal"

    def __init__(self, whole: bytes) -> None:
        super().__init__(whole)
        first, second, third, *_ = whole.splitlines(keepends=True)
        self._lines = iter([first, second[:9], second[9:], third])

    def __next__(self) -> bytes:
        return next(self._lines)


def test_a_line_that_is_being_written_while_it_is_read_is_no_damage(whole: bytes) -> None:
    (_, end), *more = records(Growing(whole))
    assert (end, more) == (whole.index(b"\n") + 1, []), "the rest is read when somebody looks again"


def test_empty_lines_at_the_end_are_cut_off_with_it(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "s.journal"
    path.write_bytes(whole + b"\n \n\n")
    tune(value_of, space(), proposer="random", n_trials=5, storage=path)
    assert len(open_study(path).trials) == 5


def test_a_journal_whose_lines_all_end_otherwise_is_no_torn_end(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "s.journal"
    path.write_bytes(whole.replace(b"\n", b"\r"))
    with pytest.raises(StudyError, match=r"Line 1 of .* carriage return"):
        tune(value_of, space(), proposer="random", n_trials=5, storage=path)
    assert path.read_bytes() == whole.replace(b"\n", b"\r")


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_in_the_middle_is_refused_with_its_line(kind: str, whole: bytes, tmp_path: Path, cli: InProcess) -> None:
    lines = whole.splitlines(keepends=True)
    path = tmp_path / "study.journal"
    spoilt = b"".join([*lines[:7], DAMAGE[kind], *lines[7:]])
    path.write_bytes(spoilt)
    file = write_study(tmp_path, objective="def objective(c): return 1.0", proposer="random")
    for command in ("show", "ask", "tune", "report"):
        assert_paragraph(cli(command, file), 2, "Line 8 of", "study.journal", "is damaged")
    assert path.read_bytes() == spoilt
    assert not (tmp_path / "study.journal.cut").exists()


@pytest.mark.parametrize(
    "record",
    [
        {"op_code": 6, "trial_id": 0, "state": 99, "values": None},
        {"op_code": 4, "study_id": 0, "datetime_start": "yesterday"},
        {"op_code": 5, "trial_id": 9, "param_name": "C", "param_value_internal": 1.0, "distribution": "{}"},
        {"op_code": 0, "study_name": "other", "directions": ["up"]},
    ],
)
def test_a_record_that_cannot_be_followed_is_refused_with_its_line(record: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "s.journal"
    study = optuna.create_study(storage=open_storage(path))
    for _ in range(10):
        study.ask()
    lines = path.read_bytes().count(b"\n")
    with path.open("ab") as file:
        file.write(json.dumps(record | {"worker_id": "w"}).encode() + b"\n")
    with pytest.raises(StudyError, match=f"Line {lines + 1} of .*s.journal is damaged"):
        open_study(path)


@pytest.mark.parametrize("kind", ["pickle", "cloudpickle", "joblib", "deepcopy"])
@pytest.mark.parametrize("address", in_short([None, "s.journal"], [None, "s.journal", "sqlite:///{}/s.db"]))
def test_a_study_with_our_sampler_travels(kind: str, address: str | None, tmp_path: Path) -> None:
    storage = address and (address.format(tmp_path) if "://" in address else tmp_path / address)
    sampler = LLMSampler(space=space(), proposer="random", seed=3)
    study = optuna.create_study(storage=open_storage(storage), sampler=sampler)
    study.optimize(lambda trial: value_of(space().suggest(trial)), n_trials=3)
    if kind == "deepcopy":
        copied = copy.deepcopy(study)
    elif kind == "joblib":
        joblib.dump(study, tmp_path / "study.pkl")
        copied = joblib.load(tmp_path / "study.pkl")
    else:
        copied = pickle.loads((pickle if kind == "pickle" else cloudpickle).dumps(study))
    assert [t.params for t in copied.trials] == [t.params for t in study.trials]
    copied.optimize(lambda trial: value_of(space().suggest(trial)), n_trials=2)
    assert len({json.dumps(t.params) for t in copied.trials}) == 5


def test_models_travel_without_their_connections() -> None:
    with FaultServer(then=answering()) as server:
        model = OpenAIModel("travels", base_url=server.base_url)
        tune(value_of, space(), model=model, n_trials=2, proposer="compressed")
        copied = pickle.loads(cloudpickle.dumps(LLMSampler(model, space=space(), proposer="compressed")))
        tune(value_of, space(), sampler=copied, n_trials=2)
        assert len(server.received) == 4
        copied.model.close()
        model.close()
    assert pickle.loads(pickle.dumps(EmbeddedModel())).name == EmbeddedModel().name


def test_a_study_without_a_direction_is_refused(whole: bytes, tmp_path: Path, cli: InProcess) -> None:
    path = tmp_path / "directionless.journal"
    path.write_bytes(whole.replace(b'"directions":[1]', b'"directions":[]'))
    with pytest.raises(StudyError, match="has no direction"):
        tune(value_of, space(), proposer="random", n_trials=5, storage=path)
    for command in ("show", "report"):
        assert_paragraph(cli(command, path), 2, "has no direction")


def test_the_file_that_may_not_be_written_is_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two users who share a journal one may own its lock."""
    backend = SafeJournalBackend(str(tmp_path / "s.journal"))
    lock = str(tmp_path / "s.journal.lock")
    monkeypatch.setattr("filelock.FileLock.acquire", Mock(side_effect=PermissionError(13, "Permission denied", lock)))
    with pytest.raises(StudyError, match=r"s\.journal\.lock cannot be written: Permission denied"):
        backend.append_logs([])
