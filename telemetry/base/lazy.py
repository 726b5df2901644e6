"""Packages that import what they offer when it is asked for (PEP 562)."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_attributes(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package whose names live in other modules.

    :param package: the package's ``__name__``
    :param modules: for each name, the module that defines it; it is imported when the name is used for the first time

    The package imports the same names under ``TYPE_CHECKING``, for type checkers and editors.
    """

    def get_attribute(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(modules[name]), name)
        vars(import_module(package))[name] = value
        return value

    def list_names() -> list[str]:
        return sorted({*vars(import_module(package)), *modules})

    return get_attribute, list_names
