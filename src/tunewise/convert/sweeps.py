"""Sweeps of Weights & Biases, and of Hydra."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping

from tunewise.convert.draft import Draft, Entry, entry_of, normal_range, spread_of
from tunewise.convert.expressions import Called, NotPlain, read_expression
from tunewise.plain import Plain
from tunewise.text import shorten

__all__ = ["from_hydra", "from_wandb", "is_hydra", "is_wandb"]


def is_wandb(data: Plain) -> bool:
    """Whether it looks like a `sweep.yaml`."""
    return (
        isinstance(data, Mapping)
        and isinstance(data.get("parameters"), Mapping)
        and not isinstance(data.get("hydra"), Mapping)
    )


def from_wandb(data: Mapping[str, Plain]) -> Draft:
    """A sweep of Weights & Biases."""
    draft = Draft("a sweep of Weights & Biases")
    parameters = data.get("parameters")
    assert isinstance(parameters, Mapping)
    add_parameters(parameters, "", draft)
    metric = data.get("metric")
    if isinstance(metric, Mapping):
        draft.metric(str(metric.get("name", "value")), str(metric.get("goal", "minimize")))
        draft.note_unused(metric, ("name", "goal"), "metric.")
    if isinstance(cap := data.get("run_cap", data.get("count")), int):
        draft.study["n_trials"] = cap
    if isinstance(method := data.get("method"), str) and method != "bayes":
        draft.note(f"method: {method} is left out. proposer: random draws at random; nothing here walks a grid.")
    name = str(metric.get("name", "value")) if isinstance(metric, Mapping) else "value"
    draft.study["evaluate"] = {"command": command_of(data, draft), "metric": name}
    draft.note(f'wandb.log is not read: let the program print {{"{name}": ...}} as its last line.')
    draft.note_unused(data, ("parameters", "metric", "run_cap", "count", "method", "command", "program"))
    return draft


def add_parameters(parameters: Mapping[str, Plain], prefix: str, draft: Draft) -> None:
    """Parameters, nested ones under dotted names."""
    for key, given in parameters.items():
        name = f"{prefix}{key}"
        if not isinstance(given, Mapping):
            draft.note(f"{name}: {shorten(given)} is no parameter and is left out.")
        elif isinstance(nested := given.get("parameters"), Mapping):
            draft.note(f"{name} is nested: its parameters have dotted names, such as --{name}.x=1.")
            add_parameters(nested, f"{name}.", draft)
        elif (entry := parameter(name, given, draft)) is not None:
            draft.add(name, entry)


def parameter(name: str, given: Mapping[str, Plain], draft: Draft) -> Entry | None:
    """One parameter."""
    draft.note_unused(
        given, ["value", "values", "min", "max", "distribution", "q", "mu", "sigma", "probabilities"], f"{name}."
    )
    if "value" in given:
        return {"type": "categorical", "choices": [given["value"]], "default": given["value"]}
    values = given.get("values")
    if isinstance(values, list):
        if "probabilities" in given:
            draft.note(f"{name}: the probabilities of its values are left out.")
        return spread_of(name, values, draft)
    low, high, q = given.get("min"), given.get("max"), given.get("q", 1)
    word = str(
        given.get("distribution", "int_uniform" if isinstance(low, int) and isinstance(high, int) else "uniform")
    )
    plain = word.replace("_", "")
    if "normal" in plain:
        mean, deviation = given.get("mu", 0), given.get("sigma", 1)
        assert isinstance(mean, int | float)
        assert isinstance(deviation, int | float)
        return normal_range(name, plain, mean, deviation, draft)
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        draft.note(f"{name} is left out: {word} of {shorten(dict(given))} cannot be read.")
        return None
    if "log" in plain and not plain.endswith("values"):  # their bounds are exponents of e
        low, high = math.exp(low), math.exp(high)
    if plain == "intuniform":
        return {"type": "int", "low": low, "high": high}
    if "inv" in plain:
        draft.note(f"{name}: the inverse logarithmic scale became a logarithmic one.")
    return entry_of(
        plain.replace("inv", "").removesuffix("values"), [low, high, *([q] if plain[0] == "q" else [])], draft, name
    )


def command_of(data: Mapping[str, Plain], draft: Draft) -> Plain:
    """The command of a sweep, with our placeholders in place of its macros."""
    program = str(data.get("program", "train.py"))
    if "program" not in data and "command" not in data:
        draft.note("No program is named: put yours in place of train.py.")
    command = data.get("command")
    if not isinstance(command, list):
        return f"python {program}"
    words: list[Plain] = []
    for word in map(str, command):
        match word:
            case "${env}" | "/usr/bin/env":
                continue
            case "${interpreter}":
                words.append("python")
            case "${program}":
                words.append(program)
            case "${args}":
                continue  # --name=value for each is appended where there is no placeholder
            case "${args_no_boolean_flags}":
                for name, entry in draft.space.items():
                    if set(map(repr, entry.get("choices") or ())) == {"True", "False"}:  # type: ignore[arg-type]
                        draft.space[name] = {
                            "flag": True,
                            **{k: v for k, v in entry.items() if k in ("default", "when")},
                        }
            case "${args_no_hyphens}":
                words += [f"{name}={{{name}?}}" for name in draft.space]
            case "${args_json_file}":
                words.append("{config}")
            case _ if "${" in word and not word.startswith("${envvar:"):
                draft.note(f"command: {shorten(word)} has no counterpart here and is left out.")
            case _:
                words.append(word)
    return words


def is_hydra(data: Plain) -> bool:
    """Whether it holds a block of a Hydra sweeper, as `hydra: {sweeper: ...}` or by itself."""
    return sweeper_of(data) is not None


def sweeper_of(data: Plain) -> Mapping[str, Plain] | None:
    """The block of the sweeper."""
    if not isinstance(data, Mapping):
        return None
    hydra = data.get("hydra", data)
    sweeper = hydra.get("sweeper", hydra) if isinstance(hydra, Mapping) else None
    if isinstance(sweeper, Mapping) and any(isinstance(sweeper.get(k), Mapping) for k in ("params", "search_space")):
        return sweeper
    return None


def from_hydra(data: Mapping[str, Plain]) -> Draft:
    """A sweep of Hydra: of its Optuna sweeper, or comma-separated values of its own."""
    draft = Draft("a sweep of Hydra")
    sweeper = sweeper_of(data)
    assert sweeper is not None
    old, params = sweeper.get("search_space"), sweeper.get("params")
    for given in (old, params):
        for name, value in given.items() if isinstance(given, Mapping) else ():
            entry = dict(value) if isinstance(value, Mapping) else swept(name, value, draft)
            if entry is not None:
                found = default_in(data, name)
                draft.add(
                    name.lstrip("+~"),
                    entry | ({"default": found} if found is not None and "default" not in entry else {}),
                )
    direction = sweeper.get("direction", "minimize")
    if isinstance(direction, list):
        draft.note(f"direction: {shorten(direction)}: a study file has one objective, and the first is kept.")
        direction = direction[0] if direction else "minimize"
    draft.metric("value", str(direction))
    for theirs, ours in (("n_trials", "n_trials"), ("n_jobs", "n_jobs"), ("study_name", "study_name")):
        if sweeper.get(theirs) is not None:
            draft.study[ours] = sweeper[theirs]
    draft.study["evaluate"] = {
        "command": ["python", "my_app.py", *(f"{name}={{{name}?}}" for name in draft.space)],
        "metric": "value",
    }
    draft.note("Put your program in place of my_app.py, and let it print as its last line what it returns.")
    draft.note_unused(
        sweeper,
        ["params", "search_space", "direction", "n_trials", "n_jobs", "study_name", "_target_"],
        "hydra.sweeper.",
    )
    return draft


def swept(name: str, value: Plain, draft: Draft) -> Entry | None:
    """One override with a sweep: `interval(0, 1)`, `tag(log, interval(1e-5, 1))`, `choice(a, b)`, `1,2,3`."""
    if not isinstance(value, str):
        return {"type": "categorical", "choices": list(value) if isinstance(value, list) else [value]}
    log = bool(re.match(r"\s*tag\(\s*log\s*,", value))
    inner = re.sub(r"^\s*tag\((?:[^(),]+,)*(.*)\)\s*$", r"\1", value)
    whole = bool(re.match(r"\s*int\(", inner))
    inner = re.sub(r"^\s*(?:int|float|shuffle)\((.*)\)\s*$", r"\1", inner)
    call = re.match(r"\s*(interval|range|choice)\((.*)\)\s*$", inner)
    if call is None:
        if "(" in inner:
            draft.note(f"{name} is left out: {shorten(value)} is no sweep that is known here.")
            return None
        return {"type": "categorical", "choices": [word_of(word) for word in split_commas(inner)]}
    if call[1] == "choice":
        return {"type": "categorical", "choices": [word_of(word) for word in split_commas(call[2])]}
    try:
        read = read_expression(ast.parse(f"f({call[2]})", mode="eval").body)
    except (SyntaxError, NotPlain):
        read = None
    if not isinstance(read, Called):
        draft.note(f"{name} is left out: {shorten(value)} cannot be read.")
        return None
    numbers = [n for n in read.arguments if isinstance(n, int | float)]
    start = read.named.get("start", numbers[0] if len(numbers) > 1 else 0)
    stop = read.named.get("stop", numbers[min(1, len(numbers) - 1)] if numbers else None)
    step = read.named.get("step", numbers[2] if len(numbers) > 2 else 1)
    if not isinstance(start, int | float) or not isinstance(stop, int | float) or not isinstance(step, int | float):
        draft.note(f"{name} is left out: {shorten(value)} cannot be read.")
        return None
    if call[1] == "interval":
        kind = "int" if whole else "float"
        return {"type": kind, "low": start, "high": stop, **({"log": True} if log else {})}
    kind = "int" if all(isinstance(n, int) for n in (start, stop, step)) else "float"
    return {"type": kind, "low": start, "high": stop, "step": step}  # the Optuna sweeper includes the end


def split_commas(text: str) -> list[str]:
    """Parts between commas that are not inside brackets or quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for i, c in enumerate(text):
        if c in "\"'" and quote in ("", c):
            quote = "" if quote else c
        elif not quote:
            depth += (c in "[({") - (c in "])}")
        if c == "," and depth == 0 and not quote:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


def word_of(word: str) -> Plain:
    """A value of a sweep, as YAML reads it."""
    from tunewise.errors import StudyError
    from tunewise.yaml12 import read_yaml

    try:
        return read_yaml(word.strip(), source="a value")
    except StudyError:
        return word.strip()


def default_in(data: Plain, name: str) -> Plain:
    """What the configuration itself has under a dotted name."""
    for part in name.lstrip("+~").split("."):
        data = data.get(part) if isinstance(data, Mapping) else None
    return None if isinstance(data, Mapping | list) else data
