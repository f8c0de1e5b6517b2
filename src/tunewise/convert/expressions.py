"""Python expressions that say a range, read from their syntax and never run: `loguniform(1e-4, 1e-1)`, `[1, 2, 3]`."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from tunewise.plain import Plain

__all__ = ["Called", "NotPlain", "read_expression"]

MOST = 10_000
"""Values that `range`, `linspace` or `logspace` may have."""


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
    """The values of numpy's and Python's ranges; other calls stay what they are."""
    numbers = [value for value in call.arguments if isinstance(value, int | float)]
    if call.name == "range" and 1 <= len(numbers) <= 3 and all(isinstance(n, int) for n in numbers):
        values = range(*(int(number) for number in numbers))
        return list(values) if len(values) <= MOST else call
    if call.name in ("linspace", "logspace", "geomspace", "arange", "array") and len(call.arguments) <= 3:
        import numpy as np

        if call.name == "array" and call.arguments and isinstance(call.arguments[0], list):
            return call.arguments[0]
        if (
            call.name == "arange"
            and len(numbers) == 3
            and numbers[2]
            and (numbers[1] - numbers[0]) / numbers[2] <= MOST
        ):
            return [float(f"{v:.12g}") if isinstance(v, float) else v for v in np.arange(*numbers).tolist()]
        if call.name != "arange" and len(numbers) >= 2 and (len(numbers) < 3 or 0 < numbers[2] <= MOST):
            count = int(numbers[2]) if len(numbers) == 3 else int(str(call.named.get("num", 50)))
            values_ = getattr(np, call.name)(numbers[0], numbers[1], min(count, MOST))
            return [float(f"{v:.12g}") for v in values_.tolist()]
    return call
