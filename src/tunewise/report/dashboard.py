"""optuna-dashboard on a study, live: each trial's source and reason as its note, the report as an artifact.

Nothing is written into the study. Notes and artifact are laid over the storage while it is read, so they are always
those of the moment, a journal is as long after the hundredth look as before the first, and no page, whoever made it,
can change or delete a study through the dashboard's address. Every text passes the report's gate on its way out of the
storage; prompts, replies and conversations, which no page of the dashboard shows, stay there.
"""

from __future__ import annotations

import copy
import io
import json
import threading
import warnings
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from socketserver import ThreadingMixIn
from typing import BinaryIO, Never
from uuid import uuid4
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from tunewise import attributes
from tunewise.errors import StudyError, UsageError
from tunewise.history import History, TrialRecord
from tunewise.optuna_private import FrozenStudy, id_of, id_of_study, storage_of
from tunewise.plain import Plain, PlainDict
from tunewise.report import report
from tunewise.report.dashboard_page import completed
from tunewise.report.markdown import Writer
from tunewise.report.texts import Cleaner
from tunewise.secrets import mask_named
from tunewise.space import Value
from tunewise.study.remarks import details_of, remarks_on
from tunewise.study.storage import begun_by_driver, is_driven
from tunewise.study.validated import driven_by_us

__all__ = ["LOOPBACK", "ReadOnly", "serve"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
METRIC_NAMES = "study:metric_names"
"""Where Optuna keeps the names of objectives, which the dashboard shows."""
IN_WORDS = (attributes.PROPOSAL, attributes.RESULT)
"""Attributes of a trial that are shown as lines and not as one line of JSON."""


def refuse(*_: object, **__: object) -> Never:
    """What stands in the place of everything that would write."""
    raise StudyError("The dashboard of tunewise only reads. Change the study with tunewise or Optuna.")


@dataclass(frozen=True, slots=True)
class Seen:
    """A trial as the dashboard shows it, as tunewise reads it, and its note."""

    trial: FrozenTrial
    record: TrialRecord
    note: str


class ReadOnly(BaseStorage):
    """A storage that shows one study to be read: its texts masked, with notes and an artifact laid over it.

    Args:
        storage: Where the study is.
        study: Its id.
        artifact: Id of the report.
    """

    create_new_study = delete_study = set_study_user_attr = set_study_system_attr = refuse
    create_new_trial = set_trial_param = set_trial_state_values = set_trial_intermediate_value = refuse
    set_trial_user_attr = set_trial_system_attr = refuse

    def __init__(self, storage: BaseStorage, study: int, artifact: str) -> None:
        self._storage = storage
        self._study = study
        self._artifact = artifact
        self._clean = Cleaner()
        self._write = Writer(self._clean)
        self._seen: dict[tuple[int, datetime | None], Seen] = {}

    def get_study_id_from_name(self, study_name: str) -> int:
        """Of the one study, by the name that is shown."""
        if study_name != self.get_study_name_from_id(self._study):
            raise KeyError("No such study.")
        return self._study

    def get_study_name_from_id(self, study_id: int) -> str:
        """The name of the study, masked."""
        return self._clean(self._storage.get_study_name_from_id(self._own(study_id)))

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """As the storage has them."""
        return self._storage.get_study_directions(self._own(study_id))

    def get_study_user_attrs(self, study_id: int) -> PlainDict:
        """Attributes of the study, masked."""
        return self._about(self._storage.get_study_user_attrs(self._own(study_id)))

    def get_study_system_attrs(self, study_id: int) -> PlainDict:
        """Masked, with notes and artifact where there are none."""
        return self._laid_over(self._shown(self._storage.get_study_system_attrs(self._own(study_id))))

    def get_all_studies(self) -> list[FrozenStudy]:
        """The one study."""
        (study,) = (copy.copy(s) for s in self._storage.get_all_studies() if id_of_study(s) == self._study)
        study.study_name = self._clean(study.study_name)
        study.user_attrs = self._about(study.user_attrs)
        study.system_attrs = self._laid_over(self._shown(study.system_attrs))
        return [study]

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """A trial, masked."""
        return self._see(self._storage.get_trial(trial_id)).trial

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """All trials, masked."""
        found = self._storage.get_all_trials(self._own(study_id), deepcopy=False, states=states)
        trials = [self._see(trial).trial for trial in found]
        return copy.deepcopy(trials) if deepcopy else trials

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """The incumbent, by the one rule of tunewise; the best value where no trial meets the constraints."""
        found = self._storage.get_all_trials(self._own(study_id), deepcopy=False)
        records = tuple(self._see(trial).record for trial in found)
        maximize = self.get_study_directions(study_id)[0] == StudyDirection.MAXIMIZE
        best = History(records, "maximize" if maximize else "minimize").best
        if best is None:
            return super().get_best_trial(study_id)
        return next(self._see(trial).trial for trial in found if trial.number == best.number)

    def _own(self, study_id: int) -> int:
        """The study's id; of others, which are nobody's business here, there is nothing to be had."""
        if study_id != self._study:
            raise KeyError("No such study.")
        return study_id

    def _shown(self, attrs: Mapping[str, Plain]) -> PlainDict:
        """Attributes without secrets, and without those that hold prompts, replies and conversations."""
        kept = {
            key: value
            for key, value in attrs.items()
            if not key.startswith((attributes.CALL, attributes.CHAT, attributes.CHAT_CALL))
        }
        return self._clean.entries(kept)

    def _about(self, attrs: Mapping[str, Plain]) -> PlainDict:
        """Attributes of the study: of the task a line each, and nothing that is one long line; the report has that."""
        about = attrs.get(attributes.STUDY)
        task = about.get("task") if isinstance(about, dict) else None
        facts = {f"task: {name}": fact for name, fact in task.items()} if isinstance(task, dict) else {}
        return self._shown(facts | {key: value for key, value in attrs.items() if key != attributes.STUDY})

    def _see(self, trial: FrozenTrial) -> Seen:
        """A trial as it is shown; one that can change no more is read once."""
        key = (id_of(trial), trial.datetime_complete)
        if key not in self._seen or not trial.state.is_finished():
            record = TrialRecord.from_optuna(trial)
            if self._is_left(trial):
                record = replace(record, state="interrupted")
            self._seen[key] = Seen(self._masked(trial, record), record, note_of(record, self._write))
        return self._seen[key]

    def _is_left(self, trial: FrozenTrial) -> bool:
        """Whether a driver has begun a trial and is no more."""
        if not begun_by_driver(trial):
            return False
        attrs = self._storage.get_study_user_attrs(self._study)
        return driven_by_us(attrs) and is_driven(self._storage) is False

    def _masked(self, trial: FrozenTrial, record: TrialRecord) -> FrozenTrial:
        known = copy.copy(trial)
        others = {key: value for key, value in trial.user_attrs.items() if key not in IN_WORDS}
        known.user_attrs = self._shown(told(record) | others)
        known.system_attrs = self._shown(trial.system_attrs)
        known.params = self._clean.entries(trial.params)
        known.distributions = {self._clean(name): self._choices(name, d) for name, d in trial.distributions.items()}
        return known

    def _choices(self, name: str, distribution: BaseDistribution) -> BaseDistribution:
        if not isinstance(distribution, CategoricalDistribution):
            return distribution
        return CategoricalDistribution([self._choice(name, choice) for choice in distribution.choices])

    def _choice(self, name: str, choice: Value) -> Value:
        return self._clean(mask_named(name, choice)) if isinstance(choice, str) else choice

    def _metric(self) -> str:
        """Name of the one metric, where the study tells it."""
        about = self._storage.get_study_user_attrs(self._study).get(attributes.STUDY)
        task = about.get("task") if isinstance(about, dict) else None
        named = task.get("metric") if isinstance(task, dict) else None
        single = len(self._storage.get_study_directions(self._study)) == 1
        return self._clean(named) if single and isinstance(named, str) else ""

    def _laid_over(self, known: Mapping[str, Plain]) -> PlainDict:
        """A person's notes stay; the keys are those that optuna-dashboard's `save_note` and `upload_artifact` write."""
        file = {"artifact_id": self._artifact, "filename": "report.html", "mimetype": "text/html", "encoding": None}
        added: PlainDict = {f"artifacts:{self._artifact}": json.dumps(file)}
        if METRIC_NAMES not in known and (metric := self._metric()):
            added[METRIC_NAMES] = [metric]
        if "dashboard:note_ver" not in known:
            link = f"[Report](/artifacts/{self._study}/{self._artifact}): who proposed what and why, and what it cost."
            added |= {"dashboard:note_ver": 1, "dashboard:note_str:0": link}
        for trial in self._storage.get_all_trials(self._study, deepcopy=False):
            prefix = f"dashboard:{id_of(trial)}"
            if f"{prefix}:note_ver" not in known and (note := self._see(trial).note):
                added |= {f"{prefix}:note_ver": 1, f"{prefix}:note_str:0": note}
        return {**known, **added}


def told(trial: TrialRecord) -> dict[str, str]:
    """What tunewise knows of a trial, a line each."""
    source = {"proposed by": trial.source} if trial.source != "unknown" else {}
    error = {"error": trial.error} if trial.state == "failed" else {}
    return source | dict(remarks_on(trial)) | dict(details_of(trial)) | error


def note_of(trial: TrialRecord, write: Writer) -> str:
    """Where a trial came from, in Markdown; empty where nobody said."""
    if trial.source == "unknown" and not trial.error:
        return ""
    lines = [f"Proposed by **{write.inline(trial.source)}**"]
    lines += [f"{label}: {write.inline(text, 2_000)}" for label, text in remarks_on(trial)]
    lines += [f"error: {write.inline(trial.error, 2_000)}"] if trial.error else []
    lines += ["interrupted: the next run of the study runs it again"] if trial.state == "interrupted" else []
    return "\n\n".join(lines)


class ReportStore:
    """An artifact store whose only artifact is the report, made when it is asked for."""

    def __init__(self, study: optuna.Study, address: str) -> None:
        self._study = study
        self._address = address
        self._lock = threading.Lock()

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The page as it would be written now."""
        del artifact_id
        with self._lock:
            return io.BytesIO(report(self._study, address=self._address).encode())

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Refused."""
        refuse(artifact_id, content_body)

    def remove(self, artifact_id: str) -> None:
        """Refused."""
        refuse(artifact_id)


class Server(ThreadingMixIn, WSGIServer):
    """Answers while a report is being made."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away is no event."""


class Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name for it
        """Nothing."""


def reading_only(app: WSGIApplication, hosts: Sequence[str] | None) -> WSGIApplication:
    """Refuses what is not reading, and requests under other names: a page elsewhere may have made one mean this place.

    Args:
        app: The dashboard.
        hosts: Names that it may be asked under; None: any.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        name = str(environ.get("HTTP_HOST", "")).rpartition(":")[0].strip("[]") or str(environ.get("HTTP_HOST", ""))
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or (hosts is not None and name not in hosts):
            start_response("403 Forbidden", [("Content-Type", "application/json")])
            return [json.dumps({"reason": "tunewise's dashboard only reads, and only under its own address"}).encode()]
        return app(environ, start_response)

    return answer


def serve(
    study: optuna.Study,
    *,
    host: str,
    port: int,
    address: str,
    ready: Callable[[str], object],
) -> None:
    """Serve until interrupted.

    Args:
        study: In any storage; it is only read.
        host: Where to listen.
        port: 0 for any that is free.
        address: What a person types into a shell to mean this study, for the report.
        ready: Is told the study's page once it can be opened.

    Raises:
        UsageError: The extra is missing, or the place is taken.
    """
    try:
        import optuna_dashboard
    except ImportError:
        raise UsageError(
            "The dashboard needs optuna-dashboard, which is not installed. Run pip install 'tunewise[dashboard]', or "
            "look at tunewise report."
        ) from None
    artifact = str(uuid4())
    storage = ReadOnly(storage_of(study), id_of_study(study), artifact)
    app = optuna_dashboard.wsgi(storage, artifact_store=ReportStore(study, address))
    hosts = LOOPBACK if host in LOOPBACK else None
    try:
        server = make_server(host, port, reading_only(completed(app), hosts), server_class=Server, handler_class=Quiet)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"{host}, port {port}, cannot be listened on: {getattr(error, 'strerror', None) or error}. Name another "
            "port with --port, or --port 0 for any that is free."
        ) from None
    with server, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of importances that rest on few trials, for each look again
        ready(f"http://{host}:{server.server_port}/dashboard/studies/{id_of_study(study)}")
        server.serve_forever()
