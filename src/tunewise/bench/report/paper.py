"""What [Zhang] reports, as far as it is known here; nothing in this file is ours, and nothing is guessed.

Shares and improvements are in percent, over random search at the same budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["AT_10", "AT_30", "LANDSCAPES", "WARM_START", "Reported"]


@dataclass(frozen=True, slots=True)
class Reported:
    """A line of the paper's tables over 32 tasks; None where it is not known here.

    Attributes:
        method: As the paper calls it.
        beats: Share of tasks that beat random search.
        median: Median improvement.
        mean: Mean improvement.
        rank: Mean rank.
    """

    method: str
    beats: float
    median: float
    mean: float
    rank: float | None = None


AT_10: Final = (
    Reported("GPT-4 Turbo, reasoning", 81.25, 13.70, 19.83, 2.42),
    Reported("GPT-4 Turbo", 81.25, 15.58, 21.23),
    Reported("GPT-4, reasoning", 68.75, 4.58, 8.54, 3.48),
    Reported("GPT-3.5 Turbo, reasoning", 43.75, -0.82, -13.58, 3.84),
    Reported("GPT-3.5 Turbo", 40.62, -3.19, -117.12),
    Reported("SMAC, random forest", 56.25, 2.11, 5.86, 3.45),
    Reported("SMAC, Gaussian process", 50.00, -0.01, -8.28, 3.80),
)
"""10 evaluations; the rank is among the five methods that have one."""

AT_30: Final = (
    Reported("GPT-4 Turbo", 90.62, 18.94, 22.34, 2.22),
    Reported("GPT-4 Turbo, reasoning", 78.12, 12.10, 18.27, 2.72),
    Reported("SMAC, random forest", 71.88, 5.91, 14.63, 3.06),
    Reported("SMAC, Gaussian process", 84.38, 11.80, 21.07, 2.75),
)
"""30 evaluations; the rank is among these four."""

LANDSCAPES: Final[Mapping[str, tuple[float, float]]] = {
    "ackley": (0.0, 5.28),
    "ackley_shifted": (2.70, 5.26),
    "branin": (2.12, 5.83),
    "branin_shifted": (6.25, 7.13),
    "rosenbrock": (0.33, 481),
    "rosenbrock_shifted": (59.9, 619),
    "himmelblau": (8.12, 20.4),
    "himmelblau_shifted": (37.0, 21.5),
    "quadratic": (9.99, 4.72),
    "ill_conditioned": (34.4, 15.1),
}
"""Best value after 10 evaluations, mean of 3 seeds: the model with prompt 2 at temperature 0, random search."""

WARM_START: Final = (21, 32)
"""Tasks on which ten evaluations by the language model and then Bayesian optimization to 30 improved on or matched
Bayesian optimization alone, of so many."""
