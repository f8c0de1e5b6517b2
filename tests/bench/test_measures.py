"""Measures against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tunewise.bench.measures import (
    Interval,
    area,
    at_best,
    best_so_far,
    chances_of_best,
    expected_best,
    improvement,
    interval,
    mean_ranks,
    normalized,
    paired,
    ranks,
    resampled_best,
    share_above_zero,
    spread,
)


def test_best_so_far_keeps_the_least_and_fills_what_is_missing() -> None:
    assert best_so_far([None, 3.0, 5.0, 2.0], budget=5, ceiling=9.0).tolist() == [9.0, 3.0, 3.0, 2.0, 2.0]
    assert best_so_far([4.0, 1.0], budget=1, ceiling=9.0).tolist() == [4.0]
    assert best_so_far([], budget=2, ceiling=9.0).tolist() == [9.0, 9.0]


def test_a_value_above_the_worst_random_one_is_not_hidden() -> None:
    assert best_so_far([12.0, 11.0], budget=2, ceiling=9.0).tolist() == [12.0, 11.0]


def test_expected_best_of_two_draws_from_three_values() -> None:
    # of the nine pairs of (1, 2, 4) five have the least value 1, three have 2, one has 4
    assert expected_best([4.0, 1.0, 2.0], 2) == pytest.approx((5 * 1 + 3 * 2 + 1 * 4) / 9)


def test_another_number_of_the_best_so_far() -> None:
    assert at_best([3.0, 5.0, 3.0, 1.0], [30, 50, 31, 10]).tolist() == [30, 30, 30, 10]  # of equal values the first
    assert at_best([2.0], [7]).tolist() == [7]


def test_where_random_searches_end_is_what_a_bootstrap_tends_to() -> None:
    rng = np.random.default_rng(5)
    values = np.sort(rng.gamma(2.0, size=200))
    tests = values + rng.normal(0, 0.3, 200)
    draws = tests[rng.integers(200, size=(20_000, 5)).min(axis=1)]
    found = spread(tests, chances_of_best(200, 5))
    assert found.value == pytest.approx(draws.mean(), rel=0.02)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(draws, [0.1, 0.9])), abs=0.05)
    assert spread([7.0], chances_of_best(1, 3)) == Interval(7.0, 7.0, 7.0)


def test_expected_best_of_one_draw_is_the_mean() -> None:
    assert expected_best([1.0, 2.0, 6.0], 1) == pytest.approx(3.0)


def test_expected_best_is_what_a_bootstrap_tends_to() -> None:
    pool = np.random.default_rng(3).gamma(2.0, size=200)
    draws = np.random.default_rng(4).choice(pool, (20_000, 10)).min(axis=1)
    assert expected_best(pool, 10) == pytest.approx(draws.mean(), rel=0.02)


def test_resampled_searches_descend_and_come_from_the_pool() -> None:
    curves = resampled_best([3.0, 1.0, 2.0], 3, repetitions=5, rng=np.random.default_rng(0))
    assert curves.shape == (5, 3)
    assert (np.diff(curves) <= 0).all()
    assert (curves[:, -1] == 1.0).all()  # without repeats three draws are the whole pool


def test_improvement() -> None:
    assert improvement(0.25, 0.2) == pytest.approx(0.2)
    assert improvement(0.2, [0.1, 0.3]).tolist() == pytest.approx([0.5, -0.5])
    assert improvement(-2.0, -3.0) == pytest.approx(0.5)  # lower is better below zero, too
    assert improvement(0.0, [0.0, 0.1]).tolist() == [0.0, -math.inf]


def test_equal_is_not_better() -> None:
    assert share_above_zero([0.5, 0.0, -0.5, 1e-15]) == 0.25


def test_ties_share_their_ranks() -> None:
    assert ranks([3.0, 1.0, 3.0, 2.0]).tolist() == [3.5, 1.0, 3.5, 2.0]
    assert ranks([1.0, 1.0, 1.0]).tolist() == [2.0, 2.0, 2.0]
    assert ranks([math.inf, 1.0, math.inf]).tolist() == [2.5, 1.0, 2.5]
    assert mean_ranks([[1.0, 2.0], [2.0, 2.0]]).tolist() == [1.25, 1.75]


def test_normalized_regret_is_one_for_a_random_point_and_zero_for_the_best() -> None:
    assert normalized([6.0, 4.0, 2.0, 1.0], best=2.0, first=6.0).tolist() == [1.0, 0.5, 0.0, 0.0]
    assert normalized([1.0, 1.0], best=1.0, first=1.0).tolist() == [0.0, 0.0]
    assert area([1.0, 0.5, 0.0]) == pytest.approx(0.5)


def test_an_interval_holds_its_statistic_and_shrinks_to_nothing_where_nothing_varies() -> None:
    same = interval([[0.3, 0.3], [0.3]], lambda x: x.mean(axis=-1))
    assert (same.value, same.low, same.high) == (0.3, 0.3, 0.3)
    mixed = interval([[0.0, 0.2], [0.4, 0.6], [0.1]], lambda x: x.mean(axis=-1))
    assert mixed.value == pytest.approx((0.1 + 0.5 + 0.1) / 3)
    assert 0.0 <= mixed.low < mixed.value < mixed.high <= 0.6
    assert interval([[0.0, 0.2], [0.4, 0.6], [0.1]], lambda x: x.mean(axis=-1)) == mixed


def test_an_interval_with_infinities() -> None:
    found = interval([[-math.inf], [0.5], [0.4]], lambda x: np.median(x, axis=-1))
    assert (found.value, found.low, found.high) == (0.4, -math.inf, 0.5)


def test_paired_counts_and_the_signed_rank_test() -> None:
    # six differences of one sign: the two-sided p of the exact test is 2 / 2 ** 6
    found = paired([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], [0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 0.7])
    assert (found.won, found.tied, found.lost) == (6, 1, 0)
    assert found.p == pytest.approx(2 / 2**6)
    assert paired([0.1, 0.2], [0.1, 0.2]).p == 1.0
