"""The options of a script, read from its syntax: argparse, click, typer, Hydra. The script is never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tunewise.convert.expressions import Called, NotPlain, read_expression
from tunewise.errors import StudyError
from tunewise.plain import Plain
from tunewise.text import clip
from tunewise.yaml12 import read_yaml_file

__all__ = ["Option", "Script", "read_script"]

LONGEST: Final = 2_000_000
"""Characters of a script."""


@dataclass(frozen=True)
class Option:
    """An option of a script.

    Attributes:
        name: As it is written on the command line, without dashes; for Hydra the dotted key.
        kind: "float", "int", "flag" (stands there or does not), or "text".
        default: What is used without it; None when nothing is, or nobody knows.
        choices: The values that it may have; empty: any.
        description: Its help.
        low: The least value that the script takes, if it says so.
        high: The greatest.
        problem: Why it cannot be set by `--name=value`; empty when it can.
    """

    name: str
    kind: str
    default: Plain = None
    choices: tuple[Plain, ...] = ()
    description: str = ""
    low: float | None = None
    high: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Script:
    """What a script says about itself.

    Attributes:
        options: Its options, in their order.
        metrics: Keys of the JSON objects that it prints.
        overrides: Whether options are written `name=value`, as for Hydra.
    """

    options: tuple[Option, ...]
    metrics: tuple[str, ...]
    overrides: bool


def read_script(path: Path) -> Script:
    """Read a Python script's options without running it.

    Raises:
        StudyError: It cannot be read, or is no Python.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            tree = ast.parse(file.read(LONGEST))
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}. Name a Python script.") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise StudyError(f"{path} is not Python: {clip(str(error), 200)}. Name a Python script.") from None
    found = [*argparse_options(tree), *click_options(tree), *typer_options(tree)]
    hydra = list(hydra_options(tree, path)) if not found else []
    unique = {option.name: option for option in [*found, *hydra]}
    return Script(tuple(unique.values()), tuple(printed_keys(tree)), bool(hydra))


def literal(node: ast.expr | None) -> Plain:
    """The value of an expression, or None."""
    try:
        read = None if node is None else read_expression(node)
    except NotPlain:
        return None
    return None if isinstance(read, Called) else read


def called_name(node: ast.expr) -> str:
    """The last part of a name: `add_argument` of `parser.add_argument`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def keywords(call: ast.Call) -> dict[str, ast.expr]:
    """The named arguments of a call."""
    return {each.arg: each.value for each in call.keywords if each.arg}


def kind_of(named: str, default: Plain) -> str:
    """What an option takes, by its type's name or else by its default."""
    if named in ("int", "float", "bool"):
        return named
    if isinstance(default, bool):
        return "bool"
    return type(default).__name__ if isinstance(default, int | float) and not named else "text"


def long_name(node: ast.Call) -> str:
    """The long name among an option's names, else the short one."""
    names = [v for each in node.args if isinstance(v := literal(each), str)]
    long = [name for name in names if name.startswith("--")]
    return long[0] if long else names[0] if names else ""


def argparse_options(tree: ast.Module) -> Iterator[Option]:
    """Calls of `add_argument`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or called_name(node.func) != "add_argument":
            continue
        written, given = long_name(node), keywords(node)
        default, action = literal(given.get("default")), given.get("action")
        act = literal(action) or (called_name(action) if action is not None else "")
        values = literal(given.get("choices"))
        option = Option(
            name=written.lstrip("-"),
            kind=kind_of(called_name(given["type"]) if "type" in given else "", default),
            default=default,
            choices=tuple(values) if isinstance(values, list) else (),
            description=str(literal(given.get("help")) or ""),
        )
        if act in ("store_true", "store_false"):
            yield replace(option, kind="flag", default=False)
        elif act == "BooleanOptionalAction":
            yield switch(option)
        elif written and not written.startswith("-"):
            yield replace(option, problem="it is a positional argument: put it into the command")
        elif written and act in ("", "store"):
            several = "nargs" in given and literal(given["nargs"]) != "?"
            short = "" if written.startswith("--") else "it has no long name"
            yield replace(option, problem="it takes several values" if several else short)


def switch(option: Option) -> Option:
    """An option with a --no- form, as the flag that changes what is there anyway."""
    name = f"no-{option.name}" if option.default is True else option.name
    return replace(option, name=name, kind="flag", default=False)


def click_options(tree: ast.Module) -> Iterator[Option]:
    """Decorators `click.option`."""
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", ()):
            if not isinstance(decorator, ast.Call) or called_name(decorator.func) != "option":
                continue
            written, given = long_name(decorator).partition("/")[0], keywords(decorator)
            default, kind = literal(given.get("default")), given.get("type")
            option = Option(
                name=written.lstrip("-"),
                kind=kind_of(called_name(kind) if kind is not None and not isinstance(kind, ast.Call) else "", default),
                default=default,
                description=str(literal(given.get("help")) or ""),
            )
            if isinstance(kind, ast.Call):
                option = with_click_type(option, kind)
            if literal(given.get("is_flag")) is True or "/" in long_name(decorator):
                yield switch(option)
            elif written:
                yield replace(
                    option, problem="it takes several values" if "multiple" in given or "nargs" in given else ""
                )


def with_click_type(option: Option, kind: ast.Call) -> Option:
    """A range or choice of click."""
    name, given = called_name(kind.func), keywords(kind)
    if name == "Choice":
        values = literal(kind.args[0]) if kind.args else None
        return replace(option, kind="text", choices=tuple(values) if isinstance(values, list) else ())
    if name in ("FloatRange", "IntRange"):
        ends = [literal(each) for each in (*kind.args[:2], given.get("min"), given.get("max"))]
        low, high = (ends[0], ends[1]) if len(kind.args) > 1 else (ends[-2], ends[-1])
        return replace(option, kind="int" if name == "IntRange" else "float", low=as_bound(low), high=as_bound(high))
    return option


def as_bound(value: Plain) -> float | None:
    """A bound, if it is a number."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def typer_options(tree: ast.Module) -> Iterator[Option]:
    """Arguments of functions whose default or annotation is `typer.Option`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        arguments = [*node.args.posonlyargs, *node.args.args]
        defaults: list[ast.expr | None] = [None] * (len(arguments) - len(node.args.defaults))
        pairs = [*zip(arguments, [*defaults, *node.args.defaults], strict=True)]
        pairs += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        for argument, default in pairs:
            calls = [
                each
                for place in (argument.annotation, default)
                if place is not None
                for each in ast.walk(place)
                if isinstance(each, ast.Call) and called_name(each.func) == "Option"
            ]
            if calls:
                yield typer_option(argument, default, calls[0])


def typer_option(argument: ast.arg, default: ast.expr | None, call: ast.Call) -> Option:
    """One argument of a typer command."""
    given = keywords(call)
    value = literal(call.args[0]) if default is call and call.args else literal(default)
    annotation = argument.annotation
    inner = annotation.slice if isinstance(annotation, ast.Subscript) else annotation
    first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
    written = next((w for w in map(literal, call.args) if isinstance(w, str) and w.startswith("--")), "")
    option = Option(
        name=(written or argument.arg.replace("_", "-")).lstrip("-").partition("/")[0],
        kind=kind_of(called_name(first) if first is not None else "", value),
        default=value,
        description=str(literal(given.get("help")) or ""),
        low=as_bound(literal(given.get("min"))),
        high=as_bound(literal(given.get("max"))),
    )
    return switch(option) if option.kind == "bool" else option


def hydra_options(tree: ast.Module, path: Path) -> Iterator[Option]:
    """The values of the configuration that `hydra.main` names."""
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", ()):
            if isinstance(decorator, ast.Call) and called_name(decorator.func) == "main":
                given = keywords(decorator)
                folder, name = literal(given.get("config_path")), literal(given.get("config_name"))
                if isinstance(name, str):
                    file = path.parent / str(folder or ".") / f"{name.removesuffix('.yaml')}.yaml"
                    yield from flattened(read_yaml_file(file), "")


def flattened(data: Plain, prefix: str) -> Iterator[Option]:
    """Scalars under dotted names; what is Hydra's own is left out."""
    for key, value in data.items() if isinstance(data, Mapping) else ():
        if isinstance(value, Mapping) and not (prefix == "" and key == "hydra"):
            yield from flattened(value, f"{prefix}{key}.")
        elif key not in ("defaults", "hydra") and not isinstance(value, list | Mapping):
            yield Option(name=f"{prefix}{key}", kind=kind_of("", value), default=value)


def printed_keys(tree: ast.Module) -> Iterator[str]:
    """Keys of dictionaries that are written as JSON."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="dumps" | "dump"), args=[ast.Dict(keys=keys), *_]):
                yield from (key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))
