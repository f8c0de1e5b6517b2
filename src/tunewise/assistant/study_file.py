"""What a study file may say, for a model that is asked to write one: an example, and the schema."""

from __future__ import annotations

import json
import re
from functools import cache

__all__ = ["about_study_files", "asks_for_study_file"]

EXAMPLE = """\
study_name: net
evaluate:                 # one of: command, python, estimator
  command: python train.py --lr {lr} --layers {layers}   # prints the metric, as JSON or as its last line
  metric: validation loss
space:
  lr: {type: float, low: 0.00001, high: 0.1, log: true, default: 0.001, description: learning rate}
  layers: {type: int, low: 1, high: 8}
  optimizer: {type: categorical, choices: [adam, sgd]}
  momentum: {type: float, low: 0, high: 0.99, when: {optimizer: sgd}}
task: {model: a convolutional network, metric: validation loss, direction: minimize}
model: gpt-5              # or {name: qwen3, base_url: http://localhost:11434/v1}
n_trials: 20
caps: {max_usd: 1.0}
"""
wanted = re.compile(r"\bstudy[ -_]?files?\b|\b\w*\.ya?ml\b|\byaml\b", re.IGNORECASE)


def asks_for_study_file(question: str) -> bool:
    """Whether a question is about a study file."""
    return wanted.search(question) is not None


@cache
def about_study_files() -> str:
    """An example with a word on each part, then the schema; about 1,000 tokens."""
    from tunewise.study.file import form

    schema = form().json_schema()
    schema["properties"].pop("path", None)  # where the file is, not what it says
    parts = {"study file": schema, **schema.get("$defs", {})}
    lines = [f"{name.removesuffix('Part')}: {fields(part)}" for name, part in parts.items()]
    return (
        f"An example of a study file:\n{EXAMPLE}\nAll keys with their types; an unknown key is an error.\n"
        + "\n".join(lines)
    )


def fields(part: dict[str, object]) -> str:
    """The keys of a part."""
    properties = part.get("properties")
    known = properties if isinstance(properties, dict) else {}
    return "; ".join(f"{name} ({kind(about)})" for name, about in known.items())


def kind(about: dict[str, object]) -> str:
    """What a key takes, in a few characters."""
    options = about.get("anyOf")
    if isinstance(options, list):
        return " or ".join(kind(option) for option in options)
    if "enum" in about:
        return "one of " + ", ".join(map(str, about["enum"]))  # type: ignore[call-overload]
    if reference := about.get("$ref"):
        return str(reference).rpartition("/")[2].removesuffix("Part")
    default = f", default {json.dumps(about['default'])}" if about.get("default") not in (None, "", {}, []) else ""
    return f"{about.get('type', 'any')}{default}"
