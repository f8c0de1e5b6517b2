"""The axis of a metric."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.bounds import bounded
from tunewise.report.scale import scale_of

NUMBERS = st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=40)


def test_an_outlier_stands_at_the_rim_and_flattens_nothing() -> None:
    values = [0.30, 0.31, 0.28, 0.33, 0.29, 4200.0]
    scale = scale_of(values, minimize=True)
    assert scale.high < 0.4
    assert scale.place(4200.0) == scale.high
    assert [scale.place(v) for v in values[:-1]] == values[:-1]
    assert "One value is worse than the axis reaches" in scale.in_words(1)


def test_of_a_metric_that_is_maximized_the_low_ones_are_outliers() -> None:
    scale = scale_of([0.9, 0.91, 0.88, 0.93, 0.9, -50.0, 5.0], minimize=False)
    assert scale.is_beyond(-50.0)
    assert not scale.is_beyond(5.0)  # a good value is never cut off
    assert scale.axis()["range"][0] > 0


def test_values_over_decades_get_a_logarithmic_axis_in_which_none_is_far() -> None:
    scale = scale_of([1.0, 10.0, 100.0, 1e3, 1e4, 1e5], minimize=True)
    assert scale.log
    assert scale.limit is None


@bounded
def test_an_axis_for_many_values_takes_no_second() -> None:
    values = [float(value) for value in range(1, 50_000)]
    assert scale_of(values, minimize=True).log


@given(NUMBERS, st.booleans())
def test_the_best_value_is_always_shown_and_the_axis_is_finite(values: list[float], minimize: bool) -> None:
    scale = scale_of(values, minimize=minimize)
    best = min(values) if minimize else max(values)
    assert not scale.is_beyond(best)
    assert all(map(math.isfinite, (scale.low, scale.high)))
    assert all(scale.low <= scale.place(v) <= scale.high for v in values)
    assert all(math.isfinite(end) for end in scale.axis().get("range", []))


@pytest.mark.parametrize("minimize", [True, False])
def test_nothing_and_one_value(minimize: bool) -> None:
    assert scale_of([], minimize=minimize).axis() == {}
    assert scale_of([0.0], minimize=minimize).axis() == {}
