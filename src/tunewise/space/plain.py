"""Hyperparameters from plain data: what stands in a study file, or in Optuna's storage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from tunewise.errors import SpaceError
from tunewise.space.categorical import Categorical, Flag
from tunewise.space.hyperparameter import Hyperparameter
from tunewise.space.numbers import Float, Int
from tunewise.text import did_you_mean, shorten

KINDS: Final[Mapping[str, type[Hyperparameter]]] = {kind.kind: kind for kind in (Float, Int, Categorical, Flag)}
COMMON_KEYS: Final = ("type", "default", "description", "when")
OPTUNA: Final[Mapping[type[BaseDistribution], type[Hyperparameter]]] = {
    FloatDistribution: Float,
    IntDistribution: Int,
    CategoricalDistribution: Categorical,
}

OTHER_KINDS: Final = {
    "{type: float, low: ..., high: ..., log: true}": "loguniform log_uniform log_uniform_values qloguniform",
    "{type: float, low: ..., high: ...}": "uniform quniform double real number decimal randn normal",
    "{type: int, low: ..., high: ...}": "integer randint qrandint int_uniform range long",
    "{type: int, low: ..., high: ..., log: true}": "lograndint int_loguniform logint",
    "{type: categorical, choices: [...]}": "choice category cat enum ordinal discrete list str string text constant",
    "{type: categorical, choices: [false, true]}, or {flag: true} for an option like --amsgrad": "bool boolean",
}
"""What other programs call a kind, and how it is written here."""

OTHER_KEYS: Final = {
    "low": "min minimum lower lo from start low_bound lower_bound a",
    "high": "max maximum upper hi to stop end high_bound upper_bound b",
    "choices": "values options categories items list one_of enum",
    "log": "logscale log_scale scale prior is_log",
    "step": "q quantum stepsize step_size increment",
    "default": "initial init value start_value default_value",
    "description": "desc doc help comment meaning about",
    "when": "if condition conditions depends depends_on active_if parent",
    "type": "distribution kind dtype",
}
"""What other programs call a key."""


def from_distribution(distribution: BaseDistribution) -> Hyperparameter:
    """The hyperparameter that Optuna's distribution describes, without default and description.

    Raises:
        SpaceError: It is not Optuna's float, int or categorical.
    """
    kind = OPTUNA.get(type(distribution))
    if kind is None:
        raise SpaceError(
            f"{distribution!r} is not a distribution that tunewise knows. "
            "Use Float, Int or Categorical (Optuna's float, int and categorical distributions)."
        )
    return kind.of(distribution)  # type: ignore[arg-type]  # of that kind


def from_plain(name: str, plain: object) -> Hyperparameter:
    """The reverse of `Hyperparameter.to_plain`, for data that somebody wrote by hand; hyperparameters pass as they are.

    Raises:
        SpaceError: The first rule that is broken, with the name of the hyperparameter and the right key.
    """
    if isinstance(plain, Hyperparameter):
        return plain
    try:
        return from_distribution(plain) if isinstance(plain, BaseDistribution) else read(plain)
    except SpaceError as error:
        raise SpaceError(f"{name}: {error}") from None


def read(plain: object) -> Hyperparameter:
    """A hyperparameter from a mapping with its type."""
    if not isinstance(plain, Mapping):
        raise SpaceError(f"{shorten(plain)} is not a hyperparameter. Write {{type: float, low: 0, high: 1}}.")
    kind = find_kind(plain)
    allowed = (*kind.keys, *COMMON_KEYS)
    for key in plain:
        if key not in allowed:
            raise SpaceError(
                f"the key {shorten(repr(key))} is unknown for type {kind.kind}.{hint_for(key, allowed)} "
                f"Keys: {', '.join(sorted(allowed))}."
            )
    if missing := [key for key in kind.needed if key not in plain]:
        raise SpaceError(f"{missing[0]} is missing. A hyperparameter of type {kind.kind} needs it.")
    arguments = {str(key): value for key, value in plain.items() if key not in ("type", "flag")}
    for key in ("low", "high", "step", "default"):
        text = arguments.get(key)
        if kind.ordered and isinstance(text, str):
            arguments[key] = number(key, text)
    if not isinstance(arguments.get("description", ""), str):
        arguments["description"] = shorten(arguments["description"], 1000)
    return kind(**arguments)  # what is wrong is said by the kind itself


def find_kind(plain: Mapping[object, object]) -> type[Hyperparameter]:
    """The kind that a mapping names."""
    if "flag" in plain:
        if plain["flag"] is not True or plain.get("type", "flag") != "flag":
            raise SpaceError("flag takes the place of a type. Write {flag: true}.")
        return Flag
    kind = plain.get("type")
    if isinstance(kind, str) and kind in KINDS:
        return KINDS[kind]
    if kind is None:
        raise SpaceError(f"type is missing. The types are {', '.join(KINDS)}.{hint_for_values(plain)}")
    for written, others in OTHER_KINDS.items():
        if str(kind).lower() in others.split():
            raise SpaceError(f"type {shorten(repr(kind))} is unknown. Write {written}.")
    hint = did_you_mean(kind, KINDS, f"The types are {', '.join(KINDS)}.")
    raise SpaceError(f"type {shorten(repr(kind))} is unknown. {hint}")


def hint_for(key: object, allowed: tuple[str, ...]) -> str:
    """The key that was meant, as a sentence after a space; empty when there is none."""
    word = str(key).lower() if isinstance(key, str) else ""
    meant = [ours for ours, others in OTHER_KEYS.items() if word in others.split() and ours in allowed]
    if not meant:
        return f" {did_you_mean(key, allowed)}".rstrip()
    return f" Write {meant[0]}: true for a logarithmic scale." if meant[0] == "log" else f" Did you mean {meant[0]}?"


def hint_for_values(plain: Mapping[object, object]) -> str:
    """What a mapping without a type looks like."""
    keys = {str(key) for key in plain}
    if keys & {"choices", *OTHER_KEYS["choices"].split()}:
        return " Write {type: categorical, choices: [...]}."
    if keys & {"low", "high", *OTHER_KEYS["low"].split(), *OTHER_KEYS["high"].split()}:
        return " Write {type: float, low: ..., high: ...}, or int for whole numbers."
    return ""


def number(key: str, text: str) -> float:
    """A number that was written as text, as `1e-3` is in YAML 1.1."""
    try:
        found = float(text)
    except ValueError:
        raise SpaceError(f"{key} = {shorten(repr(text))} is not a number. Write for example 0.001 or 1e-3.") from None
    return int(text) if re.fullmatch(r"\s*[+-]?\d{1,300}\s*", text) else found
