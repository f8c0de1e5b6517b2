"""What comes next, as a function of the tree alone; the tree as people read it; damaged trees."""

from __future__ import annotations

import optuna
import pytest

from tunewise import attributes
from tunewise.codegen.policy import Step, next_step
from tunewise.codegen.tree import Program, Tree, split_name
from tunewise.errors import StudyError
from tunewise.history import History, TrialRecord
from tunewise.history.trial import State
from tunewise.report import report

GIVEN_UP = -1.0
CODE = "def make_estimator(a: bool = True):\n    return 1"


def program(number: int, parent: int | None = None, objection: str = "") -> Program:
    kind = "draft" if parent is None else "improve"
    return Program(number=number, kind=kind, parent=parent, code=CODE, contract="sklearn", objection=objection)  # type: ignore[arg-type]


def trial(number: int, of: int, value: float | None) -> TrialRecord:
    state: State = "failed" if value is None else "pruned" if value == GIVEN_UP else "finished"
    return TrialRecord(
        number=number,
        state=state,
        configuration={f"p{of}.a": True},
        value=value,
        error="it diverged" if value is None else "",
    )


def tree(programs: list[Program], *values: tuple[int, float | None]) -> Tree:
    return Tree(tuple(programs), History(tuple(trial(i, of, value) for i, (of, value) in enumerate(values))))


P1, P2, P3 = program(1), program(2, 1), program(3, 2)
BAD = program(1, objection="no")


@pytest.mark.parametrize(
    ("known", "step"),
    [
        (tree([]), Step("draft")),
        (tree([BAD]), Step("repair", BAD)),
        (tree([P1]), Step(tune=P1)),
        (tree([P1], (1, None)), Step("repair", P1, P1)),
        (tree([P1], (1, 3.0), (1, 4.0)), Step(tune=P1)),
        (tree([P1], (1, 3.0), (1, 4.0), (1, None)), Step("improve", P1, P1)),
        (tree([P1, P2], (1, 3.0)), Step(tune=P2)),
        (tree([P1, P2], (1, 3.0), (1, 2.0), (2, 2.5)), Step(tune=P2)),
        (tree([P1, P2], (1, 3.0), (1, 2.0), (2, 3.5)), Step(tune=P1)),
        (tree([P1, P2], (1, 3.0), (1, 2.0), (2, None)), Step("repair", P2, P1)),
        (tree([P1, P2, P3], (1, 3.0), (1, 2.0), (2, None), (3, 2.8)), Step(tune=P3)),
        (tree([P1, P2], (1, 3.0), (1, 2.0), (2, 2.5), (2, 2.4), (2, 2.3)), Step("improve", P1, P1)),
        (tree([P1], (1, GIVEN_UP)), Step(tune=P1)),
        (tree([P1, P2], (1, 3.0), (2, GIVEN_UP)), Step(tune=P1)),
    ],
    ids=[
        "nothing",
        "refused",
        "new",
        "failed",
        "young",
        "plateau",
        "next",
        "promising",
        "worse",
        "broken",
        "fixed",
        "stale",
        "given up",
        "given up beside one that finished",
    ],
)
def test_next_step(known: Tree, step: Step) -> None:
    assert next_step(known, patience=2) == step


def test_the_tree_in_lines() -> None:
    known = tree([P1, program(2, 1, "it imports os"), program(3, 2), program(4, 1)], (1, 3.0), (3, None))
    assert known.lines() == [
        "p1 draft: best 3 in trial 0, 1 trial.",
        "   └ p2 improve: refused. it imports os",
        "      └ p3 improve: no trial finished, 1 trial.",
        "   └ p4 improve: no trial finished, 0 trials.",
    ]


def test_long_chains_and_circles_do_not_matter() -> None:
    chain = [program(1), *(program(i, i - 1) for i in range(2, 3000))]
    assert len(Tree(tuple(chain)).lines()) == 2999
    assert Tree((program(1, 2), program(2, 1))).lines() == []


@pytest.mark.parametrize("name", ["a", "p.a", "px.a", "p1", "q1.a", ""])
def test_names_of_others(name: str) -> None:
    assert split_name(name) == (0, name)


@pytest.mark.parametrize(
    "damage", [1, {"number": 1}, {"number": "x", "kind": "draft"}, {"kind": "draft"}, {"other": 1}]
)
def test_damaged_records_of_programs(damage: object) -> None:
    study = optuna.create_study()
    study.set_user_attr(f"{attributes.PROGRAM}1", damage)
    assert "is damaged and was left out" in report(study, form="md")
    study.set_user_attr(f"{attributes.PROGRAM}2", {"number": 2, "kind": "draft", "code": "<script>x"})
    assert "<script>x" not in report(study)
    if damage != {"number": "x", "kind": "draft"}:
        with pytest.raises(StudyError, match="damaged"):
            Tree.from_study(study)


def test_a_program_that_somebody_changed() -> None:
    with pytest.raises(StudyError, match="Program 1 of the study is damaged"):
        _ = Program(number=1, kind="draft", code="import os", contract="sklearn").space
