"""Which facts about a training problem are known, and which are missing: found by a program, not left to the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tunewise.assistant.subject import Subject
from tunewise.prompts.show import describe
from tunewise.text import clip

__all__ = ["Fact", "Facts", "gather"]

NUMBER = r"(?P<value>nan|[-+]?inf(?:inity)?|[-+]?\d{1,12}(?:\.\d{0,12})?(?:e[-+]?\d{1,3})?)\s?(?P<percent>%)?"
METRIC = r"(?P<metric>loss|acc(?:uracy)?|error|auc|f1|rmse|mse|mae|perplexity|score)"
SPLIT = r"(?P<split>train(?:ing)?|val(?:id(?:ation)?)?|dev|test)"
measured = re.compile(
    rf"\b(?:{SPLIT}[ _./-]{{0,2}}(?:set )?)?{METRIC}\b(?:\s|[:=]|is|of|at){{0,4}}{NUMBER}(?!\w|\.\d)", re.IGNORECASE
)
measured_on = re.compile(rf"{NUMBER}\s(?:\w{{1,12}}\s){{0,2}}(?:on|in) (?:the |my )?{SPLIT}\b", re.IGNORECASE)
diverged = re.compile(r"\bnan\b|\binf(?:inite|inity)?\b|diverg|explod|blows? up|overflow", re.IGNORECASE)
about_quality = re.compile(
    r"accura|score|\bf1\b|\bauc\b|\btun(?:e|ing)\b|improv|better|overfit|underfit|plateau|generali[sz]|"
    r"(?:low|poor|bad|high|worse)\b.{0,30}(?:result|performance|metric|error|loss)",
    re.IGNORECASE,
)
learning_rate = re.compile(
    r"(?:learning[ _-]?rate|\blr)\b[\"']?(?:\s|[:=]|of|is|at){0,4}(?P<value>\d{0,6}\.?\d{1,12}(?:e[-+]?\d{1,3})?)",
    re.IGNORECASE,
)


def words(*patterns: str) -> re.Pattern[str]:
    """Any of these, as whole words."""
    return re.compile(rf"\b({'|'.join(patterns)})\b", re.IGNORECASE)


optimizer = words("AdamW?", "SGD", "RMSprop", "Adagrad", "Adadelta", "NAdam", "Lion", "L-?BFGS", "Adafactor")
model = words(
    r"random ?forests?(?:classifier|regressor)?",
    r"extra ?trees\w{0,12}",
    r"(?:hist)?gradient ?boost(?:ing|ed)\w{0,12}",
    r"xgboost|xgb\w{3,12}|lightgbm|lgbm\w{0,12}|catboost\w{0,12}",
    r"svms?|svc|svr|support vector \w{5,12}",
    r"(?:logistic|linear|ridge) ?regression|lasso|elastic ?net",
    r"k-?nearest neighbou?rs|kneighbors\w{0,12}",
    r"decision ?trees?\w{0,12}|naive bayes|gaussian process(?:es)?",
    r"neural net(?:work)?s?|convolutional \w{3,10}|cnns?|multi-?layer perceptrons?|mlps?(?:classifier|regressor)?",
    r"resnet-?\d{0,4}|efficientnet\w{0,4}|u-?net|vision transformer|transformer|bert|roberta",
    r"lstms?|grus?|rnns?|autoencoders?|diffusion model",
)
framework = words(
    r"(?:py)?torch",
    r"tensorflow|keras|jax|flax|lightning|hugging ?face",
    r"scikit-learn|sklearn|xgboost|lightgbm|catboost",
)
network_class = re.compile(r"^\s*class\s+(\w{1,60})\((?:\w+\.)*(?:Module|LightningModule|Model)\)")
lower_is_better = ("loss", "error", "rmse", "mse", "mae", "perplexity")
DECIDING = {
    "divergence": ("optimizer", "learning rate"),
    "quality": ("model", "framework", "training metric", "validation metric"),
    "other": (),
}
"""What an answer to a question of each kind hangs on."""
WHAT = {
    "model": "which model is trained",
    "framework": "with which framework or library",
    "training metric": "the metric on the training data",
    "validation metric": "the metric on validation data",
    "fit": "whether the model under- or overfits",
    "optimizer": "which optimizer",
    "learning rate": "which learning rate",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """Something known, and where from: "study", "trial 3", "log 12", "script 4", "user"."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True)
class Facts:
    """What is known at one moment.

    Attributes:
        known: By name.
        kind: Of the last question: "divergence", "quality" or "other".
    """

    known: dict[str, Fact]
    kind: str

    @property
    def missing(self) -> list[str]:
        """Facts that nobody has told."""
        asked = {*DECIDING["quality"], *DECIDING[self.kind], "fit"}
        return [WHAT[name] for name in WHAT if name in asked - self.known.keys()]

    @property
    def deciding(self) -> list[str]:
        """Missing facts that the answer to the last question hangs on."""
        return [WHAT[name] for name in DECIDING[self.kind] if name not in self.known]


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric that somebody wrote down."""

    split: str
    metric: str
    value: float
    shown: str
    origin: str


def gather(subject: Subject, said: Sequence[str]) -> Facts:
    """All facts: from the study first, then log, scripts and the user's own words.

    Args:
        subject: What is attached.
        said: What the user has said, oldest first.
    """
    lines = [*lines_of(subject), *((text, "user") for text in said)]
    values = [found for line, origin in lines if not is_code(origin) for found in metrics(line, origin)]
    known: dict[str, Fact] = {}
    for fact in (*from_study(subject), *from_words(lines), *from_metrics(values)):
        known.setdefault(fact.name, fact)
    kinds = [kind for text in reversed(said) if (kind := kind_of(text)) != "other"]  # an answer to a question of ours
    kind = kinds[0] if kinds else "other"
    if kind == "other" and "divergence" in known and known["divergence"].origin != "user":
        kind = "divergence"
    return Facts(known, kind)


def kind_of(question: str) -> str:
    """What a question is about."""
    return "divergence" if diverged.search(question) else "quality" if about_quality.search(question) else "other"


def lines_of(subject: Subject) -> Iterable[tuple[str, str]]:
    """Each line of each source, with how it is cited."""
    for source in subject.sources:
        for number, line in enumerate(source.lines, start=source.first):
            yield line, f"{source.label} {number}"


def from_study(subject: Subject) -> Iterable[Fact]:
    """What the study says of itself."""
    task, stored = subject.task, subject.stored
    if stored is None:
        return
    if task.model:
        yield Fact("model", clip(task.model, 200), "study")
    if task.library:
        yield Fact("framework", clip(task.library, 100), "study")
    if task.data:
        shape = [f"{task.data.rows} training rows" if task.data.rows else "", clip(task.data.name, 100)]
        yield Fact("data", ", ".join(part for part in shape if part) or clip(task.data.description, 200), "study")
    best = stored.history.best
    if best:
        yield Fact("validation metric", f"{clip(task.metric, 60)} {best.value:.6g} at best", f"trial {best.number}")
        for name, value in best.extra.items():
            if re.search(r"train", name, re.IGNORECASE):
                yield Fact("training metric", f"{clip(name, 60)} {value:.6g}", f"trial {best.number}")
    for name, hyperparameter in (subject.space or {}).items():
        if re.search(r"learning.?rate|^lr$|^eta0?$|_lr$", name, re.IGNORECASE):
            yield Fact("learning rate", f"tuned: {clip(describe(name, hyperparameter), 160)}", "study")
        if re.search(r"optimizer|^solver$", name, re.IGNORECASE):
            yield Fact("optimizer", f"tuned: {clip(describe(name, hyperparameter), 160)}", "study")


def from_words(lines: Sequence[tuple[str, str]]) -> Iterable[Fact]:
    """What is named in a source or by the user."""
    for line, origin in lines:
        if found := network_class.match(line):
            yield Fact("model", f"neural network {found[1]}", origin)
        for name, pattern in (("model", model), ("framework", framework), ("optimizer", optimizer)):
            if found := pattern.search(line):
                yield Fact(name, found[1], origin)
        if found := learning_rate.search(line):
            yield Fact("learning rate", found["value"], origin)
        if diverged.search(line) and not is_code(origin) and (origin == "user" or measured.search(line)):
            yield Fact("divergence", "NaN, infinite or growing without bound", origin)


def is_code(origin: str) -> bool:
    """Whether a line is of a script: what stands there may happen (`if isnan(loss)`), and has not been measured."""
    return origin.startswith("script")


def metrics(line: str, origin: str) -> list[Measured]:
    """The numbers of a line that say what they are and of which data."""
    found = []
    for match in (*measured.finditer(line), *measured_on.finditer(line)):
        split = (match["split"] or "").lower()
        metric = match.groupdict().get("metric") or "metric"
        metric = "accuracy" if metric.lower() == "acc" else metric.lower()
        value = float(match["value"]) / (100 if match["percent"] else 1)
        side = "training" if split.startswith("train") else "validation" if split else ""
        found.append(Measured(side, metric, value, f"{metric} {match['value']}{match['percent'] or ''}", origin))
    return found


def from_metrics(values: Sequence[Measured]) -> Iterable[Fact]:
    """The latest metrics, and what they say together."""
    named = {v.origin.partition(" ")[0] for v in values if v.split == "validation"}
    # a log that names its validation metrics means the training data where it names none
    sided = [v if v.split or v.origin.partition(" ")[0] not in named - {"user"} else
             Measured("training", v.metric, v.value, v.shown, v.origin) for v in values]  # fmt: skip
    latest = {(v.split, v.metric): v for v in sided}
    for (side, _), value in reversed(latest.items()):
        if side:
            yield Fact(f"{side} metric", value.shown, value.origin)
    for metric in dict.fromkeys(v.metric for v in sided):
        train, valid = latest.get(("training", metric)), latest.get(("validation", metric))
        if train and valid:
            yield Fact("fit", judge(train, valid), valid.origin)


def judge(train: Measured, valid: Measured) -> str:
    """What a metric on training and on validation data says together; a rule of thumb, and told as such."""
    lower = train.metric in lower_is_better
    gap = valid.value - train.value if lower else train.value - valid.value
    scale = max(abs(train.value), abs(valid.value), 1e-12)
    both = f"{train.shown} in training against {valid.shown} in validation"
    if gap != gap:
        return f"cannot be told: {both}"
    if gap > (0.2 if lower else 0.05) * scale:
        return f"looks like overfitting: {both}"
    return f"no sign of overfitting: {both}; if both are bad, it underfits"
