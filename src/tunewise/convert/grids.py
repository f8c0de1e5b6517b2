"""Grids and distributions of scikit-learn's searches, as JSON or as a Python literal."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from tunewise.convert.draft import Draft, Entry, spread_of
from tunewise.convert.expressions import Called, NotPlain, read_expression
from tunewise.errors import StudyError
from tunewise.plain import Plain
from tunewise.text import clip, shorten

__all__ = ["from_grid", "from_python", "is_grid"]


def is_grid(data: Plain) -> bool:
    """Whether each key has a list of values; or it is a list of such grids."""
    grids = data if isinstance(data, list) else [data]
    return bool(grids) and all(
        isinstance(grid, Mapping) and grid and all(isinstance(values, list) for values in grid.values())
        for grid in grids
    )


def from_python(text: str, source: str) -> Draft:
    """A Python file or expression with one grid: a literal, or what is assigned to a name such as `param_grid`.

    Raises:
        StudyError: It is no Python, or holds no grid.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise StudyError(f"{source} is not Python: {clip(str(error), 200)}. Correct it.") from None
    for node in ast.walk(tree):
        expression = getattr(node, "value", None) if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr) else None
        if isinstance(expression, ast.Dict | ast.List) and (grids := dictionaries(expression)):
            draft = Draft("a grid of scikit-learn")
            add_grids([entries_of(grid, draft) for grid in grids], draft)
            if draft.space:
                return draft
    raise StudyError(f"{source} holds no grid. Write param_grid = {{'C': [0.1, 1, 10]}} in it.")


def dictionaries(expression: ast.expr) -> list[ast.Dict]:
    """The dictionaries of a grid or of a list of grids."""
    found = expression.elts if isinstance(expression, ast.List) else [expression]
    whole = all(isinstance(each, ast.Dict) and each.keys for each in found)
    return [each for each in found if isinstance(each, ast.Dict)] if whole else []


def entries_of(grid: ast.Dict, draft: Draft) -> dict[str, Entry]:
    """The entries of one dictionary; what cannot be read is noted."""
    entries: dict[str, Entry] = {}
    for key, value in zip(grid.keys, grid.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            draft.note(f"{ast.unparse(key) if key else '**'} is no name and is left out.")
            continue
        try:
            read = read_expression(value)
        except NotPlain as unknown:
            draft.note(f"{key.value} is left out: {shorten(str(unknown))} is no literal.")
            continue
        entry = from_scipy(key.value, read, draft) if isinstance(read, Called) else listed(key.value, read, draft)
        if entry is not None:
            entries[key.value] = entry
    return entries


def listed(name: str, values: Plain, draft: Draft) -> Entry | None:
    """A list of values."""
    if isinstance(values, list):
        return spread_of(name, values, draft)
    draft.note(f"{name} is left out: {shorten(values)} is no list.")
    return None


def from_scipy(name: str, call: Called, draft: Draft) -> Entry | None:
    """A distribution of scipy: `loguniform(1e-4, 1)`, `uniform(loc, scale)`, `randint(1, 10)`."""
    numbers = [v for v in call.arguments if isinstance(v, int | float)]
    loc, scale = call.named.get("loc", 0), call.named.get("scale", 1)
    if isinstance(loc, int | float) and isinstance(scale, int | float) and len(numbers) == len(call.arguments):
        match call.name, numbers:
            case (("loguniform" | "reciprocal"), [low, high]):
                return {"type": "float", "low": low, "high": high, "log": True}
            case "uniform", _ if len(numbers) <= 2:
                low = numbers[0] if numbers else loc
                width = numbers[1] if len(numbers) > 1 else scale
                return {"type": "float", "low": low, "high": low + width}
            case "randint", [low, high]:
                return {"type": "int", "low": low, "high": int(high) - 1}
    draft.note(f"{name} is left out: {call.name} has no counterpart here.")
    return None


def from_grid(data: Plain) -> Draft:
    """A grid that was written as JSON or YAML."""
    draft = Draft("a grid of scikit-learn")
    grids = [grid for grid in (data if isinstance(data, list) else [data]) if isinstance(grid, Mapping)]
    read = [
        {str(n): entry for n, v in grid.items() if (entry := listed(str(n), v, draft)) is not None} for grid in grids
    ]
    add_grids(read, draft)
    return draft


def add_grids(grids: Sequence[Mapping[str, Entry]], draft: Draft) -> None:
    """Several grids become one: what only some of them have may exist under a condition."""
    merged: dict[str, Entry] = {}
    for grid in grids:
        for name, entry in grid.items():
            if name not in merged:
                merged[name] = dict(entry)
            elif merged[name] != entry:
                known, more = merged[name].get("choices"), entry.get("choices")
                if isinstance(known, list) and isinstance(more, list):
                    merged[name]["choices"] = [*known, *(value for value in more if value not in known)]
                else:
                    draft.note(f"{name} differs between the grids, and the first one counts.")
    for name, entry in merged.items():
        when = condition_of(name, grids)
        if when is None:
            draft.note(f"{name} is not in every grid, and no other hyperparameter tells when: it is always tuned here.")
        draft.add(name, entry | ({"when": when} if when else {}))
    draft.study["evaluate"] = {"estimator": "sklearn.svm.SVC", "data": {"csv": "data.csv", "target": "target"}}
    draft.note("Put your estimator in place of sklearn.svm.SVC, and your table in place of data.csv.")


def condition_of(name: str, grids: Sequence[Mapping[str, Entry]]) -> dict[str, Plain] | None:
    """When a hyperparameter exists that only some grids have: where another one takes values of those grids only.

    Returns:
        Empty when all grids have it, None when nothing tells them apart.
    """
    having = [grid for grid in grids if name in grid]
    lacking = [grid for grid in grids if name not in grid]
    if not lacking:
        return {}
    for other in having[0]:
        if other == name or not all(other in grid and "choices" in grid[other] for grid in grids):
            continue
        here = {repr(v): v for grid in having for v in grid[other]["choices"]}  # type: ignore[union-attr]
        there = {repr(v) for grid in lacking for v in grid[other]["choices"]}  # type: ignore[union-attr]
        if not set(here) & there:
            return {other: list(here.values())}
    return None
