"""Values of JSON back into the dataclasses that they were made of, each checked against its declared type."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_NUMBERS: Final[Mapping[type, frozenset[type]]] = {int: frozenset([int]), float: frozenset([int, float])}
"""The types of the values that stand for a number of a type."""


def build(kind: type[T], values: Any) -> T:
    """The dataclass of these values, as :func:`dataclasses.asdict` and JSON made them; lists become tuples again.

    A field with a default may be missing. A number is left as it is: a whole one stands for a float too. Raises
    ValueError, which names the key, for anything that the declaration does not allow.
    """
    built: T = _build(kind, values, kind.__name__)
    return built


def _build(kind: Any, value: Any, name: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _build_dataclass(kind, value, name)
    if origin in (Union, types.UnionType):
        return _build_union(arguments, value, name)
    if origin is Literal:
        return _checked(value, value in arguments, name)
    if origin is tuple and arguments[1:] == (...,):
        return tuple(_build_list(arguments[0], value, name))
    if origin is tuple:
        return tuple(_build_elements(arguments, value, name))
    if origin is list:
        return _build_list(arguments[0], value, name)
    if isinstance(kind, type) and issubclass(kind, tuple):  # a named tuple
        return kind(*_build_elements(tuple(_hints(kind).values()), value, name))
    if origin in (dict, Mapping) and arguments[0] is str:
        _checked(value, isinstance(value, dict), name)
        return {key: _build(arguments[1], element, f"{name}.{key}") for key, element in value.items()}
    if kind is float:
        return _checked(value, type(value) in _NUMBERS[float], name)
    if kind in (str, int, bool, types.NoneType):
        return _checked(value, type(value) is kind, name)
    raise TypeError(f"{name}: values of the type {kind} cannot be read")


def _build_dataclass(kind: Any, value: Any, name: str) -> Any:
    _checked(value, isinstance(value, dict), name)
    hints = _hints(kind)
    for key in value:
        if key not in hints:
            raise ValueError(f"{name} has no {key!r}")
    for entry in fields(kind):
        if entry.name not in value and entry.default is MISSING and entry.default_factory is MISSING:
            raise ValueError(f"{name} lacks {entry.name!r}")
    return kind(**{key: _build(hints[key], element, f"{name}.{key}") for key, element in value.items()})


def _build_list(kind: Any, value: Any, name: str) -> list[Any]:
    _checked(value, isinstance(value, list), name)
    if kind in _NUMBERS and set(map(type, value)) <= _NUMBERS[kind]:  # there can be thousands
        return list(value)
    return [_build(kind, element, f"{name}[{index}]") for index, element in enumerate(value)]


def _build_elements(kinds: tuple[Any, ...], value: Any, name: str) -> list[Any]:
    _checked(value, isinstance(value, list) and len(value) == len(kinds), name)
    return [
        _build(kind, element, f"{name}[{index}]")
        for index, (kind, element) in enumerate(zip(kinds, value, strict=True))
    ]


def _build_union(kinds: tuple[Any, ...], value: Any, name: str) -> Any:
    problem = ValueError(f"{name} is of a wrong type")
    for kind in kinds:
        try:
            return _build(kind, value, name)
        except ValueError as error:
            problem = error
    raise problem


def _checked(value: Any, is_right: bool, name: str) -> Any:  # noqa: FBT001 - the result of a check
    if not is_right:
        raise ValueError(f"{name} is of a wrong type")
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
