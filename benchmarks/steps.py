"""How far to go, and whose idea to follow: what the recorded reader's trials gained, compared within each task.

    python benchmarks/steps.py              # steps by their size: a minute
    python benchmarks/steps.py --values     # values that no trial had had: some seconds
    python benchmarks/steps.py --advice     # own ideas and the surrogate's points in trials 3 to 5: some minutes
    python benchmarks/steps.py --turns      # turns of the surrogate in place of the reader's: some minutes
    python benchmarks/steps.py --stalled    # one turn wherever the reader's trials have brought nothing for long
    python benchmarks/steps.py --equal      # what prompts say makes no difference, and whether it does: some minutes

A trial's gain is by how much it improved the best value, as a share of the mean of random points minus the best value
of the table. Trials of studies that have found that value are left out. Nothing is trained.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from statistics import mean
from typing import Final

import numpy as np

from tunewise.bench.problems.base import Problem
from tunewise.bench.recorded import RecordedRun, load_recordings
from tunewise.bench.suites import Terms, choose_problems
from tunewise.history import History, TrialRecord
from tunewise.prompts.by_value import MOST_VALUES, UNTRIED
from tunewise.prompts.findings import equal_settings
from tunewise.proposers.assessment import Assessment
from tunewise.proposers.base import ProposalContext
from tunewise.proposers.neighbours import find_nearest
from tunewise.proposers.steps import FAR, OPENING, SETTLED, STALE, has_room, worth_exploring
from tunewise.record import Candidate, Decision, Proposal
from tunewise.space import Configuration

PLAYS: Final = tuple(f"auto-0.2-30-{play}" for play in "abcde")
LATEST: Final = tuple(f"auto-0.2-30-{play}" for play in "ilmnopq")
EARLIER: Final = ("advised-30", "advised3-30", "auto-30", "compressed-30")
OWN: Final = ("model", "repair")
DRAWS, RESAMPLED, BUDGET = 300, 2000, 30
SLACK: Final = 0.017
"""So that three of twenty steps of a grid count as a sixth of it."""
TURNS = 5, 7, 9
"""The trials that the surrogate takes over."""
LOOKED_AT, NEAR = (8, 12, 16, 20, 25), 6
"""After how many trials it is looked at what is said, and at how many of the best trials whether it is so."""


@dataclass(frozen=True)
class Scale:
    """Regret on one problem: 0 at the best value of its table, 1 at the mean of random points."""

    problem: Problem
    best: float
    random: float

    @classmethod
    def of(cls, problem: Problem) -> Scale:
        """By some hundred random points."""
        rng = np.random.default_rng(0)
        drawn = [problem.evaluate(problem.space.sample(rng)).value for _ in range(DRAWS)]
        return cls(problem, problem.best or 0.0, mean(drawn))

    def regret(self, value: float) -> float:
        """Of a value."""
        return (value - self.best) / (self.random - self.best)


@dataclass(frozen=True)
class Moment:
    """A recorded trial, and all before it."""

    scale: Scale
    number: int
    trial: TrialRecord
    context: ProposalContext

    @property
    def best(self) -> float:
        """The best value before."""
        return min(t.value for t in self.context.history if t.value is not None)

    @property
    def gain(self) -> float:
        """What the trial gained."""
        return max(0.0, self.scale.regret(self.best) - self.scale.regret(self.trial.value or np.inf))

    @property
    def stale(self) -> int:
        """How many trials had brought nothing better."""
        return self.number - 1 - next(t.number for t in self.context.history if t.value == self.best)

    @property
    def step(self) -> float:
        """How far the trial is from the nearest of the best ones, as a share of the range where they differ most."""
        best = [t for t in self.context.history if t.value == self.best]
        return min(self.context.distance(t.configuration, self.trial.configuration) for t in best)

    @property
    def away(self) -> float:
        """How far the trial is from the nearest of all before."""
        return self.context.away(self.trial.configuration)

    @property
    def changed(self) -> int:
        """In how many hyperparameters the trial differs from the nearest of the best ones."""
        best = [t.configuration for t in self.context.history if t.value == self.best]
        return min(sum(value != near.get(name) for name, value in self.trial.configuration.items()) for near in best)


def recorded(number: int, configuration: Mapping[str, object], source: str, value: float | None) -> TrialRecord:
    """A trial as a study keeps it."""
    kept: Configuration = dict(configuration)  # type: ignore[arg-type]
    offered = (Candidate(configuration=kept),) if source in OWN else ()
    proposal = Proposal(configuration=kept, source=source, decision=Decision(offered=offered))  # type: ignore[arg-type]
    return TrialRecord(number, "finished" if value is not None else "failed", kept, value, proposal=proposal)


def after(trials: list[TrialRecord], scale: Scale, *, model: bool = True) -> ProposalContext:
    """What `auto` knows after some trials."""
    return ProposalContext(
        task=replace(scale.problem.task, budget=BUDGET),
        space=scale.problem.space,
        history=History(tuple(trials)),
        trial=len(trials),
        rng=np.random.default_rng(len(trials)),
        has_model=model,
    )


def moments(runs: list[RecordedRun], scales: Mapping[str, Scale]) -> Iterator[Moment]:
    """The reader's trials of runs that had not found the best value."""
    for run in runs:
        scale = scales[run.problem]
        trials = [recorded(n, s.configuration, s.source, s.value) for n, s in enumerate(run.steps)]
        for number in range(1, len(trials)):
            moment = Moment(scale, number, trials[number], after(trials[:number], scale))
            if moment.best > scale.best + 1e-12 and trials[number].by_model:
                yield moment


def compare(found: list[Moment], chosen: Callable[[Moment], bool | None]) -> str:
    """How much more the chosen trials gained than others of the same task, with an interval over tasks."""
    by_task: dict[str, dict[bool, list[float]]] = {}
    for moment in found:
        if (kind := chosen(moment)) is not None:
            by_task.setdefault(moment.scale.problem.name, {True: [], False: []})[kind].append(moment.gain)
    both = [kinds for kinds in by_task.values() if kinds[True] and kinds[False]]
    differences = np.array([mean(kinds[True]) - mean(kinds[False]) for kinds in both])
    weights = np.array([1 / (1 / len(kinds[True]) + 1 / len(kinds[False])) for kinds in both])
    rows = np.random.default_rng(0).integers(len(both), size=(RESAMPLED, len(both)))
    low, high = np.quantile([np.average(differences[r], weights=weights[r]) for r in rows], (0.05, 0.95))
    count, of = (sum(len(kinds[k]) for kinds in by_task.values() for k in ks) for ks in ((True,), (True, False)))
    others = mean(gain for kinds in by_task.values() for gain in kinds[False])
    return (
        f"{np.average(differences, weights=weights):+.4f} (90 %: {low:+.4f} to {high:+.4f}; {len(both)} tasks, "
        f"{count} of {of} trials; the others gain {others:.4f})"
    )


def by_size(found: list[Moment]) -> Iterator[str]:
    """First steps in several hyperparameters and in one; steps of at least `FAR` and smaller ones."""
    first_steps = [m for m in found if m.number <= OPENING]
    yield f"Two or more hyperparameters, trials 1 to {OPENING}: {compare(first_steps, lambda m: m.changed > 1)}"
    for first, last in ((1, 1), (2, OPENING), (OPENING + 1, SETTLED - 1), (SETTLED, 14), (15, BUDGET - 1)):
        late = first >= SETTLED
        here = [m for m in found if first <= m.number <= last and (not late or m.stale >= STALE)]
        when = f"trials {first} to {last}" + (f", after {STALE} and more without a better one" if late else "")
        yield f"Steps of a sixth of a range and more, {when}: {compare(here, lambda m: m.step >= FAR - SLACK)}"
        if late:
            yield f"  as far from every trial: {compare(here, lambda m: m.away >= FAR - SLACK)}"
    stale = [m for m in found if m.number >= SETTLED and m.stale >= STALE]
    wanted = [m for m in stale if worth_exploring(m.context) and has_room(m.context)]
    kept = {id(m) for m in wanted}
    yield f"As far from every trial, where that is asked for: {compare(wanted, lambda m: m.away >= FAR - SLACK)}"
    others = [m for m in stale if id(m) not in kept]
    yield f"  where it is not asked for any more: {compare(others, lambda m: m.away >= FAR - SLACK)}"


def by_values(found: list[Moment]) -> Iterator[str]:
    """Trials with a value that none before them had had, of a hyperparameter of few values."""
    for first, last in ((SETTLED, UNTRIED - 1), (UNTRIED, BUDGET - 1)):
        here = [m for m in found if first <= m.number <= last]
        yield f"With a value that was untried, trials {first} to {last}: {compare(here, has_new_value)}"


def has_new_value(moment: Moment) -> bool | None:
    """Whether a trial has one; None where no hyperparameter has few values, or all have been tried."""
    new = []
    for name, hyperparameter in moment.scale.problem.space.items():
        tried = {t.configuration.get(name) for t in moment.context.history}
        if any(value not in tried for value in hyperparameter.grid(MOST_VALUES)):
            new.append(moment.trial.configuration.get(name) not in tried)
    return any(new) if new else None


def followed(moment: Moment) -> bool | None:
    """Whether a trial is one of the points that the surrogate would have named; None where it names none."""
    state = Assessment(moment.context)
    near = find_nearest(moment.context, state.expect, state.known, state.canonical)
    named = [a.configuration for a in (*state.advice, *(near.best if near else ()))]
    return moment.trial.configuration in named if named else None


def with_turns(
    run: RecordedRun, scale: Scale, due: Callable[[ProposalContext], bool], budgets: tuple[int, ...]
) -> list[tuple[float, float]]:
    """Regret at some budgets as it was, and where the surrogate has the turns that are due.

    The reader's next proposals are as recorded: it is not told what the surrogate found.
    """
    steps = [recorded(n, s.configuration, s.source, s.value) for n, s in enumerate(run.steps)]
    trials, ahead = steps[:1], iter(steps[1:])
    for number in range(1, budgets[-1]):
        context = after(trials, scale)
        if min(t.value for t in trials if t.value is not None) > scale.best + 1e-12 and due(context):
            turn = Assessment(context).turn
            point = turn.configuration if turn else scale.problem.space.sample(context.rng)
            trials.append(recorded(number, point, "surrogate", scale.problem.evaluate(point).value))
        elif step := next(ahead, None):
            trials.append(replace(step, number=number))

    def regret(of: list[TrialRecord], budget: int) -> float:
        return scale.regret(min(t.value for t in of[:budget] if t.value is not None))

    return [(regret(steps, budget), regret(trials, budget)) for budget in budgets]


def never(_: ProposalContext) -> bool:
    """No turn is due."""
    return False


def by_turns(
    runs: list[RecordedRun],
    scales: Mapping[str, Scale],
    due: Callable[[ProposalContext], bool],
    budgets: tuple[int, ...],
) -> Iterator[str]:
    """What turns of the surrogate cost."""
    pairs = np.array([with_turns(run, scales[run.problem], due, budgets) for run in runs])
    for budget, own, difference in zip(budgets, pairs[..., 0].T, (pairs[..., 1] - pairs[..., 0]).T, strict=True):
        error = difference.std() / len(runs) ** 0.5
        yield (
            f"Regret after {budget} of {len(runs)} studies: {difference.mean():+.4f} +- {error:.4f}, without turns "
            f"{own.mean():.4f}"
        )


def by_claims(runs: list[RecordedRun], scales: Mapping[str, Scale]) -> Iterator[str]:
    """How often values that are said to make no difference make one, near the best trials of that moment."""
    wrong: dict[int, list[bool]] = defaultdict(list)
    for run in runs:
        problem = scales[run.problem].problem
        trials = [recorded(n, s.configuration, s.source, s.value) for n, s in enumerate(run.steps)]
        for count in LOOKED_AT:
            history = History(tuple(trials[:count]))
            claims = [(n, e) for n, some in equal_settings(history, problem.space).items() for e in some]
            for (name, equal), near in product(claims, history.ranked[:NEAR]):
                values = [problem.evaluate({**near.configuration, name: v}).value for v in equal.values]
                wrong[len(equal.values)].append(not np.allclose(values, values[0], rtol=1e-9))
    for many, found in sorted(wrong.items()):
        yield f"Of {many} values: {mean(found):.1%} of {len(found)} times there is a difference."
    yield f"All: {mean(each for found in wrong.values() for each in found):.1%}"


def main() -> None:
    """Print the sentences."""
    parser = argparse.ArgumentParser(description="What recorded steps of a capable reader gained.")
    parser.add_argument("--values", action="store_true", help="values that no trial had had")
    parser.add_argument("--advice", action="store_true", help="own ideas and the surrogate's points in trials 3 to 5")
    parser.add_argument("--turns", action="store_true", help="turns of the surrogate in place of the reader's")
    parser.add_argument("--stalled", action="store_true", help="a turn wherever nothing was better for long")
    parser.add_argument("--equal", action="store_true", help="whether what is said to make no difference makes one")
    asked = parser.parse_args()
    terms = Terms()
    scales = {name: Scale.of(terms.find(name)) for name in choose_problems("hpobench")}
    runs = [run for run in load_recordings() if run.problem in scales and run.budget == BUDGET]
    plays = [run for run in runs if run.run in PLAYS]
    if asked.advice:
        early = [m for m in moments(plays, scales) if OPENING < m.number < SETTLED]
        print(f"Points that the surrogate names, in trials {OPENING + 1} to {SETTLED - 1}: {compare(early, followed)}")
    elif asked.turns:
        print(f"Trials {', '.join(map(str, TURNS))} are the surrogate's, where the best was not found before.")
        open_runs = [run for run in plays if with_turns(run, scales[run.problem], never, TURNS[:1])[0][0] > 1e-12]
        print(*by_turns(open_runs, scales, lambda context: context.trial in TURNS, (10,)), sep="\n")
    elif asked.equal:
        print(*by_claims([run for run in runs if run.run in LATEST], scales), sep="\n")
    elif asked.stalled:
        played = [run for run in runs if run.run in LATEST]
        print(*by_turns(played, scales, lambda context: Assessment(context).stalled, (10, 20, BUDGET)), sep="\n")
    else:
        found_all = list(moments([run for run in runs if run.run in PLAYS + EARLIER], scales))
        print(*(by_values if asked.values else by_size)(found_all), sep="\n")


if __name__ == "__main__":
    main()
