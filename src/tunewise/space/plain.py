"""Hyperparameters as plain data: what stands in a study file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from tunewise.errors import SpaceError
from tunewise.space.hyperparameter import NO_DEFAULT, Categorical, Float, Hyperparameter, Int
from tunewise.space.values import shorten

MAKERS = {
    "float": (Float, {"low", "high", "log", "step"}),
    "int": (Int, {"low", "high", "log", "step"}),
    "categorical": (Categorical, {"choices"}),
}
COMMON_KEYS = {"type", "default", "description", "when"}


def to_plain(hyperparameter: Hyperparameter) -> dict[str, Any]:
    """A hyperparameter as plain data; what is at its standard value is left out."""
    plain: dict[str, Any] = {"type": hyperparameter.type}
    match hyperparameter.distribution:
        case CategoricalDistribution(choices=choices):
            plain["choices"] = list(choices)
        case FloatDistribution(low=low, high=high, log=log, step=step):
            plain |= {"low": low, "high": high}
            plain |= {"log": True} if log else {}
            plain |= {"step": step} if step is not None else {}
        case IntDistribution(low=low, high=high, log=log, step=step):
            plain |= {"low": low, "high": high}
            plain |= {"log": True} if log else {}
            plain |= {"step": step} if step != 1 else {}
    if hyperparameter.default is not NO_DEFAULT:
        plain["default"] = hyperparameter.default
    if hyperparameter.description:
        plain["description"] = hyperparameter.description
    if hyperparameter.when:
        plain["when"] = {parent: list(values) for parent, values in hyperparameter.when.items()}
    return plain


def from_plain(name: str, plain: object) -> Hyperparameter:
    """The reverse of `to_plain`, for data that somebody wrote by hand; hyperparameters and distributions pass."""
    if isinstance(plain, Hyperparameter):
        return plain
    if isinstance(plain, BaseDistribution):
        return Hyperparameter(plain)  # type: ignore[arg-type]
    if not isinstance(plain, Mapping):
        raise SpaceError(f"{name}: {shorten(plain)} is not a hyperparameter. Write {{type: float, low: 0, high: 1}}.")
    kind = plain.get("type")
    if not isinstance(kind, str) or kind not in MAKERS:
        raise SpaceError(f"{name}: type {shorten(repr(kind))} is unknown. The types are float, int and categorical.")
    make, own_keys = MAKERS[kind]
    allowed = own_keys | COMMON_KEYS
    if unknown := [key for key in plain if key not in allowed]:
        near = difflib.get_close_matches(str(unknown[0]), allowed, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise SpaceError(
            f"{name}: the key {unknown[0]!r} is unknown for type {kind}.{hint} Keys: {', '.join(sorted(allowed))}."
        )
    if missing := [key for key in ("low", "high", "choices") if key in own_keys and key not in plain]:
        raise SpaceError(f"{name}: {missing[0]} is missing. A hyperparameter of type {kind} needs it.")
    arguments = {key: value for key, value in plain.items() if key != "type"}
    for key in ("low", "high", "step", "default"):
        if kind != "categorical" and isinstance(arguments.get(key), str):
            arguments[key] = yaml_number(name, key, arguments[key])
    if not isinstance(arguments.get("description", ""), str):
        arguments["description"] = str(arguments["description"])
    try:
        return make(**arguments)  # type: ignore[operator, no-any-return]
    except SpaceError as error:
        raise SpaceError(f"{name}: {error}") from None


def yaml_number(name: str, key: str, text: str) -> float:
    """YAML 1.1 reads `1e-3` as text; people mean the number."""
    try:
        number = float(text)
    except ValueError:
        raise SpaceError(f"{name}: {key} = {text!r} is not a number. Write for example 0.001 or 1e-3.") from None
    return int(number) if re.fullmatch(r"[+-]?\d+", text.strip()) else number
