"""Replies as chat models really write them, and as nobody should."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.strategies import spaces_with_configuration
from tunewise import Categorical, Float, Int, SearchSpace
from tunewise.errors import InvalidReply
from tunewise.plain import Plain, PlainDict
from tunewise.prompts import parse, relaxed
from tunewise.prompts.parse import parse_batch, parse_reply
from tunewise.prompts.show import show
from tunewise.space import Configuration, Value
from tunewise.space.values import exactly

SPACE = SearchSpace(
    {
        "C": Float(1e-3, 1e3, log=True),
        "kernel": Categorical(["rbf", "linear"]),
        "depth": Int(1, 9),
        "shrink": Categorical([True, False]),
        "penalty": Categorical(["l1", "l2", None]),
    }
)
MEANT: dict[str, Any] = {"C": 0.1, "kernel": "rbf", "depth": 3, "shrink": True, "penalty": None}
JSON = json.dumps(MEANT)
PLANE = SearchSpace({"x1": Float(-5, 5), "x2": Float(-5, 5)})

CORPUS = {
    "plain": JSON,
    "spread over lines": json.dumps(MEANT, indent=2),
    "white space around": f"\n\n  {JSON}\n",
    "fence": f"```json\n{JSON}\n```",
    "fence without language": f"```\n{JSON}\n```",
    "fence and prose": f"Sure! Here is the next one:\n\n```json\n{JSON}\n```\nI chose a small C. Good luck!",
    "analysis, then label": f"Analysis: C = 10 was worse.\n\nConfiguration: {JSON}",
    "bold labels": f"**Analysis:**\n- lower is better {{so far}}\n\n**Configuration:**\n```json\n{JSON}\n```",
    "nested": json.dumps({"analysis": "lower C", "configuration": MEANT}),
    "nested twice": json.dumps({"reply": {"analysis": "lower C", "configuration": MEANT}}),
    "nested, outer brace missing": json.dumps({"analysis": "lower C", "configuration": MEANT})[:-1],
    "in a list": f"[{JSON}]",
    "several, the last counts": f"I would not take {JSON.replace('0.1', '900')} again. Rather {JSON}",
    "example echoed first": '{"C": <number>, "kernel": <one of its choices>, "depth": <integer>}\n' + JSON,
    "think block": f'<think>maybe {{"C": 5, "kernel": "linear"}}? No.</think>{JSON}',
    "Python literals": "{'C': 0.1, 'kernel': 'rbf', 'depth': 3, 'shrink': True, 'penalty': None}",
    "assignment": "config = {'C': 0.1, 'kernel': 'rbf', 'depth': 3, 'shrink': True, 'penalty': None}",
    "trailing commas": JSON.replace("}", ",\n}"),
    "comments": '{"C": 0.1, // smaller\n "kernel": "rbf", # as before\n "depth": 3, "shrink": true, "penalty": null}',
    "smart quotes": JSON.replace('"', "\u201c"),
    "smart single quotes": JSON.replace('"', "\u2019"),
    "smart quotes in a text": json.dumps(
        {"analysis": "\u201crbf\u201d is 'best'", "configuration": MEANT}, ensure_ascii=False
    ),
    "unquoted keys": re.sub(r'"(\w+)":', r"\1:", JSON),
    "unquoted text": JSON.replace('"rbf"', "rbf"),
    "equals signs": '{C = 0.1, kernel = "rbf", depth = 3, shrink = true, penalty = null}',
    "numbers as text": JSON.replace("0.1", '"1e-1"').replace("3", '"3"'),
    "other capitals": JSON.replace("true", "TRUE").replace("null", "none"),
    "whole float": JSON.replace("3", "3.0"),
    "names spelled otherwise": JSON.replace('"C"', '"c"').replace("depth", "Depth"),
    "carriage returns": json.dumps(MEANT, indent=2).replace("\n", "\r\n"),
    "formula before": f"The loss is $\\frac{{a}}{{b}}$ and f(x) = {{x | x > 0}}. {JSON}",
    "brace after": f"{JSON} Such is {{life}}",
    "C comments": JSON.replace("0.1", "0.1 /* was {900} */"),
    "a comma missing": JSON.replace(", ", "\n", 1),
    "all commas missing": re.sub(", ", "  ", JSON),
    "semicolons": JSON.replace(", ", "; "),
    "typographic minus": JSON.replace("0.1", "1e\u22121"),
    "reason beside": JSON.replace("{", '{"reason": "less C", '),
    "an extra key": JSON.replace("}", ', "gamma": 1, "more": {"C": [2]}}'),
    "Mistral's thoughts": f'[THINK]Perhaps {{"C": 5, "kernel": "linear"}}? No.[/THINK]{JSON}',
    "Kimi's thoughts": f"\u25c1think\u25b7{JSON.replace('0.1', '9')}\u25c1/think\u25b7{JSON}",
    "thoughts opened by the template": f"Perhaps {JSON.replace('0.1', '9')}.</thinking>{JSON}",
    "harmony": f"<|channel|>analysis<|message|>Try {JSON.replace('0.1', '9')}?<|end|><|start|>assistant<|channel|>final"
    f"<|message|>{JSON}<|return|>",
    "harmony without marks": f"analysisPerhaps {JSON.replace('0.1', '9')}.assistantfinal{JSON}",
    "harmony with a constraint": f"<|channel|>final <|constrain|>json<|message|>{JSON}",
    "marks of Cohere": f"<|START_THINKING|>{JSON.replace('0.1', '9')}<|END_THINKING|><|START_RESPONSE|>{JSON}"
    "<|END_RESPONSE|>",
    "thoughts and solution": f"<|begin_of_thought|>{JSON.replace('0.1', '9')}<|end_of_thought|>\n"
    f"<|begin_of_solution|>{JSON}<|end_of_solution|>",
    "a draft between marks": f"<|draft|>{JSON.replace('0.1', '9')}<|/draft|>{JSON}",
    "a rejected draft after a mark": f"<|rejected|>{JSON.replace('0.1', '9')}<|chosen|>{JSON}",
    "it plays the next turn": f"{JSON}<|im_end|>\n<|im_start|>user\nAgain<|im_end|>{JSON.replace('0.1', '9')}",
    "a draft under a key": json.dumps({"draft": {**MEANT, "C": 9}, "final": MEANT}),
    "an afterthought": f"Take {JSON}. Not {JSON.replace('0.1', '9')}.",
    "a draft after the answer": f"Final answer: {JSON}\nRejected: {JSON.replace('0.1', '9')}",
    "drafts, then the final one": f"Draft: {JSON.replace('0.1', '9')}. It was not good. Final configuration:\n"
    f"```json\n{JSON}\n```\nI hope that it helps.",
    "twice the same": f"{JSON}\n\nSo I propose {JSON}. Good luck!",
    "a text of JSON that holds the object": json.dumps({"name": "propose", "arguments": JSON}),
    "a text twice in JSON": json.dumps({"output": json.dumps({"arguments": JSON})}),
    "the whole reply in JSON once more": json.dumps(f"Here it is:\n{JSON}"),
    "quotes with backslashes": JSON.replace('"', '\\"'),
    "signs without width": f"\ufeff{JSON.replace(', ', chr(0x200B) + ',' + chr(0x2060))}",
    "full-width digits": JSON.replace("3", "\uff13"),
    "very long prose before": "so it goes " * 100_000 + JSON,
    "very long prose after": JSON + " so it goes" * 100_000,
}


@pytest.mark.parametrize("text", CORPUS.values(), ids=CORPUS)
def test_what_chat_models_write(text: str) -> None:
    parsed = parse_reply(text, SPACE)
    assert parsed.configuration == MEANT
    assert not parsed.repairs


@pytest.mark.parametrize("text", ['{"x": [1, 2]}', "[{'x': [1, 2.0]}]", '{"output": {"x": ["1", "2"]}}'])
def test_one_list_for_all(text: str) -> None:
    assert parse_reply(text, PLANE).configuration == {"x1": 1.0, "x2": 2.0}


def test_an_extra_key_is_dropped_and_said() -> None:
    parsed = parse_reply(JSON.replace("}", ', "gamma": 1, "reason": "small C"}'), SPACE)
    assert (parsed.configuration, parsed.reason) == (MEANT, "small C")
    assert parsed.note == "The reply also set gamma, which the search space does not have; that was dropped."
    (first,) = parse_batch('{"C": 2, "gamma": 0.5, "note": "a", "delta": 3}', BATCH).replies
    assert "delta" in first.note


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('{"units": 1,024, "rate": 1}', 1024),
        ('{"rate": 1, "units": 1,024}', 1024),
        ('{"rate": 1, "units": "1,024.0"}', 1024),
        ('{"units": \u2212512, "rate": 1}', -512),
        ('{"units": \uff0d512, "rate": "100%"}', -512),
        ('{"units": 5, "rate": 120 %}', 5),
    ],
)
def test_numbers_of_another_handwriting(written: str, meant: int) -> None:
    space = SearchSpace({"units": Int(-2048, 2048), "rate": Float(1, 2)})
    parsed = parse_reply(written, space)
    assert (parsed.configuration["units"], parsed.repairs) == (meant, ())


def test_repairs_are_kept() -> None:
    parsed = parse_reply(JSON.replace("0.1", "2e3"), SPACE)
    assert parsed.configuration["C"] == 1e3
    assert [str(repair) for repair in parsed.repairs] == ["C = 2000.0 is above the upper bound 1000; 1000.0 was used"]


REFUSED = {
    "empty": ("", "The reply was empty"),
    "blank": (" \n\t", "The reply was empty"),
    "refusal": ("I'm sorry, but I cannot help with that.", "holds no JSON object"),
    "cut off": (JSON[:30], "cut off"),
    "cut off in a text": (JSON[:20], "cut off"),
    "cut off after an analysis": ('{"analysis": "so", "configuration": {"C": 0.1, "kern', "cut off"),
    "cut off after an example": (f'{JSON}\nBetter still: {{"C": 0.2, "kernel": "lin', "cut off"),
    "empty object": ("{}", '"C" is missing; the key "kernel" is missing'),
    "another object": ('{"answer": 42}', 'Unknown keys: "answer"'),
    "a key is missing": ('{"C": 1, "kernel": "rbf"}', '"depth" is missing'),
    "a key misspelled": (JSON.replace("depth", "dept"), 'key "depth" is missing. Unknown keys: "dept"'),
    "not a choice": (JSON.replace("rbf", "poly"), "must be one of 'rbf', 'linear', not poly"),
    "not a number": (JSON.replace("0.1", '"small"'), '"C" must be a number, not small'),
    "placeholder": (JSON.replace("0.1", '"<number>"'), '"C" must be a number, not <number>'),
    "not finite": (JSON.replace("0.1", "NaN"), "must be a finite number"),
    "beyond floats": (JSON.replace("0.1", "1e999"), "must be a finite number"),
    "a list": ("[1, 2]", "holds no JSON object"),
    "a sum": (JSON.replace("0.1", "1 + 1"), r"""after the value of "C" stands '\+ 1, "kernel"""),
    "a call": (JSON.replace("0.1", "__import__('os').getpid()"), r"""after the value of "C" stands .\(.*os"""),
    "a power": (JSON.replace("0.1", "10^-3"), r"""after the value of "C" stands '\^-3"""),
    "a unit": (JSON.replace("0.1", "10ms"), r"""'10ms, "kernel": "rbf".* is no value"""),
    "a decimal comma": (JSON.replace("0.1", "0,01"), "Write numbers with a point: 0.5, 1024"),
    "a percentage of two meanings": (JSON.replace("0.1", '"10%"'), '"C" must be a plain number, not 10%.* 0.1 or 10'),
    "several, none called final": (f"{JSON}\n{JSON.replace('0.1', '9')}\nOne of them.", "2 different configurations"),
    "several in a list": (f"[{JSON}, {JSON.replace('0.1', '9')}]", "2 different configurations"),
    "an afterthought": (f"Take {JSON}. Or rather {JSON.replace('0.1', '9')}? Hm.", "2 different configurations"),
    "thoughts without end": (f"<think>{JSON}, or rather", "ends before its thoughts do"),
    "channel without final": (f"<|channel|>analysis<|message|>Maybe {JSON}<|end|>", "ends before its thoughts"),
    "broken after a draft": (f"Draft: {JSON}\nFinal: {JSON.replace('0.1', '1/3')}", """value of "C" stands '/3"""),
    "a comment without end": (JSON.replace("0.1", "/* small 0.1"), "cut off"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_told(text: str, message: str) -> None:
    with pytest.raises(InvalidReply, match=message):
        parse_reply(text, SPACE)


def test_only_text_is_read() -> None:
    with pytest.raises(InvalidReply, match="empty"):
        parse_reply(None, SPACE)  # type: ignore[arg-type]


def test_the_message_to_the_model_is_short() -> None:
    with pytest.raises(InvalidReply) as told:
        parse_reply(json.dumps({f"{i}" + "k" * 10_000: "v" * 10_000 for i in range(50)}), SPACE)
    assert len(str(told.value)) < 1_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (JSON, ""),
        (f"```json\n{JSON}\n```", ""),
        (f"[{JSON}]", ""),
        (f"Analysis: C = 10 was worse.\n\nConfiguration: {JSON}", "C = 10 was worse."),
        (f"**Analysis:** try less\n\n**Next configuration:**\n```json\n{JSON}```", "try less"),
        (f"Try less.\nconfig = [{JSON}]", "Try less."),
        (json.dumps({"analysis": "try  less", "configuration": MEANT}), "try less"),
        (json.dumps({"analysis": "try less", "configuration": MEANT})[:-1], "try less"),
        (json.dumps({"configuration": MEANT, "analysis": "Analysis: try less"}), "try less"),
        (f"{'a' * 5000} {JSON}", "a" * 997 + "..."),
    ],
)
def test_the_reason_is_the_analysis_without_debris(text: str, reason: str) -> None:
    assert parse_reply(text, SPACE).reason == reason


HOSTILE = {
    "braces": "{" * 200_000,
    "brackets": '{"C":' + "[" * 200_000,
    "objects in objects": '{"C":' * 40_000,
    "lists in objects": '{"C":[1,' * 25_000,
    "comments": "{#" * 10_000 + "\n" + '"C":1,' * 30_000,
    "comments without end": "{#" * 100_000,
    "texts": '{"C":"' * 30_000,
    "texts in texts": "{'" + '{"' * 90_000,
    "digits": '{"C": ' + "1" * 190_000 + "a}",
    "digits read again": "{#" * 1_400 + "\n" + "1" * 190_000 + "a",
    "back slashes": '{"' + "\\" * 190_000,
    "white space": "a" + " " * 190_000 + "b" + '{"C": 0}',
    "stars": "a" + "*#" * 90_000 + 'b {"C": 0}',
    "labels": "json" * 45_000 + '{"C": 0}',
    "many objects": '{"D":0}' * 28_000,
    "think": "</think>" * 25_000,
}


class Counting:
    """Counts how many values are read, and how many characters were looked at in vain."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = self.wasted = 0
        self._value, self._object = relaxed.read_value, relaxed.read_object
        monkeypatch.setattr(relaxed, "read_value", self.read_value)
        monkeypatch.setattr(relaxed, "read_object", self.read_object)

    def read_value(self, text: str, at: int, depth: int) -> tuple[Plain, int]:
        self.calls += 1
        return self._value(text, at, depth)

    def read_object(self, text: str, at: int, depth: int) -> tuple[PlainDict, int]:
        try:
            return self._object(text, at, depth)
        except relaxed.Unreadable as error:
            self.wasted += error.at - at if depth == 1 else 0
            raise


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_replies_are_bounded_work(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(monkeypatch)
    with pytest.raises(InvalidReply):
        parse_reply(text, SPACE)
    assert counting.wasted <= relaxed.MAX_WORK + parse.MAX_CHARACTERS
    assert counting.calls <= relaxed.MAX_WORK + parse.MAX_CHARACTERS


def test_of_a_reply_without_end_both_ends_are_read() -> None:
    assert parse_reply(JSON + " " * 10**6, SPACE).configuration == MEANT
    assert parse_reply(" " * 10**6 + "." + JSON, SPACE).configuration == MEANT
    middle = "." * parse.MAX_CHARACTERS + JSON + "." * parse.MAX_CHARACTERS
    with pytest.raises(InvalidReply, match="holds no JSON object"):
        parse_reply(middle, SPACE)


def test_depth_is_bounded() -> None:
    def wrapped(times: int) -> str:
        return '{"a": ' * times + JSON + "}" * times

    assert parse_reply(wrapped(relaxed.MAX_DEPTH - 1), SPACE).configuration == MEANT
    assert parse_reply(wrapped(10_000), SPACE).configuration == MEANT  # the innermost braces by themselves


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    only_own_error(text)


@given(st.text(alphabet="{}[]\"'\\:=,#/*-+.eE019CxknN \n<>`", max_size=60))
def test_any_text_of_json_signs_is_read_or_refused(text: str) -> None:
    only_own_error(text)


@given(st.sampled_from([t for t in CORPUS.values() if len(t) < 1000]), st.data())
def test_any_damaged_reply_is_read_or_refused(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 8)))
        text = text[:start] + data.draw(st.text(max_size=3)) + text[end:]
    only_own_error(text)


def only_own_error(text: str) -> None:
    """Nothing but `InvalidReply` is raised, and what is read is allowed."""
    try:
        parsed = parse_reply(text, SPACE)
    except InvalidReply as error:
        assert str(error)  # noqa: PT017 - both outcomes are fine
    else:
        assert SPACE.accepts(parsed.configuration)


@given(spaces_with_configuration())
def test_what_was_written_exactly_is_read_back(drawn: tuple[SearchSpace, Configuration]) -> None:
    space, configuration = drawn

    def written(name: str, value: Value) -> str:  # a choice as the prompt lists it: -1.0 may stand beside -1
        choices = space[name]
        return choices.show(value) if isinstance(choices, Categorical) else exactly(value)

    text = "{" + ", ".join(f"{exactly(name)}: {written(name, value)}" for name, value in configuration.items()) + "}"
    parsed = parse_reply(text, space)
    assert parsed.configuration == configuration
    assert not parsed.repairs


def test_what_a_prompt_shows_is_read_back() -> None:
    parsed = parse_reply(show({**MEANT, "C": 0.123456789}), SPACE)
    assert parsed.configuration == {**MEANT, "C": 0.12346}


# Several configurations


BATCH = SearchSpace({"C": Float(0, 100), "gamma": Float(0, 1), "note": Categorical(["a", None])})
BASE: dict[str, Any] = {"C": 1.0, "gamma": 0.1, "note": "a"}


def batch(text: str, base: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The configurations of a reply."""
    return [r.configuration for r in parse_batch(text, BATCH, base=BASE if base is None else base).replies]


@pytest.mark.parametrize(
    "text",
    [
        '{"candidates": [{"reason": "r", "configuration": {"C": 2}}, {"configuration": {"gamma": 0.5}}]}',
        '[{"C": 2}, {"gamma": 0.5}]',
        'First {"C": 2} and then\n```json\n{"gamma": 0.5}\n```',
        '{"a": {"C": 2, "reason": "x", "boldness": "bold"}, "b": {"gamma": 0.5, "id": 7}}',
        '<think>{"C": 99}</think>{"candidates": [{"C": 2}, {"gamma": 0.5}]}',
        '{"candidates": [{"configuration": {"C": 2}}, {"configuration": {"gamma": 0.5}}, {"configuration": {"C": 3',
        '{"candidates": [{"C": 2}, {"C": "much"}, {"delta": 1}, {"gamma": 0.5}]}',
        '{"candidates": [{"C": 2, "gamma": null}, {"gamma": 0.5, "C": null}]}',
    ],
)
def test_several_configurations(text: str) -> None:
    assert batch(text) == [BASE | {"C": 2.0}, BASE | {"gamma": 0.5}]


def test_null_may_be_a_choice() -> None:
    assert batch('{"note": null}') == [BASE | {"note": None}]


def test_reasons_of_several() -> None:
    first, second = (
        '{"reason": "more of C", "boldness": "bold", "configuration": {"C": 2}}',
        '{"C": 3, "reason": "even more"}',
    )
    text = f'{{"candidates": [{first}, {second}]}}'
    assert [r.reason for r in parse_batch(text, BATCH, base=BASE).replies] == ["more of C", "even more"]


def test_the_bad_ones_of_several_are_told() -> None:
    parsed = parse_batch('[{"C": 2, "gamma": 0.2, "note": "a"}, {"C": 3}]', BATCH)
    assert [r.configuration["C"] for r in parsed.replies] == [2]
    assert "missing" in parsed.objections[0]
    assert parse_batch('{"C": 999}', BATCH, base=BASE).replies[0].repairs


@pytest.mark.parametrize("text", ["", "no", "{}", "[]", '{"candidates": []}', '{"C": "x"}', '{"delta": 1}', "{" * 9999])
def test_none_of_several(text: str) -> None:
    with pytest.raises(InvalidReply):
        parse_batch(text, BATCH, base=BASE)


def test_never_more_than_sixteen() -> None:
    assert len(batch(str([{"C": i} for i in range(99)]))) == 16


@given(st.text(alphabet="{}[]:,\"'CgammaXnote10. \n", max_size=200))
def test_several_raise_only_invalid_reply(text: str) -> None:
    with contextlib.suppress(InvalidReply):
        parse_batch(text, BATCH, base=BASE)


def test_a_hyperparameter_may_be_called_reason() -> None:
    space = SearchSpace({"reason": Categorical(["a", "b"]), "C": Float(0, 9)})
    text = '{"candidates": [{"reason": "so it is", "boldness": "bold", "configuration": {"reason": "b", "C": 2}}]}'
    (reply,) = parse_batch(text, space).replies
    assert (reply.configuration, reply.reason) == ({"reason": "b", "C": 2.0}, "so it is")
