"""Packages that are not always installed: the extras of this project."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from telemetry.base.errors import UsageError

CHECKOUT: Final = Path(__file__).parents[2]
"""The folder of the checkout, where this file lies in one; else that of installed packages."""


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
            f"{purpose} needs {missing}, which is not installed. Get it with: {describe_install(extra)}."
        ) from error
    except ImportError as error:
        raise MissingExtraError(f"{purpose} needs {module}, which cannot be imported: {error}") from error


def describe_install(extra: str) -> str:
    """The command that installs an extra in the way in which this program was installed.

    It names a checkout and never a package: no registry has this project, and another's could have its name.
    """
    if (Path(sys.prefix) / "uv-receipt.toml").is_file():  # which 'uv tool install' leaves there
        return f'uv tool install ".[{extra}]" in the checkout'
    if (CHECKOUT / "pyproject.toml").is_file():
        return f"uv sync --inexact --extra {extra}"  # which keeps the extras that are there
    if (Path(sys.prefix) / "pipx_metadata.json").is_file():
        return f'pipx install --force ".[{extra}]" in the checkout'
    return f'pip install ".[{extra}]" in the checkout'


def is_installed(module: str) -> bool:
    """Whether a module of an extra can be imported."""
    try:
        import_module(module)
    except ImportError:
        return False
    return True
