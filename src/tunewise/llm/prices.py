"""What a token costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tunewise.errors import UsageError
from tunewise.llm.base import ChatModel

__all__ = ["FREE", "Price", "find_price", "list_price"]


@dataclass(frozen=True, slots=True)
class Price:
    """What a model charges.

    Attributes:
        input_usd_per_million: US dollars for a million tokens read.
        output_usd_per_million: US dollars for a million tokens written, thinking included.
    """

    input_usd_per_million: float
    output_usd_per_million: float

    def __post_init__(self) -> None:
        for value in (self.input_usd_per_million, self.output_usd_per_million):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise UsageError(
                    f"The price {value!r} is not a number of dollars per million tokens, 0 or more. "
                    "Give both prices, for example Price(2.5, 10), or none when they are unknown."
                )

    def cost(self, input_tokens: int | None, output_tokens: int | None) -> float | None:
        """US dollars for a call; None when its tokens are unknown, unless every token is free."""
        if self == FREE:
            return 0.0
        if input_tokens is None or output_tokens is None:
            return None
        return (input_tokens * self.input_usd_per_million + output_tokens * self.output_usd_per_million) / 1e6


FREE = Price(0, 0)
"""What models cost that run on this machine, or that are no models at all."""


def find_price(model: ChatModel) -> Price | None:
    """The price that a model states in its attribute `price`; None, which is unknown and not free, without one."""
    price = getattr(model, "price", None)
    return price if isinstance(price, Price) else None


def list_price(name: str, base_url: str, *, provider: str = "") -> Price | None:
    """The list price of a hosted model, from the tables that come with genai-prices; None when they do not hold it.

    It is the price of short requests: nothing is known here of discounts, caches, or surcharges for long contexts.

    Args:
        name: As the provider calls the model.
        base_url: The provider's address.
        provider: Its name in the tables, where that is known; then the address is not looked at.
    """
    from genai_prices import Usage, calc_price

    million, thousand = 1_000_000, 1_000  # priced by the thousand, below every surcharge for length
    try:
        usage = Usage(input_tokens=thousand, output_tokens=thousand)
        if provider:
            priced = calc_price(usage, name, provider_id=provider)
            fee = calc_price(Usage(), name, provider_id=provider).total_price
        else:
            priced = calc_price(usage, name, provider_api_url=base_url)
            fee = calc_price(Usage(), name, provider_api_url=base_url).total_price
    except LookupError:
        return None
    if fee > 0 or priced.total_price != priced.input_price + priced.output_price:
        return None  # there are charges that are not for tokens
    scale = million // thousand
    return Price(float(priced.input_price * scale), float(priced.output_price * scale))
