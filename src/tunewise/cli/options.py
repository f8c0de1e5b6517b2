"""Arguments and options that several commands share."""

from __future__ import annotations

from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewise.errors import UsageError

if TYPE_CHECKING:
    import optuna

    from tunewise.llm.ledger import Caps
    from tunewise.study.file import StudyFile

FileArgument = Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The study file.", show_default=False)]
StudyArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="STUDY", help="A study file (.yaml), a journal file, or a database URL.", show_default=False
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help='"embedded", "manual", a .gguf file, "anthropic/...", or a server\'s model.'),
]
BaseUrlOption = Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible server.")]
KeyOption = Annotated[str | None, typer.Option(help="Name of the environment variable that holds the key.")]
MaxCallsOption = Annotated[int | None, typer.Option(min=0, help="Stop before more calls to the model.")]
MaxTokensOption = Annotated[int | None, typer.Option(min=0, help="Stop before more tokens, read and written.")]
MaxUsdOption = Annotated[float | None, typer.Option(min=0, help="Stop before more US dollars.")]
RecordOption = Annotated[Path | None, typer.Option(help="Record all calls into this cassette.")]
ReplayOption = Annotated[Path | None, typer.Option(help="Answer from this cassette; no model is called.")]
LooseOption = Annotated[
    bool, typer.Option("--loose", help="With --replay: requests may differ in numbers, as on another machine.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
StorageOption = Annotated[
    str | None,
    typer.Option("--storage", metavar="ADDRESS", help="Where the study is, if not where its file says."),
]
NameOption = Annotated[str | None, typer.Option("--study-name", help="Name of the study, where a storage has several.")]


class ProposerName(StrEnum):
    """Proposers that a command line can name."""

    auto = "auto"
    compressed = "compressed"
    chat = "chat"
    random = "random"


ProposerOption = Annotated[ProposerName | None, typer.Option(help="How configurations are found.")]
ReasoningOption = Annotated[
    bool | None, typer.Option("--reasoning/--no-reasoning", help="Whether the model analyses before it proposes.")
]


def read(
    path: Path,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key_env: str | None = None,
    **changes: object,
) -> StudyFile:
    """Read a study file, with what the command line says in its place."""
    from tunewise.study.file import read_study_file

    file = read_study_file(path, **changes)
    if model is None and base_url is None and api_key_env is None:
        return file
    part = asdict(file.model) if file.model and model is None else {"name": model or ""}
    part |= {k: v for k, v in {"base_url": base_url, "api_key_env": api_key_env}.items() if v is not None}
    return read_study_file(path, **changes, model=part)


def capped(planned: Caps, *, max_calls: int | None, max_tokens: int | None, max_usd: float | None) -> Caps:
    """The caps of a study file, with what the command line says in their place."""
    return replace(
        planned,
        max_calls=planned.max_calls if max_calls is None else max_calls,
        max_tokens=planned.max_tokens if max_tokens is None else max_tokens,
        max_usd=planned.max_usd if max_usd is None else max_usd,
    )


def find(study: str | None, name: str | None = None, storage: str | None = None) -> optuna.Study:
    """Open the study that a command means, for reading.

    Args:
        study: A study file, a journal or a database URL.
        name: Of the study, where it is not that of the file.
        storage: Where it is, where that is not what the file says; with it alone nothing else is needed.

    Raises:
        UsageError: It is not said which study, or twice where it is.
    """
    from tunewise.study.storage import open_study

    quiet_optuna()
    if study and study.endswith((".yaml", ".yml")):
        file = read(Path(study))
        return open_study(storage or file.storage_address, name or file.study_name)
    if study and storage:
        raise UsageError(f"{study} is where a study is, and so is --storage {storage}. Leave out one of them.")
    if address := study or storage:
        return open_study(address, name)
    raise UsageError("Which study? Name a study file (.yaml), a journal file or a database URL.")


def words_of(study: str | None, name: str | None, storage: str | None) -> str:
    """What a person types into a shell to mean a study."""
    import shlex

    named = [*([study] if study else []), *(["--storage", storage] if storage else [])]
    return shlex.join([*named, *(["--study-name", name] if name else [])])


def quiet_optuna() -> None:
    """Leave speaking to tunewise."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
