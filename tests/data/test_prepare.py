"""Columns become a matrix: three ways, learned from the training rows alone."""

from __future__ import annotations

import numpy as np
import pytest

from tunewise.data.cells import numbers, texts
from tunewise.data.columns import Column
from tunewise.data.prepare import MOST_VALUES, Block, imputed, marked, plain, prepare

TRAIN = np.array([True, True, True, False])
NUMBER = Column("n", "number", np.array([1.0, np.nan, 3.0, 1e9]))
TEXT = Column("t", "text", np.array(["a", "b", "a", None], dtype=object))
TIME = Column("at", "time", np.array(["2024-01-01T12", "2024-01-02T00", "2024-01-01T12", "NaT"], "datetime64[us]"))


def rows(blocks: list[Block]) -> dict[str, list[float]]:
    x, names = prepare(blocks, TRAIN)
    return dict(zip(names, x.T.tolist(), strict=True))


def test_plain_keeps_numbers_and_the_order_of_columns() -> None:
    x, names = prepare([plain(numbers("n", ["1", "", "3"])), plain(texts("t", ["", "b", "b"]))])  # type: ignore[arg-type]
    assert names == ("n", "t=", "t=b")
    np.testing.assert_array_equal(x, [[1, 1, 0], [np.nan, 0, 1], [3, 0, 1]])


def test_imputed_fills_with_what_the_training_rows_say() -> None:
    found = rows(imputed([NUMBER, TEXT]))
    assert list(found) == ["t=a", "t=b", "n"], "texts first"
    assert found["t=a"] == [1, 0, 1, 1], "the missing one is the commonest"
    assert found["n"][:3] == pytest.approx([-np.sqrt(1.5), 0, np.sqrt(1.5)])


def test_marked_says_what_was_missing_and_bounds_the_rest() -> None:
    found = rows([*marked(NUMBER, TRAIN), *marked(TEXT, TRAIN), *marked(TIME, TRAIN)])
    assert list(found) == ["n", "n is missing", "t=a", "t=b", "at hour", "at weekday", "at days"]
    assert found["n"][3] == 10
    assert found["n is missing"] == [0, 1, 0, 0]
    assert (found["t=a"][3], found["t=b"][3]) == (0, 0)
    assert found["at hour"][3] == found["at hour"][0], "a missing instant is the first"


def test_commonest_values_come_first_and_the_rest_share_nothing() -> None:
    cells = [f"v{i:03}" for i in range(100)] + ["z", "z"]
    column = texts("t", cells)
    x, names = prepare(marked(column, np.ones(102, bool)), np.ones(102, bool))
    assert names[:2] == ("t=z", "t=v000")
    assert len(names) == MOST_VALUES
    assert x.sum() == MOST_VALUES + 1


def test_a_text_column_without_any_text_and_equal_names() -> None:
    empty = texts("e", ["", "", "", ""], missing=("",))
    assert prepare(imputed([empty]), TRAIN)[0].shape == (4, 1)
    x, names = prepare([plain(texts("a", ["b"] * 4)), plain(Column("a=b", "number", np.zeros(4)))])
    assert (names, x.shape) == (("a=b", "a=b"), (4, 2))
