"""Python expressions that say a range, read from their syntax and never run: `loguniform(1e-4, 1e-1)`, `[1, 2, 3]`."""

from __future__ import annotations

import ast
import math
from contextlib import suppress
from dataclasses import dataclass, field

from tunewise.plain import Plain

__all__ = ["Called", "NotPlain", "read_expression"]

MOST = 10_000
"""Values that `range`, `linspace` or `logspace` may have."""
LARGEST = 10**300
"""Of whole numbers, so that each can be made a float."""


class NotPlain(Exception):
    """An expression that is no literal and no call of one."""


@dataclass(frozen=True)
class Called:
    """A call: the last part of the function's name, and its arguments."""

    name: str
    arguments: tuple[Plain | Called, ...] = ()
    named: dict[str, Plain | Called] = field(default_factory=dict)


def read_expression(node: ast.expr) -> Plain | Called:
    """The value of a literal; a call stays one.

    Raises:
        NotPlain: It is anything else, such as a variable.
    """
    match node:
        case ast.Constant(value=int() as value) if abs(value) > LARGEST:
            raise NotPlain("a number beyond all use")
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            number = read_expression(operand)
            if isinstance(number, int | float):
                return -number
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            base, power = read_expression(left), read_expression(right)
            if (
                isinstance(base, int | float)
                and isinstance(power, int | float)
                and 0 < base <= 1000
                and abs(power) < 100
            ):
                return base**power
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [plain(read_expression(element)) for element in elements]
        case ast.Dict(keys=keys, values=values) if all(keys):
            read = (
                (read_expression(k), read_expression(v)) for k, v in zip(keys, values, strict=True) if k is not None
            )
            return {str(key): value for key, value in read}  # type: ignore[misc]  # calls are taken apart by the caller
        case ast.Name(id=name):
            raise NotPlain(name)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords):
            arguments = tuple(read_expression(each) for each in args)
            named = {each.arg: read_expression(each.value) for each in keywords if each.arg}
            return listed(Called(name, arguments, named))
    raise NotPlain(ast.unparse(node)[:100])


def plain(value: Plain | Called) -> Plain:
    """A value that is no call."""
    if isinstance(value, Called):
        raise NotPlain(value.name)
    return value


def listed(call: Called) -> Plain | Called:
    """The values of numpy's and Python's ranges; other calls, and those that fail, stay what they are."""
    with suppress(ArithmeticError, TypeError, ValueError):  # what Python and numpy say of arguments that cannot be
        values = values_of(call)
        if values is not None and all(not isinstance(value, float) or math.isfinite(value) for value in values):
            return values
    return call


def values_of(call: Called) -> list[Plain] | None:
    """The values of a range; None where it is none, or one of too many."""
    numbers = [value for value in call.arguments if isinstance(value, int | float)]
    if call.name == "range" and 1 <= len(numbers) <= 3 and all(isinstance(n, int) for n in numbers):
        whole = range(*(int(number) for number in numbers))
        return list(whole) if len(whole) <= MOST else None
    if call.name == "array" and call.arguments and isinstance(call.arguments[0], list):
        return call.arguments[0]
    if call.name not in ("linspace", "logspace", "geomspace", "arange") or len(call.arguments) > 3:
        return None
    import numpy as np

    with np.errstate(all="ignore"):  # what is not finite is seen by whoever asked
        if call.name == "arange":
            if len(numbers) < 3 or not numbers[2] or (numbers[1] - numbers[0]) / numbers[2] > MOST:
                return None
            return [float(f"{v:.12g}") if isinstance(v, float) else v for v in np.arange(*numbers).tolist()]
        if len(numbers) < 2 or (len(numbers) == 3 and not 0 < numbers[2] <= MOST):
            return None
        count = int(numbers[2]) if len(numbers) == 3 else int(str(call.named.get("num", 50)))
        points = getattr(np, call.name)(float(numbers[0]), float(numbers[1]), min(count, MOST))
    return [float(f"{v:.12g}") for v in points.tolist()]
