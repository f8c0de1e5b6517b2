"""`tunewise chat`: ask about a study, a log, a training problem."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewise.cli.options import (
    BaseUrlOption,
    KeyOption,
    MaxTokensOption,
    MaxUsdOption,
    ModelOption,
    NameOption,
    RecordOption,
    ReplayOption,
    StorageOption,
)
from tunewise.cli.terminal import PlainOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from tunewise.llm.base import ChatModel
    from tunewise.space import SearchSpace
    from tunewise.study.file import StudyFile


def chat(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="[STUDY]", help="A study file (.yaml), a journal file, or a database URL.", show_default=False
        ),
    ] = None,
    log: Annotated[str | None, typer.Option(metavar="FILE", help='A training log; "-" reads standard input.')] = None,
    file: Annotated[list[str] | None, typer.Option(metavar="FILE", help="A training script; may be repeated.")] = None,
    once: Annotated[str | None, typer.Option(metavar="QUESTION", help="Ask this, print the answer, and end.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the latest conversation about the study.")
    ] = False,
    conversation: Annotated[str | None, typer.Option(metavar="ID", help="Go on with this conversation.")] = None,
    conversations: Annotated[bool, typer.Option("--list", help="List the conversations about the study.")] = False,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    api_key_env: KeyOption = None,
    name: NameOption = None,
    storage: StorageOption = None,
    max_calls: Annotated[int | None, typer.Option(min=0, help="Stop before more calls, the study's included.")] = None,
    max_tokens: MaxTokensOption = None,
    max_usd: MaxUsdOption = None,
    record: RecordOption = None,
    replay: ReplayOption = None,
    plain: PlainOption = False,
) -> None:
    """Talk with the assistant about a study, a log or a training problem.

    It knows what is attached, asks for what decides the answer, and may propose a trial, which is queued only after a
    yes. Ctrl-C stops an answer, Ctrl-D ends. Without a terminal every line of standard input is a question.

    **Examples**

    - `tunewise chat study.yaml`

    - `tunewise chat study.yaml --once "Which hyperparameter matters most?"`

    - `tunewise chat --model gpt-5 --log train.log --file train.py`

    - `tunewise chat study.yaml --resume --max-usd 0.10`
    """
    import sys

    from tunewise.account import Account
    from tunewise.assistant.conversation import Conversation
    from tunewise.assistant.sources import read_log, read_script
    from tunewise.assistant.subject import Subject
    from tunewise.cli.options import capped, find, quiet_optuna, read
    from tunewise.cli.running import taped
    from tunewise.cli.signals import terminate_as_exit
    from tunewise.cli.talk import Terminal
    from tunewise.errors import UsageError
    from tunewise.llm.ledger import Caps, Ledger
    from tunewise.llm.resolve import closing
    from tunewise.study.conversations import Conversations

    quiet_optuna()
    if not (study or storage) and (resume or conversation or conversations):
        raise UsageError("Conversations are kept with a study, and none is given. Name one: tunewise chat study.yaml.")
    if log == "-" and once is None:
        raise UsageError("--log - takes standard input, where the questions would come from. Ask with --once.")
    is_file = study is not None and study.endswith((".yaml", ".yml"))
    spec = read(Path(study), model=model, base_url=base_url, api_key_env=api_key_env) if study and is_file else None
    opened = find(study, name, storage) if study or storage else None
    store = Conversations(opened)
    terminal = Terminal(asks=once is None, person=sys.stdin.isatty() and sys.stdout.isatty(), plain=plain)
    if conversations:
        terminal.list(store.kept())
        return
    subject = Subject(
        opened,
        logs=(read_log(log),) if log else (),
        scripts=tuple(read_script(path, "script" if k == 1 else f"script{k}") for k, path in enumerate(file or (), 1)),
    )
    planned = spec.caps if spec else Caps()
    connected = taped(lambda: connect(spec, model, base_url, api_key_env), record=record, replay=replay)
    with closing(connected) as chat_model, terminate_as_exit():
        ledger = Ledger(
            chat_model,
            caps=capped(planned, max_calls=max_calls, max_tokens=max_tokens, max_usd=max_usd),
            price=spec.model.price if spec and spec.model else None,
        )
        if opened:
            Account(ledger).restore(opened)
        talk = Conversation(
            ledger,
            subject,
            agree=terminal.agree,
            write_space=space_writer(spec) if spec else None,
            may_ask=once is None and terminal.person,
            resume=conversation or terminal.choose(store.kept(), resume=resume),
            keep=replay is None,
        )
        terminal.greet(subject, chat_model)
        terminal.run(talk, (once,) if once is not None else terminal.questions())
        terminal.part(talk, ledger, kept=opened is not None and replay is None)


def connect(spec: StudyFile | None, model: str | None, base_url: str | None, api_key_env: str | None) -> ChatModel:
    """The model to talk with: the study file's, or the one named.

    Raises:
        UsageError: None is named anywhere.
        ModelUnusable: It is clear without a call that none can succeed.
    """
    from tunewise.errors import UsageError
    from tunewise.llm.resolve import check, resolve_model

    chosen = spec.connect() if spec else None
    if chosen is None and model is None:
        raise UsageError('No model was given. Name one: --model embedded, --model gpt-5, or "model" in a study file.')
    if chosen is None:
        chosen = resolve_model(model or "", base_url=base_url, api_key_env=api_key_env)
        check(chosen)
    return chosen


def space_writer(spec: StudyFile) -> Callable[[SearchSpace], str]:
    """Writes a changed space as a study file beside the given one, which is left as it is."""

    def write(space: SearchSpace) -> str:
        from tunewise.errors import UsageError
        from tunewise.yaml12 import read_yaml_file, write_yaml

        data = read_yaml_file(spec.path)
        assert isinstance(data, dict), "it has been read before"
        storage = spec.storage or Path(spec.storage_address).name
        changed = {**data, "study_name": spec.study_name, "storage": storage, "space": space.to_dict()}
        for number in range(2, 1000):
            target = spec.path.with_name(f"{spec.path.stem}-{number}{spec.path.suffix}")
            try:
                with target.open("x", encoding="utf-8") as file:
                    write_yaml(changed, file)
            except FileExistsError:
                continue
            except OSError as error:
                raise UsageError(f"{target} cannot be written: {error.strerror}. Allow writing there.") from None
            return (
                f"Written to {target.name}: `tunewise tune {target.name}` goes on with the same study in the new space."
            )
        raise UsageError(f"There are too many files named {spec.path.stem}-*. Remove some.")

    return write
