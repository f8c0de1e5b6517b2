"""What a program has to be, and how it is read: by its syntax tree, never by running it here.

A program defines one function whose arguments are the hyperparameters. Each has a type that says its range and a
default within it:

    def make_estimator(
        depth: Annotated[int, Range(1, 12)] = 4,
        learning_rate: Annotated[float, Range(1e-3, 1.0, log=True)] = 0.1,
        loss: Literal["squared_error", "absolute_error"] = "squared_error",
        early_stopping: bool = False,
    ):
        ...

The annotations are read here and never evaluated anywhere; `Range` need not exist.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from docstring_parser import ParseError, parse

from tunewise.errors import InvalidReply, SpaceError, StudyError
from tunewise.space import Categorical, Float, Hyperparameter, Int, SearchSpace, Value
from tunewise.text import shorten

__all__ = ["CONTRACTS", "Contract", "contract_named", "installed_contract", "read_space"]

MAX_CHARACTERS = 20_000
MAX_HYPERPARAMETERS = 12
MAX_BITS = 53
"""Of an integer in a program: larger ones are no numbers to tune, and a float cannot tell them apart."""
COMMON = ("__future__", "collections", "dataclasses", "functools", "itertools", "math", "numpy", "typing", "warnings")
FEATURES = ("calendar", "copy", "datetime", "operator", "random", "re", "statistics", "string", "time", "unicodedata")
"""What a program may need that writes its own features, or trains until its time is over."""
BOOSTERS = ("lightgbm", "xgboost", "catboost", "torch")
"""What a program may use where it is installed."""
FORBIDDEN_CALLS = ("__import__", "eval", "exec", "open", "input", "compile", "globals", "breakpoint")
"""Nothing that a model needs; saying so early is kinder than a failure in the sandbox, which is what protects."""


@dataclass(frozen=True, slots=True)
class Contract:
    """A form of program.

    Attributes:
        name: As the command line takes it.
        function: What the program must define.
        returns: What the function returns, in words for the model.
        library: What it is written with.
        imports: Top-level packages that it may import.
        trained: How it is trained, in words for the model.
        needs: What must be installed here.
        extra: Of this package, which brings it.
    """

    name: str
    function: str
    returns: str
    library: str
    imports: tuple[str, ...]
    trained: str = ""
    needs: tuple[str, ...] = ()
    extra: str = ""

    @property
    def installed(self) -> tuple[str, ...]:
        """What it may import that is here."""
        return tuple(name for name in self.imports if name != "__future__" and find_spec(name))


CONTRACTS = {
    "table": Contract(
        name="table",
        function="make_estimator",
        returns="an unfitted estimator: any object with fit(X, y) and predict(X), such as a scikit-learn pipeline",
        library="scikit-learn",
        imports=(*COMMON, *FEATURES, "pandas", "scipy", "sklearn", *BOOSTERS),
        needs=("sklearn", "pandas", "pyarrow"),
        extra="codegen",
    ),
    "torch": Contract(
        name="torch",
        function="make_model_and_optimizer",
        returns="a tuple (model, optimizer): a torch.nn.Module and a torch.optim.Optimizer over its parameters",
        library="torch",
        imports=(*COMMON, "torch"),
        trained=(
            "The model maps a float32 batch of shape (batch, N_INPUTS) to (batch, N_OUTPUTS). The training loop is not "
            "yours: it runs {epochs} epochs of shuffled batches with {loss}, one optimizer step per batch, in "
            "train() mode, and predicts in eval() mode. An argument named batch_size, if there is one, sets the size "
            "of the batches (256 otherwise)."
        ),
        needs=("torch",),
        extra="torch",
    ),
    "sklearn": Contract(
        name="sklearn",
        function="make_estimator",
        returns="an unfitted scikit-learn {task} or a pipeline that ends in one",
        library="scikit-learn",
        imports=(*COMMON, "sklearn", "scipy"),
        trained=(
            "The estimator is fitted once with fit(X, y), X of shape (N_ROWS, N_INPUTS), and asked with predict(X). "
            "Use SEED where it takes a random_state."
        ),
        needs=("sklearn",),
        extra="sklearn",
    ),
}
"""Forms of program by name."""


def contract_named(name: str) -> Contract:
    """A contract.

    Raises:
        StudyError: There is none of that name.
    """
    if name not in CONTRACTS:
        raise StudyError(f"contract = {name!r} is unknown. The contracts are {', '.join(CONTRACTS)}.")
    return CONTRACTS[name]


def installed_contract(name: str) -> Contract:
    """A contract whose programs can run here.

    Raises:
        StudyError: There is none of that name, or its library is missing.
    """
    contract = contract_named(name)
    for module in contract.needs:
        if find_spec(module) is None:
            need = contract.library if len(contract.needs) == 1 else module
            raise StudyError(f"Programs of contract {name} need {need}. Run pip install 'tunewise[{contract.extra}]'.")
    return contract


@lru_cache(maxsize=256)
def read_space(code: str, contract: Contract) -> SearchSpace:
    """Check a program by its text, and read which hyperparameters it has.

    Raises:
        InvalidReply: It breaks the contract. All problems are named at once, in words fit for the model that wrote it.
    """
    tree = parsed(code)
    problems = [*wrong_imports(tree, contract), *wrong_calls(tree)]
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == contract.function]
    space: dict[str, Hyperparameter] = {}
    if len(functions) != 1:
        problems.append(f"it must define exactly one function {contract.function} at top level")
    else:
        space, more = read_arguments(functions[0])
        problems += more
        if not any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(functions[0])):
            problems.append(f"{contract.function} returns nothing")
    if problems:
        raise InvalidReply(f"The program breaks the contract: {'; '.join(problems[:12])}.")
    return SearchSpace(space)


def parsed(code: str) -> ast.Module:
    """The syntax tree.

    Raises:
        InvalidReply: It is no Python, or too long.
    """
    if len(code) > MAX_CHARACTERS:
        raise InvalidReply(
            f"The program has {len(code)} characters; {MAX_CHARACTERS} are allowed. Write a shorter one."
        )
    try:
        return ast.parse(code)
    except SyntaxError as error:
        where = f" in line {error.lineno}: {shorten((error.text or '').strip(), 120)}" if error.lineno else ""
        raise InvalidReply(f"The program is not valid Python: {error.msg}{where}.") from None
    except (ValueError, RecursionError, MemoryError):
        raise InvalidReply("The program cannot be parsed: it holds null bytes or is nested too deeply.") from None


def wrong_imports(tree: ast.Module, contract: Contract) -> Iterator[str]:
    """Imports outside the allow list."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
        for name in names:
            if name.partition(".")[0] not in contract.imports:
                allowed = ", ".join(package for package in contract.imports if package != "__future__")
                yield f"it imports {shorten(name)} (line {node.lineno}); only these can be imported: {allowed}"  # type: ignore[attr-defined]


def wrong_calls(tree: ast.Module) -> Iterator[str]:
    """Functions that no model needs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in FORBIDDEN_CALLS:
            yield f"it uses {node.id} (line {node.lineno}), which is not allowed"


def read_arguments(function: ast.FunctionDef) -> tuple[dict[str, Hyperparameter], list[str]]:
    """The hyperparameters of the function, and what is wrong with its arguments."""
    given = function.args
    if given.vararg or given.kwarg or given.posonlyargs:
        return {}, ["its arguments must be plain: no *args, no **kwargs, none before a slash"]
    arguments = [*given.args, *given.kwonlyargs]
    absent: list[ast.expr | None] = [None] * (len(given.args) - len(given.defaults))
    defaults = [*absent, *given.defaults, *given.kw_defaults]
    if not 1 <= len(arguments) <= MAX_HYPERPARAMETERS:
        return {}, [f"it has {len(arguments)} hyperparameters; 1 to {MAX_HYPERPARAMETERS} are allowed"]
    meanings = descriptions(ast.get_docstring(function) or "")
    space, problems = {}, []
    for argument, default in zip(arguments, defaults, strict=True):
        try:
            space[argument.arg] = read_argument(argument, default, meanings.get(argument.arg, ""))
        except (SpaceError, InvalidReply) as error:
            problems.append(f"hyperparameter {argument.arg}: {str(error).rstrip('.')}")
        except (ArithmeticError, ValueError):  # a program can write any number
            problems.append(f"hyperparameter {argument.arg}: its numbers are too large or too small to be tuned")
    return space, problems


def descriptions(docstring: str) -> dict[str, str]:
    """What the docstring says about each argument."""
    try:
        return {p.arg_name: p.description or "" for p in parse(docstring).params}
    except (ParseError, ValueError, KeyError, IndexError):
        return {}


def read_argument(argument: ast.arg, default: ast.expr | None, description: str) -> Hyperparameter:
    """One hyperparameter.

    Raises:
        InvalidReply: The annotation is missing or is none of the four forms.
        SpaceError: A bound or the default breaks a rule.
    """
    if default is None:
        raise InvalidReply("it has no default")
    more: dict[str, Any] = {"default": literal(default, "its default"), "description": description}
    match argument.annotation:
        case ast.Name(id="bool"):
            return Categorical([True, False], **more)
        case ast.Subscript(value=ast.Name(id="Literal") | ast.Attribute(attr="Literal"), slice=listed):
            choices = listed.elts if isinstance(listed, ast.Tuple) else [listed]
            return Categorical([literal(choice, "a choice") for choice in choices], **more)
        case ast.Subscript(
            value=ast.Name(id="Annotated") | ast.Attribute(attr="Annotated"),
            slice=ast.Tuple(elts=[ast.Name(id="int" | "float" as kind), ast.Call(func=ast.Name(id="Range")) as call]),
        ):
            return read_range(kind, call, more)
    raise InvalidReply(
        "its type must be Annotated[int, Range(low, high)], Annotated[float, Range(low, high, log=True)], "
        'Literal["a", "b"] or bool'
    )


def read_range(kind: str, call: ast.Call, more: dict[str, Any]) -> Hyperparameter:
    """A number between two bounds."""
    keywords = {k.arg or "**": literal(k.value, f"{k.arg} of its Range") for k in call.keywords}
    bounds = [literal(bound, "a bound of its Range") for bound in call.args]
    if unknown := keywords.keys() - {"low", "high", "log", "step"}:
        raise InvalidReply(f"Range has no {', '.join(sorted(unknown))}; it is Range(low, high, log=True)")
    names = ("low", "high")[: len(bounds)]
    if len(bounds) > 2 or keywords.keys() & set(names) or not {"low", "high"} <= {*names, *keywords}:
        raise InvalidReply("Range needs a low and a high bound, once each")
    numbers: dict[str, Any] = {**dict(zip(names, bounds, strict=True)), **keywords}
    if kind == "int" and any(isinstance(n, float) and abs(n) > 2**MAX_BITS for n in numbers.values()):
        raise InvalidReply(f"integers of at most {MAX_BITS} bits are allowed in its Range")
    if kind == "float" and isinstance(more["default"], bool):
        raise InvalidReply("its default is not a number")
    return Int(**numbers, **more) if kind == "int" else Float(**numbers, **more)


def literal(node: ast.expr, what: str) -> Value:
    """A constant that is written out; `10**-3` is none.

    Raises:
        InvalidReply: It is computed, or no text, number, true, false or None.
    """
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise InvalidReply(f"{what} is computed; write it as a constant") from None
    if value is not None and not isinstance(value, str | int | float):
        raise InvalidReply(f"{what} is {shorten(value)}; it must be a number, a text, true, false or None")
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise InvalidReply(f"{what} is {shorten(value)}; integers of at most {MAX_BITS} bits are allowed")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidReply(f"{what} is {value}; write a finite number")
    return value
