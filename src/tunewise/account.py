"""What a study's calls cost, kept in its storage with the trials that they were made for."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from optuna.exceptions import UpdateFinishedTrialError

from tunewise import attributes
from tunewise.changes import Changes, PerStudy
from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.llm.calls import Call
from tunewise.llm.ledger import Ledger, masked
from tunewise.optuna_private import engine_of, id_of, id_of_study, storage_of, stored_trial
from tunewise.pickling import Portable

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["Account", "make_room"]

logger = logging.getLogger("tunewise")

ROOM_BYTES = 1 << 16
"""Of a reply, and of the trial that follows from it, in a storage."""


@runtime_checkable
class Roomy(Protocol):
    """A storage that can tell whether there is room in it."""

    def make_room(self, size: int) -> None:
        """Do nothing if so many bytes could be written now.

        Raises:
            StudyError: They could not.
        """
        ...


def make_room(storage: BaseStorage, study: int, request: ChatRequest) -> None:
    """Refuse a call that could be paid and not be recorded, which would be paid again by each later run.

    Args:
        storage: Where it is to be recorded.
        study: What the study is called there.
        request: What is sent.

    Raises:
        StudyError: The disk is full, or the storage may not be written any more.
    """
    size = len(json.dumps(request.messages[-1].content)) + ROOM_BYTES
    if isinstance(storage, Roomy):
        storage.make_room(size)
    elif engine_of(storage) is not None:  # what is written over leaves its room to what comes next
        for filling in (" " * size, ""):
            storage.set_study_system_attr(study, attributes.ROOM, filling)


class Account(Portable):
    """A ledger whose calls are kept in the study, with the trials that they were made for."""

    of_process: ClassVar = {"_changes": lambda: PerStudy(Changes)}

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._counted: set[tuple[str, int, str]] = set()
        self._changes = PerStudy(Changes)

    def restore(self, study: Study) -> None:
        """Count what the study has spent in other processes, and in conversations about it."""
        trials = study.get_trials(deepcopy=False)
        numbers = self._changes.of(study).since(len(trials), trials.__getitem__)  # what has ended gets no further call
        name, about = study.study_name, storage_of(study).get_study_system_attrs(id_of_study(study))
        for number, entries in (*((number, trials[number].system_attrs) for number in numbers), (-1, about)):
            for key, call in entries.items():
                mark = (name, number, key)
                if key.startswith((attributes.CALL, attributes.CHAT_CALL)) and mark not in self._counted:
                    self._counted.add(mark)
                    self.ledger.restore([Call.from_dict(call)])

    def complete(self, study: Study, trial: FrozenTrial, request: ChatRequest) -> ChatReply:
        """Call the model, unless this trial has made the same call before it was interrupted."""
        request = masked(request)  # as the ledger sends it: its key and its words are stored
        known = stored_trial(study, trial)
        request_key = request.key
        calls = [Call.from_dict(value) for key, value in known.system_attrs.items() if key.startswith(attributes.CALL)]
        for call in calls:
            if call.key == request_key and not call.error:
                return call.reply()
        key, storage = f"{attributes.CALL}{len(calls)}", storage_of(study)

        def record(call: Call) -> None:
            self._counted.add((study.study_name, trial.number, key))
            entry = {**call.to_dict(), "prompt": request.messages[-1].content}
            try:
                storage.set_trial_system_attr(id_of(trial), key, entry)
            except UpdateFinishedTrialError:
                logger.warning("A call beside trial %d was not recorded: another process ended it.", trial.number)

        make_room(storage, id_of_study(study), request)
        return self.ledger.complete(request, record)
