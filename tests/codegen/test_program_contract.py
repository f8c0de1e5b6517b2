"""Programs are read by their text: what the space is, and every way in which a program breaks the contract."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.programs import MLP, TREES_REGRESSOR, fenced
from tunewise.codegen.contract import CONTRACTS, contract_named, installed_contract, read_space
from tunewise.codegen.reply import find_program
from tunewise.errors import InvalidReply, StudyError
from tunewise.llm.base import ChatReply
from tunewise.space import Categorical, Float, Int

TORCH, SKLEARN = CONTRACTS["torch"], CONTRACTS["sklearn"]


def test_the_signature_is_the_space() -> None:
    space = read_space(MLP, TORCH)
    assert space.to_dict() == {
        "width": {"type": "int", "low": 4, "high": 128, "log": True, "default": 32, "description": "hidden units"},
        "learning_rate": {
            "type": "float",
            "low": 1e-4,
            "high": 1e-1,
            "log": True,
            "default": 1e-2,
            "description": "step size of Adam",
        },
        "activation": {"type": "categorical", "choices": ["relu", "tanh"], "default": "relu"},
        "batch_size": {"type": "int", "low": 8, "high": 256, "log": True, "default": 16},
    }


def test_every_form_of_annotation() -> None:
    code = """
import typing
def make_estimator(
    a: typing.Annotated[int, Range(low=1, high=9, step=2)] = 3,
    b: "Annotated[float, Range(0, 1)]" = 0.5,
):
    return 1
"""
    with pytest.raises(InvalidReply, match="hyperparameter b: its type must be"):
        read_space(code, SKLEARN)
    good = code.replace('"Annotated[float, Range(0, 1)]"', "Annotated[float, Range(0, 1)]").replace(
        "\n):", "\n    c: bool = True,\n    *,\n    d: Literal[None, 3, -0.5] = None,\n):"
    )
    assert dict(read_space(good, SKLEARN)) == {
        "a": Int(1, 9, step=2, default=3),
        "b": Float(0, 1, default=0.5),
        "c": Categorical([True, False], default=True),
        "d": Categorical([None, 3, -0.5], default=None),
    }


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("def make_estimator", "def make_model"), "exactly one function make_estimator"),
        (("return Hist", "Hist"), "returns nothing"),
        (("import Hist", "imort Hist"), "not valid Python"),
        (("sklearn.ensemble", "os"), "it imports os (line 2)"),
        (("sklearn.ensemble", ".ensemble"), "it imports .ensemble"),
        (("return Hist", "eval('1')\n    return Hist"), "it uses eval (line 8)"),
        ((" = 3,", ","), "hyperparameter depth: it has no default"),
        (("= 0.1", "= 10"), "hyperparameter learning_rate: default 10 is above the upper bound 1"),
        (("= 0.1", "= 10**-1"), "its default is computed"),
        (("Range(1e-2, 1.0, log=True)", "Range(1e-2)"), "Range needs a low and a high bound"),
        (("Range(1e-2, 1.0, log=True)", "Range(0, 1.0, log=True)"), "a logarithm needs low above 0"),
        (("Range(1e-2, 1.0, log=True)", "Range(0.1, 1, scale=2)"), "Range has no scale"),
        (("Annotated[int, Range(1, 8)]", "int"), "hyperparameter depth: its type must be"),
        (("depth: Annotated[int, Range(1, 8)] = 3", "*depth"), "its arguments must be plain"),
    ],
)
def test_broken_contracts_are_named(change: tuple[str, str], complaint: str) -> None:
    assert change[0] in TREES_REGRESSOR
    with pytest.raises(InvalidReply) as caught:
        read_space(TREES_REGRESSOR.replace(*change), SKLEARN)
    assert complaint in str(caught.value)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(InvalidReply) as caught:
        read_space("import os\nopen('x')\ndef make_estimator(a, b: int = 3): pass", SKLEARN)
    for problem in ("imports os", "uses open", "a: it has no default", "b: its type", "returns nothing"):
        assert problem in str(caught.value)


@pytest.mark.parametrize(
    "code", ["\0", "x" * 20_001, "(" * 5000, "-" * 15_000 + "1", "def make_estimator(): return 1", "\ud800 = 1"]
)
def test_nothing_crashes_the_reading(code: str) -> None:
    with pytest.raises(InvalidReply):
        read_space(code, SKLEARN)


@given(st.text(max_size=300))
def test_reading_raises_its_own_error_only(text: str) -> None:
    for made in (text, f"def make_estimator(a: {text} = 1): return 1"):
        with contextlib.suppress(InvalidReply):
            read_space(made, SKLEARN)
    with contextlib.suppress(InvalidReply):
        find_program(ChatReply(text=text, model="m"), "make_estimator")


@pytest.mark.parametrize("name", ["torch", "sklearn"])
def test_a_contract_whose_library_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewise.codegen.contract.find_spec", lambda _: None)
    with pytest.raises(StudyError, match=rf"Run pip install 'tunewise\[{name}\]'"):
        installed_contract(name)


def test_an_unknown_contract() -> None:
    with pytest.raises(StudyError, match="The contracts are table, torch, sklearn"):
        contract_named("jax")


CODE = TREES_REGRESSOR.strip()
BARE = CODE.replace("\n\n", "\n")


@pytest.mark.parametrize(
    "text",
    [
        fenced(CODE),
        f"<think>```python\nwrong\n```</think>\n{fenced(CODE)}\nI hope that this helps!",
        f"First the imports:\n```\nimport os\n```\nThen all:\n~~~py\n{CODE}\n~~~",
        f"{fenced(CODE)}\nYou can try it:\n```python\nmake_estimator(depth=2)\n```",
        f"Here is the program.\n\n{CODE}\n\nIt uses boosting, which is what I'd expect to work.",
        f"```python\n{CODE}",
        CODE.replace("\n", "\r\n"),
    ],
    ids=["fence", "thoughts", "two fences", "usage below", "no fence", "open fence", "windows"],
)
def test_programs_are_found_in_prose(text: str) -> None:
    code, _ = find_program(ChatReply(text=text, model="m"), "make_estimator")
    assert code.strip() == CODE


def test_programs_are_found_in_json() -> None:
    import json

    text = json.dumps({"idea": "boosting", "code": CODE})
    assert find_program(ChatReply(text=text, model="m"), "make_estimator") == (CODE, "boosting")


def test_the_idea_is_kept() -> None:
    _, idea = find_program(ChatReply(text=fenced(CODE, "**Boosting** of\nshallow trees."), model="m"), "make_estimator")
    assert idea == "Boosting of shallow trees."


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (ChatReply(text="", model="m"), "no Python program"),
        (ChatReply(text="I would use boosting.", model="m"), "no Python program"),
        (ChatReply(text="```python\nimport to", model="m", finish_reason="length"), "cut off"),
        (ChatReply(text="No.", model="m", finish_reason="refusal"), "refused"),
        (ChatReply(text="def " * 30_000, model="m"), "characters"),
    ],
)
def test_replies_without_a_program(reply: ChatReply, complaint: str) -> None:
    with pytest.raises(InvalidReply, match=complaint):
        find_program(reply, "make_estimator")


HUGE = "0x" + "f" * 5000
ODD = [HUGE, f"-{HUGE}", "1e-300", "1e308", "-1e308", "1e400", "True", "None", "'a'", "b'a'", "1j", "(1, 2)"]
LITERALS = st.one_of(
    st.integers().map(str), st.integers(0, 400).map(lambda n: str(10**n)), st.floats().map(repr), st.sampled_from(ODD)
)


@pytest.mark.parametrize(
    "argument",
    [
        f"a: Annotated[int, Range(0, {HUGE})] = 1",
        f"a: Annotated[int, Range(0, 9)] = {HUGE}",
        f"a: Annotated[float, Range(0, {HUGE})] = 1.0",
        f"a: Literal[1, {HUGE}] = 1",
        "a: Annotated[float, Range(0, 1, step=1e-300)] = 0.5",
        "a: Annotated[int, Range(0, 1e300)] = 1",
        "a: Annotated[float, Range(0, 1e999)] = 1.0",
    ],
)
def test_numbers_beyond_all_use_are_a_broken_contract(argument: str) -> None:
    with pytest.raises(InvalidReply, match="hyperparameter a: "):
        read_space(f"def make_estimator({argument}):\n    return 1\n", SKLEARN)


@given(low=LITERALS, high=LITERALS, step=LITERALS, default=LITERALS, kind=st.sampled_from(["int", "float"]))
def test_whatever_numbers_a_program_writes_it_is_read_or_refused(
    low: str, high: str, step: str, default: str, kind: str
) -> None:
    code = f"def make_estimator(a: Annotated[{kind}, Range({low}, {high}, step={step})] = {default}):\n    return 1\n"
    choices = f"def make_estimator(a: Literal[{low}, {high}] = {default}):\n    return 1\n"
    for text in (code, choices):
        with contextlib.suppress(InvalidReply):
            space = read_space(text, SKLEARN)
            assert space.default is not None
            assert space.accepts(space.default)
