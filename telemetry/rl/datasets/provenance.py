"""Identifies the program that makes a dataset, so that the results of two versions are never mixed."""

import hashlib
from functools import cache
from pathlib import Path

import telemetry
from telemetry.base.version import VERSION


def tool_name() -> str:
    """Name and version of the program."""
    return f"ac-telemetry {VERSION}"


@cache
def program_digest() -> str:
    """:func:`tool_name` with a digest of the code, because the code of a checkout changes without its version."""
    root = Path(telemetry.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.read_bytes())
    return f"{tool_name()} ({digest.hexdigest()[:12]})"
