"""The statistical half of a proposer in one object: fit, then score, predict, propose, tell the effects."""

# ruff: noqa: N803, N806 - X, as the literature calls a matrix of points
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tunewise.errors import UsageError
from tunewise.prior_studies import PriorStudy
from tunewise.space import Configuration, SearchSpace, Value
from tunewise.surrogate.acquisition import (
    Acquisition,
    Average,
    LogExpectedImprovement,
    Nearby,
    Process,
    Total,
    fresh,
    maximize,
    perturb,
    step_width,
)
from tunewise.surrogate.effects import Effect, latin_hypercube, measure_effects
from tunewise.surrogate.gp import GP
from tunewise.surrogate.lattice import Lattice
from tunewise.surrogate.limits import Limit, are_met, fit_limits, likely_met
from tunewise.surrogate.plausible import plausible_region
from tunewise.surrogate.posterior import fit_best, sample_posterior
from tunewise.surrogate.subset import LIMIT, select
from tunewise.surrogate.success import SuccessProbability, fit_success
from tunewise.surrogate.transfer import inform, learn, log_shares, trusted
from tunewise.surrogate.warp import Warp

__all__ = ["Surrogate", "fit_surrogate"]

Array = NDArray[np.float64]

LARGEST = 1e100
"""Values beyond are cut off: their squares still are finite."""

NEIGHBOURHOODS = 5
"""Around so many of the best trials the maximizer looks closely."""


CAUTION = 8.0
"""Strength of the prior around the best trial, before it is divided by dimensions cubed and the root of the trials."""

QUANTILES = ndtri((np.arange(20) + 0.5) / 20)
"""Of a normal distribution, equally likely."""

UNSEEN = 1.8
"""Times the distance of the upper quartile of the values from the best, divided by their count to the power 3/4: no
deviation is less, for what no value has shown yet, as a cliff beside the best trial. Chosen on seeds 0 to 17 of
`benchmarks/calibration.py`: without it 9 to 12 % of the points that are proposed lie beyond four deviations. A few very
bad values do not change it."""

PLAUSIBLE = 1.0
"""Strength of the plausible region at one value, the beta of [piBO]; it is divided by the number of values."""

REACH = 0.35
"""Standard deviation of that prior at strength 1, in units of the cube."""

PLATEAU = 6
"""Where so many trials share the best value, the first one among them, nothing has been gained since it ran."""


@dataclass(frozen=True)
class Hypothesis:
    """What this study may be like.

    Attributes:
        process: What it expects then, on the warped scale.
        incumbent: The least of it at one of the trials, finished or running, that meet the constraints.
        log_share: Logarithm of its probability.
    """

    process: Process
    incumbent: Array
    log_share: float

    def after(self, X: Array, allowed: bool) -> Hypothesis:
        """The same after trials at `m x d` points that turn out as expected."""
        incumbent = np.minimum(self.incumbent, least(self.process, X)) if allowed else self.incumbent
        return Hypothesis(self.process.condition(X), incumbent, self.log_share)


@dataclass(frozen=True)
class Surrogate:
    """What the trials so far say about all others.

    Attributes:
        lattice: The space, as points of the unit cube.
        warp: The scale on which the values are believed.
        gp: The process on that scale, from finished trials alone.
        values: `n` values that it was fitted to.
        hypotheses: What this study may be like, with where trials failed and run: nothing else, first, and the
            prior studies.
        success_probability: Where trials fail; None when none did.
        finished: `n x d` points of the finished trials.
        tried: `m x d` points of all trials, finished, failed and pending.
        apart: By how much a proposal differs from those in some coordinate.
        best: `k x d` points of the best finished trials that meet the constraints, the best first.
        rng: Randomness of `propose`.
        plausible: `k x d` points near which good values are to be expected before any is known.
        limits: Where each constraint is met.
        gain: By how much less than the best a value has to be, on the warped scale; 0 except on a plateau.
    """

    lattice: Lattice
    warp: Warp
    gp: GP
    values: Array
    hypotheses: tuple[Hypothesis, ...]
    success_probability: SuccessProbability | None
    finished: Array
    tried: Array
    apart: float
    best: Array
    rng: np.random.Generator
    plausible: Array
    limits: tuple[Limit, ...] = ()
    gain: float = 0.0

    def score(self, configurations: Sequence[Mapping[str, Value]]) -> Array:
        """Logarithm of expected improvement times probability of success; `n` numbers that compare with each other."""
        return self._acquisition(self.hypotheses).score(self._encode(configurations))

    def predict(self, configurations: Sequence[Mapping[str, Value]]) -> tuple[Array, Array]:
        """What values are expected, a mixture over all fits, noise and unknown mean included.

        Returns:
            `n` medians and `n` standard deviations, on the scale of the values. Tails are heavier than normal ones, so
            a deviation is the mean of half of the central 68 % and of what makes 1.96 of it half of the central 95 %.
        """
        warp, gp = self.posterior
        mean, std = gp.predict(self._encode(configurations))
        count = max(1, len(self.values))
        std = np.sqrt((std**2 + (gp.hyperparameters.noise * gp.scale**2)[:, None]) * (1 + 1 / count))
        spread = mean[..., None] + std[..., None] * QUANTILES
        values = warp.inverse(spread.reshape(len(mean), -1)).reshape(spread.shape)
        outer, low, middle, high, far = np.quantile(values, (0.025, 0.16, 0.5, 0.84, 0.975), axis=(0, 2))
        std = ((high - low) / 2 + (far - outer) / (2 * 1.96)) / 2
        if not len(self.values):
            return middle, std
        return middle, np.maximum(std, UNSEEN * np.ptp(np.quantile(self.values, (0, 0.75))) / count**0.75)

    def draw(self, configurations: Sequence[Mapping[str, Value]], count: int, *, rng: np.random.Generator) -> Array:
        """Values that the function may have: `count x n` draws, jointly for all `n` configurations."""
        warp, gp = self.posterior
        mean, covariance = gp.joint(self._encode(configurations))
        of = rng.integers(len(mean), size=count)
        drawn = [rng.multivariate_normal(mean[s], covariance[s], check_valid="ignore", method="svd") for s in of]
        return replace(warp, strength=warp.strength[of]).inverse(np.array(drawn))

    def success(self, configurations: Sequence[Mapping[str, Value]]) -> Array:
        """`n` probabilities that a trial finishes; 1 while none has failed."""
        if self.success_probability is None:
            return np.ones(len(configurations))
        return self.success_probability.probability(self._encode(configurations))

    def propose(self, n: int = 1, *, candidates: Sequence[Mapping[str, Value]] = ()) -> list[Configuration]:
        """The `n` configurations to try next, which differ from each other and from all that was tried.

        Only in a space without further configurations is one proposed again.

        Args:
            n: How many will run at the same time.
            candidates: Configurations to consider beside the surrogate's own.
        """
        hypotheses, tried, chosen = self.hypotheses, self.tried, []
        extra = self._encode(candidates)
        for _ in range(n):
            acquisition = self._acquisition(hypotheses)
            x = maximize(
                acquisition, self.lattice, self.rng, best=self.best, avoid=tried, apart=self.apart, candidates=extra
            )
            allowed = bool(likely_met(self.limits, x[None])[0])
            hypotheses, tried = tuple(h.after(x[None], allowed) for h in hypotheses), np.vstack([tried, x])
            chosen.append(self.lattice.space.decode(x))
        return chosen

    def refine(self, reach: float) -> Configuration | None:
        """The most promising configuration near the best trial that differs from all that was tried, if one is found.

        Args:
            reach: How far from it at most, as a share of every range.
        """
        if not len(self.best):
            return None
        around = self.lattice.round(self.lattice.snap(perturb(self.best[:1], self.rng)))
        around = around[np.abs(around - self.best[0]).max(axis=1) <= reach]
        if not len(around):
            return None
        order = np.argsort(-self._acquisition(self.hypotheses).score(around), kind="stable")
        found = next(fresh(self.lattice, around[order], self.tried, self.apart), None)
        return None if found is None else self.lattice.space.decode(found)

    def effects(self) -> tuple[Effect, ...]:
        """What is known about each hyperparameter, in the order of the space."""
        return self._effects

    @cached_property
    def posterior(self) -> tuple[Warp, GP]:
        """Samples of all warps and processes that fit the finished trials: what is expected, and how surely."""
        best = np.append(self.gp.hyperparameters.to_logs()[0], np.log(self.warp.strength[0]))
        return sample_posterior(self.gp.X, self.values, best, groups=self.lattice.groups)

    @cached_property
    def _effects(self) -> tuple[Effect, ...]:
        sample = latin_hypercube(256, self.lattice.space.width, np.random.default_rng(0))
        return measure_effects(self.posterior[1], self.lattice, self.finished, self.lattice.snap(sample))

    def _acquisition(self, hypotheses: Sequence[Hypothesis]) -> Acquisition:
        alone, *likened = [LogExpectedImprovement(h.process, h.incumbent - self.gain) for h in hypotheses]
        own: list[Acquisition] = [alone]  # earlier studies know better where to look first
        if len(self.best) and not self.gain:
            own.append(self._nearby())
        if len(self.plausible):
            power = PLAUSIBLE / max(1, self.gp.y.shape[1])
            own.append(plausible_region(self.lattice, self.plausible, power=power))
        improvement = Average((Total(tuple(own)), *likened), tuple(h.log_share for h in hypotheses))
        success = [self.success_probability] if self.success_probability is not None else []
        return Total((improvement, *self.limits, *success))

    def _nearby(self) -> Nearby:
        """A prior around the best trial, which fades with the trials and with the dimensions.

        It helps in few dimensions, where the first proposals would be corners, and is as good as absent in ten, where
        staying near was measured to be worse than looking far.
        """
        numeric = np.bincount(self.lattice.groups)[self.lattice.groups] == 1
        strength = CAUTION / (max(int(numeric.sum()), 1) ** 3 * self.gp.y.shape[1] ** 0.5)
        return Nearby(self.best[0], strength * numeric / REACH**2)

    def _encode(self, configurations: Sequence[Mapping[str, Value]]) -> Array:
        return self.lattice.space.encode_all(configurations)


def fit_surrogate(
    space: SearchSpace,
    configurations: Sequence[Mapping[str, Value]],
    values: Sequence[float],
    *,
    failed: Sequence[Mapping[str, Value]] = (),
    pending: Sequence[Mapping[str, Value]] = (),
    plausible: Sequence[Mapping[str, Value]] = (),
    rng: np.random.Generator,
    constraints: Sequence[Mapping[str, float]] = (),
    prior_studies: Sequence[PriorStudy] = (),
) -> Surrogate:
    """Fit a surrogate to the trials of a study.

    Args:
        space: The search space.
        configurations: `n` finished trials, the latest last; `n` may be 0.
        values: What they gave: finite, to be minimized.
        failed: Trials that gave no value.
        pending: Trials that are still running.
        plausible: What somebody who knows the field would try, run or not: the default and what a language model has
            proposed, the latest last. It leads the first proposals, and fades as values come.
        rng: Randomness of the proposals.
        constraints: Of each finished trial, as far as they are known: above 0 is violated. Empty where there are none.
        prior_studies: What earlier studies have found.

    Raises:
        UsageError: There are not as many values as configurations, or one is not finite.
    """
    numbers = np.asarray(values, dtype=float)
    if numbers.shape != (len(configurations),):
        raise UsageError(
            f"{len(configurations)} configurations came with values of shape {numbers.shape}. "
            "Give one value for each; a trial without a value belongs to `failed` or `pending`."
        )
    if not np.isfinite(numbers).all():
        bad = numbers[~np.isfinite(numbers)][0]
        raise UsageError(f"The value {bad} is not finite. Give such a trial as `failed`.")
    numbers = np.clip(numbers, -LARGEST, LARGEST)
    lattice = Lattice(space)
    finished, broken, running = (space.encode_all(c) for c in (configurations, failed, pending))
    limiting = constraints or [{}] * len(numbers)
    allowed = are_met(limiting)
    kept = select(finished, np.where(allowed, numbers, numbers.max(initial=-np.inf)))
    X, y = finished[kept], numbers[kept]
    warp, gp = fit_best(X, y, groups=lattice.groups)
    limits = fit_limits(X, [limiting[row] for row in kept], groups=lattice.groups)
    good = np.flatnonzero(allowed[kept])
    lessons = trusted([lesson for study in prior_studies if (lesson := learn(study, space))], X[good], y[good])
    processes: list[Process] = [gp, inform(gp, lessons)] if lessons else [gp]
    promising = np.vstack([X[good], running[likely_met(limits, running)]])
    broken_latest, running_latest = broken[-LIMIT // 4 :], running[-LIMIT // 4 :]
    return Surrogate(
        lattice=lattice,
        warp=warp,
        gp=gp,
        values=y,
        hypotheses=tuple(
            Hypothesis(believe(process, gp, broken_latest, running_latest), least(process, promising), share)
            for process, share in zip(processes, log_shares(gp, lessons) if lessons else (0.0,), strict=True)
        ),
        success_probability=fit_success(X, broken[-LIMIT // 2 :], groups=lattice.groups) if len(broken) else None,
        finished=finished,
        tried=np.vstack([finished, broken, running]),
        apart=step_width(X, y),
        best=X[good[np.argsort(y[good], kind="stable")]][:NEIGHBOURHOODS],
        rng=rng,
        plausible=space.encode_all(plausible),
        limits=limits,
        gain=least_gain(numbers) / warp.unit,
    )


def least_gain(values: Array) -> float:
    """By how much a value must be less than the best of `n`, the latest last, to count: above 0 on a plateau alone.

    A default may lie where nothing is learned and every trial gives the same. A process is nearly sure of all that is
    near, and takes what little is left open there for an improvement. That a step of the metric, the smallest
    difference there was, is to be gained sends proposals where more is open.
    """
    different, counts = np.unique(values, return_counts=True)
    plateau = len(different) > 1 and counts[0] >= PLATEAU and values[0] == different[0]
    return float(np.diff(different).min()) if plateau else 0.0


def least(process: Process, X: Array) -> Array:
    """The least value that each of `s` processes expects at one of `m x d` points; 0 where there are none."""
    expected = process.predict(X)[0]
    result: Array = expected.min(axis=1) if expected.size else np.zeros(len(expected))
    return result


def believe(process: Process, gp: GP, broken: Array, running: Array) -> Process:
    """The process that knows where trials failed and run: neither place needs a second visit.

    A failed trial counts as a middling one (a rank, not a constant), unless worse is expected there: were it to count
    as what is expected, an optimum beyond the border of what works would be tried again and again. A running
    trial counts as what is expected of it.
    """
    if len(broken):
        middling = gp.center + gp.scale * np.median(gp.y, axis=1) if gp.y.size else gp.center
        process = process.condition(broken, np.maximum(process.predict(broken)[0], middling[:, None]))
    return process.condition(running)
