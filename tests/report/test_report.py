"""The report, read by a parser: whatever the study, it is made, inert, small, and says what is missing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState, create_trial

from support.report_pages import Page, assert_inert, texts
from tunewise import attributes
from tunewise.errors import TrialFailed
from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.llm.prices import Price
from tunewise.report import Format, report
from tunewise.sampler import LLMSampler
from tunewise.sampler_options import SamplerOptions
from tunewise.space import Categorical, Float, Int, SearchSpace
from tunewise.study.options import TuneOptions
from tunewise.study.tune import tune
from tunewise.task import Task

FOREVER = SamplerOptions(max_fallbacks=None)
"""However often it does without the model."""

EVIL = "</script><script>alert(1)</script>{{7*7}}<img src=http://evil.example/x onerror=alert(2)>\u202e\x1b[31m"
"""What a model, an objective or a study file may say."""
SHOWN = "</script><script>alert(1)</script>{{7*7}}<img src=http://evil.example/x onerror=alert(2)>\ufffd\ufffd[31m"
"""How it has to look."""
FORMS: tuple[Format, ...] = ("html", "md", "json")


def page(study: optuna.Study) -> Page:
    """The page of a study, checked for what every page must be."""
    text = report(study)
    assert len(text.encode()) < 6_000_000
    made = Page(text)
    assert_inert(made)
    return made


class Speaker:
    """A model that cycles through a few ways to answer, and counts its tokens."""

    name = "speaker"
    context_tokens = None

    def __init__(self, say: Callable[[int], str]) -> None:
        self.say = say
        self.turn = 0

    def complete(self, request: ChatRequest) -> ChatReply:
        self.turn += 1
        return ChatReply(text=self.say(self.turn), model=self.name, input_tokens=1000, output_tokens=50, seconds=0.5)


def tuned(trials: int, *, mark: str = "", space: SearchSpace | None = None) -> optuna.Study:
    """A study with defaults, the model's own, repairs, fallbacks and failures; `mark` stands in everything foreign."""
    rate = f"rate{mark}"
    space = space or SearchSpace(
        {
            rate: Float(0.01, 100, log=True, default=1.0, description=f"how fast {mark}"),
            "width": Int(1, 500, default=10),
            "kind": Categorical([f"plain{mark}", "other"], default="other"),
        }
    )

    def say(turn: int) -> str:
        values = {rate: 0.02 + turn, "width": turn + 1 if turn % 5 else 900, "kind": f"plain{mark}"}
        prose = f"I am sorry. {mark}" if turn % 7 in (3, 4) else f"Because it is turn {turn}. {mark}"
        return prose if turn % 7 == 3 else f"{prose}\n{json.dumps({k: v for k, v in values.items() if k in space})}"

    def objective(configuration: dict[str, Any]) -> float:
        if configuration["width"] % 6 == 5:
            raise TrialFailed(f"out of memory {mark}")
        return float((configuration[rate] - 3) ** 2 + configuration["width"])

    task = Task(model="a toy", metric=f"loss{mark}", budget=trials)
    sampler = LLMSampler(
        Speaker(say),
        space=space,
        task=task,
        seed=1,
        options=FOREVER,
        price=Price(1.0, 10.0),
        proposer="compressed",
    )
    return tune(
        objective, space, task=task, n_trials=trials, sampler=sampler, options=TuneOptions(study_name=f"toy{mark}")
    )


def foreign(*trials: dict[str, Any], **attrs: Any) -> optuna.Study:
    """A study as another program may have left it, without any check on the way."""
    storage = InMemoryStorage()
    study = optuna.create_study(study_name="foreign", storage=storage)
    for key, value in attrs.items():
        study.set_user_attr(key.replace("__", ":"), value)
    for trial in trials:
        given = dict(trial)
        value, state = given.pop("value", None), given.pop("state", TrialState.COMPLETE)
        made = create_trial(value=0.0, **given)
        made.values, made.state = None if value is None else [value], state
        storage.create_new_trial(study._study_id, template_trial=made)
    return study


def numbers(count: int) -> list[dict[str, Any]]:
    """Trials of two numbers."""
    space = {"x": FloatDistribution(0, 1), "n": IntDistribution(1, 10)}
    return [
        {"params": {"x": k / count, "n": k % 10 + 1}, "distributions": space, "value": abs(k / count - 0.4)}
        for k in range(count)
    ]


@pytest.fixture(scope="module")
def study() -> optuna.Study:
    """Thirty trials."""
    return tuned(30)


def test_the_page_shows_what_the_study_is(study: optuna.Study) -> None:
    made = page(study)
    assert {"progress", "parallel", "effects", "spending", "slice-0", "slice-1", "slice-2"} <= made.plots.keys()
    assert "The language model " in made.text
    rows = [a for t, a in made.tags if t == "tr" and "data-source" in a]
    assert len(rows) == 30
    assert {a["data-source"] for a in rows} >= {"default", "model"}
    assert sum(t == "details" and a.get("class") == "talk" for t, a in made.tags) == len(calls_in(study))
    names = {trace["name"] for trace in made.plots["progress"]["data"]}
    assert {"best so far", "default configuration", "default", "model", "failed"} <= names
    looks = [(t["marker"]["color"], t["marker"]["symbol"]) for t in made.plots["progress"]["data"] if "marker" in t]
    assert len({colour for colour, _ in looks}) == len({symbol for _, symbol in looks}) == len(looks)
    best = next(t for t in made.plots["progress"]["data"] if t["name"] == "best so far")
    assert best["y"] == sorted(best["y"], reverse=True)
    assert best["y"][-1] == pytest.approx(study.best_value, rel=1e-5)


def calls_in(study: optuna.Study) -> list[Any]:
    """Every call as stored."""
    return [v for t in study.trials for k, v in t.system_attrs.items() if k.startswith(attributes.CALL)]


def test_prompts_and_replies_are_there_word_by_word(study: optuna.Study) -> None:
    made = page(study)
    for call in calls_in(study):
        assert call["prompt"] in made.text
        assert call["text"] in made.text


def test_the_table_can_be_sorted_and_filtered_without_a_mouse(study: optuna.Study) -> None:
    made = page(study)
    assert sum(t == "button" for t, _ in made.tags) >= 6
    assert any(a.get("aria-sort") == "ascending" for t, a in made.tags if t == "th")
    assert {a.get("id") for _, a in made.tags} >= {"filter", "source", "count", "theme"}
    assert any(t == "option" and a.get("value") == "model" for t, a in made.tags)


def test_hostile_texts_show_as_text() -> None:
    made = page(tuned(12, mark=EVIL))
    for place in ("toy", "loss", "rate", "plain", "how fast ", "out of memory ", "Because it is turn 2. "):
        assert f"{place}{SHOWN}" in made.text, place
    for text in texts(made.plots):
        assert not re.search(r"<(?!br>|/?extra>)", text), text
        assert "\u202e" not in text
        assert "\x1b" not in text
    assert any("&lt;/script" in text for text in texts(made.plots))


def test_hostile_markdown_shows_as_text() -> None:
    marked = f"{EVIL}\n# head [link](javascript:x) ![i](http://evil.example) | www.evil.example `````` "
    text = report(tuned(12, mark=marked), form="md")
    outside = re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "<" not in outside
    assert "http:" not in outside
    assert "www." not in outside
    assert not re.search(r"(?<!\\)[\[\]!]", outside)
    assert "\n# head" not in outside
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in outside.splitlines() if line.startswith("|")}
    assert widths == {7}
    assert not re.search("[\u202e\x1b]", text)


@pytest.mark.parametrize("form", FORMS)
def test_secrets_are_masked(form: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = "correct-horse-battery"
    known = "sk-abcdefghijklmnopqrstuvwx12"
    monkeypatch.setenv("MY_API_KEY", planted)
    address = "postgresql://me:hunter22@localhost/studies"
    text = report(tuned(9, mark=f" {planted} {known} {address}"), form=form, address=address)
    for secret in (planted, known, "hunter22"):
        assert secret not in text
    assert re.search(r"\*\*\*|\\\*\\\*\\\*", text)


def test_every_format_has_the_same_facts(study: optuna.Study) -> None:
    data = json.loads(report(study, form="json"), parse_constant=lambda word: pytest.fail(word))
    assert data["best"]["value"] == study.best_value
    assert len(data["trials"]) == 30
    assert len(data["exchanges"]) == len(calls_in(study))
    assert data["exchanges"][0]["prompt"] == calls_in(study)[0]["prompt"]
    html, markdown = page(study).text, report(study, form="md")
    for fact in (data["verdict"], str(data["input_tokens"]), f"{data['best']['value']:.6g}"):
        assert fact in html
        assert fact in markdown.replace("&#58;", ":")
    assert markdown.count("### Trial ") == len(data["exchanges"])


def test_two_numbers_have_a_contour_and_a_way_through_it() -> None:
    made = page(foreign(*numbers(20)))
    kinds = [trace["type"] for trace in made.plots["contour"]["data"]]
    assert kinds == ["contour", "scatter"]
    assert len(made.plots["contour"]["data"][1]["x"]) == 20
    assert "contour" not in page(tuned(5)).plots


def test_every_line_and_point_has_the_colour_of_who_proposed_it() -> None:
    space = {"batch": CategoricalDistribution([128, 32, 64]), "x": FloatDistribution(0, 1)}
    sources = ("model", "random", "surrogate")
    trials = [
        {
            "params": {"batch": (128, 32, 64)[k * k % 3], **({"x": k / 12} if k != 5 else {})},
            "distributions": {name: d for name, d in space.items() if name != "x" or k != 5},
            "value": float((k * 5) % 12),
            "user_attrs": {attributes.PROPOSAL: {"source": sources[k % 3]}},
        }
        for k in range(12)
    ]
    plots = page(foreign(*trials)).plots
    colours = {t["name"]: t["marker"]["color"] for t in plots["progress"]["data"] if t["name"] in sources}
    expected = {float((k * 5) % 12): colours[sources[k % 3]] for k in range(12)}
    assert {round(t["y"][0] * 11): t["line"]["color"] for t in plots["parallel"]["data"]} == expected
    for name, points in (("batch", 12), ("x", 11)):
        traces = next(
            p["data"] for k, p in plots.items() if "slice" in k and p["layout"]["xaxis"]["title"]["text"] == name
        )
        found = {y: trace["marker"]["color"] for trace in traces for y in trace["y"]}
        assert len(found) == points
        assert found.items() <= expected.items()


def test_curves_of_finished_and_pruned_trials() -> None:
    curve = {k: 1 / (k + 1) for k in range(5)} | {5: math.nan}
    made = page(
        foreign(
            {"value": 0.5, "intermediate_values": curve},
            {"value": 0.6, "state": TrialState.PRUNED, "intermediate_values": {0: 1.0, 1: math.inf}},
        )
    )
    dashes = {trace["line"]["dash"] for trace in made.plots["curves"]["data"]}
    assert dashes == {"solid", "dot"}


def weird() -> dict[str, optuna.Study]:
    """Studies that nobody wishes for, by what is said about them."""
    two = optuna.create_study(directions=["maximize", "minimize"])
    two.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 1.0), n_trials=3)
    queued = optuna.create_study()
    queued.enqueue_trial({"x": 1.0})
    queued.ask()
    mixed = [
        {"params": {"x": 0.5}, "distributions": {"x": FloatDistribution(0, 1)}, "value": 1.0},
        {"params": {"x": "a"}, "distributions": {"x": CategoricalDistribution(["a", None, True])}, "value": 2.0},
        {"params": {}, "distributions": {}, "value": 3.0},
        {"params": {"y": 3}, "distributions": {"y": IntDistribution(3, 3)}, "value": 3.0},
    ]
    damaged = [
        {"value": 1.0, "user_attrs": {attributes.PROPOSAL: "no mapping", attributes.RESULT: [1]}},
        {"value": 2.0, "user_attrs": {attributes.PROPOSAL: {"source": ["x"], "repairs": 3}}},
        {"value": 3.0, "user_attrs": {attributes.RESULT: {"seconds": math.nan, "extra": {"a": math.inf}}}},
        {
            "value": 4.0,
            "system_attrs": {f"{attributes.CALL}0": {"key": 1}, f"{attributes.CALL}x": "no", "fixed_params": 3},
        },
        {
            "value": 5.0,
            "user_attrs": {attributes.PROPOSAL: {"source": "\ud800 model", "reason": "\ud83d"}},
            "system_attrs": {
                f"{attributes.CALL}0": {"key": "k", "model": "m", "prompt": 3, "text": "x", "seconds": math.inf}
            },
        },
    ]
    bad = {"tunewise__study": {"space": {"x": "no form"}, "task": 3}}
    odd = {"tunewise__study": {"space": {"x": {"choices": 3, "type": {}, "low": [], "default": math.nan}}}}
    return {
        "no trial yet": optuna.create_study(),
        "No trial has finished": foreign(*({"state": TrialState.FAIL} for _ in range(3))),
        "Only 1 trial finished": foreign(*numbers(1)),
        "2 objectives": two,
        "2 trials had not ended": foreign({"state": TrialState.RUNNING}, {"state": TrialState.WAITING}),
        "1 trial had not ended": queued,
        "nan, which is no result": foreign(*numbers(3), {"value": math.nan}, {"value": math.inf}, {"value": -math.inf}),
        "not made by tunewise": foreign(*numbers(6)),
        "Only 3 trials finished": foreign(*(numbers(3)), {"value": 1.0, "state": TrialState.PRUNED}),
        "foreign": foreign(*mixed),
        "is damaged and was left out": foreign(*damaged, **bad),
        "What may be chosen": foreign(**odd),
        "The trials do not tell which hyperparameter matters": foreign(*({**t, "value": 1.0} for t in numbers(8))),
    }


WEIRD = weird()


@pytest.mark.parametrize("said", WEIRD)
def test_a_strange_study_gives_a_report_that_says_so(said: str) -> None:
    study = WEIRD[said]
    made = page(study)
    assert said in " ".join(made.text.split())
    report(study, form="md").encode()
    json.loads(report(study, form="json"), parse_constant=lambda word: pytest.fail(word))
    json.dumps(made.plots, allow_nan=False)


def test_the_report_leaves_the_study_as_it_was() -> None:
    study = foreign(*numbers(3), {"value": math.nan}, **{attributes.STUDY.replace(":", "__"): 3})
    before = repr((study.trials, study.user_attrs))
    report(study)
    assert repr((study.trials, study.user_attrs)) == before


@pytest.mark.long
def test_a_thousand_trials_stay_small() -> None:
    space = {f"p{k}": FloatDistribution(1e-5, 1, log=True) for k in range(12)}
    long = 'He said "no" & left. ' * 400
    trials = [
        {
            "params": {name: 10 ** (-5 * ((k * 37 + j * 101) % 997) / 997) for j, name in enumerate(space)},
            "distributions": space,
            "value": ((k * 7919) % 1009) / 10,
            "user_attrs": {attributes.PROPOSAL: {"source": ("model", "random")[k % 2], "reason": long}},
            "system_attrs": {f"{attributes.CALL}0": {"key": "k", "model": "m", "prompt": long, "text": "{}"}},
        }
        for k in range(1000)
    ]
    study = foreign(*trials)
    made = page(study)
    assert "600 of 1000 trials are listed" in made.text
    assert re.search(r"The first \d+ of 1000 calls are left out", made.text)
    assert "The best 200 trials are shown." in made.text
    best = f">{study.best_trial.number}<"
    assert best in report(study)


def test_a_text_without_end_is_cut() -> None:
    endless = foreign({"value": 1.0, "user_attrs": {attributes.PROPOSAL: {"source": "model", "reason": "<" * 10**7}}})
    assert "characters left out" in page(endless).text
