"""Whatever stands in a study file is read or refused in a sentence, in bounded time. In full by `make fuzz`."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.errors import InvalidReply, UsageError
from tunewise.space import SearchSpace
from tunewise.study.file import read_study_file
from tunewise.yaml12 import write_yaml

pytestmark = pytest.mark.fuzz

numbers = st.one_of(
    st.integers(-5, 5),
    st.sampled_from([1e-300, 1e300, 5e-324, 10**18, 10**400, -(10**400), math.nan, math.inf, 0.1, 2**53]),
    st.floats(),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=8), st.sampled_from(["on", "1e-3", "rbf", "x"]))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))
kinds = st.sampled_from(["float", "int", "categorical", "flag", "bool", "loguniform", "choice", 3, None])
keys = [
    "type",
    "low",
    "high",
    "log",
    "step",
    "choices",
    "names",
    "default",
    "description",
    "when",
    "flag",
    "min",
    "max",
    "values",
    "q",
]
entries = st.fixed_dictionaries({}, optional={key: kinds if key == "type" else values for key in keys}) | values
spaces = st.dictionaries(st.text("abx_. {}", max_size=3), entries, max_size=4)
parts = {
    "task": values,
    "space": spaces | values,
    "evaluate": st.fixed_dictionaries({"command": st.text(max_size=20) | values}, optional={"metric": values}) | values,
    "model": values,
    "n_trials": values,
    "n_jobs": values,
    "seed": values,
    "storage": values,
    "unknown": values,
}


def text_of(data: Any) -> str:
    """As YAML, if its texts can be written at all."""
    return write_yaml(data).encode("utf-8", "replace").decode()


@given(st.fixed_dictionaries({}, optional=parts))
def test_a_study_file_of_anything_is_read_or_refused_in_a_sentence(tmp_path_factory: Any, data: dict[str, Any]) -> None:
    path = Path(tmp_path_factory.getbasetemp(), "fuzz.yaml")
    path.write_text(text_of(data), "utf-8")
    try:
        read_study_file(path).build()
    except UsageError as error:
        assert 10 < len(str(error)) < 2000  # noqa: PT017 - either outcome is right


@pytest.mark.long
@given(spaces, st.lists(values, max_size=4))
def test_a_space_of_anything_takes_or_refuses_any_reply(data: dict[str, Any], replies: list[Any]) -> None:
    try:
        space = SearchSpace.from_dict(data)
        assert space.to_dict() == SearchSpace.from_dict(space.to_dict()).to_dict()
        configuration = space.decode([0.3] * space.width)
        assert space.accepts(configuration)
        assert set(space.arguments(configuration)) == set(configuration)
        for reply in [*replies, *(dict.fromkeys(space, value) for value in replies)]:
            with suppress(InvalidReply):
                assert space.accepts(space.coerce(reply).configuration)
    except UsageError as error:
        assert len(str(error)) < 2000  # noqa: PT017 - either outcome is right
