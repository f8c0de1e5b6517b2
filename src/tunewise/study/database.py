"""Optuna's storage on a database, read by two statements; Optuna takes seven, and an object for every row."""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from optuna import distributions
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from pydantic_core import from_json

from tunewise.changes import Latest, collector_paused
from tunewise.errors import StudyError
from tunewise.optuna_private import CachedStorage, FrozenStudy, session_of, tables_of_database

if TYPE_CHECKING:
    from sqlalchemy import CompoundSelect, Select

    Trials: TypeAlias = Select[int, int, TrialState, datetime | None, datetime | None]
    Parts: TypeAlias = CompoundSelect[int, int, int, str, float, str]

__all__ = ["CachedDatabase", "Database"]

MANY = 500
"""Up to so many trials are named in a statement one by one."""
PARAM, VALUE, STEP, USER, SYSTEM = range(5)
"""Kinds of what belongs to a trial; each has a table."""
DAMAGE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
"""What reading a row raises that somebody else has written."""
NOT_FINITE = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": math.nan}
"""What stands for a number that the database may not hold."""


class Database(RDBStorage):
    """Optuna's database, where reading a trial or thousands takes two statements of plain columns."""

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """As Optuna's."""
        for trial in self._read("one", {"trial": trial_id}):
            return trial
        raise KeyError(f"There is no trial {trial_id} in the database.")

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        last = trial_id_greater_than
        earlier = sorted(number for number in included_trial_ids if number <= last)
        if len(earlier) > MANY:
            last, earlier = earlier[0] - 1, []
        found = self._read("some", {"study": study_id, "last": last, "earlier": earlier})
        if not found:
            with session_of(self) as session:
                tables_of_database().StudyModel.find_or_raise_by_id(study_id, session)
        return [trial for trial in found if states is None or trial.state in states]

    @collector_paused()
    def _read(self, which: str, given: Mapping[str, object]) -> list[FrozenTrial]:
        """Trials, oldest first. They are read before what belongs to them, so one that had ended by then is whole."""
        trials, parts = statements(which)
        trial: FrozenTrial | None = None
        try:
            with session_of(self) as session:
                found = {row[0]: without_parts(*row) for row in session.execute(trials, given)}
                rows = session.execute(parts, given).all() if found else []
            for kind, place, trial_id, name, number, text in sorted(rows, key=itemgetter(0, 1)):
                if trial := found.get(trial_id):
                    put(trial, kind, place, name, number, text)
        except DAMAGE as error:
            raise damaged(self, f"trial {trial.number}" if trial else "a trial", error) from None
        return [*found.values()]

    def get_all_studies(self) -> list[FrozenStudy]:
        """As Optuna's."""
        with self._damage_told():
            return super().get_all_studies()

    def get_study_user_attrs(self, study_id: int) -> dict[str, object]:
        """As Optuna's."""
        with self._damage_told():
            return super().get_study_user_attrs(study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, object]:
        """As Optuna's."""
        with self._damage_told():
            return super().get_study_system_attrs(study_id)

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError) as error:
            raise damaged(self, "a study", error) from None


class CachedDatabase(CachedStorage):
    """Optuna's cache of a database, where only what may have changed of a long study is looked at."""

    def __init__(self, backend: Database) -> None:
        super().__init__(backend)
        self._latest: dict[int, Latest] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**super().__getstate__(), "_latest": {}}

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """As Optuna's."""
        if deepcopy or not Latest.knows(states):
            return super().get_all_trials(study_id, deepcopy=deepcopy, states=states)
        for _ in range(2):
            self._read_trials_from_remote_storage(study_id)
            with self._lock:
                trials = self._studies[study_id].trials
                try:
                    return self._latest.setdefault(study_id, Latest()).read(len(trials), trials.__getitem__, states)
                except KeyError:  # another thread has begun a trial, one of another process before it is not known yet
                    del self._latest[study_id]
        raise damaged(self._backend, "trials", "their numbers are not 0, 1, 2 and so on")

    def delete_study(self, study_id: int) -> None:
        """As Optuna's."""
        self._latest.pop(study_id, None)
        super().delete_study(study_id)


def damaged(database: RDBStorage, what: str, why: object) -> StudyError:
    """What is said about rows that cannot be used."""
    return StudyError(
        f"What the database {database.engine.url} says of {what} is damaged: {' '.join(str(why).split())[:200]}. "
        "Nothing was changed. Take the database from a backup, or correct that in a copy of it."
    )


@lru_cache
def statements(which: str) -> tuple[Trials, Parts]:
    """What reads trials, and what reads what belongs to them: kind, place, trial, name, number, text.

    Args:
        which: "one" `trial`, or "some" of a `study`: those after the `last` one, and `earlier` ones.
    """
    from sqlalchemy import Float, String, bindparam, cast, literal, null, select, union_all

    tables = tables_of_database()
    trial, value, step = tables.TrialModel, tables.TrialValueModel, tables.TrialIntermediateValueModel
    param, user, system = tables.TrialParamModel, tables.TrialUserAttributeModel, tables.TrialSystemAttributeModel
    if which == "one":
        wanted = trial.trial_id == bindparam("trial")
    else:
        later = trial.trial_id > bindparam("last")
        wanted = (trial.study_id == bindparam("study")) & (
            later | trial.trial_id.in_(bindparam("earlier", expanding=True))
        )
    no_name, no_number = cast(null(), String), cast(null(), Float)
    parts = {
        PARAM: (param, param.param_id, param.param_name, param.param_value, param.distribution_json),
        VALUE: (value, value.objective, no_name, value.value, cast(value.value_type, String)),
        STEP: (step, step.step, no_name, step.intermediate_value, cast(step.intermediate_value_type, String)),
        USER: (user, user.trial_user_attribute_id, user.key, no_number, user.value_json),
        SYSTEM: (system, system.trial_system_attribute_id, system.key, no_number, system.value_json),
    }
    ids = select(trial.trial_id).where(wanted)
    columns = trial.trial_id, trial.number, trial.state, trial._datetime_start_utc, trial._datetime_complete_utc
    return select(*columns).where(wanted).order_by(trial.trial_id), union_all(
        *(
            select(literal(kind), place, table.trial_id, *rest).where(table.trial_id.in_(ids))
            for kind, (table, place, *rest) in parts.items()
        )
    )


def without_parts(
    trial_id: int, number: int, state: TrialState, start: datetime | None, complete: datetime | None
) -> FrozenTrial:
    """A trial of which no more is known than what its own row tells."""
    if not isinstance(number, int):
        raise TypeError(f"its number is {number!r}")
    return FrozenTrial(
        number=number,
        state=state,
        value=None,
        datetime_start=local(start),
        datetime_complete=local(complete),
        params={},
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        trial_id=trial_id,
    )


def put(trial: FrozenTrial, kind: int, place: int, name: str, number: float, text: str) -> None:
    """Give a trial what belongs to it."""
    if kind == PARAM:
        trial.distributions[name] = distribution = distributions.json_to_distribution(text)
        trial.params[name] = distribution.to_external_repr(number_of(number))
    elif kind == VALUE:
        trial.values = [*(trial.values or ()), number_of(number, text)]
    elif kind == STEP:
        trial.intermediate_values[place] = number_of(number, text)
    else:
        (trial.user_attrs if kind == USER else trial.system_attrs)[name] = parsed(text)


def number_of(stored: object, kind: str = "FINITE") -> float:
    """A number as it was stored."""
    if kind != "FINITE":
        return NOT_FINITE[kind]
    if not isinstance(stored, int | float):  # SQLite holds anything anywhere
        raise TypeError(f"{stored!r} is no number")
    return stored


def parsed(text: str) -> object:
    """What JSON says."""
    try:
        return from_json(text)
    except ValueError:  # what it alone does not read, as in a journal
        return json.loads(text)


def local(stored: datetime | None) -> datetime | None:
    """A time of this machine's clock; what is stored is UTC."""
    return stored and datetime.fromtimestamp(stored.replace(tzinfo=UTC).timestamp())  # noqa: DTZ006 - in half the time
