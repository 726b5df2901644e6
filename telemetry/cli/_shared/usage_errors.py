"""Wrong arguments as sentences of our own: what typer raises says neither units nor the nearest option."""

import re
from collections.abc import Mapping
from typing import Any, Final

import typer

from telemetry.base.errors import UsageError
from telemetry.base.nearest import describe_nearest

WRONG_USAGE: Final[type[Any]] = typer.BadParameter.__mro__[1]
"""The base class of typer's errors about arguments, which typer has but does not export."""

_UNITS: Final = {"HZ": " Hz", "DEG": " degrees", "KM/H": " km/h", "SHARE": "", "N": "", "X": "", "PORT": ""}
"""What a placeholder of a number in the help says of its unit."""


def to_usage_error(error: Any) -> UsageError:
    """An error of typer about arguments as one of ours."""
    return UsageError(_describe(error))


def _describe(error: Any) -> str:
    if (option := getattr(error, "option_name", None)) is not None:
        return _describe_option(error, option)
    param = getattr(error, "param", None)
    if param is not None and not error.format_message().startswith("Missing"):
        return f"{_name_of(param)}{_describe_value(error, param)}"
    text = error.format_message().rstrip(".")
    if extra := re.match(r"Got unexpected extra arguments?\S* \((.*)\)$", text, re.DOTALL):
        text = f"Too many arguments: {extra[1]}"
    return f"{text}.{_describe_help(error)}"


def _describe_option(error: Any, option: str) -> str:
    """An option that does not exist, or whose value is missing or too much."""
    if not hasattr(error, "possibilities"):
        return f"{option} takes no value." if "not take" in error.message else f"{option} needs a value."
    known = [] if error.ctx is None else [name for param in error.ctx.command.params for name in param.opts]
    return f"There is no option {option}.{describe_nearest(option, known)}{_describe_help(error)}"


def _describe_help(error: Any) -> str:
    return "" if error.ctx is None else f" See '{error.ctx.command_path} --help'."


def _name_of(param: Any) -> str:
    return str(max(param.opts, key=len) if param.param_type_name == "option" else param.metavar or param.name)


def _describe_value(error: Any, param: Any) -> str:
    """What is wrong with the value of an option, and what it may be, after the option's name."""
    details = getattr(error.__cause__, "errors", None)
    if details is None:
        return f": {error.message.rstrip('.')}."
    found: Mapping[str, Any] = details()[0]
    context: Mapping[str, Any] = found.get("ctx") or {}
    ours = context.get("error")
    if isinstance(ours, UsageError):
        return f": {ours}"
    value = found.get("input")
    if choices := re.search(r"is not one of (.*)$", found["msg"].rstrip(".")):
        names = re.findall(r"'([^']*)'", choices[1])
        return f" {value}: expected {_join(names)}.{describe_nearest(str(value), names)}"
    is_whole = found["type"].startswith("int") or any(isinstance(limit, int) for limit in context.values())
    if found["type"].endswith(("_parsing", "_type", "_from_float", "_than", "_equal", "_number", "_size")):
        return f" {value}: expected {_describe_number(param, is_whole=is_whole)}."
    return f" {value}: {found['msg'].removeprefix('Value error, ').rstrip('.')}."


def _describe_number(param: Any, *, is_whole: bool) -> str:
    """The numbers that an option takes, as ``a number from 0.1 to 333 Hz``."""
    kind = "a whole number" if is_whole else "a number"
    unit = _UNITS.get(param.metavar or "", "")
    low, high = param.min, param.max
    if low is not None and high is not None:
        return f"{kind} from {low:g} to {high:g}{unit}"
    if low is not None:
        return f"{kind}{' of' if unit else ','} {low:g}{unit} or more"
    return f"{kind}{' of' + unit if unit else ''}"


def _join(names: list[str]) -> str:
    return " or ".join((", ".join(names[:-1]), names[-1]) if len(names) > 1 else names)
