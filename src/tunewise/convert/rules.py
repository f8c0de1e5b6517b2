"""What names mean: ranges, scales and descriptions of the usual hyperparameters, and what is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tunewise.convert.draft import Draft, Entry
from tunewise.convert.options import Option, Script
from tunewise.evaluate.output import Named

__all__ = ["draft_of", "guess", "settle_metric", "telling"]


@dataclass(frozen=True)
class Rule:
    """What a name stands for.

    Attributes:
        pattern: Of the whole name, its last part where it is dotted; words are joined by `_`.
        low: The usual least value.
        high: The usual greatest value.
        log: Whether it matters by its order of magnitude.
        meaning: In a few words, for options without help.
    """

    pattern: str
    low: float
    high: float
    log: bool
    meaning: str


RULES: Final = (
    Rule(r"(.*_)?(lr|learning_rate|eta|step_size)(_init)?", 1e-5, 1e-1, True, "learning rate"),
    Rule(r"(weight_decay|wd|l2|l2_.*|reg|regularization|reg_lambda|lambda|alpha)", 1e-6, 1e-1, True, "regularization"),
    Rule(r"(.*_)?(batch|batch_size|bs|bsz)", 8, 256, True, "batch size"),
    Rule(r"(.*_)?(drop|dropout|drop_?rate|dropout_?rate|drop_path)(_.*)?", 0.0, 0.6, False, "dropout rate"),
    Rule(r"(momentum|beta_?1|b1)", 0.5, 0.99, False, "momentum"),
    Rule(r"(beta_?2|b2)", 0.9, 0.9999, False, "decay of the second moment"),
    Rule(r"(label_smoothing|smoothing)", 0.0, 0.3, False, "label smoothing"),
    Rule(r"(max_)?depth|max_depth", 2, 12, False, "depth"),
    Rule(r"(n|num)?_?(hidden_)?layers", 1, 8, False, "number of layers"),
    Rule(r"(n|num)?_?heads", 1, 16, True, "number of attention heads"),
    Rule(r"(.*_)?(hidden|width|units|dim|hidden_size|hidden_dim|channels|filters|embed.*)", 16, 1024, True, "width"),
    Rule(r"(n|num)?_?(estimators|trees|boost_rounds?)", 50, 2000, True, "number of trees"),
    Rule(r"(num_)?leaves|max_leaves|max_leaf_nodes", 4, 256, True, "number of leaves"),
    Rule(r"(sub_?sample|col_?sample.*|feature_fraction|bagging_fraction|max_features)", 0.4, 1.0, False, "share used"),
    Rule(r"(min_child.*|min_samples.*|min_data.*)", 1, 30, True, "least size of a leaf"),
    Rule(r"(grad_?clip|clip|clip_grad.*|max_grad_norm|clip_norm)", 0.1, 10.0, True, "gradient clipping"),
    Rule(r"(warm_?up|warmup_.*)", 0, 1000, False, "warm-up"),
    Rule(r"(gamma|c|temperature|tau|kappa|.*_scale)", 1e-3, 1e3, True, ""),
)
"""The first that matches counts."""

NONE: Final = re.compile(
    r"(.*_)?(seed|epochs?|iters?|iterations|steps|max_steps|workers?|num_workers|jobs|threads|device|gpu|gpus|cuda|port|host"
    r"|rank|path|dir|folder|file|out|output|input|data|dataset|root|log|logdir|name|project|entity|tag|run|id|verbose|debug"
    r"|quiet|resume|checkpoint|ckpt|save|wandb|interval|every|freq|split|mode|config|version|test|eval|patience|download"
    r"|amp|fp16|bf16|profile|limit|url|key|token|user|task|metric|print)(_.*)?"
)
"""Names of what is no hyperparameter, or how long a training is."""

SMALL: Final = re.compile(r"loss|err|mse|rmse|mae|perplexity|nll|deviance")
LARGE: Final = re.compile(r"acc|auc|f1|score|r2|precision|recall|reward|map\b|bleu|iou|dice")


DIRECTION: Final = "If it is to be large, write direction: maximize."
"""What is noted about a metric whose name does not tell."""


def draft_of(script: Script, command: str) -> Draft:
    """A study file for a script, by rules on the names of its options.

    Args:
        script: What was read from it.
        command: How it is run, such as `python train.py`.
    """
    draft = Draft(f"the options of {command}")
    for option in script.options:
        if option.problem:
            draft.note(f"{option.name} is left as it is: {option.problem}.")
        elif (entry := entry_for(option, draft)) is not None:
            draft.add(option.name, entry)
    words = [f"{name}={{{name}?}}" for name in draft.space] if script.overrides else []
    draft.study["evaluate"] = {"command": [*command.split(), *words] if words else command}
    told = [Named(key, 0.0) for key in script.metrics] or [Named("value", 0.0)]
    settle_metric(draft, telling(told) or told[0])
    if not telling([one for one in told if script.metrics]):
        draft.note(
            f'Which metric counts was not found. Let the program print {{"{told[0].name}": ...}} as its last line, or '
            'name the line that tells it in evaluate: pattern: "error: {value}".'
        )
    draft.study["n_trials"] = 20
    if not words:
        options = (f"--{name}" if entry.get("flag") else f"--{name}=..." for name, entry in draft.space.items())
        draft.runs = " ".join([command, *options])
    return draft


def telling(told: Sequence[Named]) -> Named | None:
    """The one of several numbers that is the metric: by its name, else where there is only one, or "value"."""
    by_name = (one for one in reversed(told) if SMALL.search(one.name.lower()) or LARGE.search(one.name.lower()))
    sole = told[0] if len(told) == 1 else next((one for one in told if one.name == "value"), None)
    return next(by_name, sole)


def settle_metric(draft: Draft, metric: Named) -> None:
    """Have a study about a metric, large or small as its name says."""
    name = metric.name.lower()
    small, large = SMALL.search(name), LARGE.search(name)
    draft.notes = [note for note in draft.notes if not note.endswith(DIRECTION) and not note.startswith("Which metric")]
    if not small and not large:
        draft.note(f"{metric.name} is minimized. {DIRECTION}")
    draft.metric(metric.name, "maximize" if large and not small else "minimize")
    how = draft.study["evaluate"]
    assert isinstance(how, dict)
    how["metric"] = metric.name
    if metric.pattern:
        how["pattern"] = metric.pattern


def entry_for(option: Option, draft: Draft) -> Entry | None:
    """A hyperparameter for an option; None, and a note, where it is none."""
    word = re.sub(r"[^a-z0-9]+", "_", option.name.rpartition(".")[2].lower()).strip("_")
    said: Entry = {"description": option.description} if option.description else {}
    rule = next((rule for rule in RULES if re.fullmatch(rule.pattern, word)), None)
    if rule is None and NONE.fullmatch(word):
        draft.note(f"{option.name} is left as it is: by its name it is no hyperparameter.")
        return None
    default: Entry = {} if option.default is None else {"default": option.default}
    if option.choices:
        return {"type": "categorical", "choices": list(option.choices), **default, **said}
    if option.kind == "flag":
        return {"flag": True, "default": False, **said}
    if option.kind == "bool":
        return {"type": "categorical", "choices": [False, True], **default, **said}
    if option.kind not in ("int", "float"):
        draft.note(f"{option.name} is left as it is: its values are not known.")
        return None
    if rule is not None and rule.meaning and not said:
        said = {"description": rule.meaning}
    return ranged(option, rule, draft) | said


def guess(name: str) -> str:
    """What is noted about a range that no rule knows."""
    return f"{name}: its range is a guess from its default alone. Correct it."


def ranged(option: Option, rule: Rule | None, draft: Draft) -> Entry:
    """A range: the usual one, widened around the default, within what the script takes."""
    number = option.default if isinstance(option.default, int | float) else None
    whole = option.kind == "int"
    if rule is None:
        draft.note(guess(option.name))
        base = float(number) if number else 1.0
        rule = Rule("", min(base / 10, base * 10), max(base / 10, base * 10), base > 0, "")
    low, high, log = rule.low, rule.high, rule.log
    if number is not None and number > 0:
        low, high = (min(low, number / 10), max(high, number * 10)) if log else (min(low, number), max(high, number))
    elif number is not None and log:
        draft.note(f"{option.name}: a logarithmic scale has no {number}, its default, so the scale is linear.")
        low, log = min(0.0, number), False
    low = max(low, option.low) if option.low is not None and (option.low > 0 or not log) else low
    high = min(high, option.high) if option.high is not None else high
    if whole:
        low, high = max(1, round(low)) if log else round(low), round(high)
        number = int(number) if number is not None else None
    scale: Entry = {"log": True} if log else {}
    start: Entry = {} if number is None else {"default": number}
    tidy = (lambda v: v) if whole else (lambda v: float(f"{v:.3g}"))
    return {"type": "int" if whole else "float", "low": tidy(low), "high": tidy(high), **scale, **start}
