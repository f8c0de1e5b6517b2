"""What a study of programs does next: tune a program, or have another one written. A function of the tree alone."""

from __future__ import annotations

from dataclasses import dataclass

from tunewise.codegen.tree import Kind, Program, Tree

__all__ = ["Step", "next_step"]


@dataclass(frozen=True, slots=True)
class Step:
    """What to do in the next trial.

    Attributes:
        write: How to write a program; None: none is written.
        parent: Of which program it is made.
        tune: What is tuned; where a program is to be written, what is tuned should that fail.
    """

    write: Kind | None = None
    parent: Program | None = None
    tune: Program | None = None


def next_step(tree: Tree, *, patience: int) -> Step:
    """Decide.

    - No program is valid yet: write a draft, or repair what was refused last.
    - A new program is tried with its defaults; if all its trials fail, it is repaired.
    - Where a pruner has given up all trials so far, the latest program is tuned.
    - After `patience` trials since the best value, and since a program was last written, refused ones too, the best
      program is improved.
    - Otherwise a program is tuned: the latest one if its defaults beat those of its parent, else the best one.

    Args:
        tree: The programs and trials so far.
        patience: How many trials may go by without improvement.
    """
    if not tree.valid:
        refused = next((program for program in reversed(tree.programs) if program.code), None)
        return Step("repair" if refused else "draft", refused)
    latest = tree.valid[-1]
    history = tree.history_of(latest)
    best = best_program(tree)
    if not history.told:
        return Step(tune=latest)
    if len(history.failed) == len(history.told):
        return Step("repair", latest, best or latest)
    if best is None:
        return Step(tune=latest)
    record = tree.best_of(best)
    assert record is not None
    since = max(record.number, history[0].number, tree.programs[-1].trial)
    if sum(trial.number > since for trial in tree.history.told) >= patience:
        return Step("improve", best, best)
    return Step(tune=latest if is_promising(tree, latest) else best)


def best_program(tree: Tree) -> Program | None:
    """The program of the best trial."""
    scored = [(record, program) for program in tree.valid if (record := tree.best_of(program))]
    ranked = {record.number: i for i, record in enumerate(tree.history.ranked)}
    return min(scored, key=lambda pair: ranked[pair[0].number])[1] if scored else None


def is_promising(tree: Tree, program: Program) -> bool:
    """Whether a program without tuning did at least as well as its parent without tuning, and was not given up."""
    if not tree.best_of(program):
        return False
    parent = tree[program.parent] if program.parent else None
    values = [tree.history_of(one).finished[0].value for one in (program, parent) if one and tree.best_of(one)]
    if len(values) < 2 or None in values:
        return True
    return values[0] <= values[1]  # type: ignore[operator]
