"""Search spaces from and to ConfigSpace (the extra `configspace`).

What a `SearchSpace` says and ConfigSpace cannot (order, description, step, no default, exact bounds: ConfigSpace rounds
to 13 decimal places) travels in the `meta` of each hyperparameter. It is believed on the way back only while it agrees
with the rest, so that a space that was changed in ConfigSpace is read as it is.

| here | there |
|---|---|
| float, int | `UniformFloatHyperparameter`, `UniformIntegerHyperparameter` |
| with a step | `OrdinalHyperparameter` over the grid, so that samples are on it; uniform beyond 10,000 values |
| bounds that are equal | `Constant` |
| categorical | `CategoricalHyperparameter`; choices that numpy would mix up (true and 1) as JSON text |
| `when` | `EqualsCondition`, `InCondition`, `AndConjunction` |

The other way round, a `NotEqualsCondition` on a categorical parent names the other choices, and an ordinal of evenly
spaced numbers becomes a range with a step. Anything else is a `SpaceError` that names it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from tunewise.errors import SpaceError
from tunewise.plain import Plain
from tunewise.space import NO_DEFAULT, Categorical, Float, Hyperparameter, Int, SearchSpace, Value
from tunewise.space.hyperparameter import condition
from tunewise.space.plain import from_plain
from tunewise.space.values import as_number
from tunewise.text import shorten

if TYPE_CHECKING:
    from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace

__all__ = ["from_configspace", "to_configspace"]

META = "tunewise"
LARGEST_GRID = 10_000
PLACES = 13  # to which ConfigSpace rounds floats


def to_configspace(space: SearchSpace) -> ConfigurationSpace:
    """Write a search space as a `ConfigurationSpace`.

    Raises:
        SpaceError: ConfigSpace cannot hold a hyperparameter: its bounds differ only beyond 13 decimal places, an
            integer has more than 64 bits, or a text ends in a zero character. Or it is not installed.
    """
    config_space = library()
    exported = {}
    for order, (name, hyperparameter) in enumerate(space.items()):
        meta = {META: {"order": order, **hyperparameter.to_plain()}}
        try:
            exported[name] = export(name, hyperparameter, meta)
        except (TypeError, ValueError, OverflowError) as error:
            raise SpaceError(
                f"{name} cannot be written for ConfigSpace: {shorten(error, 200)}. ConfigSpace keeps 13 decimal "
                "places, 64 bits, and no zero character at the end of a text; choose other bounds or choices."
            ) from error
    conditions = []
    for name, hyperparameter in space.items():
        parts = []
        for parent, values in hyperparameter.when.items():
            there = [export_value(space[parent], value) for value in values]
            child, above = exported[name], exported[parent]
            parts.append(
                config_space.EqualsCondition(child, above, there[0])
                if len(there) == 1
                else config_space.InCondition(child, above, there)
            )
        if parts:
            conditions.append(parts[0] if len(parts) == 1 else config_space.AndConjunction(*parts))
    result: ConfigurationSpace = config_space.ConfigurationSpace()
    result.add(*exported.values(), *conditions)
    return result


def from_configspace(cs: ConfigurationSpace) -> SearchSpace:
    """Read a `ConfigurationSpace`; each default becomes ours, though ConfigSpace invents one where none is given.

    Raises:
        SpaceError: It says what a `SearchSpace` cannot: priors, weights, forbidden clauses, ordinals of text,
            conditions other than equality. Or ConfigSpace is not installed.
    """
    library()
    with suppress(ValueError, TypeError, AttributeError, KeyError):  # meta that is missing, foreign or out of date
        ours = from_meta({name: dict(hyperparameter.meta or {})[META] for name, hyperparameter in cs.items()})
        if to_configspace(ours) == cs:
            return ours
    if cs.forbidden_clauses:
        raise SpaceError(
            f"The forbidden clause {shorten(cs.forbidden_clauses[0], 120)} has no counterpart here. Leave it out and "
            "let the objective fail with a reason, or say it by a condition."
        )
    conditions = read_conditions(cs)
    return SearchSpace(
        {name: replace(read(h), when=condition(conditions.get(name))) for name, h in cs.items()},
    )


def library() -> ModuleType:
    """ConfigSpace, or what to do without it."""
    try:
        import ConfigSpace
    except ImportError:
        raise SpaceError("ConfigSpace is not installed. Run pip install 'tunewise[configspace]'.") from None
    return ConfigSpace


def export(name: str, hyperparameter: Hyperparameter, meta: Mapping[str, Plain]) -> Any:
    """One hyperparameter for ConfigSpace."""
    config_space = library()
    more: dict[str, object] = {"meta": meta}
    if hyperparameter.default is not NO_DEFAULT:
        more["default_value"] = export_value(hyperparameter, hyperparameter.default)
    match hyperparameter:
        case Float(low=low, high=high) | Int(low=low, high=high) if low == high:
            return config_space.Constant(name, low, meta=meta)
        case Float(low=low, high=high, log=log) if not is_grid(hyperparameter):
            return config_space.UniformFloatHyperparameter(name, low, high, log=log, **more)
        case Int(low=low, high=high, log=log) if not is_grid(hyperparameter):
            return config_space.UniformIntegerHyperparameter(name, low, high, log=log, **more)
        case Float() | Int():
            return config_space.OrdinalHyperparameter(name, list(hyperparameter.grid(LARGEST_GRID)), **more)
    choices = [export_value(hyperparameter, choice) for choice in hyperparameter.grid(LARGEST_GRID)]
    return config_space.CategoricalHyperparameter(name, choices, **more)


def export_value(hyperparameter: Hyperparameter, value: Value) -> Value:
    """A value of a hyperparameter as it is called in ConfigSpace."""
    value, _ = hyperparameter.coerce(value)
    match hyperparameter:
        case Categorical():
            return label(value, hyperparameter.names)
        case Float(low=low, high=high) if not is_grid(hyperparameter) and low != high:
            return float(np.round(as_number(value), PLACES))
    return value


def label(value: Value, choices: Sequence[Value]) -> Value:
    """The choice itself, or a text for it where equality or numpy would turn one choice into another, as 1 and True."""
    kinds = {type(choice) for choice in choices}
    if len(set(choices)) == len(choices) and not (bool in kinds and kinds & {int, float}):
        return value
    texts = [choice if isinstance(choice, str) else json.dumps(choice) for choice in choices]
    return value if isinstance(value, str) and len(set(texts)) == len(texts) else json.dumps(value)


def is_grid(hyperparameter: Hyperparameter) -> bool:
    """Whether it has a step other than that of its kind, and few enough values to list them."""
    match hyperparameter:
        case Float(step=step):
            return step is not None and 1 < hyperparameter.count <= LARGEST_GRID
        case Int(step=step):
            return step != 1 and 1 < hyperparameter.count <= LARGEST_GRID
    return False


def from_meta(plain: Mapping[str, Mapping[str, Any]]) -> SearchSpace:
    """The space that `to_configspace` has noted."""
    names = sorted(plain, key=lambda name: int(plain[name]["order"]))
    return SearchSpace(
        {name: from_plain(name, {k: v for k, v in plain[name].items() if k != "order"}) for name in names}
    )


def read(there: Any) -> Hyperparameter:
    """A hyperparameter of ConfigSpace, without its condition."""
    config_space = library()
    more: dict[str, Any] = {"default": plain_value(there.default_value), "description": description(there.meta)}
    try:
        match there:
            case config_space.UniformFloatHyperparameter():
                return Float(there.lower, there.upper, log=there.log, **more)
            case config_space.UniformIntegerHyperparameter():
                return Int(there.lower, there.upper, log=there.log, **more)
            case config_space.Constant():
                return Categorical([plain_value(there.value)], **more)
            case config_space.CategoricalHyperparameter():
                return read_categorical(there, more)
            case config_space.OrdinalHyperparameter():
                return read_ordinal([plain_value(value) for value in there.sequence], more)
    except SpaceError as error:
        raise SpaceError(f"{there.name}: {error}") from None
    raise SpaceError(
        f"{there.name}: {type(there).__name__} is a prior, which has no counterpart here. Make it uniform "
        "(ConfigurationSpace.remove_hyperparameter_priors), and say in its description where good values are."
    )


def read_categorical(there: CategoricalHyperparameter, more: dict[str, Any]) -> Hyperparameter:
    """A categorical without weights."""
    if len(set(np.asarray(there.probabilities).tolist())) > 1:
        raise SpaceError("its choices have weights, which have no counterpart here. Leave the weights out.")
    return Categorical([plain_value(choice) for choice in there.choices], **more)


def read_ordinal(values: list[Any], more: dict[str, Any]) -> Hyperparameter:
    """An ordinal of evenly spaced numbers as a range with a step."""
    numeric = len(values) > 1 and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    step = values[1] - values[0] if numeric else 0
    if step <= 0 or not all(math.isclose(v, values[0] + i * step, rel_tol=1e-9) for i, v in enumerate(values)):
        raise SpaceError(
            "its ordered values are not evenly spaced numbers, and other orders have no counterpart here. Tune an "
            "integer that counts them, or make it categorical and so give up the order."
        )
    if all(isinstance(v, int) for v in values):
        return Int(values[0], values[-1], step=step, **more)
    return Float(values[0], values[-1], step=step, **more)


def read_conditions(cs: ConfigurationSpace) -> dict[str, dict[str, list[Value]]]:
    """For each child and each of its parents the values at which the child exists."""
    found: dict[str, dict[str, list[Value]]] = {}
    for stated in cs.conditions:
        for part in parts_of(stated):
            values = values_of(part)
            mine = found.setdefault(part.child.name, {})
            before = mine.get(part.parent.name, values)
            mine[part.parent.name] = [value for value in values if value in before]
    return found


def parts_of(stated: Any) -> list[Any]:
    """The conditions that must hold together."""
    config_space = library()
    if isinstance(stated, config_space.AndConjunction):
        return [part for component in stated.components for part in parts_of(component)]
    return [stated]


def values_of(stated: object) -> list[Value]:
    """The values of the parent at which a condition holds."""
    config_space = library()
    match stated:
        case config_space.EqualsCondition():
            return [plain_value(stated.value)]
        case config_space.InCondition():
            return [plain_value(value) for value in stated.values]
        case config_space.NotEqualsCondition() if hasattr(stated.parent, "choices"):
            return [plain_value(value) for value in stated.parent.choices if value != stated.value]
    raise SpaceError(
        f"The condition {shorten(stated, 120)} has no counterpart here: only equality with listed values has, also "
        "joined by and. Name the values, or tune the hyperparameter without a stated."
    )


def plain_value(value: Any) -> Any:
    """A value of numpy as one of Python."""
    return value.item() if isinstance(value, np.generic) else value


def description(meta: object) -> str:
    """A description in the meta data, ours or that of another program."""
    if not isinstance(meta, Mapping):
        return ""
    own = meta.get(META)
    text = own.get("description", "") if isinstance(own, Mapping) else meta.get("description", "")
    return text if isinstance(text, str) else ""
