"""Identifies this program, so that what two versions of it make is never mixed."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from telemetry.base.version import VERSION

_PACKAGE: Final = Path(__file__).parents[1]


def tool_name() -> str:
    """Name and version of the program."""
    return f"ac-telemetry {VERSION}"


@cache
def program_digest() -> str:
    """:func:`tool_name` with a digest of the code, because the code of a checkout changes without its version."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.read_bytes())
    return f"{tool_name()} ({digest.hexdigest()[:12]})"
