"""The numbers of `auto`, each with its reason and its source."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AutoOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoOptions:
    """Every number of the policy.

    Attributes:
        warm: Configurations in the first batch, at most a third of the budget: 3 to 5 [METHOD 4.2].
        fresh: Configurations per later call: several candidates, few calls [METHOD 4.3].
        after: So many values come first. With the default alone every far place looks equally good to the surrogate and
            a bad model's pick costs its whole evaluation: regret at 10 trials 1.20 times that of the surrogate alone,
            with 2 values 1.04, while an expert loses little by the wait, 0.39 and 0.43 (14 problems, 5 seeds).
        margin: How far below the best log acquisition a candidate may be, at full credit and divided by the number of
            values: of an expert's four candidates the best is 0.2 to 2 below after 3 values, an adversary's 0.6 to 4,
            one within 3 % of the default far more.
        praise: By how much each pick that went well widens the margin, before the division.
        fade: Power of the number of values that divides; LLINBO's "justify" needs a margin that shrinks, and language
            models stall after some 15 trials [METHOD 3.2].
        trust: Strength of the prior belief in the model, in picks that went well.
        memory: What each further piece of evidence leaves of the earlier ones.
        ambition: How much of the surrogate's own rate of success the model must reach to keep any credit.
        least: Below this credit no call is made and no candidate is taken.
        wasted: Evidence against the model in a call that brought nothing usable, as a share of a pick gone wrong.
        unwanted: The same for a call of whose candidates none was good enough to run: little, because the surrogate
            may be wrong, but it adds up, and calls end.
        retries: How often a reply without anything usable is sent back.
        plateau: After so many trials without improvement the model is asked what is stuck [METHOD 4.8].
        rest: For so many trials after that question, or after no reply came, no call is made.
        pool: So many unused candidates are remembered, the latest.
        prior: Whether the model is first asked where it expects the best value of each hyperparameter, to weight the
            acquisition [METHOD 4.5]. Off: a bad model's prior still costs something at 30 trials, it takes a further
            call, and no capable model has been measured yet.
        beta: Weight of that prior, divided by the number of values [piBO].
    """

    warm: int = 4
    fresh: int = 3
    after: int = 2
    margin: float = 2.4
    praise: float = 6.0
    fade: float = 1.0
    trust: float = 1.0
    memory: float = 0.9
    ambition: float = 0.5
    least: float = 0.25
    wasted: float = 1.0
    unwanted: float = 0.25
    retries: int = 1
    plateau: int = 6
    rest: int = 4
    pool: int = 12
    prior: bool = False
    beta: float = 3.0
