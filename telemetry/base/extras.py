"""Packages that are not always installed: the extras of this project."""

from importlib import import_module
from typing import Any

from telemetry.base.errors import UsageError


class MissingExtraError(UsageError, ImportError):
    """A package is missing that one of this project's extras installs."""


def require(module: str, *, extra: str, purpose: str) -> Any:
    """Import a module of an extra.

    :param module: what to import, ``pyarrow`` or ``pyarrow.parquet``
    :param extra: the extra of this project that installs it
    :param purpose: what needs it, as the beginning of the sentence: ``The format minari``

    Raises :class:`MissingExtraError`: where it is not installed, with the extra to install; where it is broken, with
    what Python says of it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        raise MissingExtraError(
            f"{purpose} needs {missing}, which is not installed. Get it with: pip install "
            f'"ac-telemetry[{extra}]" (in a checkout: uv sync --extra {extra}).'
        ) from error
    except ImportError as error:
        raise MissingExtraError(f"{purpose} needs {module}, which cannot be imported: {error}") from error


def is_installed(module: str) -> bool:
    """Whether a module of an extra can be imported."""
    try:
        import_module(module)
    except ImportError:
        return False
    return True
