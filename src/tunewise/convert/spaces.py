"""Search spaces of NNI, Ray Tune, ConfigSpace and Keras Tuner, as their JSON files have them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Final

from tunewise.convert.draft import SIGMAS, Draft, Entry, entry_of, spread_of
from tunewise.convert.expressions import Called, NotPlain, read_expression
from tunewise.plain import Plain
from tunewise.text import shorten

__all__ = [
    "from_configspace_json",
    "from_keras_tuner",
    "from_nni",
    "from_ray",
    "is_configspace_json",
    "is_keras_tuner",
    "is_nni",
    "is_ray",
]


EXPRESSION: Final = re.compile(r"\s*(?:ray\.)?(?:tune|np|random|lambda)\b[.\s:(]")
"""How a text begins that is meant as an expression."""


def is_nni(data: Plain) -> bool:
    """Whether it is a `search_space.json` of NNI."""
    return isinstance(data, Mapping) and any(isinstance(v, Mapping) and "_type" in v for v in data.values())


def from_nni(data: Mapping[str, Plain]) -> Draft:
    """A search space of NNI; nested choices become conditions."""
    draft = Draft("a search space of NNI")
    add_nni(data, "", {}, draft)
    placeholder_command(draft)
    return draft


def add_nni(data: Mapping[str, Plain], prefix: str, when: Mapping[str, Plain], draft: Draft) -> None:
    """Hyperparameters, and those that exist under one of their choices."""
    for key, given in data.items():
        if key == "_name":
            continue
        name = f"{prefix}{key}"
        values = given.get("_value") if isinstance(given, Mapping) else None
        if not isinstance(given, Mapping) or not isinstance(values, list):
            draft.note(f"{name}: {shorten(given)} is no hyperparameter and is left out.")
            continue
        draft.note_unused(given, ("_type", "_value"), f"{name}.")
        conditional: Entry = {"when": dict(when)} if when else {}
        if given.get("_type") != "choice":
            entry = entry_of(str(given.get("_type")), values, draft, name)
            if entry is not None:
                draft.add(name, entry | conditional)
            continue
        nested = [value for value in values if isinstance(value, Mapping) and "_name" in value]
        named = [value["_name"] if value in nested else value for value in values]
        draft.add(name, spread_of(name, named, draft) | conditional)
        for value in nested:
            add_nni(value, f"{name}.", {**when, name: [value["_name"]]}, draft)


def is_ray(data: Plain) -> bool:
    """Whether it is of Ray Tune: `{"grid_search": [...]}`, or expressions such as "tune.loguniform(1e-4, 1)"."""
    if not isinstance(data, Mapping):
        return False
    inner = data.get("config", data.get("param_space", data))
    values = inner.values() if isinstance(inner, Mapping) else ()
    return any((isinstance(v, Mapping) and "grid_search" in v) or called(v) is not None for v in values)


def called(value: Plain) -> Called | None:
    """The call that a text such as "tune.uniform(0, 1)" is."""
    if not isinstance(value, str) or "(" not in value or len(value) > 10_000:
        return None
    try:
        read = read_expression(ast.parse(value.strip(), mode="eval").body)
    except (SyntaxError, NotPlain, ValueError, RecursionError, MemoryError):
        return None
    return read if isinstance(read, Called) else None


def from_ray(data: Mapping[str, Plain]) -> Draft:
    """A space of Ray Tune."""
    draft = Draft("a search space of Ray Tune")
    inner = data.get("config", data.get("param_space", data))
    assert isinstance(inner, Mapping)
    add_ray(inner, "", draft)
    samples = data.get("num_samples")
    if isinstance(samples, int) and samples > 0 and inner is not data:
        draft.study["n_trials"] = samples
    if isinstance(metric := data.get("metric"), str) and inner is not data:
        draft.metric(metric, "maximize" if data.get("mode") == "max" else "minimize")
    if inner is not data:
        draft.note_unused(data, ("config", "param_space", "num_samples", "metric", "mode"))
    placeholder_command(draft)
    return draft


def add_ray(inner: Mapping[str, Plain], prefix: str, draft: Draft) -> None:
    """Entries of a `config`; nested ones under dotted names."""
    for key, value in inner.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and isinstance(grid := value.get("grid_search"), list):
            draft.add(name, spread_of(name, grid, draft))
        elif isinstance(value, Mapping):
            add_ray(value, f"{name}.", draft)
        elif (call := called(value)) is not None:
            arguments = [v for v in (*call.arguments, *call.named.values()) if not isinstance(v, Called)]
            if (entry := entry_of(call.name, arguments, draft, name)) is not None:
                draft.add(name, entry)
        elif isinstance(value, str) and EXPRESSION.match(value):
            draft.note(f"{name} is left out: {shorten(value)} cannot be read without running it.")
        else:
            draft.add(name, {"type": "categorical", "choices": [value], "default": value})


UNIFORM: Final = {"uniform_float": "float", "uniform_int": "int"}
PRIORS: Final = {"normal_float": "float", "normal_int": "int", "beta_float": "float", "beta_int": "int"}


def is_configspace_json(data: Plain) -> bool:
    """Whether ConfigSpace wrote it."""
    return isinstance(data, Mapping) and isinstance(data.get("hyperparameters"), list)


def from_configspace_json(data: Mapping[str, Plain]) -> Draft:
    """A `ConfigurationSpace` as JSON."""
    draft = Draft("a configuration space of ConfigSpace")
    conditions = conditions_of(data.get("conditions"), draft)
    listed = data["hyperparameters"]
    assert isinstance(listed, list)
    for given in listed:
        if not isinstance(given, Mapping):
            draft.note(f"{shorten(given)} is no hyperparameter and is left out.")
            continue
        name, kind = str(given.get("name")), str(given.get("type")).lower()
        entry = configspace_entry(name, kind, given, draft)
        if entry is None:
            continue
        meta = given.get("meta")
        if isinstance(meta, Mapping) and isinstance(said := meta.get("description"), str):
            entry["description"] = said
        draft.add(name, entry | ({"when": conditions[name]} if name in conditions else {}))
    for clause in data.get("forbiddens") or ():  # type: ignore[union-attr]
        draft.note(
            f"The forbidden clause {shorten(clause, 200)} is left out: let the objective fail there with a reason."
        )
    placeholder_command(draft)
    return draft


def configspace_entry(name: str, kind: str, given: Mapping[str, Plain], draft: Draft) -> Entry | None:
    """One hyperparameter, without its condition."""
    default: Entry = {} if given.get("default_value") is None else {"default": given["default_value"]}
    log: Entry = {"log": True} if given.get("log") else {}
    match kind:
        case _ if kind in UNIFORM:
            if given.get("q") is not None:
                draft.note(f"{name}: the quantization {given['q']} is left out.")
            return {"type": UNIFORM[kind], "low": given.get("lower"), "high": given.get("upper"), **log, **default}
        case _ if kind in PRIORS:
            draft.note(f"{name}: its prior ({kind}) is left out; the range and the default stay.")
            low, high, mean, deviation = (given.get(key) for key in ("lower", "upper", "mu", "sigma"))
            if low is None and isinstance(mean, int | float) and isinstance(deviation, int | float):
                low, high = mean - SIGMAS * deviation, mean + SIGMAS * deviation
            return {"type": PRIORS[kind], "low": low, "high": high, **log, **default}
        case "constant" | "unparametrized":
            return {"type": "categorical", "choices": [given.get("value")], "default": given.get("value")}
        case "categorical":
            if given.get("weights") not in (None, []):
                draft.note(f"{name}: the weights of its choices are left out.")
            return {"type": "categorical", "choices": given.get("choices"), **default}
        case "ordinal":
            draft.note(f"{name}: the order of its values is left out.")
            return {"type": "categorical", "choices": given.get("sequence", given.get("values")), **default}
    draft.note(f"{name} is left out: the type {shorten(kind)} has no counterpart here.")
    return None


def conditions_of(stated: Plain, draft: Draft) -> dict[str, dict[str, Plain]]:
    """For each child its parents' values."""
    found: dict[str, dict[str, Plain]] = {}
    waiting = list(stated) if isinstance(stated, list) else []
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, Mapping):
            kind, child, parent = str(each.get("type")).upper(), str(each.get("child")), str(each.get("parent"))
            if kind == "AND" and isinstance(parts := each.get("conditions"), list):
                waiting += parts
                continue
            if kind in ("EQ", "IN"):
                values = each.get("values", each.get("value"))
                found.setdefault(child, {})[parent] = list(values) if isinstance(values, list) else [values]
                continue
        draft.note(
            f"The condition {shorten(each, 200)} is left out: only equality with listed values has a counterpart."
        )
    return found


def is_keras_tuner(data: Plain) -> bool:
    """Whether it is an `oracle.json`, or the hyperparameters in it."""
    inner = data.get("hyperparameters", data) if isinstance(data, Mapping) else None
    return isinstance(inner, Mapping) and isinstance(inner.get("space"), list) and "values" in inner


def from_keras_tuner(data: Mapping[str, Plain]) -> Draft:
    """Hyperparameters of Keras Tuner."""
    draft = Draft("hyperparameters of Keras Tuner")
    inner = data.get("hyperparameters", data)
    assert isinstance(inner, Mapping)
    space = inner["space"]
    assert isinstance(space, list)
    for given in space:
        config = given.get("config") if isinstance(given, Mapping) else None
        if not isinstance(given, Mapping) or not isinstance(config, Mapping):
            draft.note(f"{shorten(given)} is no hyperparameter and is left out.")
            continue
        name = str(config.get("name"))
        entry = keras_entry(name, str(given.get("class_name")), config, draft)
        when: dict[str, Plain] = {}
        for condition in config.get("conditions") or ():
            stated = condition.get("config") if isinstance(condition, Mapping) else None
            if isinstance(stated, Mapping) and isinstance(values := stated.get("values"), list):
                when[str(stated.get("name"))] = values
            else:
                draft.note(f"{name}: the condition {shorten(condition)} is left out.")
        if entry is not None:
            default: Entry = {} if config.get("default") is None else {"default": config["default"]}
            draft.add(name, {**default, **entry, **({"when": when} if when else {})})
    placeholder_command(draft)
    return draft


def keras_entry(name: str, kind: str, config: Mapping[str, Plain], draft: Draft) -> Entry | None:
    """One hyperparameter, without default and condition."""
    low, high, step = (config.get(key) for key in ("min_value", "max_value", "step"))
    sampling = str(config.get("sampling") or "linear").lower()
    if sampling == "reverse_log":
        draft.note(f"{name}: reverse_log became a logarithmic scale.")
    log: Entry = {"log": True} if "log" in sampling else {}
    if log and step not in (None, 1):
        draft.note(f"{name}: the step {step} is left out, as a logarithmic scale has none.")
    steps: Entry = {"step": step} if step is not None and not log else {}
    match kind:
        case "Float":
            return {"type": "float", "low": low, "high": high, **log, **steps}
        case "Int":
            return {"type": "int", "low": low, "high": high, **log, **steps}
        case "Boolean":
            return {"type": "categorical", "choices": [False, True]}
        case "Choice":
            values = config.get("values")
            return spread_of(name, values, draft) if isinstance(values, list) else None
        case "Fixed":
            return {"type": "categorical", "choices": [config.get("value")], "default": config.get("value")}
    draft.note(f"{name} is left out: the type {shorten(kind)} has no counterpart here.")
    return None


def placeholder_command(draft: Draft) -> None:
    """A command to be filled in: such a file says nothing of the program."""
    draft.study["evaluate"] = {"command": "python train.py", "metric": "value"}
    draft.note('Put your program in place of train.py, and let it print {"value": ...} as its last line.')
