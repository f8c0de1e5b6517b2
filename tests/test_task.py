"""What is told about the task, and how it is written in a study file."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tunewise import DataCard, Task
from tunewise.errors import TaskError

TASK = Task(model="SVC", data=DataCard(name="digits", rows=9), direction="maximize", budget=3, facts=("a", "b"))


def test_plain_data_loses_nothing() -> None:
    for task in (TASK, Task(), Task(data=DataCard())):
        plain = task.to_dict()
        assert Task.from_dict(plain) == task
        assert json.loads(json.dumps(plain)) == plain
        assert yaml.safe_load(yaml.safe_dump(plain)) == plain


def test_what_is_unknown_is_left_out() -> None:
    assert TASK.to_dict() == {
        "model": "SVC",
        "data": {"name": "digits", "rows": 9},
        "metric": "loss",
        "direction": "maximize",
        "budget": 3,
        "facts": ["a", "b"],
    }


def test_one_fact_may_be_a_text() -> None:
    assert Task(facts="only one").facts == ("only one",)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({"modle": "SVC"}, "task: the key 'modle' is unknown. Did you mean model"),
        ({"data": {"row": 3}}, "data: the key 'row' is unknown. Did you mean rows"),
        ({"data": "digits"}, "data = 'digits' is not a mapping"),
        ([], "task = .* is not a mapping"),
        ({"data": {"rows": 0}}, "data.rows = 0 is not a whole number of at least 1"),
        ({"data": {"classes": True}}, "data.classes = True"),
        ({"data": {"name": 3}}, "data.name = 3 is not a text"),
        ({"direction": "down"}, "direction = 'down' is unknown. It is minimize or maximize"),
        ({"budget": 0}, "budget = 0 is not a whole number"),
        ({"budget": 2.5}, "budget = 2.5 is not a whole number"),
        ({"metric": " "}, "is not a name"),
        ({"model": 5}, "model = 5 is not a text"),
        ({"facts": [1]}, r"facts\[0\] = 1 is not a text"),
        ({"facts": None}, "facts = None is not a list"),
    ],
)
def test_a_wrong_task_is_named(plain: Any, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        Task.from_dict(plain)
