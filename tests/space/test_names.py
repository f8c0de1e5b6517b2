"""Names of choices that are none."""

from __future__ import annotations

import math

import pytest

from tunewise.errors import SpaceError
from tunewise.space import SearchSpace


@pytest.mark.parametrize(
    "names",
    [
        False,
        0,
        {},
        {"a": 1, "b": 2},
        b"ab",
        "ab",
        {1, 2},
        [["a"], "b"],
        [{}, 1],
        [b"a", "b"],
        [math.nan, 1],
        [10**400, 1],
    ],
)
def test_names_that_are_none_are_refused(names: object) -> None:
    with pytest.raises(SpaceError, match="names = "):
        SearchSpace.from_dict({"kernel": {"type": "categorical", "choices": ["rbf", None], "names": names}})
