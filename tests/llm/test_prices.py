import math

import pytest

from tunewise.errors import UsageError
from tunewise.llm.prices import FREE, Price, find_price, list_price
from tunewise.llm.scripted import ScriptedModel

OPENAI = "https://api.openai.com/v1"


def test_a_listed_model_has_its_list_price() -> None:
    assert list_price("gpt-4o", OPENAI) == Price(2.5, 10)


@pytest.mark.parametrize(
    ("name", "url"), [("no-such-model", OPENAI), ("gpt-4o", "http://127.0.0.1:8000/v1"), ("", OPENAI)]
)
def test_an_unknown_price_is_none_and_not_zero(name: str, url: str) -> None:
    assert list_price(name, url) is None


def test_cost() -> None:
    price = Price(2.5, 10)
    assert price.cost(1_000_000, 100_000) == pytest.approx(3.5)
    assert price.cost(None, 5) is None
    assert price.cost(5, None) is None
    assert FREE.cost(None, None) == 0


@pytest.mark.parametrize("wrong", [-1, math.nan, math.inf, True, "3"])
def test_a_price_is_a_number_of_dollars(wrong: float) -> None:
    with pytest.raises(UsageError, match="not a number of dollars"):
        Price(1, wrong)


def test_a_model_states_its_price_or_it_is_unknown() -> None:
    assert find_price(ScriptedModel([])) == FREE
    silent = ScriptedModel([])
    silent.price = None
    assert find_price(silent) is None
