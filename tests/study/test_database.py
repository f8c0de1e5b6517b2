"""A database is read as Optuna reads it, by two statements however long the study is."""

from __future__ import annotations

import math
import pickle
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tunewise import Float, SearchSpace, tune
from tunewise.errors import StudyError
from tunewise.optuna_private import storage_of
from tunewise.study.options import TuneOptions
from tunewise.study.storage import open_storage, open_study
from tunewise.study.stored import StoredStudy

SPACE = SearchSpace({"C": Float(0.01, 100, log=True), "gamma": Float(0, 1)})
DISTRIBUTIONS = {
    "z": FloatDistribution(0.01, 100, log=True),
    "a": IntDistribution(1, 9, step=2),
    "kind": CategoricalDistribution(["x", None, True, 1.5]),
}


def fill(address: str) -> None:
    """Trials in every state, with all that a trial can have, beside another study's in the same tables."""
    storage = open_storage(address)
    one = optuna.create_study(study_name="one", storage=storage, directions=["minimize", "maximize"])
    other = optuna.create_study(study_name="other", storage=storage)
    for number, kind in enumerate(["x", None, True, 1.5]):
        params = {"z": 0.5 + number, "a": 3, "kind": kind}
        attributes = {"tunewise:result": {"value": [1.5, None, "é"]}, "empty": {}}
        one.add_trial(
            create_trial(
                params=params,
                distributions=DISTRIBUTIONS,
                values=[math.inf, -math.inf] if number == 1 else [number / 3, 1e300],
                user_attrs=attributes,
                system_attrs={"constraints": [0.5], "é": math.inf},
                intermediate_values={3: math.nan, 1: 0.25, 2: -math.inf},
            )
        )
        other.add_trial(create_trial(state=TrialState.FAIL))
    one.add_trial(create_trial(state=TrialState.RUNNING, params={"a": 5}, distributions={"a": DISTRIBUTIONS["a"]}))
    one.ask()
    one.tell(one.ask(), state=TrialState.PRUNED)
    one.enqueue_trial({"z": 1.0})


def told(trial: FrozenTrial) -> str:
    """All that is known of a trial; as text, for NaN is not itself."""
    unordered = {key: sorted(part.items()) for key, part in vars(trial).items() if isinstance(part, dict)}
    return str({**vars(trial), **unordered, "order": [*trial.params]})


def by_optuna(address: str) -> list[str]:
    return [*map(told, optuna.load_study(study_name="one", storage=address).get_trials())]


def by_us(study: optuna.Study, *, deepcopy: bool = False) -> list[str]:
    return [*map(told, study.get_trials(deepcopy=deepcopy))]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def test_what_is_read_is_what_optuna_reads(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    address = f"sqlite:///{tmp_path}/s.db" if kind == "sqlite" else str(request.getfixturevalue("postgresql"))
    fill(address)
    study = optuna.load_study(study_name="one", storage=open_storage(address))
    assert by_us(study) == by_us(study, deepcopy=True) == by_optuna(address)
    assert next(list(t.params) for t in study.get_trials()) == ["z", "a", "kind"], "in the order of asking"
    assert [t.number for t in study.get_trials(deepcopy=False, states=(TrialState.WAITING,))] == [7]
    beside = optuna.load_study(study_name="one", storage=address)
    beside.tell(5, [0.5, 0.25])
    beside.enqueue_trial({"a": 7})
    assert by_us(study) == by_optuna(address), "another process ended one and queued one"
    assert by_us(pickle.loads(pickle.dumps(study))) == by_optuna(address)
    trial = storage_of(study).get_trial(study.trials[0]._trial_id)
    assert told(trial) == by_optuna(address)[0]
    with pytest.raises(KeyError):
        storage_of(study).get_trial(10**6)
    optuna.delete_study(study_name="one", storage=storage_of(study))
    with pytest.raises(KeyError):
        study.get_trials()


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are sent."""
    sent: list[str] = []

    def note(connection: object, cursor: object, statement: str, *more: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def long_database(path: Path, trials: int) -> str:
    """The address of a study of so many finished trials."""
    address = f"sqlite:///{path}"
    study = optuna.create_study(study_name="long", storage=open_storage(address))
    study.add_trial(create_trial(params={"C": 1.0, "gamma": 0.5}, distributions=SPACE.distributions, value=0.5))
    with closing(sqlite3.connect(path)) as file, file:
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {trials - 1}) "
        for insert in (
            "trials(trial_id, number, study_id, state, datetime_start, datetime_complete) "
            "SELECT i + 1, i, 1, state, datetime_start, datetime_complete FROM n, trials WHERE trial_id = 1",
            "trial_params(trial_id, param_name, param_value, distribution_json) "
            "SELECT i + 1, param_name, 0.1 + i * 1e-5, distribution_json FROM n, trial_params WHERE trial_id = 1",
            "trial_values(trial_id, objective, value, value_type) SELECT i + 1, 0, 0.1 + i * 1e-5, 'FINITE' FROM n",
        ):
            file.execute(f"{numbers}INSERT INTO {insert}")
    return address


def statements_of_a_trial(path: Path, trials: int) -> int:
    """What is sent between the beginnings of two trials of a study of a length."""
    begun: list[int] = []
    with counted() as sent:

        def objective(configuration: dict[str, float]) -> float:
            begun.append(len(sent))
            return configuration["gamma"]

        options = TuneOptions(study_name="long", seed=0)
        tune(
            objective,
            SPACE,
            proposer="random",
            n_trials=trials + 3,
            storage=long_database(path, trials),
            options=options,
        )
    return begun[-1] - begun[-2]


def test_a_long_study_is_read_by_two_statements(tmp_path: Path) -> None:
    storage = open_storage(long_database(tmp_path / "s.db", 700))
    study = optuna.load_study(study_name="long", storage=storage)
    with counted() as sent:
        assert len(study.get_trials(deepcopy=False)) == 700
    assert len(sent) == 2
    study.ask()
    with counted() as sent:
        assert len(study.get_trials(deepcopy=False)) == 701
    assert len(sent) == 2


@pytest.mark.long
def test_a_trial_in_a_long_database_takes_as_many_statements_as_in_a_short_one(tmp_path: Path) -> None:
    few, many = (statements_of_a_trial(tmp_path / f"{count}.db", count) for count in (3, 700))
    assert 20 < many <= few < 50


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with three trials."""
    path = tmp_path_factory.mktemp("sound") / "s.db"
    tune(lambda c: c["C"], SPACE, proposer="random", n_trials=3, storage=f"sqlite:///{path}")
    return path


DAMAGED = {
    "trial_user_attributes SET value_json = '{nojson' WHERE trial_id = 2": "trial 1 is damaged: Expecting",
    "trial_params SET distribution_json = '{}' WHERE trial_id = 2": "trial 1 is damaged: 'type'",
    "trial_params SET distribution_json = '[' WHERE trial_id = 2": "trial 1 is damaged: Expecting",
    "trial_params SET param_value = NULL WHERE trial_id = 2": "trial 1 is damaged: None is no number",
    "trial_params SET param_value = 'text' WHERE trial_id = 2": "trial 1 is damaged: 'text' is no number",
    "trial_values SET value = 'text' WHERE trial_id = 2": "trial 1 is damaged: 'text' is no number",
    "trial_values SET value_type = 'MUCH' WHERE trial_id = 2": "trial 1 is damaged: 'MUCH'",
    "trials SET state = 'DONE' WHERE trial_id = 2": "a trial is damaged: 'DONE' is not among",
    "trials SET number = 7 WHERE trial_id = 2": "trials is damaged: their numbers",
    "trials SET number = NULL WHERE trial_id = 2": "a trial is damaged: its number is None",
    "trials SET datetime_start = 'yesterday' WHERE trial_id = 2": "a trial is damaged: Invalid isoformat",
    "study_user_attributes SET value_json = '{nojson'": "a study is damaged: Expecting",
}


@pytest.mark.parametrize("change", DAMAGED)
def test_damage_is_told_in_a_sentence_and_left_as_it_is(change: str, sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    shutil.copy(sound, path)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(f"UPDATE {change}")
    content = path.read_bytes()
    words = rf"database sqlite:///{path} says of {re.escape(DAMAGED[change])}"
    with pytest.raises(StudyError, match=words):
        StoredStudy.read(open_study(f"sqlite:///{path}"))
    with pytest.raises(StudyError, match=words):
        tune(lambda c: c["C"], SPACE, proposer="random", n_trials=5, storage=f"sqlite:///{path}")
    assert path.read_bytes() == content
