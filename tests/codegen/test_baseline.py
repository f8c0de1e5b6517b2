"""Baselines: fitted on the rows that programs see, scored as programs are, and the gain over them."""

from __future__ import annotations

import numpy as np

from tunewise.codegen.baseline import Baseline, baselines, best_of
from tunewise.codegen.data import Dataset
from tunewise.codegen.generate import told
from tunewise.codegen.score import row_losses, score


def test_each_is_scored_as_a_program_is(regression: Dataset) -> None:
    found = baselines(regression)
    assert [baseline.name for baseline in found] == ["the mean", "ridge regression", "gradient boosting"]
    mean = found[0]
    assert mean.value == score(
        "regression", np.full(len(regression.validation), regression.train.y.mean()), regression.validation.y
    )
    assert best_of(found).value == min(baseline.value for baseline in found) < 0.8 * mean.value
    assert baselines(regression) == found


def test_a_class_that_nobody_could_learn_is_wrong_for_baselines_too() -> None:
    truth = np.array([0, 1, -1])
    assert row_losses("classification", np.array([0.0, 0.0, -1.0]), truth).tolist() == [0.0, 1.0, 1.0]


def test_the_gain_has_an_interval_and_a_word(regression: Dataset) -> None:
    mean, *_ = baselines(regression)
    perfect = mean.gain(regression.test.y.astype(float))
    assert perfect.low <= perfect.value <= perfect.high
    assert perfect.value == mean.test
    assert str(perfect).endswith("against the mean: better")
    same = mean.gain(mean.predictions)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    assert str(same).endswith("no clear difference")
    assert str(mean.gain(mean.predictions + 100)).endswith("worse")


def test_the_model_is_told_what_to_beat(regression: Dataset) -> None:
    (line,) = told(regression, [Baseline("ridge", 0.25, 0.3, np.zeros(1), regression)])
    assert line == "The validation loss of usual models with their usual settings: ridge 0.25."
    assert told(regression, []) == []
