"""Whatever a reply, a program or a sandbox says, the end is a trial, a failed trial or a refused program."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.codegen.contract import CONTRACTS, read_space
from tunewise.codegen.evaluate import problem_of, seconds_of
from tunewise.codegen.extras import curve_of, told_curve
from tunewise.codegen.reply import find_program
from tunewise.codegen.score import read_predictions, score
from tunewise.errors import InvalidReply, TrialFailed
from tunewise.llm.base import ChatReply
from tunewise.sandbox.base import Outcome
from tunewise.sandbox.supervise import read_answer

pytestmark = pytest.mark.fuzz

FUNCTION = "make_estimator"
NUMBERS = st.sampled_from(
    [
        *(
            "0",
            "1",
            "-1",
            "7",
            "2.5",
            "1e-300",
            "1e300",
            "1e999",
            "-1e999",
            "10**400",
            "True",
            "None",
            "'a'",
            "...",
            "1j",
        ),
        *("9" * 5000, "0x" + "f" * 5000, "1e-324", "-0.0", "9007199254740993", "[1]", "{}", "x", "-'a'", "'\\ud800'"),
    ]
)
NAMES = st.sampled_from(["Range", "Literal", "Annotated", "int", "float", "bool", "str", "low", "high", "log", "step"])
ANNOTATIONS = st.one_of(
    st.builds("Annotated[{}, {}({}, {}, {}={})]".format, NAMES, NAMES, NUMBERS, NUMBERS, NAMES, NUMBERS),
    st.builds("Annotated[{}, Range({}, {})]".format, st.sampled_from(["int", "float"]), NUMBERS, NUMBERS),
    st.builds("Annotated[{}, Range({}, {}, step={})]".format, NAMES, NUMBERS, NUMBERS, NUMBERS),
    st.lists(NUMBERS, max_size=4).map(lambda choices: f"Literal[{', '.join(choices) or 1}]"),
    NAMES,
)
ARGUMENTS = st.builds("{}: {} = {}".format, st.sampled_from(["a", "b", "*c", "d1", "é"]), ANNOTATIONS, NUMBERS)
PROGRAMS = st.lists(ARGUMENTS, max_size=3).map(lambda given: f"def {FUNCTION}({', '.join(given)}):\n    return 1\n")
FENCES = st.sampled_from(["```python\n{}\n```", "```\n{}", "{}", "~~~\n{}~~~\n```python\n```", '{{"code": "{}"}}'])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["predictions", "curve", "seconds", "problem", "parameters"]), inner, max_size=4
        )
    ),
)


@given(PROGRAMS | st.text(max_size=200), FENCES)
def test_any_program_has_a_space_or_is_refused(code: str, fence: str) -> None:
    with contextlib.suppress(InvalidReply):
        found, _ = find_program(ChatReply(text=fence.format(code), model="m"), FUNCTION)
        space = read_space(found, CONTRACTS["sklearn"])
        assert space.default is not None
        json.dumps(dict(space.default), allow_nan=False).encode()  # it can be stored with the study
        assert read_space(found, CONTRACTS["sklearn"]) == space
        assert space.accepts(space.sample(np.random.default_rng(0)))


@given(JSON | st.dictionaries(st.sampled_from(["predictions", "curve", "seconds"]), JSON), st.binary(max_size=50))
def test_any_answer_is_scored_or_a_failure(said: object, noise: bytes) -> None:
    answers = [noise]
    with contextlib.suppress(ValueError):  # an integer of more digits than are read is one
        answers.append(json.dumps(said).encode())
    for line in answers:
        with contextlib.suppress(ValueError, TrialFailed):
            result = read_answer(line)
            answer: Mapping[str, object] = result if isinstance(result, dict) else {}
            assert isinstance(problem_of(Outcome(result=result), answer), str)
            assert 0 <= seconds_of(answer) <= 1e9
            curve = curve_of(told_curve(answer.get("curve")))
            assert all(math.isfinite(loss) for _, loss in curve)
            rows = len(result["predictions"]) if isinstance(answer.get("predictions"), list) else 2
            predictions = read_predictions(answer.get("predictions"), rows)
            if rows:
                truth = np.arange(rows) - 1
                assert math.isfinite(score("regression", predictions, truth))
                assert score("classification", predictions, truth) >= 1 / rows  # the unknown class is never right
