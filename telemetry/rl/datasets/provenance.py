"""Which program this is, to the last byte: what two versions of it make must not be mixed."""

import hashlib
from functools import cache
from pathlib import Path

import telemetry
from telemetry.base.version import VERSION


def tool() -> str:
    """The program that writes, and its version."""
    return f"ac-telemetry {VERSION}"


@cache
def program() -> str:
    """:func:`tool` with a digest of its code, for a checkout keeps its version while it changes."""
    root = Path(telemetry.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.read_bytes())
    return f"{tool()} ({digest.hexdigest()[:12]})"
