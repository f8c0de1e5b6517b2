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
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)
KEYS = "type low high log step choices names default description when flag min max values q".split()  # noqa: SIM905
KINDS = ("float", "int", "categorical", "flag", "bool", "loguniform", "choice", 3, None)
WHOLE: tuple[dict[str, Any], ...] = (
    {},
    {"type": "float", "low": 0.001, "high": 1000, "log": True, "default": 1.0},
    {"type": "float", "low": 0, "high": 1, "step": 0.25},
    {"type": "int", "low": 1, "high": 60, "when": {"a": "rbf"}},
    {"type": "categorical", "choices": ["rbf", None, 5], "default": None},
)
"""What is right, and what is spoilt in a few keys: most of what is drawn gets past the first check."""
entries = values | st.builds(
    lambda entry, kind, spoilt: {**entry, **kind, **spoilt},
    st.sampled_from(WHOLE),
    st.just({}) | st.builds(dict, type=st.sampled_from(KINDS)),
    st.dictionaries(st.sampled_from(KEYS), values, max_size=3),
)
spaces = st.dictionaries(st.text("abx_. {}", max_size=3), entries, max_size=3)
SOUND: dict[str, Any] = {"space": {"a": WHOLE[1]}, "evaluate": {"command": "true", "metric": "error"}}
commands = st.fixed_dictionaries({"command": st.text(max_size=20) | values}, optional={"metric": values})
parts = st.fixed_dictionaries({}, optional={"space": spaces | values, "evaluate": commands | values})
OTHERS = "task model proposer n_trials n_jobs seed storage fidelity pruner stop caps prior_studies unknown".split()  # noqa: SIM905
files = st.builds(
    lambda sound, drawn, others: {**sound, **drawn, **others},
    st.sampled_from([{}, SOUND]),
    parts,
    st.dictionaries(st.sampled_from(OTHERS), values, max_size=3),
)


def text_of(data: Any) -> str:
    """As YAML, if its texts can be written at all."""
    return write_yaml(data).encode("utf-8", "replace").decode()


@given(files)
def test_a_study_file_of_anything_is_read_or_refused_in_a_sentence(tmp_path_factory: Any, data: dict[str, Any]) -> None:
    path = Path(tmp_path_factory.getbasetemp(), "fuzz.yaml")
    path.write_text(text_of(data), "utf-8")
    try:
        read_study_file(path).build()
    except UsageError as error:
        assert 10 < len(str(error)) < 2000  # noqa: PT017 - either outcome is right


@given(spaces, st.lists(values, max_size=3))
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
